import { BoundedMap } from "./bounded.js";
import type { Millis } from "./clock.js";

/** How often something may be done for one key. */
export interface QuotaOptions {
  /** How many at once. */
  readonly burst: number;
  /** Time after which one more is allowed. */
  readonly refillMs: Millis;
  /** Keys remembered; the ones used longest ago start anew. */
  readonly maxKeys: number;
}

/** How often something is done for one key: `burst` times, and then once per `refillMs`. */
export class Quota {
  readonly #options: QuotaOptions;
  /** When the bucket of a key is full again; in the past when it is. */
  readonly #fullAt: BoundedMap<string, Millis>;

  constructor(options: QuotaOptions) {
    this.#options = options;
    this.#fullAt = new BoundedMap({ maxEntries: options.maxKeys, whenFull: "evict-oldest" });
  }

  /** Whether it may be done once more, now; if so, it counts. */
  take(key: string, now: Millis): boolean {
    const fullAt = this.#fullAtAfter(key, now);
    if (!this.#isAllowed(fullAt, now)) return false;
    this.#fullAt.set(key, fullAt);
    return true;
  }

  /** Whether `take` would allow it. */
  has(key: string, now: Millis): boolean {
    return this.#isAllowed(this.#fullAtAfter(key, now), now);
  }

  #fullAtAfter(key: string, now: Millis): Millis {
    return Math.max(this.#fullAt.get(key) ?? now, now) + this.#options.refillMs;
  }

  #isAllowed(fullAt: Millis, now: Millis): boolean {
    const { burst, refillMs } = this.#options;
    return fullAt - now <= burst * refillMs;
  }
}
