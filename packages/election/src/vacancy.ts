import type { Millis } from "@gossip/runtime";

/**
 * The time without a known leader, and what holds us back in it. Each thing does so once, and for a time that is fixed when
 * it begins, so no vacancy lasts for what others say.
 */
export class Vacancy {
  #since: Millis = 0;
  #deferUntil: Millis | undefined;
  #putOffUntil: Millis | undefined;

  begin(now: Millis): void {
    this.#since = now;
    this.end();
  }

  end(): void {
    this.#deferUntil = undefined;
    this.#putOffUntil = undefined;
  }

  get since(): Millis {
    return this.#since;
  }

  /** Leaves the field to whoever is ahead of us; false when that time is over. */
  defer(now: Millis, durationMs: Millis): boolean {
    this.#deferUntil ??= now + durationMs;
    return now < this.#deferUntil;
  }

  isDeferring(now: Millis): boolean {
    return this.#deferUntil !== undefined && now < this.#deferUntil;
  }

  /** Somebody leads of whom we do not know enough yet; false when that has held us back before. */
  putOff(now: Millis, durationMs: Millis): boolean {
    if (this.#putOffUntil !== undefined) return false;
    this.#putOffUntil = now + durationMs;
    return true;
  }

  /** When nothing holds us back any more: `now` when nothing does. */
  standsAt(now: Millis, isLagging: boolean): Millis {
    return Math.max(now, this.#putOffUntil ?? now, isLagging ? (this.#deferUntil ?? now) : now);
  }
}
