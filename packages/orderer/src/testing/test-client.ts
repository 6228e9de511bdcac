import {
  type BroadcastResponse,
  type DeliverResponse,
  readBroadcastResponse,
  readDeliverResponse,
} from "@gossip/proto/fabric";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";

/** The client's side of TLS; PEM. */
export interface TestClientTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly rootCert: Uint8Array;
}

/** One stream of an orderer, message by message. */
export interface TestStream<Response> {
  send(bytes: Uint8Array): void;
  /** The next response; `undefined` when the stream has ended. */
  next(): Promise<Response | undefined>;
  /** How the stream ended; resolves when it has. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
  /** Says that no more will be sent. */
  halfClose(): void;
  /** Breaks the stream. */
  cancel(): void;
}

/** Speaks to an orderer as a test wants it, right or wrong. For programs there is `@gossip/deliver`. */
export interface TestClient {
  broadcast(): TestStream<BroadcastResponse>;
  deliver(): TestStream<DeliverResponse>;
  close(): void;
}

/** Connects to an orderer on this machine, by its name `localhost` when there is TLS. */
export function connectTestClient(endpoint: string, tls?: TestClientTls): TestClient {
  const client = new Client(
    endpoint,
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(Buffer.from(tls.rootCert), Buffer.from(tls.key), Buffer.from(tls.cert)),
    {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      ...(tls !== undefined && { "grpc.ssl_target_name_override": "localhost" }),
    },
  );
  const open = (method: string) =>
    client.makeBidiStreamRequest<Uint8Array, Uint8Array>(
      `/orderer.AtomicBroadcast/${method}`,
      (bytes) => Buffer.from(bytes),
      (buffer) => buffer,
    );
  return {
    broadcast: () => streamOf(open("Broadcast"), readBroadcastResponse),
    deliver: () => streamOf(open("Deliver"), readDeliverResponse),
    close: () => client.close(),
  };
}

function streamOf<Response>(
  call: ClientDuplexStream<Uint8Array, Uint8Array>,
  read: (bytes: Uint8Array) => { readonly ok: true; readonly value: Response } | { readonly ok: false },
): TestStream<Response> {
  call.on("error", () => {});
  const ended = new Promise<{ code: number; details: string }>((resolve) => {
    call.on("status", ({ code, details }) => resolve({ code, details }));
  });
  const responses = call.iterator({ destroyOnReturn: false });
  return {
    send: (bytes) => {
      call.write(bytes);
    },
    async next() {
      const result = await responses.next().catch(() => ({ done: true, value: undefined }));
      if (result.done) return undefined;
      const response = read(result.value as Uint8Array);
      if (!response.ok) throw new Error("expected a response that decodes");
      return response.value;
    },
    ended,
    halfClose: () => {
      call.end();
    },
    cancel: () => call.cancel(),
  };
}
