import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { errorText } from "@gossip/runtime";
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  status as grpcStatus,
  InterceptingCall,
} from "@grpc/grpc-js";
import type { ClientTls, OrdererEndpoint } from "./api.js";
import type { DeliverConfig } from "./config.js";
import type { ConnectOrderer } from "./orderer-connection.js";

/** Room per stream, so that a 2 MiB block need not stop for window updates several times. */
const flowControlWindowBytes = 8 * 1024 * 1024;

/**
 * Reaches an orderer by `orderer.AtomicBroadcast` over gRPC. Bytes go in and out as they are: the serialisers are
 * identities. Each stream has a connection of its own, so that closing it leaves nothing behind.
 */
export const connectByGrpc: ConnectOrderer = (endpoint, method, { tls, config }, handlers) => {
  let closed = false;
  let client: Client | undefined;
  let call: ClientDuplexStream<Uint8Array, Uint8Array> | undefined;
  let gate: ReadGate | undefined;

  function close(): void {
    if (closed) return;
    closed = true;
    call?.cancel();
    client?.close();
  }

  function end(detail: string): void {
    if (closed) return;
    close();
    handlers.onEnd(detail);
  }

  try {
    client = new Client(endpoint.address, channelCredentials(endpoint, tls), channelOptions(endpoint.address, config));
    call = client.makeBidiStreamRequest(`/orderer.AtomicBroadcast/${method}`, asBuffer, asBytes, {
      interceptors: [
        (options, next) => {
          gate = new ReadGate(next(options));
          return gate;
        },
      ],
    });
    call.on("data", (bytes: Uint8Array) => {
      if (!closed) handlers.onMessage(bytes);
    });
    // Every end comes as a status too, which says more.
    call.on("error", () => {});
    call.on("status", ({ code, details }) => end(code === grpcStatus.OK ? "ended by the orderer" : briefly(details)));
    watchUntilReady(
      client,
      () => closed,
      () => handlers.onOpen(),
    );
  } catch (error) {
    // Unusable certificates or an address that is none; told later, as a handler must not be called from in here.
    queueMicrotask(() => end(errorText(error)));
  }

  return {
    send(bytes) {
      if (!closed) call?.write(bytes);
    },
    read() {
      gate?.allow();
    },
    close,
  };
};

/**
 * Lets one message through per `allow`. Without it the stream would read sixteen messages ahead whatever their size,
 * which is up to 1.6 GB; so HTTP/2 flow control reaches back to the orderer instead.
 */
class ReadGate extends InterceptingCall {
  #isWanted = false;
  #isAllowed = false;

  override startRead(): void {
    this.#isWanted = true;
    this.#pass();
  }

  allow(): void {
    this.#isAllowed = true;
    this.#pass();
  }

  #pass(): void {
    if (!this.#isWanted || !this.#isAllowed) return;
    this.#isWanted = false;
    this.#isAllowed = false;
    super.startRead();
  }
}

/** The cause inside the sentence that grpc-js makes of a failed dial, e.g. `connect ECONNREFUSED 127.0.0.1:7050`. */
function briefly(details: string): string {
  return /Last error: (?:Error: )?(.+?)\.? Resolution note:/.exec(details)?.[1] ?? details;
}

/** The server's first header comes with its first message, so an open stream shows by its connection being ready. */
function watchUntilReady(client: Client, isClosed: () => boolean, onReady: () => void): void {
  const channel = client.getChannel();
  const look = () => {
    if (isClosed()) return;
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) onReady();
    else channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
  };
  queueMicrotask(look);
}

function channelCredentials(endpoint: OrdererEndpoint, tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const roots = endpoint.tlsRoots ?? [];
  // No root would mean those of the operating system, which nobody asked for (page 09, weakness 20).
  if (roots.length === 0) throw new Error(`expected TLS roots for orderer ${endpoint.address}, got none`);
  const joined = Buffer.concat(roots.flatMap((root) => [root, Buffer.from("\n")]));
  const host = ipOf(endpoint.address);
  return credentials.createSsl(joined, asBuffer(tls.key), asBuffer(tls.cert), {
    ...(host !== undefined && { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) }),
  });
}

/**
 * The IP address of an endpoint that has one for a host. TLS has no server name for it (RFC 6066), and Node warns of one
 * on stderr; so some other name is sent, and the certificate is checked for the IP address all the same.
 */
function ipOf(address: string): string | undefined {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? undefined : host;
}

function channelOptions(address: string, config: DeliverConfig): ChannelOptions {
  return {
    "grpc.max_receive_message_length": config.maxMessageBytes,
    "grpc.max_send_message_length": config.maxMessageBytes,
    "grpc.keepalive_time_ms": config.keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": config.keepaliveTimeoutMs,
    "grpc.keepalive_permit_without_calls": 1,
    ...(ipOf(address) !== undefined && {
      "grpc.ssl_target_name_override": "orderer",
      "grpc.default_authority": address,
    }),
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc-node.flow_control_window": flowControlWindowBytes,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBytes(buffer: Buffer): Uint8Array {
  return buffer;
}
