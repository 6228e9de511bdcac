import type { Transport } from "@gossip/comm";
import { createGrpcTransport, type GrpcLimits, type GrpcTls } from "@gossip/comm/grpc";
import { GossipError, type Logger, type Metrics } from "@gossip/runtime";
import type { PeerConfig, PeerKeepalive, PeerTls } from "./config.js";

/** Where a peer's streams come from, and the `host:port` it is bound to. */
export interface OpenedTransport {
  readonly transport: Transport;
  readonly endpoint: string;
  /** Replaces the authorities that channels name; those of the configuration stay. */
  trustRoots(channelRoots: readonly Uint8Array[]): void;
}

/**
 * Binds the gossip server.
 *
 * @throws GossipError `conflict` when the address is taken, `invalid-config` when it cannot be bound or the TLS files do
 * not fit together; both name the key.
 */
export async function openTransport(
  { listenAddress, tls, gossip, keepalive }: PeerConfig,
  options: {
    /** PEM: authorities that channels name, beside those of the configuration (protocol page 13 §7.1). */
    readonly channelRoots: readonly Uint8Array[];
    readonly log: Logger;
    readonly metrics: Metrics;
  },
): Promise<OpenedTransport> {
  const { channelRoots, log, metrics } = options;
  try {
    const transport = await createGrpcTransport({
      listen: listenAddress,
      ...(tls === undefined ? {} : { tls: grpcTls(tls, channelRoots) }),
      log: log.child("gossip").child("comm"),
      metrics,
      limits: {
        ...(gossip?.maxMessageBytes === undefined ? {} : { maxMessageBytes: gossip.maxMessageBytes }),
        ...keepaliveLimits(keepalive),
      },
    });
    const trustRoots = (roots: readonly Uint8Array[]) => {
      if (tls === undefined) return;
      const { roots: dialled, clientRoots = [] } = grpcTls(tls, roots);
      transport.setTlsRoots({ roots: dialled, clientRoots });
    };
    return { transport, endpoint: transport.endpoint, trustRoots };
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    const key = error.code === "conflict" ? "peer.listenAddress" : "peer";
    throw new GossipError(error.code, `${key}: ${error.message}`, { cause: error });
  }
}

function keepaliveLimits(keepalive: PeerKeepalive = {}): Partial<GrpcLimits> {
  const { clientIntervalMs, clientTimeoutMs, serverIntervalMs, serverTimeoutMs } = keepalive;
  return {
    ...(clientIntervalMs === undefined ? {} : { clientKeepaliveMs: clientIntervalMs }),
    ...(clientTimeoutMs === undefined ? {} : { keepaliveTimeoutMs: clientTimeoutMs }),
    ...(serverIntervalMs === undefined ? {} : { serverKeepaliveMs: serverIntervalMs }),
    ...(serverTimeoutMs === undefined ? {} : { serverKeepaliveTimeoutMs: serverTimeoutMs }),
  };
}

function grpcTls(tls: PeerTls, channelRoots: readonly Uint8Array[]): GrpcTls {
  const roots = [...tls.rootCerts, ...channelRoots];
  return {
    cert: tls.cert,
    key: tls.key,
    ...(tls.clientCert === undefined ? {} : { clientCert: tls.clientCert }),
    ...(tls.clientKey === undefined ? {} : { clientKey: tls.clientKey }),
    roots,
    // Page 13 §7.1: what our own dials trust may also dial us.
    clientRoots: [...roots, ...tls.clientRootCas],
    clientAuthRequired: tls.clientAuthRequired,
  };
}
