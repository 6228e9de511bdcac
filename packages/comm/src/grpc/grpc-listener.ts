import type { Http2Session } from "node:http2";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  Server as TlsServer,
} from "node:tls";
import { type Counter, errorText, GossipError, type Logger, noMetrics, silentLogger } from "@gossip/runtime";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { type GrpcStream, http2StreamOf, type InboundCall, InboundGrpcStream } from "./grpc-stream.js";
import { type GrpcLimits, type GrpcTransportOptions, parseAddress } from "./options.js";
import { gossipService } from "./service.js";
import { hashOfDer, serverSide } from "./tls.js";

/** Why a connection was not let in. Closed: it labels a metric. */
type Refusal = "tls-handshake" | "untrusted-client-certificate" | "too-many-connections" | "not-http2";

const maxLogLines = 10;
const logPeriodMs = 10_000;

export interface GrpcListener {
  /** `host:port` really bound. */
  readonly endpoint: string;
  onStream: ((stream: GrpcStream) => void) | undefined;
  /** Told of the end of each stream it gave. */
  onOver: ((stream: GrpcStream) => void) | undefined;
  /** Who connects from now on is judged by this; nothing happens without TLS. */
  setMaterial(material: SecureContextOptions): void;
  /** Takes no connections any more: who dials from now on finds nobody. Those that are open stay. */
  stop(): void;
  /** Cuts what is left. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly certHash: Uint8Array | undefined;
}

/**
 * The server's side. Sockets and TLS are Node's and ours, so that a taken port, a bad client and a flood of connections
 * are seen, counted and told in our words; grpc-js is given each connection when it is through TLS.
 *
 * @throws GossipError `conflict` when the port is taken, `invalid-config` when the address or the TLS material is wrong.
 */
export async function openGrpcListener(options: GrpcTransportOptions, limits: GrpcLimits): Promise<GrpcListener> {
  const listener = new Listener(options, limits);
  await listener.bind();
  return listener;
}

class Listener implements GrpcListener {
  onStream: ((stream: GrpcStream) => void) | undefined;
  onOver: ((stream: GrpcStream) => void) | undefined;
  readonly #options: GrpcTransportOptions;
  readonly #limits: GrpcLimits;
  readonly #log: Logger;
  readonly #refused: Counter;
  readonly #grpc: Server;
  readonly #injector: ReturnType<Server["createConnectionInjector"]>;
  readonly #tcp: TcpServer;
  readonly #certHash: Uint8Array | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #perHost = new Map<string, number>();
  /** By remote address and port, as grpc-js names the peer of a call. */
  readonly #connections = new Map<string, Connection>();
  readonly #tuned = new WeakSet<Http2Session>();
  #logBudget = maxLogLines;
  #logBudgetAt = 0;
  /** Resolves when the last connection has gone after `stop`. */
  #stopped: Promise<void> | undefined;

  constructor(options: GrpcTransportOptions, limits: GrpcLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#log = (options.log ?? silentLogger).child("grpc");
    this.#refused = (options.metrics ?? noMetrics).counter({
      name: "gossip_comm_grpc_connections_refused",
      help: "Number of inbound connections that were not let in, by reason",
      labels: ["reason"],
    });
    this.#grpc = new Server({
      "grpc.max_receive_message_length": limits.maxMessageBytes,
      "grpc.max_send_message_length": limits.maxMessageBytes,
      "grpc.keepalive_time_ms": limits.serverKeepaliveMs,
      "grpc.keepalive_timeout_ms": limits.serverKeepaliveTimeoutMs,
      "grpc.max_connection_idle_ms": limits.idleConnectionMs,
      "grpc.max_concurrent_streams": 16,
      "grpc.enable_channelz": 0,
    });
    this.#grpc.addService(gossipService, {
      GossipStream: (call: InboundCall) => this.#onCall(call),
      Ping: (_call: unknown, answer: (error: null, bytes: Uint8Array) => void) => answer(null, new Uint8Array(0)),
    });
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());

    if (options.tls === undefined) {
      this.#tcp = createTcpServer((socket) => this.#admit(socket, undefined));
    } else {
      const { material, certHash } = serverSide(options.tls);
      this.#certHash = certHash;
      this.#tcp = createTlsServer(
        {
          ...material,
          requestCert: true,
          // Judged below, where the reason is known and can be logged.
          rejectUnauthorized: false,
          ALPNProtocols: ["h2"],
          handshakeTimeout: limits.tlsHandshakeTimeoutMs,
        },
        (socket) => this.#onSecure(socket),
      ).on("tlsClientError", (error, socket) => this.#refuse("tls-handshake", tlsErrorText(error), socket));
    }
    this.#tcp.maxConnections = limits.maxConnections;
    this.#tcp.on("connection", (socket) => this.#onConnection(socket));
    this.#tcp.on("drop", (data) => {
      this.#refuse("too-many-connections", `${limits.maxConnections} are open`, undefined, data?.remoteAddress);
    });
  }

  async bind(): Promise<void> {
    const { listen } = this.#options;
    const address = parseAddress(listen);
    if (address === undefined) {
      throw new GossipError("invalid-config", `expected listen as host:port, got ${JSON.stringify(listen)}`);
    }
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once("error", (error: NodeJS.ErrnoException) => {
        const isTaken = error.code === "EADDRINUSE";
        const text = isTaken
          ? `expected ${listen} to be free to listen on, got a port that is in use`
          : `expected to be able to listen on ${listen}, got ${error.message}`;
        reject(new GossipError(isTaken ? "conflict" : "invalid-config", text, { cause: error }));
      });
      this.#tcp.listen({ host: address.host || "0.0.0.0", port: address.port }, resolve);
    });
    // After this an error would be one of accepting, which must not end the process.
    this.#tcp.on("error", (error) => this.#log.warn("could not accept a connection", { detail: errorText(error) }));
  }

  get endpoint(): string {
    const address = this.#tcp.address();
    if (address === null || typeof address === "string") return this.#options.listen;
    return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
  }

  setMaterial(material: SecureContextOptions): void {
    if (this.#tcp instanceof TlsServer) this.#tcp.setSecureContext(material);
  }

  stop(): void {
    this.#stopped ??= new Promise((resolve) => this.#tcp.close(() => resolve()));
  }

  async close(): Promise<void> {
    this.stop();
    this.#injector.destroy();
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    await this.#stopped;
  }

  /** Every TCP connection, before TLS. */
  #onConnection(socket: Socket): void {
    const host = socket.remoteAddress ?? "unknown";
    const ofHost = this.#perHost.get(host) ?? 0;
    // A reset by the other side shows elsewhere; without a listener it would end the process.
    socket.on("error", () => {});
    if (ofHost >= this.#limits.maxConnectionsPerHost) {
      this.#refuse("too-many-connections", `${ofHost} are open from this address`, socket);
      return;
    }
    this.#perHost.set(host, ofHost + 1);
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const left = (this.#perHost.get(host) ?? 1) - 1;
      if (left === 0) this.#perHost.delete(host);
      else this.#perHost.set(host, left);
    });
  }

  #onSecure(socket: TLSSocket): void {
    socket.on("error", () => {});
    // The older form of it is an object of all its fields, which takes longer to make than the handshake's signature.
    const certificate = socket.getPeerX509Certificate();
    const der: Uint8Array | undefined = certificate?.raw;
    const mustBeTrusted = this.#options.tls?.clientAuthRequired !== false;
    if (mustBeTrusted && !socket.authorized) {
      const { subject } = socket.getPeerCertificate();
      const name = der === undefined ? "no certificate" : `${subject?.CN ?? "a certificate without a name"}`;
      // The declaration says Error, but what stands there is the code of the failure.
      const why: unknown = socket.authorizationError;
      const detail = `expected a client certificate of a known authority, got ${name}: ${errorText(why)}`;
      return this.#refuse("untrusted-client-certificate", detail, socket);
    }
    if (socket.alpnProtocol !== "h2") {
      return this.#refuse("not-http2", `expected ALPN h2, got ${socket.alpnProtocol || "none"}`, socket);
    }
    this.#admit(socket, der === undefined ? undefined : hashOfDer(der));
  }

  #admit(socket: Socket, certHash: Uint8Array | undefined): void {
    if (socket.destroyed) return;
    const name = `${socket.remoteAddress}:${socket.remotePort}`;
    const connection: Connection = { socket, certHash };
    this.#connections.set(name, connection);
    socket.once("close", () => {
      if (this.#connections.get(name) === connection) this.#connections.delete(name);
    });
    this.#injector.injectConnection(socket);
  }

  #onCall(call: InboundCall): void {
    const remoteAddress = call.getPeer();
    const connection = this.#connections.get(remoteAddress);
    if (this.onStream === undefined || connection === undefined) {
      call.on("error", () => {});
      call.emit("error", { code: status.UNAVAILABLE, details: "this node takes no streams now" });
      return;
    }
    this.#tune(call);
    // At once, so that the dialler knows that the stream is open.
    call.sendMetadata(new Metadata());
    const stream = new InboundGrpcStream(call, () => connection.socket.destroy(), {
      remoteAddress,
      remoteTlsCertHash: connection.certHash,
      localTlsCertHash: this.#certHash,
      writeBufferBytes: this.#limits.writeBufferBytes,
      onOver: (ended) => this.onOver?.(ended),
    });
    this.onStream(stream);
  }

  /**
   * Widens the receive window of the call's connection, for which a server of grpc-js has no option.
   */
  #tune(call: InboundCall): void {
    const session = http2StreamOf(call)?.session;
    if (session === undefined || session.destroyed || this.#tuned.has(session)) return;
    this.#tuned.add(session);
    session.setLocalWindowSize(this.#limits.flowControlWindowBytes);
    session.settings({ initialWindowSize: this.#limits.flowControlWindowBytes });
  }

  #refuse(reason: Refusal, detail: string, socket: Socket | undefined, address?: string): void {
    const remoteAddress = socket?.remoteAddress ?? address ?? "unknown";
    socket?.destroy();
    this.#refused.add(1, { reason });
    if (this.#mayLog()) this.#log.warn("connection refused", { remoteAddress, reason, detail });
  }

  /** Strangers cause these lines, so their number is bounded; the metric has them all. */
  #mayLog(): boolean {
    const now = performance.now();
    if (now - this.#logBudgetAt > logPeriodMs) {
      this.#logBudgetAt = now;
      this.#logBudget = maxLogLines;
    }
    return this.#logBudget-- > 0;
  }
}

/** OpenSSL's reason alone, e.g. `sslv3 alert bad certificate`: its whole message is of addresses in memory and source files. */
function tlsErrorText(error: Error): string {
  const { reason } = error as { readonly reason?: unknown };
  return typeof reason === "string" ? reason : errorText(error);
}
