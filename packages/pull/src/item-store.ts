// CONTRACT: being implemented; names and shapes are what the implementation will have.
import type { PkiId } from "@gossip/proto";
import type { PullItems } from "./io.js";

export interface ItemStoreOptions<Item> {
  /** Items held; when full, a further one is refused. Default 10_000. */
  readonly maxItems?: number;
  /** Sum of `bytesOf`; when it would be exceeded, the item is refused. Default 64 MiB. */
  readonly maxBytes?: number;
  bytesOf(item: Item): number;
  /** What a requester may see; called once per message. Default: everything. */
  readonly egress?: (requester: PkiId) => (item: Item, digest: Uint8Array) => boolean;
}

/** A bounded set of items in memory, as `Pull` needs it. */
export declare class ItemStore<Item> implements PullItems<Item> {
  constructor(options: ItemStoreOptions<Item>);
  readonly size: number;
  /** Whether the item is held now; false when full. An item under a digest that is held replaces it. */
  add(digest: Uint8Array, item: Item): boolean;
  delete(digest: Uint8Array): boolean;
  has(digest: Uint8Array): boolean;
  digests(requester: PkiId): Iterable<Uint8Array>;
  get(digest: Uint8Array, requester: PkiId): Item | undefined;
  bytesOf(item: Item): number;
}
