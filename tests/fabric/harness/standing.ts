/** How a member stands with others: by what they say over the wire, which the story has to be told over. */

import type { PkiId } from "@gossip/proto";
import { type Listing, listings, pkiIdOfPeer } from "./eavesdropping.js";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";
import { until } from "./until.js";

export type Standing = "alive" | "dead" | "unknown";

/** A peer as it is now; it may come to have another identity. */
export interface Member {
  readonly name: string;
  readonly organization: string;
  readonly pkiId: PkiId;
}

export function memberOf(peer: FabricPeer): Member {
  return { name: peer.name, organization: peer.organization, pkiId: pkiIdOfPeer(peer) };
}

/**
 * Waits until `member` stands so with each of `observers`: with a Go peer by the last that it told others, with our node
 * by its own view. What ours tells others is less: nobody who was silent for longer than the TTL (page 04, 4.21).
 */
export async function waitForStanding(
  network: FabricNetwork,
  observers: readonly FabricPeer[],
  member: Member,
  standing: Standing,
  patienceMs: number,
): Promise<void> {
  const since = performance.now();
  for (const observer of observers) {
    let seen: Standing | "not told" = "not told";
    const question = async () => {
      if (observer.seat === "ours") seen = await ownStanding(observer, member);
      else seen = standings(network, observer, member, since).at(-1) ?? "not told";
      return seen === standing;
    };
    await until(`${member.name} to be ${standing} to ${observer.name}`, question, patienceMs, () => seen);
  }
}

/** How `observer` has told `member`'s organization that it stands, since then. */
export function standings(
  { wire }: FabricNetwork,
  observer: FabricPeer,
  { pkiId, organization }: Member,
  since: number,
): readonly Standing[] {
  const standing = ({ alive, dead }: Listing) => (alive.has(pkiId) ? "alive" : dead.has(pkiId) ? "dead" : "unknown");
  return listings(wire.said, observer, organization)
    .filter(({ at }) => at > since)
    .map(standing);
}

/** Of our node: how a member stands with it now. */
export async function ownStanding(observer: FabricPeer, { pkiId }: Member): Promise<Standing> {
  return (await observer.members()).members.find((one) => one.pkiId === pkiId)?.state ?? "unknown";
}
