import { GossipError, type Logger, type Metrics } from "@gossip/runtime";

/** PEM text, or its bytes. */
export type Pem = string | Uint8Array;

/** Certificates and keys of a node, and whom it trusts at the level of TLS. */
export interface GrpcTls {
  /** The server's certificate, followed by intermediates if there are any. */
  readonly cert: Pem;
  readonly key: Pem;
  /** What we show as a client. @default the server's pair */
  readonly clientCert?: Pem;
  readonly clientKey?: Pem;
  /** Authorities of the servers we dial. */
  readonly roots: readonly Pem[];
  /** Authorities of the clients that dial us, when `clientAuthRequired`. @default roots */
  readonly clientRoots?: readonly Pem[];
  /**
   * Whether a client's certificate must be issued by one of `clientRoots`. With false any certificate is taken; one must
   * be presented in any case, or the gossip handshake refuses (protocol page 03 §3.4).
   * @default true
   */
  readonly clientAuthRequired?: boolean;
  /** For tests only: the name that servers' certificates must carry, in place of the host that was dialled. */
  readonly serverNameOverride?: string;
}

/** Whom a transport trusts at the level of TLS, when that changes while it is open. */
export interface TlsRoots {
  /** Authorities of the servers we dial. */
  readonly roots: readonly Pem[];
  /** Authorities of the clients that dial us, all of them, when `clientAuthRequired`. @default roots */
  readonly clientRoots?: readonly Pem[];
}

/** Where a gRPC transport listens, how it is secured, and what bounds it. */
export interface GrpcTransportOptions {
  /** `host:port` to listen on; port 0 takes a free one. */
  readonly listen: string;
  /** Without it everything is in the clear and the handshake proves nothing against replay: for tests only. */
  readonly tls?: GrpcTls;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  readonly limits?: Partial<GrpcLimits>;
}

/** Bounds and times of the gRPC transport. */
export interface GrpcLimits {
  /** Largest message in either direction. @default 104857600, as a Fabric peer */
  readonly maxMessageBytes: number;
  /**
   * HTTP/2 window per connection and stream: what a sender may have on the way. More is faster over long distances and
   * costs up to this much memory per connection.
   * @default 4194304 (4 MiB)
   */
  readonly flowControlWindowBytes: number;
  /** Bytes handed to a stream and not yet written, above which `send` says to wait. @default 1048576 (1 MiB) */
  readonly writeBufferBytes: number;
  /** Inbound TCP connections in all. @default 1024 */
  readonly maxConnections: number;
  /** Inbound TCP connections from one address. @default 256 */
  readonly maxConnectionsPerHost: number;
  /** A client that has not completed TLS by then is cut off. @default 5000, as a Fabric peer */
  readonly tlsHandshakeTimeoutMs: number;
  /** An inbound connection without a call for this long is closed. @default 60000 */
  readonly idleConnectionMs: number;
  /** Silence after which we ping a server; a stock peer punishes anything below 60000. @default 65000 */
  readonly clientKeepaliveMs: number;
  /** Wait for the answer to such a ping. @default 20000 */
  readonly keepaliveTimeoutMs: number;
  /** Silence after which we ping a client. @default 120000 */
  readonly serverKeepaliveMs: number;
  /** Wait for a client's answer to such a ping. @default 20000 */
  readonly serverKeepaliveTimeoutMs: number;
  /** How long `close` waits for streams to end in order. @default 1000 */
  readonly closeTimeoutMs: number;
}

/** What a gRPC transport uses for each limit that is not given; `GrpcLimits` says what each costs. */
export const grpcLimitDefaults: GrpcLimits = Object.freeze({
  maxMessageBytes: 100 * 1024 * 1024,
  flowControlWindowBytes: 4 * 1024 * 1024,
  writeBufferBytes: 1024 * 1024,
  maxConnections: 1024,
  maxConnectionsPerHost: 256,
  tlsHandshakeTimeoutMs: 5000,
  idleConnectionMs: 60_000,
  clientKeepaliveMs: 65_000,
  keepaliveTimeoutMs: 20_000,
  serverKeepaliveMs: 120_000,
  serverKeepaliveTimeoutMs: 20_000,
  closeTimeoutMs: 1000,
});

/** @throws GossipError `invalid-config` naming the limit. */
export function resolveGrpcLimits(given: Partial<GrpcLimits> = {}): GrpcLimits {
  const limits = { ...grpcLimitDefaults, ...given };
  for (const name of Object.keys(grpcLimitDefaults) as (keyof GrpcLimits)[]) {
    const value = limits[name];
    if (!Number.isInteger(value) || value < 1) {
      throw new GossipError("invalid-config", `expected ${name} to be an integer of at least 1, got ${value}`);
    }
  }
  if (limits.clientKeepaliveMs < 60_000) {
    throw new GossipError(
      "invalid-config",
      `expected clientKeepaliveMs of at least 60000, or stock peers hang up, got ${limits.clientKeepaliveMs}`,
    );
  }
  return limits;
}

/** Host and port of an address, brackets of IPv6 removed; `undefined` when it is not `host:port`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}
