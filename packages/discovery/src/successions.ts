import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { DiscoveryMember } from "./io.js";

/**
 * Who took whose place (page 04 §13.3). A peer that comes back with a renewed certificate has a new PKI-ID at its old
 * endpoint, and nothing on the wire says that it is the same peer. So when two members say to be dialled at one endpoint,
 * the endpoint is asked who is there, at once; the reference waits until the older one has fallen silent.
 *
 * Claims cost the one who is claimed a handshake, hence an endpoint is asked once per `identifyTimeoutMs`, and
 * `maxProbes` endpoints in that time.
 */
export class Successions {
  readonly #config: DiscoveryConfig;
  readonly #asked: BoundedMap<string, Millis>;

  constructor(config: DiscoveryConfig) {
    this.#config = config;
    this.#asked = new BoundedMap({ maxEntries: config.maxProbes, whenFull: "refuse" });
  }

  /**
   * Who of those at the endpoint of `member` may have a successor there, if it is time to ask; the youngest has none.
   * `own` is our incarnation when the endpoint is ours: then they may be former lives of ourselves, under another identity.
   */
  disputed(member: DiscoveryMember, all: Iterable<DiscoveryMember>, now: Millis, own?: bigint): readonly PkiId[] {
    const endpoint = canonicalEndpoint(member.preferredEndpoint);
    if (endpoint === undefined) return [];
    const there = [...all].filter((other) => canonicalEndpoint(other.preferredEndpoint) === endpoint);
    const lives = [own ?? 0n, ...there.map(({ incarnation }) => incarnation)];
    const older = there.filter(({ incarnation }) => lives.some((other) => other > incarnation));
    return older.length > 0 && this.#mayAsk(endpoint, now) ? older.map(({ pkiId }) => pkiId) : [];
  }

  /** Whether this canonical endpoint may be asked now; then it counts as asked. */
  #mayAsk(endpoint: string, now: Millis): boolean {
    for (const [one, at] of this.#asked) if (now - at >= this.#config.identifyTimeoutMs) this.#asked.delete(one);
    return !this.#asked.has(endpoint) && this.#asked.set(endpoint, now);
  }
}
