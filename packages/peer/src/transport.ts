import type { Transport } from "@gossip/comm";
import * as grpc from "@gossip/comm/grpc";
import { GossipError } from "@gossip/runtime";
import type { PeerConfig } from "./config.js";

/** Where a peer's streams come from, and the `host:port` it is bound to. */
export interface OpenedTransport {
  readonly transport: Transport;
  readonly endpoint: string;
}

/**
 * Binds the gossip server.
 *
 * @throws GossipError `conflict` when the address is taken.
 */
export async function openTransport(config: PeerConfig, given: Transport | undefined): Promise<OpenedTransport> {
  if (given !== undefined) return { transport: given, endpoint: config.listenAddress };
  throw new GossipError("internal", `expected gRPC, got ${Object.keys(grpc).length} exports`);
}
