import type { RejectReason, Verdict } from "@gossip/crypto";
import type { Block } from "@gossip/proto/fabric";

/** Where the next block goes: its number, and the hash that its `previous_hash` must equal. */
export interface ChainPosition {
  readonly next: bigint;
  /** Hash of block `next - 1`'s header; empty only when `next` is 0. */
  readonly lastHash: Uint8Array;
}

/** A block as it came: its bytes, its decoded view of them, and its header's hash. */
export interface ReceivedBlock {
  /** The serialized `common.Block`, a view into the response. */
  readonly bytes: Uint8Array;
  readonly block: Block;
  readonly hash: Uint8Array;
}

/** Why a block from an orderer was refused; closed, since it labels a metric. */
export type BlockRefusalReason = RejectReason | "wrong-previous-hash";

/** A block that was refused, and whose it was. */
export interface BlockRefusal {
  /** Address of the orderer. */
  readonly endpoint: string;
  /** What it was expected to be. */
  readonly blockNumber: bigint;
  readonly reason: BlockRefusalReason;
  readonly detail: string;
}

export type DeliverInput =
  | { readonly type: "start" }
  /** The stream of this attempt is open. */
  | { readonly type: "connected"; readonly attempt: number }
  | { readonly type: "block"; readonly attempt: number; readonly received: ReceivedBlock }
  /** A response that holds no block. */
  | { readonly type: "undecodable"; readonly attempt: number; readonly detail: string }
  | { readonly type: "status"; readonly attempt: number; readonly status: number }
  | { readonly type: "verdict"; readonly attempt: number; readonly verdict: Verdict }
  /** The stream, the dial or the signing of the request failed, or the orderer hung up. */
  | { readonly type: "failed"; readonly attempt: number; readonly detail: string }
  | { readonly type: "handed-over"; readonly blockNumber: bigint }
  | { readonly type: "hand-over-failed"; readonly blockNumber: bigint; readonly detail: string }
  /** Orderers to use from now on; a connection to one that stays is kept. */
  | { readonly type: "endpoints"; readonly endpoints: readonly string[] }
  | { readonly type: "stop" };

export type DeliverDropReason = "stopped" | "stale-attempt" | "unexpected";

export type DeliverOutput =
  | { readonly type: "dial"; readonly attempt: number; readonly endpoint: string }
  /** Ask for all blocks from `from` on, without an end. */
  | { readonly type: "seek"; readonly attempt: number; readonly from: bigint }
  /** Take one more response from the stream; nothing is taken without it, which is the back-pressure. */
  | { readonly type: "read"; readonly attempt: number }
  | { readonly type: "verify"; readonly attempt: number; readonly blockNumber: bigint; readonly block: Block }
  | { readonly type: "hand-over"; readonly blockNumber: bigint; readonly received: ReceivedBlock }
  | { readonly type: "close"; readonly attempt: number }
  | ({ readonly type: "refused" } & BlockRefusal)
  /** For logs: an attempt, or a hand-over (then `endpoint` is undefined), failed and is tried again after `waitMs`. */
  | {
      readonly type: "retry";
      readonly endpoint: string | undefined;
      readonly failures: number;
      readonly waitMs: number;
      readonly detail: string;
    }
  | { readonly type: "dropped"; readonly reason: DeliverDropReason; readonly input: DeliverInput["type"] };
