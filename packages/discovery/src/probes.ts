import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Random, sample } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import { type Exchange, noNonce } from "./exchange.js";
import type { DiscoveryMember, PingResult } from "./io.js";
import type { MemberTable } from "./members.js";
import type { OwnRecord } from "./own-record.js";
import type { Turn } from "./turn.js";

export interface ProbesOptions {
  readonly config: DiscoveryConfig;
  readonly random: Random;
  readonly turn: Turn;
  readonly table: MemberTable;
  readonly own: OwnRecord;
  readonly exchange: Pick<Exchange, "request" | "targetOf">;
}

/** Looking for the dead: they are pinged, and asked for their view when something answers (page 04 §10, §19.18). */
export class Probes {
  readonly #options: ProbesOptions;
  /** Dead members pinged in this round and not heard of. */
  readonly #pinged: BoundedMap<PkiId, true>;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#pinged = new BoundedMap({ maxEntries: options.config.maxProbes, whenFull: "refuse" });
  }

  /** Pings one dead member per endpoint, the youngest life there, since the others cannot answer. */
  round(): void {
    const { config, random, turn, table, own, exchange } = this.#options;
    this.#pinged.clear();
    const byEndpoint = new Map<string, DiscoveryMember>();
    for (const member of table.dead) {
      const endpoint = canonicalEndpoint(member.preferredEndpoint);
      // Whoever is said to be where we are is not there.
      if (endpoint === undefined || own.isAt(endpoint) || exchange.targetOf(member) === undefined) continue;
      const other = byEndpoint.get(endpoint);
      if (other === undefined || other.incarnation < member.incarnation) byEndpoint.set(endpoint, member);
    }
    for (const { pkiId, preferredEndpoint } of sample(random, [...byEndpoint.values()], config.maxProbes)) {
      this.#pinged.set(pkiId, true);
      turn.say({ type: "ping", pkiId, endpoint: preferredEndpoint });
    }
  }

  onResult({ pkiId, alive }: PingResult): void {
    const { turn, table, exchange } = this.#options;
    if (!this.#pinged.delete(pkiId)) return turn.drop("unexpected-result", pkiId);
    const member = table.get(pkiId);
    const target = member?.state === "dead" && alive ? exchange.targetOf(member) : undefined;
    if (target !== undefined) exchange.request([target], noNonce);
  }
}
