import type { MaybePromise } from "@gossip/runtime";

/**
 * Where a channel's blocks lie. One ledger serves one channel.
 *
 * Duties: blocks are appended in order, numbers without a gap; once `commit` has resolved the block survives a crash;
 * `read` gives the very bytes that were committed.
 */
export interface Ledger {
  /** Number of blocks, which is the number of the next one. 0 before the first block. */
  readonly height: bigint;
  /** Hash of the newest block's header; empty at height 0. What the next block's `previous_hash` must equal. */
  readonly lastHash: Uint8Array;
  /**
   * Appends one serialized `common.Block`.
   *
   * @throws GossipError `invalid-argument` unless `blockNumber` equals `height`; `malformed` or `corrupt` when the bytes
   * are no block, carry another number, or do not link to `lastHash`; `storage` when it cannot be written: nothing is stored then.
   */
  commit(blockNumber: bigint, block: Uint8Array): MaybePromise<void>;
  /** A committed block's bytes; `undefined` when it is not held. */
  read(blockNumber: bigint): MaybePromise<Uint8Array | undefined>;
  close(): MaybePromise<void>;
}
