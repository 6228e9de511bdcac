import { BoundedMap, type Millis } from "@gossip/runtime";

/** Kinds of refusal that are counted; the one that came up longest ago is forgotten first. */
const maxKinds = 1000;
/** Strangers cause these lines, and can make each look new. */
const maxLines = 20;
const periodMs = 10_000;

/**
 * Which refusals are worth a line: the first of its kind, then the second, the fourth, the eighth, each with its count,
 * and no more than twenty lines in ten seconds. The metric has them all.
 */
export class RefusalLog {
  readonly #counts = new BoundedMap<string, number>({ maxEntries: maxKinds, whenFull: "evict-oldest" });
  #lines = 0;
  #periodEnds: Millis = 0;

  /** Counts one; how many of its kind there were, if that is to be said now. */
  count(kind: string, now: Millis): number | undefined {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const isPowerOfTwo = (count & (count - 1)) === 0;
    if (!isPowerOfTwo) return undefined;
    if (now >= this.#periodEnds) {
      this.#periodEnds = now + periodMs;
      this.#lines = 0;
    }
    return this.#lines++ < maxLines ? count : undefined;
  }
}
