import type { WhenFull } from "./bounded.js";
import type { Millis } from "./clock.js";
import { assert } from "./errors.js";

/** What an expiring store holds, for how long, and how much of it. */
export interface ExpiringStoreOptions<K, V, R> {
  /** Only values of one key are compared. */
  keyOf(value: V): K;
  /** By what values of one key are compared: a time, a number. It is all that is kept of a value that has expired. */
  rankOf(value: V): R;
  /** Whether a value of rank `incoming` makes one of rank `held` obsolete; if not, it is obsolete itself. */
  isNewer(incoming: R, held: R): boolean;
  /** How long a value is visible; `Infinity` for one that only leaves for a newer one. */
  readonly visibleMs: Millis;
  /** How much longer its key and rank still refuse what is not newer. */
  readonly tombstoneMs: Millis;
  /** Largest number of values and tombstones together. */
  readonly maxEntries: number;
  /** For a new key when full; `evict-oldest` gives up the oldest tombstone, or else the oldest value. */
  readonly whenFull: WhenFull;
}

/** Whether a value was taken, and which one left for it. */
export type Added<V> =
  | { readonly added: false; readonly reason: "obsolete" | "full" }
  | { readonly added: true; readonly replaced: V | undefined; readonly evicted: V | undefined };

/** A value that is visible, and since when. */
export interface Held<V> {
  readonly value: V;
  readonly at: Millis;
}

interface Tombstone<R> {
  readonly rank: R;
  readonly at: Millis;
}

/**
 * The newest value of each key, which expires in two stages: after `visibleMs` it is hidden and only its key and rank
 * stay, to refuse what is not newer; after `tombstoneMs` more they are forgotten (protocol page 06, part A).
 *
 * Nothing is scanned: ages are those of insertion, so what was inserted first expires first. Nothing expires but by
 * `expire`, which the owner calls when it is woken at `deadline`, or before it asks for anything.
 *
 * @example
 * const newest = new ExpiringStore({
 *   keyOf: (note: Note) => note.author,
 *   rankOf: (note) => note.sequence,
 *   isNewer: (incoming, held) => incoming > held,
 *   visibleMs: 60_000,
 *   tombstoneMs: 60_000,
 *   maxEntries: 1_000,
 *   whenFull: "evict-oldest",
 * });
 */
export class ExpiringStore<K, V, R> {
  readonly #options: ExpiringStoreOptions<K, V, R>;
  /** Both in order of insertion of the value, and that is the order of expiry. */
  readonly #values = new Map<K, Held<V>>();
  readonly #tombstones = new Map<K, Tombstone<R>>();

  constructor(options: ExpiringStoreOptions<K, V, R>) {
    const { maxEntries, visibleMs, tombstoneMs } = options;
    assert(Number.isInteger(maxEntries) && maxEntries >= 1, `expected maxEntries of at least 1, got ${maxEntries}`);
    assert(
      visibleMs >= 0 && tombstoneMs >= 0,
      `expected times of at least 0, got ${visibleMs} visible and ${tombstoneMs} as a tombstone`,
    );
    this.#options = options;
  }

  /** Whether `add` would not find it obsolete. */
  wants(value: V): boolean {
    const held = this.#rankOfKey(this.#options.keyOf(value));
    return held === undefined || this.#options.isNewer(this.#options.rankOf(value), held.rank);
  }

  /** Takes a value at `now`, in place of the one or the tombstone of its key; one that is refused changes nothing. */
  add(value: V, now: Millis): Added<V> {
    if (!this.wants(value)) return { added: false, reason: "obsolete" };
    const { keyOf, maxEntries, whenFull } = this.#options;
    const key = keyOf(value);
    const replaced = this.#values.get(key)?.value;
    let evicted: V | undefined;
    if (!this.#values.delete(key) && !this.#tombstones.delete(key) && this.#entries >= maxEntries) {
      if (whenFull === "refuse") return { added: false, reason: "full" };
      evicted = this.#evict();
    }
    this.#values.set(key, { value, at: now });
    return { added: true, replaced, evicted };
  }

  /** Hides and forgets what is due at `now`; returns the values that were hidden, the oldest first. */
  expire(now: Millis): readonly V[] {
    const { rankOf, visibleMs, tombstoneMs } = this.#options;
    const hidden: V[] = [];
    for (const [key, { value, at }] of this.#values) {
      if (now - at < visibleMs) break;
      this.#values.delete(key);
      this.#tombstones.set(key, { rank: rankOf(value), at });
      hidden.push(value);
    }
    for (const [key, { at }] of this.#tombstones) {
      if (now - at < visibleMs + tombstoneMs) break;
      this.#tombstones.delete(key);
    }
    return hidden;
  }

  /** When `expire` next has something to do; `Infinity` when nothing is held. */
  get deadline(): Millis {
    const { visibleMs, tombstoneMs } = this.#options;
    const value = this.#values.values().next().value;
    const tombstone = this.#tombstones.values().next().value;
    return Math.min(
      value === undefined ? Number.POSITIVE_INFINITY : value.at + visibleMs,
      tombstone === undefined ? Number.POSITIVE_INFINITY : tombstone.at + visibleMs + tombstoneMs,
    );
  }

  /** The visible value of a key. */
  get(key: K): Held<V> | undefined {
    return this.#values.get(key);
  }

  /** Takes out the value of a key, or its tombstone; nothing stays to refuse older ones. */
  delete(key: K): V | undefined {
    this.#tombstones.delete(key);
    const value = this.#values.get(key)?.value;
    this.#values.delete(key);
    return value;
  }

  /** Takes out all visible values that `isUnwanted`; returns them, the oldest first. */
  purge(isUnwanted: (value: V) => boolean): readonly V[] {
    const purged: V[] = [];
    for (const [key, { value }] of this.#values) {
      if (!isUnwanted(value)) continue;
      this.#values.delete(key);
      purged.push(value);
    }
    return purged;
  }

  /** Visible values, the oldest first. */
  values(): MapIterator<Held<V>> {
    return this.#values.values();
  }

  /** Number of visible values. */
  get size(): number {
    return this.#values.size;
  }

  /** Number of keys of which only the rank is kept. */
  get tombstones(): number {
    return this.#tombstones.size;
  }

  get #entries(): number {
    return this.#values.size + this.#tombstones.size;
  }

  #rankOfKey(key: K): { readonly rank: R } | undefined {
    const held = this.#values.get(key);
    return held === undefined ? this.#tombstones.get(key) : { rank: this.#options.rankOf(held.value) };
  }

  #evict(): V | undefined {
    for (const key of this.#tombstones.keys()) {
      this.#tombstones.delete(key);
      return undefined;
    }
    for (const [key, { value }] of this.#values) {
      this.#values.delete(key);
      return value;
    }
    return undefined;
  }
}
