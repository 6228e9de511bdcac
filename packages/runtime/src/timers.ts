import type { Millis } from "./clock.js";

/**
 * Many named timers inside one machine, which shows a single `deadline` outside.
 * A timer set again under its name replaces the old one.
 */
export class Timers<Name> {
  readonly #due = new Map<Name, Millis>();
  #earliest: Millis = Number.POSITIVE_INFINITY;
  #stale = false;

  set(name: Name, at: Millis): void {
    const before = this.#due.get(name);
    this.#due.set(name, at);
    if (before === this.#earliest && at > before) this.#stale = true;
    else if (at < this.#earliest) this.#earliest = at;
  }

  clear(name: Name): void {
    if (this.#due.get(name) === this.#earliest) this.#stale = true;
    this.#due.delete(name);
  }

  at(name: Name): Millis | undefined {
    return this.#due.get(name);
  }

  get size(): number {
    return this.#due.size;
  }

  /** The earliest time set; `Infinity` when none is. */
  get deadline(): Millis {
    if (this.#stale) {
      this.#earliest = Number.POSITIVE_INFINITY;
      for (const at of this.#due.values()) if (at < this.#earliest) this.#earliest = at;
      this.#stale = false;
    }
    return this.#earliest;
  }

  /** Removes and returns the names due at `now`, earliest first; among equal times, in order of setting. */
  expire(now: Millis): Name[] {
    if (now < this.deadline) return [];
    const due = [...this.#due].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
    for (const [name] of due) this.#due.delete(name);
    this.#stale = true;
    return due.map(([name]) => name);
  }
}
