import type { PkiId } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";
import { digestKey } from "./digest-key.js";
import type { PulledItem, PullItems } from "./io.js";

/** Bounds of an item store and who may see what; both bounds hold, whichever is reached first. */
export interface ItemStoreOptions<Item> {
  /**
   * Items held; a further one is refused.
   * @default 10000
   */
  readonly maxItems?: number;
  /**
   * Sum of `bytesOf`; an item that would exceed it is refused.
   * @default 64 MiB
   */
  readonly maxBytes?: number;
  /** Size of an item on the wire. */
  bytesOf(item: Item): number;
  /**
   * What a requester may see: called once per message, and what it returns once per item, so that what is to be found out
   * about the requester is found out once (protocol page 05 §12.8).
   * @default everything
   */
  readonly egress?: (requester: PkiId) => (item: Item, digest: Uint8Array) => boolean;
}

interface Held<Item> extends PulledItem<Item> {
  readonly bytes: number;
}

/**
 * A bounded set of items in memory, as `Pull` needs it.
 *
 * @example
 * const items = new ItemStore<Uint8Array>({ bytesOf: (item) => item.length });
 * items.add(digest, item);
 */
export class ItemStore<Item> implements PullItems<Item> {
  readonly #items: BoundedMap<string, Held<Item>>;
  readonly #options: ItemStoreOptions<Item>;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(options: ItemStoreOptions<Item>) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#items = new BoundedMap({ maxEntries: options.maxItems ?? 10_000, whenFull: "refuse" });
  }

  /** Number of items held. */
  get size(): number {
    return this.#items.size;
  }

  /** Sum of their sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Everything held, whoever may see it. */
  get all(): Iterable<PulledItem<Item>> {
    return this.#items.values();
  }

  /** Whether the item is held now; false when there is no room. It replaces what is held under the same digest. */
  add(digest: Uint8Array, item: Item): boolean {
    const key = digestKey(digest);
    const bytes = this.bytesOf(item);
    const without = this.#bytes - (this.#items.get(key)?.bytes ?? 0);
    if (without + bytes > this.#maxBytes) return false;
    // Copied, because a view would keep the whole receive buffer for as long as the item is held.
    if (!this.#items.set(key, { digest: digest.slice(), item, bytes })) return false;
    this.#bytes = without + bytes;
    return true;
  }

  /** Whether there was one. */
  delete(digest: Uint8Array): boolean {
    const key = digestKey(digest);
    this.#bytes -= this.#items.get(key)?.bytes ?? 0;
    return this.#items.delete(key);
  }

  has(digest: Uint8Array): boolean {
    return this.#items.has(digestKey(digest));
  }

  digests(requester: PkiId): readonly Uint8Array[] {
    const mayHave = this.#options.egress?.(requester);
    const found: Uint8Array[] = [];
    for (const { digest, item } of this.#items.values()) if (mayHave?.(item, digest) ?? true) found.push(digest);
    return found;
  }

  items(requester: PkiId): (digest: Uint8Array) => Item | undefined {
    const mayHave = this.#options.egress?.(requester);
    return (digest) => {
      const held = this.#items.get(digestKey(digest));
      return held !== undefined && (mayHave?.(held.item, digest) ?? true) ? held.item : undefined;
    };
  }

  bytesOf(item: Item): number {
    return this.#options.bytesOf(item);
  }
}
