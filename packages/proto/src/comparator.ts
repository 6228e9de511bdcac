import type { GossipMessage, PeerTime } from "./messages.js";
// CONTRACT
export type Comparison = "invalidates" | "invalidated" | "unrelated";
/** How `incoming` relates to `held` (page 01 §8); `window` is the width of the block store. */
export declare function compareMessages(incoming: GossipMessage, held: GossipMessage, window?: bigint): Comparison;
/** -1, 0 or 1: incarnation first, then sequence. */
export declare function comparePeerTime(a: PeerTime, b: PeerTime): -1 | 0 | 1;
