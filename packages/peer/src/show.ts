import type { Deliver } from "@gossip/deliver";
import type { Channel, ChannelMemberView, GossipNode, MemberView, Refusal } from "@gossip/node";
import type {
  ChannelEntry,
  ChannelMemberEntry,
  ChannelsView,
  DeliverEntry,
  HealthCheck,
  LeadershipEntry,
  MemberEntry,
  MembersView,
  RefusalEntry,
} from "./views.js";

/** What `/gossip/members` shows. `refusals` are those that the node does not know of: blocks from orderers. */
export function showMembers(
  self: { readonly id: string; readonly startedAt: string },
  node: GossipNode,
  refusals: readonly Refusal[],
): MembersView {
  return {
    self: {
      id: self.id,
      pkiId: node.pkiId,
      org: node.org,
      endpoint: node.endpoint,
      incarnation: String(node.incarnation),
      startedAt: self.startedAt,
      expiresAt: showDate(node.expiresAtWallMs),
    },
    members: [...byPkiId(node.members), ...byPkiId(node.deadMembers)].map(showMember),
    connections: byPkiId(node.connections).map(({ pkiId, direction, remoteAddress, queuedMessages, queuedBytes }) => ({
      pkiId,
      direction,
      remoteAddress,
      queuedMessages,
      queuedBytes,
    })),
    drops: Object.fromEntries([...node.drops].sort(([a], [b]) => (a < b ? -1 : 1))),
    refusals: [...node.refusals, ...refusals].sort((a, b) => a.atWallMs - b.atWallMs).map(showRefusal),
  };
}

/** What `/gossip/channels` shows. */
export function showChannels(
  channels: ReadonlyMap<string, Channel>,
  deliverOf: (channel: string) => Deliver | undefined,
): ChannelsView {
  return {
    channels: [...channels.values()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((channel) => showChannel(channel, deliverOf(channel.id))),
  };
}

/**
 * The checks of `/healthz` (protocol page 12 §7 no. 10). A peer alone is no failure: it may be the first to start. Nor is a
 * channel that our organization is not in, `absences` with their reasons: starting again would not change it.
 */
export function showHealth(
  node: GossipNode,
  channels: ReadonlyMap<string, Channel>,
  absences: ReadonlyMap<string, string> = new Map(),
): readonly HealthCheck[] {
  const [alive, dead] = [node.members.length, node.deadMembers.length];
  const { health } = node;
  const detail = health.ok ? `${alive} members alive, ${dead} dead` : health.detail;
  const gossip = { component: "gossip", ok: health.ok, detail };
  const ofChannels = [...channels.values()].map((channel) => ({
    component: `channel/${channel.id}`,
    ok: channel.health.ok,
    detail: channel.health.ok ? `height ${channel.height}` : channel.health.detail,
  }));
  const absent = [...absences].map(([id, detail]) => ({ component: `channel/${id}`, ok: true, detail }));
  return [gossip, ...ofChannels, ...absent];
}

function showDate(wallMs: number | undefined): string | null {
  return wallMs === undefined ? null : new Date(wallMs).toISOString();
}

function showMember(member: MemberView): MemberEntry {
  return {
    pkiId: member.pkiId,
    org: member.org ?? null,
    endpoint: member.endpoint,
    internalEndpoint: member.internalEndpoint,
    state: member.state,
    incarnation: String(member.incarnation),
    sequence: String(member.sequence),
    lastSeenMs: Math.round(member.lastSeenMs),
    expiresAt: showDate(member.expiresAtWallMs),
  };
}

function showChannel(channel: Channel, deliver: Deliver | undefined): ChannelEntry {
  const { lastBlock, health, buffered } = channel;
  return {
    channel: channel.id,
    height: String(channel.height),
    leader: channel.isLeader,
    leaders: byPkiId(channel.leaders).map(({ pkiId, lastSeenMs }) => ({ pkiId, lastSeenMs: Math.round(lastSeenMs) })),
    leadership: showLeadership(channel.leadership),
    lastBlock:
      lastBlock === undefined
        ? null
        : { number: String(lastBlock.number), hash: Buffer.from(lastBlock.hash).toString("hex") },
    buffered: { blocks: buffered.blocks, bytes: buffered.bytes },
    health: health.ok ? { ok: true } : { ok: false, detail: health.detail },
    members: byPkiId(channel.members).map(showChannelMember),
    deliver: deliver === undefined ? null : showDeliver(deliver),
  };
}

function showLeadership({ mode, leader, isYielding, history }: Channel["leadership"]): LeadershipEntry {
  return {
    mode,
    leader: leader ?? null,
    yielding: isYielding,
    history: history.map(({ atWallMs, leader, previous, reason }) => {
      return { at: new Date(atWallMs).toISOString(), leader: leader ?? null, previous: previous ?? null, reason };
    }),
  };
}

function showChannelMember(member: ChannelMemberView): ChannelMemberEntry {
  return {
    pkiId: member.pkiId,
    org: member.org ?? null,
    endpoint: member.endpoint,
    internalEndpoint: member.internalEndpoint,
    state: member.state,
    height: String(member.properties.ledgerHeight),
    lastSeenMs: Math.round(member.lastSeenMs),
  };
}

function showDeliver({ status }: Deliver): DeliverEntry {
  return {
    state: status.state,
    endpoint: status.endpoint ?? null,
    next: String(status.next),
    failures: status.failures,
    lastFailure: status.lastFailure ?? null,
  };
}

function showRefusal({ atWallMs, what, from, org, reason, detail, count }: Refusal): RefusalEntry {
  return { at: new Date(atWallMs).toISOString(), what, from, org, reason, detail, count };
}

function byPkiId<T extends { readonly pkiId: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (a.pkiId < b.pkiId ? -1 : 1));
}
