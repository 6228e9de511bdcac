import type { Machine, Millis, Wake } from "@gossip/runtime";
import type { BatchConfig } from "./config.js";

/**
 * Deciding which transactions share a block.
 *
 * Roles and messages. Transactions come one by one, known here by id and size; batches go out in the same order. What
 * becomes of a batch is not known here.
 *
 * States. Empty, or collecting; collecting ends with a cut, for one of the reasons of `CutReason`:
 * - count: the batch has maxMessageCount transactions;
 * - bytes: the next transaction would take it above preferredMaxBytes; that one begins the next batch;
 * - alone: a transaction above preferredMaxBytes by itself, which nothing can share a block with, after the batch before it;
 * - time: its oldest transaction has waited for batchTimeoutMs;
 * - flush: no more transactions are wanted (the orderer closes).
 *
 * Timers. One: the oldest collected transaction's arrival plus batchTimeoutMs.
 *
 * Invariants. Every transaction is cut once, in order of arrival, no later than batchTimeoutMs after it came. No batch is
 * empty, has more than maxMessageCount transactions, or more than preferredMaxBytes unless it has one transaction only.
 * One step cuts at most two batches.
 */

/** What the orderer reports to the cutter; `bytes` is the size of a transaction, which itself stays outside. */
export type CutterInput =
  | { readonly type: "order"; readonly id: number; readonly bytes: number }
  /** Cuts what is there. */
  | { readonly type: "flush" }
  /** Forgets what is there: it was refused. */
  | { readonly type: "discard" };

/** Why a batch ended, as explained at the top of the file; many `time` cuts mean that traffic is low. */
export type CutReason = "count" | "bytes" | "alone" | "time" | "flush";

/** A batch to be made into one block, its transactions in order of arrival. */
export interface Cut {
  readonly type: "cut";
  readonly ids: readonly number[];
  readonly reason: CutReason;
}

/** See the top of the file. */
export class BlockCutter implements Machine<CutterInput, Cut> {
  readonly #config: BatchConfig;
  #ids: number[] = [];
  #bytes = 0;
  #due: Millis = Number.POSITIVE_INFINITY;

  constructor(config: BatchConfig) {
    this.#config = config;
  }

  get deadline(): Millis {
    return this.#due;
  }

  step(input: CutterInput | Wake, now: Millis): readonly Cut[] {
    switch (input.type) {
      case "wake":
        return now >= this.#due ? this.#cut("time") : [];
      case "order":
        return this.#onOrder(input.id, input.bytes, now);
      case "flush":
        return this.#cut("flush");
      case "discard":
        this.#cut("flush");
        return [];
    }
  }

  #onOrder(id: number, bytes: number, now: Millis): readonly Cut[] {
    const { maxMessageCount, preferredMaxBytes, batchTimeoutMs } = this.#config;
    const isAlone = bytes > preferredMaxBytes;
    const before = isAlone || this.#bytes + bytes > preferredMaxBytes ? this.#cut("bytes") : [];
    if (this.#ids.length === 0) this.#due = now + batchTimeoutMs;
    this.#ids.push(id);
    this.#bytes += bytes;
    if (isAlone) return [...before, ...this.#cut("alone")];
    if (this.#ids.length >= maxMessageCount) return [...before, ...this.#cut("count")];
    return before;
  }

  #cut(reason: CutReason): readonly Cut[] {
    const ids = this.#ids;
    this.#ids = [];
    this.#bytes = 0;
    this.#due = Number.POSITIVE_INFINITY;
    return ids.length === 0 ? [] : [{ type: "cut", ids, reason }];
  }
}
