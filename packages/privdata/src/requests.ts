import type { PkiId } from "@gossip/proto";

/** How many requests may wait, in all and of one peer. */
export interface RequestBounds {
  readonly maxRequests: number;
  readonly maxRequestsPerPeer: number;
}

/** Requests that are answered one at a time, in the order they came. */
export class Requests {
  readonly #bounds: RequestBounds;
  readonly #waiting = new Map<PkiId, number>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(bounds: RequestBounds) {
    this.#bounds = bounds;
  }

  /** Resolves when no request waits any more. */
  get idle(): Promise<unknown> {
    return this.#last;
  }

  /** Runs `answer` when those before are done; `undefined` when too many wait. `answer` MUST NOT reject. */
  run<T>(from: PkiId, answer: () => Promise<T>): Promise<T> | undefined {
    const { maxRequests, maxRequestsPerPeer } = this.#bounds;
    const waiting = this.#waiting.get(from) ?? 0;
    if (this.#count >= maxRequests || waiting >= maxRequestsPerPeer) return undefined;
    this.#count++;
    this.#waiting.set(from, waiting + 1);
    const done = this.#last.then(answer).finally(() => this.#leave(from));
    this.#last = done;
    return done;
  }

  #leave(from: PkiId): void {
    this.#count--;
    const left = (this.#waiting.get(from) ?? 1) - 1;
    if (left === 0) this.#waiting.delete(from);
    else this.#waiting.set(from, left);
  }
}
