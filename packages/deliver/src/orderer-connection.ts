import type { ClientTls, OrdererEndpoint } from "./api.js";
import type { DeliverConfig } from "./config.js";

/** The two streams of `orderer.AtomicBroadcast`. */
export type OrdererMethod = "Broadcast" | "Deliver";

/** What a connection tells the one who opened it; called by implementors of `ConnectOrderer`. */
export interface OrdererConnectionHandlers {
  /** The connection stands and takes messages. At most once, and first. */
  onOpen(): void;
  onMessage(bytes: Uint8Array): void;
  /** Called once unless `close` was; last. `detail` says how it ended. */
  onEnd(detail: string): void;
}

/** One stream to an orderer, on a connection of its own. */
export interface OrdererConnection {
  /** Takes one message, after `onOpen`. */
  send(bytes: Uint8Array): void;
  /** Asks for one more message; none is delivered unasked. */
  read(): void;
  /** Ends stream and connection at once; no handler is called after it. Idempotent. */
  close(): void;
}

/** Opens a stream. Handlers are never called from inside this call, `send`, `read` or `close`. */
export type ConnectOrderer = (
  endpoint: OrdererEndpoint,
  method: OrdererMethod,
  options: { readonly tls: ClientTls | undefined; readonly config: DeliverConfig },
  handlers: OrdererConnectionHandlers,
) => OrdererConnection;
