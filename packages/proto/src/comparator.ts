import type { GossipMessage, PeerTime } from "./messages.js";

/** How one message relates to another: it makes that one obsolete, is obsolete because of it, or neither. */
export type Comparison = "invalidates" | "invalidated" | "unrelated";

/**
 * How `incoming` relates to `held` (page 01 §8). Equal times make a duplicate, and a duplicate is `invalidated`.
 *
 * State infos are compared without their channel MAC, as in the reference: a store that holds several channels must key
 * by MAC itself (§14.2).
 *
 * @param window how far block numbers may lie apart without making each other obsolete: the width of a block store
 */
export function compareMessages(incoming: GossipMessage, held: GossipMessage, window = 0n): Comparison {
  if (incoming.type === "alive" && held.type === "alive") {
    return incoming.member.pkiId === held.member.pkiId ? byTime(incoming.time, held.time) : "unrelated";
  }
  if (incoming.type === "state-info" && held.type === "state-info") {
    return incoming.pkiId === held.pkiId ? byTime(incoming.time, held.time) : "unrelated";
  }
  if (incoming.type === "leadership" && held.type === "leadership") {
    return incoming.pkiId === held.pkiId ? byTime(incoming.time, held.time) : "unrelated";
  }
  if (incoming.type === "peer-identity" && held.type === "peer-identity") {
    return incoming.pkiId === held.pkiId ? "invalidated" : "unrelated";
  }
  if (incoming.type === "data" && held.type === "data") {
    return byBlockNumber(incoming.payload.blockNumber, held.payload.blockNumber, window);
  }
  return "unrelated";
}

/** -1 when `a` is older, 1 when it is newer, 0 when both are equal: incarnation first, then sequence. */
export function comparePeerTime(a: PeerTime, b: PeerTime): -1 | 0 | 1 {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return 0;
}

function byTime(incoming: PeerTime, held: PeerTime): Comparison {
  return comparePeerTime(incoming, held) > 0 ? "invalidates" : "invalidated";
}

function byBlockNumber(incoming: bigint, held: bigint, window: bigint): Comparison {
  if (incoming === held) return "invalidated";
  const distance = incoming > held ? incoming - held : held - incoming;
  if (distance <= window) return "unrelated";
  return incoming > held ? "invalidates" : "invalidated";
}
