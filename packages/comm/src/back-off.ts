import { BoundedMap, fraction, type Millis, type Random } from "@gossip/runtime";

export interface BackOffOptions {
  readonly random: Random;
  /** Peers remembered; the one that failed longest ago is forgotten first. */
  readonly maxEntries: number;
  /** After the first failure; each further one doubles it. Half of the wait is drawn at random. */
  readonly minMs: number;
  readonly maxMs: number;
}

interface Failure {
  readonly count: number;
  readonly until: Millis;
  /** Then the peer gets a clean slate: its next failure counts, and is reported, as a first one. */
  readonly forgottenAt: Millis;
}

/** Which peers could not be reached lately, and when they may be tried again (protocol page 03 §14.10). */
export class BackOff {
  readonly #options: BackOffOptions;
  readonly #failures: BoundedMap<string, Failure>;

  constructor(options: BackOffOptions) {
    this.#options = options;
    this.#failures = new BoundedMap({ maxEntries: options.maxEntries, whenFull: "evict-oldest" });
  }

  /** Whether the peer must be left alone at `now`. */
  holds(key: string, now: Millis): boolean {
    const failure = this.#failures.get(key);
    return failure !== undefined && now < failure.until;
  }

  /** Counts one failure; returns true when it is the first since the peer was last reached or forgotten. */
  fail(key: string, now: Millis): boolean {
    const { random, minMs, maxMs } = this.#options;
    const before = this.#failures.get(key);
    const isFirst = before === undefined || now >= before.forgottenAt;
    const count = isFirst ? 1 : before.count + 1;
    // The exponent is capped, or a long outage would overflow it.
    const wait = Math.min(maxMs, minMs * 2 ** Math.min(count - 1, 30));
    const until = now + wait * (0.5 + fraction(random) / 2);
    this.#failures.set(key, { count, until, forgottenAt: until + 4 * maxMs });
    return isFirst;
  }

  /** The peer was reached. */
  clear(key: string): void {
    this.#failures.delete(key);
  }
}
