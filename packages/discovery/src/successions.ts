import { BoundedMap, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { DiscoveryMember } from "./io.js";
import type { MemberTable } from "./members.js";
import type { OwnRecord } from "./own-record.js";
import type { Turn } from "./turn.js";

export interface SuccessionsOptions {
  readonly config: DiscoveryConfig;
  readonly turn: Turn;
  readonly table: MemberTable;
  readonly own: OwnRecord;
}

/**
 * Who took whose place (page 04 §13.3). A peer that comes back with a renewed certificate has a new PKI-ID at its old
 * endpoint, and nothing on the wire says that it is the same peer. So when two members say to be dialled at one endpoint,
 * the endpoint is asked who is there, at once; the reference waits until the older one has fallen silent.
 *
 * Claims cost the one who is claimed a handshake, hence an endpoint is asked once per `identifyTimeoutMs`, and
 * `maxProbes` endpoints in that time.
 */
export class Successions {
  readonly #options: SuccessionsOptions;
  /** Endpoints that were asked, by their canonical spelling. */
  readonly #asked: BoundedMap<string, Millis>;

  constructor(options: SuccessionsOptions) {
    this.#options = options;
    this.#asked = new BoundedMap({ maxEntries: options.config.maxProbes, whenFull: "refuse" });
  }

  /** A member is new, or moved: if others are at its endpoint, ask who is; the youngest has no successor there. */
  check({ preferredEndpoint }: DiscoveryMember): void {
    const { turn, table, own } = this.#options;
    const endpoint = canonicalEndpoint(preferredEndpoint);
    if (endpoint === undefined) return;
    const there = [...table.alive, ...table.dead].filter(
      (other) => canonicalEndpoint(other.preferredEndpoint) === endpoint,
    );
    const lives = there.map(({ incarnation }) => incarnation);
    // At our own endpoint they may be former lives of ourselves, under the identities we had.
    if (own.isAt(endpoint)) lives.push(own.incarnation);
    const older = there.filter(({ incarnation }) => lives.some((other) => other > incarnation));
    if (older.length === 0 || !this.#mayAsk(endpoint)) return;
    turn.say({ type: "verify-endpoint", endpoint: preferredEndpoint, older: older.map(({ pkiId }) => pkiId) });
  }

  /** Whether this canonical endpoint may be asked now; then it counts as asked. */
  #mayAsk(endpoint: string): boolean {
    const { turn, config } = this.#options;
    for (const [one, at] of this.#asked) if (turn.now - at >= config.identifyTimeoutMs) this.#asked.delete(one);
    return !this.#asked.has(endpoint) && this.#asked.set(endpoint, turn.now);
  }
}
