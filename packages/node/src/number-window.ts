import type { PeerTime } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";

/** Numbers below the highest one of an author that may still come, each once. */
const width = 1_024n;
const mask = (1n << width) - 1n;

interface Heard {
  readonly incarnation: bigint;
  readonly highest: bigint;
  /** Bit `n` for the number `highest - n`. */
  readonly bits: bigint;
}

/**
 * Which numbers of an author were heard, so that each of its messages is news once, in whatever order they come (protocol page
 * 07, 7.43). What is from an earlier life of the author, or further below its highest number than the window is wide, is no news.
 */
export class NumberWindow {
  readonly #authors: BoundedMap<string, Heard>;

  constructor({ maxAuthors }: { readonly maxAuthors: number }) {
    this.#authors = new BoundedMap({ maxEntries: maxAuthors, whenFull: "evict-oldest" });
  }

  wants(author: string, { incarnation, sequence }: PeerTime): boolean {
    const heard = this.#authors.get(author);
    if (heard === undefined || incarnation > heard.incarnation) return true;
    if (incarnation < heard.incarnation) return false;
    const below = heard.highest - sequence;
    return below < 0n || (below < width && ((heard.bits >> below) & 1n) === 0n);
  }

  /** Notes it; false when it had been heard. */
  add(author: string, time: PeerTime): boolean {
    if (!this.wants(author, time)) return false;
    const { incarnation, sequence } = time;
    const heard = this.#authors.get(author);
    if (heard === undefined || incarnation > heard.incarnation) {
      this.#authors.set(author, { incarnation, highest: sequence, bits: 1n });
      return true;
    }
    const above = sequence - heard.highest;
    if (above <= 0n) this.#authors.set(author, { ...heard, bits: heard.bits | (1n << -above) });
    else {
      const bits = above < width ? ((heard.bits << above) & mask) | 1n : 1n;
      this.#authors.set(author, { incarnation, highest: sequence, bits });
    }
    return true;
  }
}
