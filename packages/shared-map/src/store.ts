import { sha256 } from "@gossip/crypto";
import type { PkiId } from "@gossip/proto";
import type { SharedMapConfig } from "./config.js";
import { type EntryName, encodeDigest } from "./digest.js";
import { compareVersions, entryBytes, type MapEntry, type Version } from "./entry.js";
import { Graveyard } from "./graveyard.js";

/** Why an entry is not taken; closed, since it labels a metric. */
export type EntryRefusal =
  /** The same or a newer write of the key is held. */
  | "stale"
  /** The key was deleted after this write, and the tombstone has left the map since. */
  | "deleted-before"
  /** A tombstone whose time is over, and nothing to delete. */
  | "expired"
  /** Its clock is too far ahead of our wall clock. */
  | "clock-ahead"
  /** The author holds as much as one may, and all of it is newer. */
  | "author-full"
  /** There is no room for another key. */
  | "map-full";

/** An entry in the map. */
interface Held {
  readonly entry: MapEntry;
  readonly digest: Uint8Array;
  readonly bytes: number;
}

interface Share {
  readonly keys: Set<string>;
  bytes: number;
}

/** What taking an entry did. */
export interface Taken {
  /** What stood under the key before. */
  readonly previous: MapEntry | undefined;
  /** Older entries of the same author that made room. */
  readonly evicted: readonly MapEntry[];
}

/** Octets of a summary. */
const summaryBytes = 16;

/**
 * The entries of a map, by key, within their bounds; and the buried: tombstones whose time is over, which are neither
 * offered nor counted, and only there to be held against old copies (protocol page 14 §4).
 *
 * What an author with too many entries keeps are its newest, whatever the order in which they came: each entry for which
 * those that are newer leave room, and no other. So all nodes come to hold the same of it, however it chose their sizes.
 */
export class EntryStore {
  readonly #config: SharedMapConfig;
  readonly #held = new Map<string, Held>();
  readonly #shares = new Map<PkiId, Share>();
  readonly #buried: Graveyard;
  #bytes = 0;
  /** Made when asked for, and good until the next change. */
  #summary: Uint8Array | undefined;

  constructor(config: SharedMapConfig) {
    this.#config = config;
    this.#buried = new Graveyard(config.maxBuried);
  }

  get size(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Everything held, tombstones included. */
  *entries(): Iterable<MapEntry> {
    for (const { entry } of this.#held.values()) yield entry;
  }

  *digests(): Iterable<Uint8Array> {
    for (const { digest } of this.#held.values()) yield digest;
  }

  get(key: string): MapEntry | undefined {
    return this.#held.get(key)?.entry;
  }

  buried(key: string): MapEntry | undefined {
    return this.#buried.get(key);
  }

  /** Keys and octets whose newest write is of the author. */
  shareOf(author: PkiId): { readonly keys: number; readonly bytes: number } {
    const share = this.#shares.get(author);
    return { keys: share?.keys.size ?? 0, bytes: share?.bytes ?? 0 };
  }

  /**
   * 16 octets that two maps with the same entries have in common: a hash over all hashes, in order. A sum would be cheaper to
   * keep, but an author that may choose hundreds of entries finds two sets of them with one sum, and holds maps apart with it.
   */
  get summary(): Uint8Array {
    if (this.#summary === undefined) {
      const hashes = Array.from(this.#held.values(), ({ entry }) => entry.hash).sort();
      this.#summary = sha256(new TextEncoder().encode(hashes.join(""))).slice(0, summaryBytes);
    }
    return this.#summary;
  }

  /** Why such an entry would not be taken, as far as its name tells; `undefined` when it would be news. */
  refusal(name: EntryName, wallMs: number): EntryRefusal | undefined {
    const { maxClockAheadMs } = this.#config;
    const held = this.#held.get(name.key)?.entry;
    if (held !== undefined && compareVersions(name, held) <= 0) return "stale";
    const buried = this.#buried.get(name.key);
    if (buried !== undefined && compareVersions(name, buried) <= 0) return "deleted-before";
    if (name.counter > BigInt(Math.floor(wallMs)) + BigInt(maxClockAheadMs)) return "clock-ahead";
    // Taken only to delete an older copy, and then buried at once.
    if (name.isDeleted && this.isOver(name, wallMs)) return held === undefined ? "expired" : undefined;
    const share = this.#shares.get(name.author);
    if (held?.author !== name.author && share !== undefined && this.#isFull(share)) {
      return this.#isCrowdedOut(name, share) ? "author-full" : undefined;
    }
    return held === undefined && this.#isMapFull ? "map-full" : undefined;
  }

  /** Whether the author might have no room for one more entry; who keeps to the rules stays below (`maxOwnBytes`). */
  #isFull({ keys, bytes }: Share): boolean {
    return keys.size >= this.#config.maxEntriesPerAuthor || bytes > this.maxOwnBytes;
  }

  /** Whether what its author wrote later leaves it no room. Its own size does not count, so its name tells. */
  #isCrowdedOut(name: EntryName, { keys }: Share): boolean {
    const newer = [...keys]
      .flatMap((key) => this.#held.get(key) ?? [])
      .filter((one) => compareVersions(one.entry, name) > 0);
    const bytes = newer.reduce((sum, one) => sum + one.bytes, 0);
    return newer.length >= this.#config.maxEntriesPerAuthor || bytes > this.maxOwnBytes;
  }

  get #isMapFull(): boolean {
    const { maxEntries, maxBytes, maxEntryBytes } = this.#config;
    return this.#held.size >= maxEntries || this.#bytes + maxEntryBytes > maxBytes;
  }

  /** Octets up to which an author may write: an entry less than may be held of it, so that no node lets go of any. */
  get maxOwnBytes(): number {
    return this.#config.maxBytesPerAuthor - this.#config.maxEntryBytes;
  }

  /** Whether the time of a tombstone is over. */
  isOver({ counter }: Version, wallMs: number): boolean {
    return this.expiryOf(counter) <= wallMs;
  }

  /** When a tombstone with this clock is buried, by the wall clock. */
  expiryOf(counter: bigint): number {
    // An accepted clock is at most a little ahead of ours, so the number is exact.
    return Number(counter) + this.#config.tombstoneTtlMs;
  }

  /** Takes an entry that `refusal` has nothing against. */
  take(entry: MapEntry, wallMs: number): Taken | EntryRefusal {
    const previous = this.get(entry.key);
    if (entry.value === undefined && this.isOver(entry, wallMs)) {
      this.#remove(entry.key);
      this.#buried.bury(entry);
      return { previous, evicted: [] };
    }
    const room = this.#roomFor(entry, previous);
    if (typeof room === "string") return room;
    this.#remove(entry.key);
    for (const { key } of room) this.#remove(key);
    this.#add(entry);
    this.#buried.delete(entry.key);
    return { previous, evicted: room };
  }

  /** The entries of the same author that have to go for this one; or why it is this one that does not come in. */
  #roomFor(entry: MapEntry, previous: MapEntry | undefined): readonly MapEntry[] | EntryRefusal {
    const { maxBytes, maxEntries, maxEntriesPerAuthor } = this.#config;
    const share = this.#shares.get(entry.author);
    const before = previous === undefined ? 0 : entryBytes(previous);
    const isOwnKey = previous?.author === entry.author;
    const size = entryBytes(entry);
    // Of the author, with this one.
    let keys = (share?.keys.size ?? 0) + (isOwnKey ? 0 : 1);
    let bytes = (share?.bytes ?? 0) + size - (isOwnKey ? before : 0);
    const evicted: MapEntry[] = [];
    for (;;) {
      const oldest = share && this.#oldestOf(share, [entry, ...evicted]);
      // Were this one the oldest, `refusal` would have found whether there is room for it.
      if (oldest === undefined || compareVersions(entry, oldest) < 0) break;
      if (keys <= maxEntriesPerAuthor && bytes - entryBytes(oldest) <= this.maxOwnBytes) break;
      evicted.push(oldest);
      keys--;
      bytes -= entryBytes(oldest);
    }
    const freed = evicted.reduce((sum, one) => sum + entryBytes(one), before);
    const isFull = this.#held.size - evicted.length - (previous === undefined ? 0 : 1) >= maxEntries;
    return isFull || this.#bytes - freed + size > maxBytes ? "map-full" : evicted;
  }

  /** Takes a tombstone whose time is over out of the map, and remembers it. */
  bury(key: string): void {
    const entry = this.get(key);
    if (entry === undefined) return;
    this.#remove(key);
    this.#buried.bury(entry);
  }

  /** Removes all that is of the author; returns what was in the map. */
  removeAuthor(author: PkiId): readonly MapEntry[] {
    this.#buried.deleteAuthor(author);
    const removed = [...(this.#shares.get(author)?.keys ?? [])].flatMap((key) => this.get(key) ?? []);
    for (const { key } of removed) this.#remove(key);
    return removed;
  }

  /** The author's oldest entry, keys of `without` left out. */
  #oldestOf(share: Share, without: readonly MapEntry[] = []): MapEntry | undefined {
    let oldest: MapEntry | undefined;
    for (const key of share.keys) {
      const entry = this.get(key);
      if (entry === undefined || without.some((one) => one.key === key)) continue;
      if (oldest === undefined || compareVersions(entry, oldest) < 0) oldest = entry;
    }
    return oldest;
  }

  #add(entry: MapEntry): void {
    const bytes = entryBytes(entry);
    this.#held.set(entry.key, {
      entry,
      bytes,
      digest: encodeDigest({ ...entry, isDeleted: entry.value === undefined }),
    });
    this.#bytes += bytes;
    this.#summary = undefined;
    const share = this.#shares.get(entry.author) ?? { keys: new Set(), bytes: 0 };
    share.keys.add(entry.key);
    share.bytes += bytes;
    this.#shares.set(entry.author, share);
  }

  #remove(key: string): void {
    const held = this.#held.get(key);
    if (held === undefined) return;
    const { entry, bytes } = held;
    this.#held.delete(key);
    this.#bytes -= bytes;
    this.#summary = undefined;
    const share = this.#shares.get(entry.author);
    if (share === undefined) return;
    share.keys.delete(key);
    share.bytes -= bytes;
    if (share.keys.size === 0) this.#shares.delete(entry.author);
  }
}
