import { X509Certificate } from "node:crypto";
import { createServer } from "node:net";
import { createSecureContext } from "node:tls";
import { sha256 } from "@gossip/crypto";
import { type Clock, errorText, GossipError } from "@gossip/runtime";
import {
  status as grpcStatus,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServiceDefinition,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import type { OrdererTls } from "./api.js";
import { maxMessageBytes } from "./config.js";

/** One stream of `orderer.AtomicBroadcast`: bytes in and out. */
export interface OrdererStream {
  /** For logs. */
  readonly remoteAddress: string;
  /** SHA-256 of the client's TLS certificate; `undefined` without mutual TLS. */
  readonly remoteTlsCertHash: Uint8Array | undefined;
  /** Aborts when the client has gone or the stream has ended. */
  readonly gone: AbortSignal;
  /** Asks for one more message; none is delivered unasked, so that a client feels it when we are busy. */
  read(): void;
  /** Sends one message; `onTaken` is called when the transport has taken it, which is never if the client has gone. */
  send(bytes: Uint8Array, onTaken: () => void): void;
  /** Ends the stream after what was sent. Idempotent. */
  end(): void;
}

export interface OrdererStreamHandlers {
  onMessage(bytes: Uint8Array): void;
  /** The client sends no more. */
  onHalfClose(): void;
}

/** Serves one stream: keeps it, and returns who takes its messages. */
export type ServeStream = (stream: OrdererStream) => OrdererStreamHandlers;

export interface GrpcServerOptions {
  readonly listenAddress: string;
  readonly tls: OrdererTls | undefined;
  readonly maxStreams: number;
  readonly clock: Clock;
  readonly onBroadcast: ServeStream;
  readonly onDeliver: ServeStream;
}

export interface GrpcServer {
  /** `host:port` that is bound. */
  readonly endpoint: string;
  close(): Promise<void>;
}

const flowControlWindowBytes = 8 * 1024 * 1024;

/** How long clients have to take what was sent before their connections are cut. */
const closeGraceMs = 500;

/**
 * Opens the gRPC server: 100 MiB messages, identity serialisers, and client certificates when authorities are given.
 *
 * @throws GossipError `invalid-config` for an unusable address or certificate, `conflict` when the port is taken.
 */
export async function openGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { tls, maxStreams, clock } = options;
  const { host, port } = parseAddress(options.listenAddress);
  const credentials = serverCredentials(tls);
  // Asked first, since grpc-js writes a line of its own to stderr when it cannot bind.
  await requireFree(host, port);
  const gates = new WeakMap<Metadata, ReadGate>();
  const server = new Server({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc-node.flow_control_window": flowControlWindowBytes,
    interceptors: [(_method, call) => gated(call, gates)],
  });
  let streams = 0;
  const handler =
    (serve: ServeStream) =>
    (call: ServerDuplexStream<Uint8Array, Uint8Array>): void => {
      const gate = gates.get(call.metadata);
      if (gate === undefined || streams >= maxStreams) {
        call.emit("error", { code: grpcStatus.RESOURCE_EXHAUSTED, details: `expected at most ${maxStreams} streams` });
        return;
      }
      streams++;
      accept(call, gate, tls !== undefined && tls.clientRootCas.length > 0, serve, () => streams--);
    };
  server.addService(atomicBroadcast, {
    Broadcast: handler(options.onBroadcast) as UntypedHandleCall,
    Deliver: handler(options.onDeliver) as UntypedHandleCall,
  });
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(bindFailure(options.listenAddress, error));
    });
  });
  return {
    endpoint: `${host}:${boundPort}`,
    close: () =>
      new Promise((resolve) => {
        const force = clock.schedule(clock.now() + closeGraceMs, () => server.forceShutdown());
        server.tryShutdown(() => {
          force.cancel();
          resolve();
        });
      }),
  };
}

function accept(
  call: ServerDuplexStream<Uint8Array, Uint8Array>,
  gate: ReadGate,
  isMutual: boolean,
  serve: ServeStream,
  onGone: () => void,
): void {
  const gone = new AbortController();
  const leave = () => {
    if (gone.signal.aborted) return;
    gone.abort();
    onGone();
  };
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    call.end();
    leave();
  };
  call.on("cancelled", leave);
  call.on("error", leave);
  const certificate = isMutual ? call.getAuthContext().sslPeerCertificate?.raw : undefined;
  if (isMutual && certificate === undefined) {
    // Mutual TLS refuses such connections before; without the hash a request could not be bound to its connection.
    call.emit("error", { code: grpcStatus.UNAUTHENTICATED, details: "expected a client certificate" });
    return;
  }
  const handlers = serve({
    remoteAddress: call.getPeer(),
    remoteTlsCertHash: certificate === undefined ? undefined : sha256(new Uint8Array(certificate)),
    gone: gone.signal,
    read: () => gate.allow(),
    send(bytes, onTaken) {
      if (!gone.signal.aborted) call.write(bytes, onTaken);
    },
    end,
  });
  call.on("data", (bytes: Uint8Array) => {
    if (!gone.signal.aborted) handlers.onMessage(bytes);
  });
  call.on("end", () => {
    if (!gone.signal.aborted) handlers.onHalfClose();
  });
}

/** Keeps the gate of a call where its handler finds it: they share the call's metadata, and nothing else that is public. */
function gated(call: ServerInterceptingCallInterface, gates: WeakMap<Metadata, ReadGate>): ReadGate {
  const gate: ReadGate = new ReadGate(call, {
    start: (next) =>
      next({
        onReceiveMetadata(metadata, pass) {
          gates.set(metadata, gate);
          pass(metadata);
        },
      }),
  });
  return gate;
}

/** Lets one message through per `allow`; a stream would else read sixteen ahead, whatever their size. */
class ReadGate extends ServerInterceptingCall {
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

function bytesMethod(name: string) {
  return {
    path: `/orderer.AtomicBroadcast/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: asBuffer,
    requestDeserialize: asBytes,
    responseSerialize: asBuffer,
    responseDeserialize: asBytes,
  };
}

const atomicBroadcast: ServiceDefinition = { Broadcast: bytesMethod("Broadcast"), Deliver: bytesMethod("Deliver") };

function serverCredentials(tls: OrdererTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: asBuffer(tls.cert), private_key: asBuffer(tls.key) };
  const isMutual = tls.clientRootCas.length > 0;
  for (const root of tls.clientRootCas) requireCertificate(root);
  const roots = isMutual ? Buffer.concat(tls.clientRootCas.flatMap((root) => [root, Buffer.from("\n")])) : null;
  try {
    createSecureContext({ cert: pair.cert_chain, key: pair.private_key, ...(roots !== null && { ca: roots }) });
    return ServerCredentials.createSsl(roots, [pair], isMutual);
  } catch (error) {
    throw new GossipError(
      "invalid-config",
      `expected tls to be a PEM certificate, its key and PEM authorities, got: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** Node takes bytes without any certificate for no authority, and would then let no client in without a word. */
function requireCertificate(root: Uint8Array): void {
  try {
    new X509Certificate(root);
  } catch (error) {
    const message = `expected tls.clientRootCas to be certificates in PEM, got: ${errorText(error)}`;
    throw new GossipError("invalid-config", message, { cause: error });
  }
}

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-f:.]+\]|[^:]+):([0-9]{1,5})$/i.exec(address);
  const [, host, digits] = match ?? [];
  const port = Number(digits);
  if (host === undefined || !(port <= 65_535)) {
    throw new GossipError("invalid-config", `expected listenAddress as host:port, got ${address}`);
  }
  return { host, port };
}

async function requireFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error) => reject(bindFailure(`${host}:${port}`, error)));
    probe.listen({ port, host: host.replace(/^\[|\]$/g, ""), exclusive: true }, () => probe.close(() => resolve()));
  });
}

function bindFailure(address: string, error: Error): GossipError {
  const isTaken = errorText(error).includes("EADDRINUSE");
  return isTaken
    ? new GossipError("conflict", `expected ${address} to be free, got a port in use`, { cause: error })
    : new GossipError(
        "invalid-config",
        `expected ${address} to be an address of this machine, got: ${errorText(error)}`,
        {
          cause: error,
        },
      );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asBytes(buffer: Buffer): Uint8Array {
  return buffer;
}
