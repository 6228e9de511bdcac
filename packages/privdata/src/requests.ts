import type { PkiId } from "@gossip/proto";

/** How many requests may wait, in all and of one peer. */
export interface RequestBounds {
  readonly maxRequests: number;
  readonly maxRequestsPerPeer: number;
}

/**
 * Requests that are answered one at a time, peers taking turns: whoever asks for a lot, and often, holds up another peer
 * by one of his requests and not by all of them.
 */
export class Requests {
  readonly #bounds: RequestBounds;
  /** Of each peer those that wait, or are being answered; the peer whose turn it is comes first. */
  readonly #waiting = new Map<PkiId, (() => Promise<void>)[]>();
  #count = 0;
  #answering: Promise<void> | undefined;

  constructor(bounds: RequestBounds) {
    this.#bounds = bounds;
  }

  /** Resolves when no request waits any more. */
  get idle(): Promise<void> {
    return this.#answering ?? Promise.resolve();
  }

  /** Runs `answer` when it is its turn; `undefined` when too many wait. `answer` MUST NOT reject. */
  run<T>(from: PkiId, answer: () => Promise<T>): Promise<T> | undefined {
    const { maxRequests, maxRequestsPerPeer } = this.#bounds;
    const waiting = this.#waiting.get(from) ?? [];
    if (this.#count >= maxRequests || waiting.length >= maxRequestsPerPeer) return undefined;
    this.#count++;
    this.#waiting.set(from, waiting);
    return new Promise<T>((resolve) => {
      waiting.push(() => answer().then(resolve));
      this.#answering ??= this.#answerAll();
    });
  }

  async #answerAll(): Promise<void> {
    for (let next = first(this.#waiting); next !== undefined; next = first(this.#waiting)) {
      const [from, waiting] = next;
      await waiting[0]?.();
      waiting.shift();
      this.#count--;
      this.#waiting.delete(from);
      if (waiting.length > 0) this.#waiting.set(from, waiting);
    }
    this.#answering = undefined;
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): readonly [K, V] | undefined {
  for (const entry of map) return entry;
  return undefined;
}
