/**
 * To whom an emitted message goes (protocol page 06 §B3, page 07 §11.3 to §11.5). Pure functions over a view.
 *
 * Every filter is applied before peers are drawn, so no fan-out is lost (page 06 §F 16).
 */

import type { Verified } from "@gossip/crypto";
import type { AliveMessage, DataMessage, Envelope, LeadershipMessage, OrgId, PkiId, StateInfo } from "@gossip/proto";
import { type Millis, type Random, sample, samplePreferring, unreachable } from "@gossip/runtime";
import type { Keyed } from "./emitter.js";

/** A message on its way to peers that are chosen at random. */
export interface Emission extends Keyed {
  readonly message: AliveMessage | StateInfo | DataMessage | LeadershipMessage;
  /** Exactly as received or signed; the secret is removed per target where it must be. */
  readonly envelope: Envelope;
  /** The channel it belongs to; empty for alive messages and for state info of channels we are not in. */
  readonly channel: string;
  /** The peer it came from, which does not get it back; `undefined` for our own. */
  readonly except: PkiId | undefined;
}

/** A state info on its way; a newer one of the same author and channel supersedes it. */
export function stateInfoEmission(
  channel: string,
  info: Verified<StateInfo>,
  except: PkiId | undefined,
  waitMs: Millis = 0,
): Emission {
  const { message, envelope } = info;
  const key = `state-info ${message.pkiId} ${Buffer.from(message.channelMac).toString("hex")}`;
  return { key, message, envelope, channel, except, waitMs: waitMs || undefined };
}

/** One message for one peer. */
export interface Delivery {
  readonly to: PkiId;
  readonly envelope: Envelope;
  readonly lane: "control" | "block";
}

/** A channel as routing sees it. */
export interface RoutableChannel {
  isOrgInChannel(pkiId: PkiId): boolean;
  isEligible(pkiId: PkiId): boolean;
  /** Number of blocks the peer says it has; `undefined` when it said nothing. */
  heightOf(pkiId: PkiId): bigint | undefined;
}

export interface RoutingView {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  /** Alive members, self excluded. */
  readonly alive: readonly PkiId[];
  orgOf(pkiId: PkiId): OrgId | undefined;
  /** Known with an endpoint that other organizations may see. */
  isVisible(pkiId: PkiId): boolean;
  /** Connected, or about to be. */
  readonly isLinked: (pkiId: PkiId) => boolean;
  channel(id: string): RoutableChannel | undefined;
  /** Peers per message. */
  readonly fanOut: number;
  /** Connected peers that are enough for an alive message or a state info, so that nobody is dialled for it. */
  readonly enoughLinks: number;
  readonly random: Random;
}

/** What one burst is routed by. */
interface BurstView extends RoutingView {
  /**
   * Those of `alive` that are connected or about to be, and if they are too few some others, in an order of chance. All
   * of the burst goes to the first that may have it, so that few peers get several messages at once and are woken once.
   */
  readonly first: readonly PkiId[];
  /** For an alive message or a state info nobody is dialled, if one of those connected may have it. */
  readonly hasEnoughLinks: boolean;
}

/** Chooses peers for a burst. Order of the burst is kept towards every peer. */
export function routeBurst(burst: readonly Emission[], source: RoutingView): readonly Delivery[] {
  // Members are listed once: a list of all of them for each message is what a large network would feel.
  const { alive, random, fanOut, enoughLinks, isLinked } = source;
  const linked = sample(random, alive, alive.length, isLinked);
  const hasEnoughLinks = linked.length >= enoughLinks;
  const missing = hasEnoughLinks ? 0 : fanOut - linked.length;
  const others = sample(random, alive, missing, (pkiId) => !isLinked(pkiId));
  const view: BurstView = { ...source, alive, first: [...linked, ...others], hasEnoughLinks };
  const blockTargets = new Map<string, readonly PkiId[]>();
  return burst.flatMap((emission) => {
    switch (emission.message.type) {
      case "data":
        return routeBlock(emission, emission.message, blockTargets, view);
      case "leadership":
        return routeLeadership(emission, view);
      case "state-info":
        return routeStateInfo(emission, emission.message, view);
      case "alive":
        return routeAlive(emission, emission.message, view);
      default:
        return unreachable(emission.message);
    }
  });
}

/**
 * Blocks stay in the organization, and go to nobody who has them. One draw serves all blocks of a channel in the burst
 * that came the same way: who lacks the first, which is the lowest as a rule, lacks the others. Where nobody who was drawn lacks
 * one, those who do are drawn from anew.
 */
function routeBlock(
  emission: Emission,
  { payload }: DataMessage,
  drawn: Map<string, readonly PkiId[]>,
  view: RoutingView,
): Delivery[] {
  const channel = view.channel(emission.channel);
  if (channel === undefined) return [];
  const lacksIt = (pkiId: PkiId) => (channel.heightOf(pkiId) ?? 0n) <= payload.blockNumber;
  const way = `${emission.channel} ${emission.except ?? ""}`;
  let targets: readonly PkiId[] = drawn.get(way)?.filter(lacksIt) ?? [];
  if (targets.length === 0) {
    const isCandidate = (pkiId: PkiId) =>
      view.orgOf(pkiId) === view.selfOrg && channel.isEligible(pkiId) && lacksIt(pkiId);
    targets = draw(emission, view, isCandidate);
    drawn.set(way, targets);
  }
  return targets.map((to) => ({ to, envelope: emission.envelope, lane: "block" }));
}

/** Leadership goes to everybody who is led: few messages, and each must know of them. */
function routeLeadership({ envelope, except, channel: id }: Emission, view: RoutingView): Delivery[] {
  const channel = view.channel(id);
  if (channel === undefined) return [];
  return view.alive
    .filter((pkiId) => pkiId !== except && view.orgOf(pkiId) === view.selfOrg && channel.isEligible(pkiId))
    .map((to) => ({ to, envelope, lane: "control" }));
}

/** State info crosses organizations only when its subject shows itself to them. */
function routeStateInfo(emission: Emission, { pkiId: subject }: StateInfo, view: BurstView): Delivery[] {
  const channel = view.channel(emission.channel);
  const isCandidate =
    channel !== undefined && view.isVisible(subject)
      ? (pkiId: PkiId) => channel.isOrgInChannel(pkiId)
      : (pkiId: PkiId) => view.orgOf(pkiId) === view.selfOrg;
  return drawFirst(emission, view, (pkiId) => pkiId !== subject && isCandidate(pkiId)).map((to) => ({
    to,
    envelope: emission.envelope,
    lane: "control",
  }));
}

function routeAlive(emission: Emission, { member }: AliveMessage, view: BurstView): Delivery[] {
  const author = member.pkiId === view.self ? view.selfOrg : view.orgOf(member.pkiId);
  if (author === undefined) return [];
  const isOwn = author === view.selfOrg;
  const isCandidate = (pkiId: PkiId) => {
    const target = view.orgOf(pkiId);
    if (target === undefined || pkiId === member.pkiId) return false;
    // Who hides from other organizations stays in ours, and whoever hides learns nothing of others.
    if (isOwn) return target === view.selfOrg || member.endpoint !== "";
    return (target === view.selfOrg || target === author) && view.isVisible(pkiId);
  };
  return drawFirst(emission, view, isCandidate).map((to) => ({
    to,
    envelope: view.orgOf(to) === view.selfOrg ? emission.envelope : withoutSecret(emission.envelope),
    lane: "control",
  }));
}

/**
 * The first of the burst's peers that may have it. When enough peers are connected, nobody is dialled to make up for those of
 * them that have the message already. Views and state infos are compared by the clock too, so nobody depends on this one push.
 */
function drawFirst(emission: Emission, view: BurstView, isCandidate: (pkiId: PkiId) => boolean): readonly PkiId[] {
  const isEligible = (pkiId: PkiId) => pkiId !== emission.except && isCandidate(pkiId);
  const drawn = view.first.filter(isEligible).slice(0, view.fanOut);
  if (drawn.length === view.fanOut || (drawn.length > 0 && view.hasEnoughLinks)) return drawn;
  const others = draw(emission, view, (pkiId) => !drawn.includes(pkiId) && isCandidate(pkiId));
  return [...drawn, ...others].slice(0, view.fanOut);
}

/** A dial costs far more than a message, so whoever is connected comes first; rounds that ask everybody in turn bring new connections. */
function draw({ except }: Emission, view: RoutingView, isCandidate: (pkiId: PkiId) => boolean): readonly PkiId[] {
  const isEligible = (pkiId: PkiId) => pkiId !== except && isCandidate(pkiId);
  return samplePreferring(view.random, view.alive, view.fanOut, view.isLinked, isEligible);
}

/** The same signed bytes without the internal endpoint, for other organizations (page 01 §3.7). */
export function withoutSecret(envelope: Envelope): Envelope {
  return envelope.secret === undefined ? envelope : { payload: envelope.payload, signature: envelope.signature };
}
