import { GossipError } from "@gossip/runtime";
import type { NetworkShape } from "./defaults.js";

/** Beyond this, processes on one machine say nothing about a network any more. */
const maxPeersInAll = 64;

/** A network written down: who is there, and where each listens. */
export interface NetworkLayout {
  readonly channel: string;
  readonly election: NetworkShape["election"];
  readonly orderer: OrdererLayout;
  readonly organizations: readonly OrganizationLayout[];
}

interface OrdererLayout {
  readonly name: string;
  readonly org: string;
  readonly endpoint: string;
}

interface OrganizationLayout {
  readonly id: string;
  /** The first is its anchor, the bootstrap of the others, and its leader unless that one is elected. */
  readonly peers: readonly PeerLayout[];
}

export interface PeerLayout {
  readonly name: string;
  readonly org: string;
  readonly endpoint: string;
  /** Where its operations service listens. */
  readonly operations: string;
  /** Leader of its organization without an election. */
  readonly isLeader: boolean;
  /** Endpoints of its own organization that it dials first. */
  readonly bootstrap: readonly string[];
}

const ordererOrg = "orderer";
const host = "127.0.0.1";

/** How many consecutive ports a network takes: the orderer, then its peers, then their operations services. */
export function portCount(shape: Pick<NetworkShape, "orgs" | "peers">): number {
  return 1 + 2 * shape.orgs * shape.peers;
}

/** Lays out a network on consecutive ports from `basePort`. @throws GossipError `invalid-argument` */
export function planNetwork(shape: NetworkShape, basePort: number): NetworkLayout {
  requireShape(shape);
  const last = basePort + portCount(shape) - 1;
  if (!Number.isInteger(basePort) || basePort < 1 || last > 65_535) {
    throw new GossipError(
      "invalid-argument",
      `expected a base port from 1 to ${65_536 - portCount(shape)}, since this network takes ${portCount(shape)} ports, got ${basePort}`,
    );
  }
  const all = shape.orgs * shape.peers;
  const organizations = Array.from({ length: shape.orgs }, (_, org) => {
    const id = `org${org + 1}`;
    const first = basePort + 1 + org * shape.peers;
    const peers = Array.from({ length: shape.peers }, (_, index) => ({
      name: `peer${index}.${id}`,
      org: id,
      endpoint: `${host}:${first + index}`,
      operations: `${host}:${first + index + all}`,
      isLeader: index === 0 && shape.election === "static",
      bootstrap: bootstrapOf(index, first, shape.peers),
    }));
    return { id, peers };
  });
  return {
    channel: shape.channel,
    election: shape.election,
    orderer: { name: "orderer0", org: ordererOrg, endpoint: `${host}:${basePort}` },
    organizations,
  };
}

/** Every peer, organization by organization. */
export function peersOf(layout: NetworkLayout): readonly PeerLayout[] {
  return layout.organizations.flatMap((organization) => organization.peers);
}

/** The port of a `host:port`. */
export function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
}

/** The first peer, and one more: so that a peer that returns finds its organization while the first is away. */
function bootstrapOf(index: number, firstPort: number, peers: number): readonly string[] {
  return [0, 1]
    .filter((candidate) => candidate !== index && candidate < peers)
    .map((candidate) => `${host}:${firstPort + candidate}`);
}

/** @throws GossipError `invalid-argument` for a network that cannot be laid out on any port */
export function requireShape(shape: NetworkShape): void {
  checkCount("orgs", shape.orgs);
  checkCount("peers", shape.peers);
  if (shape.orgs * shape.peers > maxPeersInAll) {
    throw new GossipError(
      "invalid-argument",
      `expected at most ${maxPeersInAll} peers in all, got ${shape.orgs} organizations of ${shape.peers}`,
    );
  }
  // Fabric's rule for channel names, so that what works here works there.
  if (!/^[a-z][a-z0-9.-]{0,248}$/.test(shape.channel)) {
    throw new GossipError(
      "invalid-argument",
      `expected a channel name of lower-case letters, digits, dots and dashes that begins with a letter, got ${JSON.stringify(shape.channel)}`,
    );
  }
}

function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= maxPeersInAll) return;
  throw new GossipError(
    "invalid-argument",
    `expected ${name} to be an integer from 1 to ${maxPeersInAll}, got ${value}`,
  );
}
