import type { Envelope, Member } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import type { Disclosure } from "./disclosure.js";
import type { MemberEntry, MemberTable } from "./members.js";

/** What of a view a peer gets. */
export interface View {
  readonly alive: readonly Envelope[];
  readonly dead: readonly Envelope[];
  /** Entries looked at; fewer than there are when a bound was reached. */
  readonly visited: number;
}

export interface ViewOptions {
  readonly table: MemberTable;
  readonly target: Member;
  readonly disclosure: Disclosure;
  readonly config: DiscoveryConfig;
  /** Entries to skip at first: a view too large for one response is sent in turns. */
  readonly cursor: number;
  readonly now: Millis;
}

/** The envelopes that `target` may see, without their secrets where it may not see those (page 04 §8.4). */
export function viewFor({ table, target, disclosure, config, cursor, now }: ViewOptions): View {
  const alive: Envelope[] = [];
  const dead: Envelope[] = [];
  let bytes = 0;
  let visited = 0;
  for (const entry of rotated([...table.entries], cursor)) {
    if (alive.length + dead.length >= config.maxResponseEntries || bytes >= config.maxResponseBytes) break;
    visited++;
    const isAlive = entry.member.state === "alive";
    if (!isAlive && !table.isReportable(entry, now)) continue;
    const disclosed = disclosure(target, entry.member);
    if (disclosed === "nothing") continue;
    const { payload, signature, secret } = entry.envelope;
    const envelope = disclosed === "all" ? entry.envelope : { payload, signature };
    bytes += payload.length + signature.length + (secret ? secret.payload.length + secret.signature.length : 0);
    (isAlive ? alive : dead).push(envelope);
  }
  return { alive, dead, visited };
}

function rotated(entries: readonly MemberEntry[], by: number): readonly MemberEntry[] {
  const start = entries.length === 0 ? 0 : by % entries.length;
  return start === 0 ? entries : [...entries.slice(start), ...entries.slice(0, start)];
}
