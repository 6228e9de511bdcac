import type { Connect, Release } from "@gossip/discovery";
import type { OrgId } from "@gossip/proto";
import type { ChannelUpdate } from "./api.js";

export interface AnchorsOptions {
  readonly selfOrg: OrgId;
  /** Endpoints that lead to ourselves. */
  readonly own: readonly string[];
  /** Never let go of, whatever channels say. */
  readonly bootstrap: readonly string[];
  toDiscovery(input: Connect | Release): void;
}

/**
 * The anchor peers of all channels (protocol page 07 §14): a new one is dialled, and one that no channel names any more is
 * let go of, so that it can be forgotten like any other peer.
 */
export class Anchors {
  readonly #options: AnchorsOptions;
  /** Bounded by the configurations of the channels, which the host program reads. */
  readonly #byChannel = new Map<string, ReadonlySet<string>>();

  constructor(options: AnchorsOptions) {
    this.#options = options;
  }

  /** From now on these are the channel's anchors, and no others; none when it is left. */
  set(channel: string, anchors: ChannelUpdate["anchors"]): void {
    const { selfOrg, own, toDiscovery } = this.#options;
    const before = this.#byChannel.get(channel) ?? new Set();
    const others = anchors.filter(({ endpoint }) => !own.includes(endpoint));
    const now = new Set(others.map(({ endpoint }) => endpoint));
    if (now.size === 0) this.#byChannel.delete(channel);
    else this.#byChannel.set(channel, now);
    for (const { org, endpoint } of others) {
      if (before.has(endpoint)) continue;
      toDiscovery({ type: "connect", endpoint, role: org === selfOrg ? "own-anchor" : "foreign-anchor" });
    }
    for (const endpoint of before) {
      if (!this.#isWanted(endpoint)) toDiscovery({ type: "release", endpoint });
    }
  }

  #isWanted(endpoint: string): boolean {
    return (
      this.#options.bootstrap.includes(endpoint) || [...this.#byChannel.values()].some((named) => named.has(endpoint))
    );
  }
}
