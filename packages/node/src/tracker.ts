import type { ChannelMemberView } from "./api.js";

/** What changed among the members of a channel; each member as its endpoints, the external one first. */
export interface MembershipChange {
  readonly offline: readonly string[];
  readonly online: readonly string[];
  readonly current: readonly string[];
}

/** Compares the members of a channel from time to time, for the log (protocol page 07 §15). */
export class MembershipTracker {
  #known: ReadonlyMap<string, string> = new Map();

  /**
   * What changed since the last time; `undefined` when nothing did, or when the same endpoints only go by other
   * identities, as after the renewal of a certificate.
   */
  update(members: readonly ChannelMemberView[]): MembershipChange | undefined {
    const current = new Map<string, string>(members.map((member) => [member.pkiId, endpointsOf(member)]));
    const offline = missing(this.#known, current);
    const online = missing(current, this.#known);
    this.#known = current;
    if (offline.join() === online.join()) return undefined;
    return { offline, online, current: [...current.values()].sort() };
  }
}

/** Endpoints of those in `from` who are not in `among`. */
function missing(from: ReadonlyMap<string, string>, among: ReadonlyMap<string, string>): readonly string[] {
  const gone = [...from].filter(([pkiId]) => !among.has(pkiId));
  return gone.map(([, endpoints]) => endpoints).sort();
}

function endpointsOf({ endpoint, internalEndpoint }: ChannelMemberView): string {
  const endpoints = new Set([endpoint, internalEndpoint].filter((one) => one !== ""));
  return [...endpoints].join(" ");
}
