import type { GossipMessage } from "./messages.js";
// CONTRACT
/** One line for a log: type, channel, times, counts; never the bytes of payloads, signatures or blocks (page 01 §13). */
export declare function describeMessage(message: GossipMessage): string;
/** Digest of a block in a pull exchange: its number in decimal ASCII (page 01 §2.3). */
export declare function blockDigest(blockNumber: bigint): Uint8Array;
/** The block number a digest names; `undefined` when it is not an unsigned decimal below 2^64. */
export declare function parseBlockDigest(digest: Uint8Array): bigint | undefined;
