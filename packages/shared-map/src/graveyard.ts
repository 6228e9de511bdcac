import type { PkiId } from "@gossip/proto";
import { assert } from "@gossip/runtime";
import type { MapEntry } from "./entry.js";

/**
 * Tombstones whose time is over, by key, up to a bound. When it is reached, the author of whom most are remembered loses
 * its oldest: so nobody makes the deletions of others forgotten by deleting much itself (protocol page 14, 14.13).
 */
export class Graveyard {
  readonly #maxEntries: number;
  readonly #byKey = new Map<string, MapEntry>();
  /** Keys in the order of their burial. */
  readonly #byAuthor = new Map<PkiId, Set<string>>();

  constructor(maxEntries: number) {
    assert(Number.isInteger(maxEntries) && maxEntries >= 1, `expected maxEntries of at least 1, got ${maxEntries}`);
    this.#maxEntries = maxEntries;
  }

  get(key: string): MapEntry | undefined {
    return this.#byKey.get(key);
  }

  bury(tombstone: MapEntry): void {
    const { key, author } = tombstone;
    this.delete(key);
    this.#byKey.set(key, tombstone);
    const keys = (this.#byAuthor.get(author) ?? new Set()).add(key);
    this.#byAuthor.set(author, keys);
    if (this.#byKey.size > this.#maxEntries) this.#makeRoomAfter(keys);
  }

  delete(key: string): void {
    const author = this.#byKey.get(key)?.author;
    if (author === undefined) return;
    this.#byKey.delete(key);
    const keys = this.#byAuthor.get(author);
    keys?.delete(key);
    if (keys?.size === 0) this.#byAuthor.delete(author);
  }

  deleteAuthor(author: PkiId): void {
    for (const key of this.#byAuthor.get(author) ?? []) this.#byKey.delete(key);
    this.#byAuthor.delete(author);
  }

  /** Among equals it is whoever came last that loses. */
  #makeRoomAfter(latest: ReadonlySet<string>): void {
    let most = latest;
    for (const keys of this.#byAuthor.values()) if (keys.size > most.size) most = keys;
    for (const oldest of most) return this.delete(oldest);
  }
}
