import { BoundedMap, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { DiscoveryMember } from "./io.js";
import type { MemberTable } from "./members.js";
import type { OwnRecord } from "./own-record.js";
import type { Turn } from "./turn.js";

/** By default, up to 16 minutes pass between two questions. */
const maxDoublings = 6;

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
 * While two are there and one of them is alive, it is asked again.
 *
 * Claims cost the one who is claimed a handshake, hence the second question comes `identifyTimeoutMs` after the first, the
 * pauses double, and at most `maxProbes` endpoints are in question at a time.
 */
export class Successions {
  readonly #options: SuccessionsOptions;
  /** Endpoints that were asked, by their canonical spelling: how often, and from when on they may be again. */
  readonly #asked: BoundedMap<string, { readonly times: number; readonly until: Millis }>;

  constructor(options: SuccessionsOptions) {
    this.#options = options;
    this.#asked = new BoundedMap({ maxEntries: options.config.maxProbes, whenFull: "refuse" });
  }

  /** A member is new, or moved: if others are at its endpoint, ask who is; the youngest has no successor there. */
  check({ preferredEndpoint }: DiscoveryMember): void {
    const endpoint = canonicalEndpoint(preferredEndpoint);
    if (endpoint !== undefined && !this.#asked.has(endpoint)) this.#ask(endpoint);
  }

  /** To be called now and then: asks again where the last question changed nothing. */
  again(): void {
    for (const [endpoint, { times, until }] of [...this.#asked]) {
      if (this.#options.turn.now < until) continue;
      this.#asked.delete(endpoint);
      this.#ask(endpoint, times);
    }
  }

  #ask(endpoint: string, times = 0): void {
    const { turn, table, own, config } = this.#options;
    const there = table.at(endpoint);
    const isOneAlive = there.some(({ state }) => state === "alive");
    const lives = there.map(({ incarnation }) => incarnation);
    // At our own endpoint they may be former lives of ourselves, under the identities we had.
    const isOurs = own.isAt(endpoint);
    if (isOurs) lives.push(own.incarnation);
    const older = there.filter(({ incarnation }) => lives.some((other) => other > incarnation));
    if (older.length === 0 || (!isOneAlive && !isOurs)) return;
    const until = turn.now + config.identifyTimeoutMs * 2 ** Math.min(times, maxDoublings);
    if (!this.#asked.set(endpoint, { times: times + 1, until })) return;
    turn.say({ type: "verify-endpoint", endpoint, older: older.map(({ pkiId }) => pkiId) });
  }
}
