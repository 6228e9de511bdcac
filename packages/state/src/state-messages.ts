import type { BlockPayload, PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";
import type { BlockSource } from "./payload-buffer.js";

/** A member of the channel as its state info describes it (page 10 §8.1). */
export interface StatePeer {
  readonly pkiId: PkiId;
  /** Number of blocks it says to have. */
  readonly height: bigint;
  /** Where it is dialled: the internal endpoint if known, else the external one. */
  readonly endpoint: string;
}

/** What the shell reports to the state transfer of one channel: blocks, results of its outputs, messages of peers. */
export type StateInput =
  /**
   * A block that the gate, or the orderer client, has verified: it decodes, carries this number and is signed.
   * A block of `deliver` MUST be handed over only while `room` is true (wait for the output `room` otherwise).
   */
  | {
      readonly type: "block";
      readonly blockNumber: bigint;
      readonly data: Uint8Array;
      readonly source: "push" | "deliver";
      /** Who pushed it. */
      readonly from?: PkiId;
    }
  /**
   * The commit of the last `commit` output is durable, and the block in force. `isTrustChanged` when it changed who may sign
   * blocks, or may have: what was refused behind it is asked for again.
   */
  | { readonly type: "committed"; readonly blockNumber: bigint; readonly isTrustChanged?: boolean }
  /**
   * The commit of the last `commit` output failed and nothing was stored. `storage` (no space, no permission): the same
   * block is tried again. `refused` (`malformed` or `corrupt`: it does not link to our ledger): another copy is sought.
   */
  | {
      readonly type: "commit-failed";
      readonly blockNumber: bigint;
      readonly cause: "storage" | "refused";
      readonly detail: string;
    }
  /** A peer asks for blocks; `end` is inclusive, as on the wire. */
  | {
      readonly type: "state-request";
      readonly from: PkiId;
      readonly nonce: bigint;
      readonly start: bigint;
      readonly end: bigint;
    }
  /** The answer to `read-blocks` with this id; MUST come for each, with what could be read, possibly nothing. */
  | { readonly type: "blocks-read"; readonly id: number; readonly payloads: readonly BlockPayload[] }
  /**
   * A peer answers. `payloads` are those that the gate verified, in any order; when one of them was refused the rest may be
   * left out, and `refused` says why. `behindConfig` is the lowest block that was left out because it may be forged, or may
   * need a configuration that is not in force yet: it is asked for again when all below it is.
   */
  | {
      readonly type: "state-response";
      readonly from: PkiId;
      readonly nonce: bigint;
      readonly payloads: readonly BlockPayload[];
      readonly refused?: string;
      readonly behindConfig?: bigint;
    }
  /** `peers()` has changed: members came or went, or a height rose. */
  | { readonly type: "peers-changed" };

/** What the shell has to do for the state transfer of one channel, in the order given. */
export type StateOutput =
  /** Append this block to the ledger, and answer with `committed` or `commit-failed`. One at a time. */
  | { readonly type: "commit"; readonly blockNumber: bigint; readonly data: Uint8Array }
  /** The ledger has this height: once at the first step, then after each commit. To be published in the state info. */
  | { readonly type: "height"; readonly height: bigint }
  /** Send a state request; `end` is inclusive, as on the wire. */
  | {
      readonly type: "request";
      readonly to: PkiId;
      readonly endpoint: string;
      readonly nonce: bigint;
      readonly start: bigint;
      readonly end: bigint;
    }
  /**
   * Read `count` committed blocks from `start` on, and answer with `blocks-read`. Stop before the block with which the sum of
   * sizes would exceed `maxBytes`, but never before the first. `readBlocks` does it. One at a time.
   */
  | {
      readonly type: "read-blocks";
      readonly id: number;
      readonly start: bigint;
      readonly count: number;
      readonly maxBytes: number;
    }
  /** Answer a state request: to that peer, over the connection there is to it. */
  | {
      readonly type: "respond";
      readonly to: PkiId;
      readonly nonce: bigint;
      readonly payloads: readonly BlockPayload[];
    }
  /** What waits for its commit has changed; the block being committed counts. */
  | { readonly type: "buffered"; readonly blocks: number; readonly bytes: number }
  /** The buffer was full and is no longer: the ordering service may go on. */
  | { readonly type: "room" }
  /** Commits fail; the block is kept and tried again at `retryAt`. */
  | { readonly type: "stalled"; readonly blockNumber: bigint; readonly detail: string; readonly retryAt: Millis }
  /** Commits work again. */
  | { readonly type: "recovered"; readonly blockNumber: bigint }
  /** A peer did not serve a range that we asked it for, and rests until `restsUntil`. */
  | {
      readonly type: "attempt-failed";
      readonly to: PkiId;
      readonly start: bigint;
      readonly end: bigint;
      readonly reason: AttemptFailure;
      readonly restsUntil: Millis;
    }
  /** A peer gave a block that was left out as `behindConfig`; all below it is in force, trust is what it was, so it was forged. The peer rests. */
  | { readonly type: "forged"; readonly from: PkiId; readonly blockNumber: bigint }
  /** A range could not be had from anybody for now; it is asked for again upon news or after `checkIntervalMs`. */
  | { readonly type: "transfer-failed"; readonly start: bigint; readonly attempts: number }
  /**
   * We are too far behind for pushes to help, and transfer is disabled (page 10 §6): the operator should enable it. At most one per `checkIntervalMs`.
   */
  | { readonly type: "straggler"; readonly height: bigint; readonly blockNumber: bigint }
  /** Something was not taken. `count` is the number of blocks or requests it stands for. */
  | {
      readonly type: "dropped";
      readonly reason: StateDropReason;
      readonly count: number;
      /** The first of the blocks. */
      readonly blockNumber?: bigint;
      readonly source?: BlockSource;
      readonly from?: PkiId;
      readonly detail?: string;
    };

/**
 * Why something was not taken.
 *
 * | Reason | Meaning |
 * | --- | --- |
 * | `stale` | the block is committed already; routine |
 * | `duplicate` | the block is buffered already; routine |
 * | `beyond-window` | the block lies too far above our height; it is fetched when its turn comes |
 * | `no-room` | the buffer is full of nearer blocks; it is fetched later |
 * | `evicted` | a nearer block took its room; it is fetched later |
 * | `refused-by-ledger` | the ledger found that the block does not link to it; another copy is sought. The orderer client of a leader should begin again at the height, as it may have brought this number |
 * | `unexpected-response` | we did not ask this peer, or it answered before |
 * | `out-of-range` | the response holds a block that we did not ask for |
 * | `invalid-range` | a request with `start` above `end`, or for more than `batchSize` allows; answered with no blocks |
 * | `duplicate-request` | the same request waits already; it is answered once |
 * | `over-quota` | this peer has too many requests waiting; answered with no blocks |
 * | `queue-full` | too many requests wait; answered with no blocks |
 */
export type StateDropReason =
  | "stale"
  | "duplicate"
  | "beyond-window"
  | "no-room"
  | "evicted"
  | "refused-by-ledger"
  | "unexpected-response"
  | "out-of-range"
  | "invalid-range"
  | "duplicate-request"
  | "over-quota"
  | "queue-full";

/**
 * Why an attempt failed: no answer in time, an answer without blocks, without a block of the range, with a block that the gate or
 * the ledger refused, or the peer is no longer a member.
 */
export type AttemptFailure = "timeout" | "empty" | "out-of-range" | "refused" | "gone";
