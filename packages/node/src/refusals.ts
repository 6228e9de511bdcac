import { BoundedMap, type Counter, type Metrics } from "@gossip/runtime";
import type { Refusal } from "./api.js";

/** What is kept of refusals, so that an operator can ask who was refused and why. */
const maxRefusals = 200;

/** Counts what was dropped, by layer and reason; and remembers who was refused, by name. */
export class DropLedger {
  // Reasons come from closed sets, so this map is bounded by the program text.
  readonly #counts = new Map<string, number>();
  readonly #dropped: Counter;
  readonly #refused: Counter;
  readonly #refusals = new BoundedMap<string, Refusal>({ maxEntries: maxRefusals, whenFull: "evict-oldest" });

  constructor(metrics: Metrics) {
    this.#dropped = metrics.counter({
      name: "gossip_dropped_total",
      help: "Messages, or parts of them, that were dropped, by layer and reason",
      labels: ["layer", "reason"],
    });
    this.#refused = metrics.counter({
      name: "gossip_refused_total",
      help: "Handshakes, messages and blocks that were refused because of who made them or how",
      labels: ["what", "reason"],
    });
  }

  count(layer: string, reason: string, count = 1): void {
    const key = `${layer}/${reason}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    this.#dropped.add(count, { layer, reason });
  }

  /** Remembers a refusal; the same one again only raises its count. */
  refuse(refusal: Omit<Refusal, "count">): Refusal {
    const key = `${refusal.what} ${refusal.from} ${refusal.reason}`;
    this.#refused.add(1, { what: refusal.what, reason: refusal.reason });
    const counted = { ...refusal, count: (this.#refusals.get(key)?.count ?? 0) + 1 };
    this.#refusals.set(key, counted);
    return counted;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get refusals(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }
}
