import type { BlockRefusal } from "@gossip/deliver";
import type { Refusal } from "@gossip/node";
import { BoundedMap } from "@gossip/runtime";
import type { TrustedChannel } from "./trust.js";

const maxRefusals = 100;

/** Blocks refused from orderers, which the node never sees; shown beside the node's own refusals. */
export class OrdererRefusals {
  readonly #refusals = new BoundedMap<string, Refusal>({ maxEntries: maxRefusals, whenFull: "evict-oldest" });

  /** Remembers a refusal; the same one again only raises its count. */
  add({ id, terms }: TrustedChannel, { endpoint, blockNumber, reason, detail }: BlockRefusal, atWallMs: number): void {
    const key = `${id} ${endpoint} ${reason}`;
    this.#refusals.set(key, {
      atWallMs,
      what: "block",
      from: endpoint,
      org: terms.orderers.find(({ address }) => address === endpoint)?.org ?? "",
      reason,
      detail: `channel ${id}, block ${blockNumber}: ${detail}`,
      count: (this.#refusals.get(key)?.count ?? 0) + 1,
    });
  }

  /** Oldest first. */
  get all(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }
}
