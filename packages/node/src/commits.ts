import type { Rejection, RejectReason, Verdict } from "@gossip/crypto";
import { reject } from "@gossip/crypto";
import { type Block, readBlock } from "@gossip/proto/fabric";
import { type Clock, errorText, GossipError, type MaybePromise, type Millis, whenDone } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { JoinOptions } from "./api.js";
import { attempt } from "./attempt.js";

export interface CommitsOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly onCommitted: JoinOptions["onCommitted"];
  /** How far above the height blocks may wait, and hence may have been verified under an earlier trust. */
  readonly window: bigint;
  verify(blockNumber: bigint, block: Block): MaybePromise<Verdict>;
  /** The ledger took a block, in so many milliseconds. */
  onStored(tookMs: Millis): void;
}

/** What became of a block that was handed over. */
export type CommitOutcome =
  | { readonly type: "committed"; readonly isTrustChanged: boolean }
  /** Never to be committed: it breaks the chain, or is not trusted any more. */
  | { readonly type: "refused"; readonly reason: RejectReason | "broken-chain"; readonly detail: string }
  /** To be tried again. */
  | { readonly type: "failed"; readonly detail: string };

/**
 * How a block gets into the ledger: stored, and then put into force by the host program, before the next one comes.
 *
 * A config block may change whom the channel trusts. What was verified before and waits for its turn is verified anew
 * then; the reference commits it on the word of an orderer that may have been removed (page 07 §16 item 11).
 *
 * A block that is stored, but could not be put into force, is not stored again: only the host program is told anew.
 */
export class Commits {
  readonly #options: CommitsOptions;
  /** Blocks below this number may have been verified under an earlier trust. */
  #suspectBelow = 0n;
  /** The block that is stored and not yet in force. */
  #stored: bigint | undefined;
  #isClosed = false;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Nothing is stored, and nobody told, from now on. */
  close(): void {
    this.#isClosed = true;
  }

  commit(blockNumber: bigint, data: Uint8Array): MaybePromise<CommitOutcome> {
    if (this.#stored === blockNumber) return this.#putInForce(blockNumber, data);
    return whenDone(this.#judge(blockNumber, data), (verdict): MaybePromise<CommitOutcome> => {
      if (!verdict.ok) return { type: "refused", reason: verdict.reason, detail: verdict.detail };
      return this.#store(blockNumber, data);
    });
  }

  #judge(blockNumber: bigint, data: Uint8Array): MaybePromise<Verdict> {
    if (blockNumber >= this.#suspectBelow) return { ok: true };
    const block = readBlock(data);
    return block.ok ? this.#options.verify(blockNumber, block.value) : malformed(block.detail);
  }

  #store(blockNumber: bigint, data: Uint8Array): MaybePromise<CommitOutcome> {
    const { ledger, clock, onStored } = this.#options;
    const start = clock.now();
    if (this.#isClosed) return closed;
    return whenDone(
      attempt(() => ledger.commit(blockNumber, data)),
      (stored): MaybePromise<CommitOutcome> => {
        if (!stored.ok) return ofFailure(stored.error);
        this.#stored = blockNumber;
        onStored(clock.now() - start);
        return this.#putInForce(blockNumber, data);
      },
    );
  }

  #putInForce(blockNumber: bigint, data: Uint8Array): MaybePromise<CommitOutcome> {
    const { onCommitted, window } = this.#options;
    if (this.#isClosed) return closed;
    return whenDone(
      attempt(() => onCommitted?.(blockNumber, data)),
      (told): CommitOutcome => {
        if (!told.ok) return { type: "failed", detail: `it is stored and not in force: ${errorText(told.error)}` };
        this.#stored = undefined;
        const isTrustChanged = told.value === "trust-changed";
        if (isTrustChanged) this.#suspectBelow = blockNumber + 1n + window;
        return { type: "committed", isTrustChanged };
      },
    );
  }
}

const closed: CommitOutcome = { type: "failed", detail: "the channel was closed" };

function malformed(detail: string): Rejection {
  return reject("malformed-block", detail);
}

function ofFailure(error: unknown): CommitOutcome {
  const isRefusal = error instanceof GossipError && (error.code === "malformed" || error.code === "corrupt");
  const detail = errorText(error);
  return isRefusal ? { type: "refused", reason: "broken-chain", detail } : { type: "failed", detail };
}
