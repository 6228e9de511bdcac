import type { Transport } from "@gossip/comm";
import { createGrpcTransport, type GrpcTls } from "@gossip/comm/grpc";
import { GossipError, type Logger, type Metrics } from "@gossip/runtime";
import type { PeerConfig, PeerTls } from "./config.js";

/** Where a peer's streams come from, and the `host:port` it is bound to. */
export interface OpenedTransport {
  readonly transport: Transport;
  readonly endpoint: string;
}

/**
 * Binds the gossip server.
 *
 * @throws GossipError `conflict` when the address is taken, `invalid-config` when it cannot be bound or the TLS files do
 * not fit together; both name the key.
 */
export async function openTransport(
  { listenAddress, tls, gossip }: PeerConfig,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
): Promise<OpenedTransport> {
  try {
    const transport = await createGrpcTransport({
      listen: listenAddress,
      ...(tls === undefined ? {} : { tls: grpcTls(tls) }),
      log: log.child("gossip").child("comm"),
      metrics,
      limits: gossip?.maxMessageBytes === undefined ? {} : { maxMessageBytes: gossip.maxMessageBytes },
    });
    return { transport, endpoint: transport.endpoint };
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    const key = error.code === "conflict" ? "peer.listenAddress" : "peer";
    throw new GossipError(error.code, `${key}: ${error.message}`, { cause: error });
  }
}

function grpcTls(tls: PeerTls): GrpcTls {
  return {
    cert: tls.cert,
    key: tls.key,
    ...(tls.clientCert === undefined ? {} : { clientCert: tls.clientCert }),
    ...(tls.clientKey === undefined ? {} : { clientKey: tls.clientKey }),
    roots: tls.rootCerts,
    // Page 13 §7.1: what our own dials trust may also dial us.
    clientRoots: [...tls.rootCerts, ...tls.clientRootCas],
    clientAuthRequired: tls.clientAuthRequired,
  };
}
