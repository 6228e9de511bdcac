import { createHash } from "node:crypto";
import type { Broadcaster } from "@gossip/deliver";
import type { NetworkClient } from "./client.js";

/** How far a submission is; grows while it runs. */
export interface SubmitProgress {
  /** Transactions handed to the orderer. */
  submitted: number;
  /** Those it has acknowledged: they are in a block on its disk. */
  acknowledged: number;
}

/** What was submitted, to hold against what the ledgers contain afterwards. */
export interface Submission {
  readonly transactions: number;
  /** SHA-256 over all transactions in order, each followed by a line feed; lower-case hex. */
  readonly sha256: string;
}

/**
 * Submits each item as one transaction, in order, as many in flight as the connection takes.
 *
 * @param progress counts along, also when the submission fails
 * @throws what the source threw, or the orderer's refusal; what was in flight is settled then
 */
export async function submitAll(
  items: AsyncIterable<Uint8Array>,
  client: NetworkClient,
  broadcaster: Broadcaster,
  progress: SubmitProgress,
): Promise<Submission> {
  const hash = createHash("sha256");
  const flight = new Flight(progress);
  try {
    for await (const data of items) {
      await Promise.race([broadcaster.ready(), flight.failed]);
      flight.add(broadcaster.submit(client.transaction(data)));
      hash.update(data).update("\n");
    }
  } finally {
    await flight.landed();
  }
  await Promise.race([flight.failed, Promise.resolve()]);
  return { transactions: progress.submitted, sha256: hash.digest("hex") };
}

/** Transactions on their way. */
class Flight {
  readonly #progress: SubmitProgress;
  #pending = 0;
  #onLanded: (() => void) | undefined;
  #reject: (error: unknown) => void = () => {};
  /** Rejects with the first failure; stays pending without one. */
  readonly failed = new Promise<never>((_, reject) => {
    this.#reject = reject;
  });

  constructor(progress: SubmitProgress) {
    this.#progress = progress;
    // Somebody may only look at it later, which is not the same as nobody looking at it.
    this.failed.catch(() => {});
  }

  add(submission: Promise<void>): void {
    this.#pending += 1;
    this.#progress.submitted += 1;
    submission.then(
      () => {
        this.#progress.acknowledged += 1;
        this.#land();
      },
      (error: unknown) => {
        this.#reject(error);
        this.#land();
      },
    );
  }

  /** Resolves when every transaction has been answered, one way or the other. */
  async landed(): Promise<void> {
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => {
      this.#onLanded = resolve;
    });
  }

  #land(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#onLanded?.();
  }
}
