import type { PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";
import type { DiscoveryDropReason, DiscoveryOutput } from "./io.js";

/** The step under way, which all parts of the machine share: what time it is, and what is said. */
export class Turn {
  #now: Millis = 0;
  #outputs: DiscoveryOutput[] = [];
  readonly #drops = new Map<DiscoveryDropReason, { readonly from: PkiId; count: number }>();

  get now(): Millis {
    return this.#now;
  }

  begin(now: Millis): void {
    this.#now = now;
    this.#outputs = [];
  }

  say(output: DiscoveryOutput): void {
    this.#outputs.push(output);
  }

  /** Refuses something; said at the end, once per reason, with how often. */
  drop(reason: DiscoveryDropReason, from = "" as PkiId): void {
    const drop = this.#drops.get(reason);
    if (drop === undefined) this.#drops.set(reason, { from, count: 1 });
    else drop.count++;
  }

  hasDropped(reason: DiscoveryDropReason): boolean {
    return this.#drops.has(reason);
  }

  end(): readonly DiscoveryOutput[] {
    for (const [reason, { from, count }] of this.#drops) this.say({ type: "dropped", reason, from, count });
    this.#drops.clear();
    return this.#outputs;
  }
}
