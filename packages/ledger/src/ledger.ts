// CONTRACT: types first; the implementation follows.
import type { Logger } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";

export interface LedgerOptions {
  /** Directory of all ledgers of one peer; each channel has a directory of its own name in it. Made when missing. */
  readonly dir: string;
  /** Channel name: letters a to z, digits, `.` and `-`, beginning with a letter, at most 249 characters. */
  readonly channel: string;
  /**
   * Told of what was healed at the start.
   * @default silentLogger
   */
  readonly log?: Logger;
}

/** What opening a ledger had to do about damage, for a log line or a status page. */
export interface Healing {
  /** Blocks that were acknowledged but are lost at the tail; they have to be fetched again. `undefined` when none is. */
  readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
  /** What was expected and what was found. */
  readonly detail: string;
}

/** A committed block. */
export interface LedgerBlock {
  readonly number: bigint;
  /** A serialized `common.Block`, the very bytes that were committed. */
  readonly bytes: Uint8Array;
}

/** A channel's blocks on disk. */
export interface BlockLedger extends Ledger, AsyncDisposable {
  readonly channel: string;
  /** Where the blocks lie. */
  readonly dir: string;
  /** What was healed when this ledger was opened; empty as a rule. */
  readonly healed: readonly Healing[];
  commit(blockNumber: bigint, block: Uint8Array): Promise<void>;
  read(blockNumber: bigint): Promise<Uint8Array | undefined>;
  /** Committed blocks in order from `from` (0 when absent) up to the newest one. */
  blocks(options?: { readonly from?: bigint }): AsyncIterable<LedgerBlock>;
  close(): Promise<void>;
}

export declare function createLedger(options: LedgerOptions): Promise<BlockLedger>;
