import type { Channel, GossipNode } from "@gossip/node";
import type { Clock, Logger, Metrics, Random, WallClock } from "@gossip/runtime";
import type { PeerConfig } from "./config.js";

/** What a peer takes from its surroundings; all default to this process. */
export interface PeerPorts {
  /** @default a logger made from `config.logging`, to stderr */
  readonly log?: Logger;
  /** @default per `config.metricsProvider` */
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly wall?: WallClock;
  readonly random?: Random;
}

/** A durable gossip peer: node, ledgers, orderer client, trust and operations service. */
export interface Peer extends AsyncDisposable {
  readonly id: string;
  /** `host:port` that peers of the own organization dial. */
  readonly endpoint: string;
  readonly node: GossipNode;
  readonly channels: ReadonlyMap<string, Channel>;
  /** `host:port` the operations service is bound to; `undefined` when it is not configured. */
  readonly operations: { readonly endpoint: string } | undefined;
  /** Resolves, and never rejects, when the peer has closed: because it was asked to, or because of a fault. */
  readonly closed: Promise<PeerEnd>;
  /** Stops in order: orderer client, node, ledgers, operations service. Idempotent. */
  close(): Promise<void>;
}

/** How a peer ended. */
export interface PeerEnd {
  /** The defect that closed it; `undefined` when `close` was called. */
  readonly fault: unknown;
}

/**
 * Opens a peer.
 *
 * @throws GossipError `invalid-config`, `conflict` (a port or the data folder is taken), `corrupt` (a stored ledger),
 * `storage`, `untrusted` (own identity): one line each; nothing stays open then.
 */
export declare function createPeer(config: PeerConfig, ports?: PeerPorts): Promise<Peer>;
