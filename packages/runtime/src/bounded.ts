import { assert } from "./errors.js";

/** What a full collection does with one more element. */
export type WhenFull = "refuse" | "evict-oldest";

/** The bound of a map, and who loses when it is reached. */
export interface BoundedMapOptions<K, V> {
  /** Largest number of entries. */
  readonly maxEntries: number;
  /** `refuse` keeps what is there; `evict-oldest` drops the entry that was set longest ago. */
  readonly whenFull: WhenFull;
  /** Told of each entry that made room for another. */
  readonly onEvict?: (key: K, value: V) => void;
}

/** A `Map` with a bound. Iteration is in order of insertion; setting a key again moves it to the end. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #options: BoundedMapOptions<K, V>;

  constructor(options: BoundedMapOptions<K, V>) {
    assert(
      Number.isInteger(options.maxEntries) && options.maxEntries >= 1,
      `expected maxEntries of at least 1, got ${options.maxEntries}`,
    );
    this.#options = options;
  }

  /** Whether the entry was stored: false only when full and `whenFull` is `refuse`. */
  set(key: K, value: V): boolean {
    if (this.#entries.delete(key)) {
      this.#entries.set(key, value);
      return true;
    }
    if (this.#entries.size >= this.#options.maxEntries) {
      if (this.#options.whenFull === "refuse") return false;
      for (const [oldest, evicted] of this.#entries) {
        this.#entries.delete(oldest);
        this.#options.onEvict?.(oldest, evicted);
        break;
      }
    }
    this.#entries.set(key, value);
    return true;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  keys(): MapIterator<K> {
    return this.#entries.keys();
  }

  values(): MapIterator<V> {
    return this.#entries.values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries[Symbol.iterator]();
  }
}

/** The bounds of a queue, in items and in bytes, and who loses when either is reached. */
export interface BoundedQueueOptions<T> {
  readonly maxItems: number;
  /** Largest sum of `bytesOf` over the queue; `Infinity` (the default) when only the count matters. */
  readonly maxBytes?: number;
  /** Size of one item in bytes; 0 by default. */
  readonly bytesOf?: (item: T) => number;
  readonly whenFull: WhenFull;
  /** Told of each item that made room for another. */
  readonly onEvict?: (item: T) => void;
}

/** First in, first out, with a bound in items and one in bytes. */
export class BoundedQueue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  readonly #options: BoundedQueueOptions<T>;

  constructor(options: BoundedQueueOptions<T>) {
    assert(
      Number.isInteger(options.maxItems) && options.maxItems >= 1,
      `expected maxItems of at least 1, got ${options.maxItems}`,
    );
    this.#options = options;
  }

  /** Whether the item was stored. An item larger than `maxBytes` by itself is always refused. */
  push(item: T): boolean {
    const { maxItems, maxBytes = Number.POSITIVE_INFINITY, whenFull, onEvict } = this.#options;
    const bytes = this.#bytesOf(item);
    if (bytes > maxBytes) return false;
    while (this.length >= maxItems || this.#bytes + bytes > maxBytes) {
      if (whenFull === "refuse") return false;
      onEvict?.(this.shift() as T);
    }
    this.#items.push(item);
    this.#bytes += bytes;
    return true;
  }

  /** Takes the oldest item; `undefined` when empty. */
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head] as T;
    this.#items[this.#head++] = undefined;
    this.#bytes -= this.#bytesOf(item);
    // Compacting at half keeps a shift at constant amortised cost.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The oldest item, left where it is. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #bytesOf(item: T): number {
    return this.#options.bytesOf?.(item) ?? 0;
  }
}
