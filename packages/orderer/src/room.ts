import { assert, type MaybePromise } from "@gossip/runtime";

interface Waiter {
  readonly bytes: number;
  enter(): void;
}

/**
 * A bound on what is inside, in count and bytes, and a queue before the door: first come, first in. The number of those
 * who wait is bounded by the number of streams, each of which waits for one transaction at most.
 */
export class Room {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #count = 0;
  #bytes = 0;
  #waiters: Waiter[] = [];

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  /** Enters, at once or later. Whoever entered MUST `leave`. `bytes` must not exceed the room's. */
  enter(bytes: number): MaybePromise<void> {
    assert(bytes <= this.#maxBytes, `expected at most ${this.#maxBytes} bytes to enter, got ${bytes}`);
    if (this.#waiters.length === 0 && this.#fits(bytes)) {
      this.#take(bytes);
      return;
    }
    return new Promise((enter) => {
      this.#waiters.push({ bytes, enter });
    });
  }

  leave(bytes: number): void {
    this.#count--;
    this.#bytes -= bytes;
    let entered = 0;
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) break;
      this.#take(waiter.bytes);
      waiter.enter();
      entered++;
    }
    if (entered > 0) this.#waiters = this.#waiters.slice(entered);
  }

  get count(): number {
    return this.#count;
  }

  #fits(bytes: number): boolean {
    return this.#count < this.#maxCount && this.#bytes + bytes <= this.#maxBytes;
  }

  #take(bytes: number): void {
    this.#count++;
    this.#bytes += bytes;
  }
}
