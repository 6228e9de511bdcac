/**
 * Who is in a channel and how high its ledgers are (protocol page 07 §7 and §10).
 *
 * Roles and messages: every member publishes a signed state info (height, whether it left) and keeps the newest of each
 * other member; a state-info pull request is answered with a snapshot of all of them. State info is also the ticket for
 * blocks: only members whose state info we hold are pushed to.
 *
 * States: our own properties are clean (signed and published) or dirty. They become dirty by `height`, are signed
 * through the outputs `sign`, and clean when `signed` comes back with the height of now. A member that came up is lacking
 * until a state info of it comes, or it was asked for a few times. Leaving ends it: one last state info says so, and then
 * nothing more.
 *
 * Timers: `publish` (a dirty state info waits until `minPublishGapMs` lie between two, more in a row, and is signed again after
 * `publishStateInfoIntervalMs` if that failed), `request` (state-info pull requests), `greet` (those who came up, together),
 * `ask` (for what is lacking, less and less often), `sweep` (forget members that discovery no longer knows).
 *
 * Invariants: at most one state info per PKI-ID, never older than one held before, and of an organization of the channel;
 * our own sequence always grows.
 *
 * Deviations from the reference: a change is published as soon as the gap allows rather than on the next tick, and
 * signed even when nobody is alive, so that our own view is never stale (§16 items 7, 8); members that left are not
 * eligible (§16 item 9); one bad element does not hide the rest of a snapshot (§16 item 6); to a foreign organization
 * go only its own subjects and those of ours that show themselves, us included (§16 item 6); large snapshots are cut (page 01 §14 item 5);
 * who was alone publishes anew, and state infos of new members are asked for soon. Who was there before tells a newcomer
 * of itself only if they are connected: the newcomer asks for all of them at once, and a dial costs more than that.
 * Who leaves tells every member itself and stops speaking; the reference goes on publishing (§5.2).
 */

import type { Verified } from "@gossip/crypto";
import {
  type Chaincode,
  comparePeerTime,
  type Envelope,
  type OrgId,
  type PeerTime,
  type PkiId,
  type Properties,
  type StateInfo,
} from "@gossip/proto";
import {
  BoundedMap,
  type Machine,
  type Millis,
  type Random,
  samplePreferring,
  Timers,
  type Wake,
} from "@gossip/runtime";
import { StateInfos } from "./state-infos.js";

export interface ChannelGossipConfig {
  readonly publishStateInfoIntervalMs: Millis;
  readonly requestStateInfoIntervalMs: Millis;
  /** State infos of members that discovery has forgotten go after at most this long: 5 × pullInterval. */
  readonly sweepIntervalMs: Millis;
  /**
   * Shortest time between two publications. `Infinity`: we publish, and ask, in fixed periods alone, as the reference does.
   */
  readonly minPublishGapMs: Millis;
  /** Peers asked for state info at a time. */
  readonly pullPeerNum: number;
  /** Members of the channel that are kept track of. */
  readonly maxMembers: number;
  /** Bytes of state infos in one snapshot; more of them are several snapshots. */
  readonly maxSnapshotBytes: number;
  /** Bytes of the state infos held, of one organization at most half. */
  readonly maxStateInfosBytes: number;
}

/** What the machine may know of the members, without knowing the discovery machine. */
export interface MembershipView {
  /** PKI-IDs of the alive members, self excluded. */
  readonly alive: Iterable<PkiId>;
  /** Known at all, alive or dead. */
  knows(pkiId: PkiId): boolean;
  /** Has an endpoint that other organizations may see. */
  isVisible(pkiId: PkiId): boolean;
  /** Connected, or about to be. */
  isLinked(pkiId: PkiId): boolean;
  orgOf(pkiId: PkiId): OrgId | undefined;
}

export interface ChannelGossipOptions {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  readonly organizations: readonly OrgId[];
  /** Nanoseconds since 1970; larger than in any earlier life of this peer. */
  readonly incarnation: bigint;
  /** The last sequence of an earlier stay in the channel; ours are larger. @default 0 */
  readonly afterSequence?: bigint;
  readonly height: bigint;
  readonly membership: MembershipView;
  readonly config: ChannelGossipConfig;
  readonly random: Random;
}

export type ChannelGossipInput =
  | { readonly type: "start" }
  | { readonly type: "state-info"; readonly info: Verified<StateInfo>; readonly from: PkiId }
  | { readonly type: "snapshot"; readonly elements: readonly Verified<StateInfo>[]; readonly from: PkiId }
  | { readonly type: "pull-request"; readonly from: PkiId }
  | { readonly type: "height"; readonly height: bigint }
  /** What the program says that this peer has. */
  | { readonly type: "chaincodes"; readonly chaincodes: readonly Chaincode[] }
  /** Our own state info, signed: the answer to `sign`. */
  | { readonly type: "signed"; readonly info: Verified<StateInfo> }
  /** The channel is of these organizations now. */
  | { readonly type: "organizations"; readonly organizations: readonly OrgId[] }
  /** A state info that was held when trust changed, and is not good any more. */
  | { readonly type: "distrusted"; readonly info: Verified<StateInfo> }
  /** Whoever this was is nobody any more: revoked, expired or replaced. */
  | { readonly type: "identity-removed"; readonly pkiId: PkiId }
  /** The last input: what is signed after it says that we left. */
  | { readonly type: "leave" }
  | { readonly type: "member-up"; readonly pkiId: PkiId };

export type ChannelGossipOutput =
  | { readonly type: "sign"; readonly time: PeerTime; readonly properties: Properties }
  /** Both may wait so long for others to share a burst with. */
  | { readonly type: "publish"; readonly info: Verified<StateInfo>; readonly waitMs: Millis }
  | { readonly type: "forward"; readonly info: Verified<StateInfo>; readonly except: PkiId; readonly waitMs: Millis }
  /** Send our state info to these, and to nobody else. */
  | { readonly type: "tell"; readonly info: Verified<StateInfo>; readonly to: readonly PkiId[] }
  | { readonly type: "request"; readonly to: readonly PkiId[] }
  | { readonly type: "respond"; readonly to: PkiId; readonly elements: readonly Envelope[] }
  /** Everybody was told that we left. */
  | { readonly type: "left" }
  /** A member of the channel came, went, or grew. */
  | { readonly type: "peers-changed" }
  | { readonly type: "dropped"; readonly reason: ChannelDropReason; readonly from: PkiId };

export type ChannelDropReason =
  | "stale-state-info"
  | "not-in-channel"
  | "unknown-member"
  | "too-many-members"
  | "own-state-info"
  /** Held until the channel's trust changed. */
  | "not-trusted-now";

type TimerName = "publish" | "request" | "greet" | "ask" | "sweep";

/** Questions for the state info of a member that came up; then it is left to those that are asked by the clock. */
const maxQuestions = 4;

/**
 * Part of the reference's interval that lies between two publications while the height goes on growing. Who missed a block
 * asks those whose state infos say that they have it, so these must not lag far behind.
 */
const longestGap = 0.25;

/** Members of a channel up to which state infos wait for nobody. */
const smallChannel = 10;
/** How long a state info may wait for others, as a part of `minPublishGapMs`. */
const patience = 0.5;

/** A member that came up, and what was held of it then, from before it went. */
interface Lacking {
  readonly before: Verified<StateInfo> | undefined;
  readonly questions: number;
}

export class ChannelGossip implements Machine<ChannelGossipInput, ChannelGossipOutput> {
  readonly #options: ChannelGossipOptions;
  #organizations: ReadonlySet<OrgId>;
  readonly #timers = new Timers<TimerName>();
  readonly #infos: StateInfos;
  /** Members that came up and were not told of us yet. */
  readonly #newcomers: BoundedMap<PkiId, true>;
  /** Members that came up and did not say yet whether they are in the channel. */
  readonly #lacking: BoundedMap<PkiId, Lacking>;
  /** Least distance to the next publication: longer while the height goes on growing, for everybody forwards each. */
  #publishGap: Millis;
  /** Until the next question for what is lacking. */
  #askDelay: Millis;
  /** Whether something that was lacking has come since the last question. */
  #isFruitful = false;
  /** Until the next question by the clock: longer and longer, as long as the answers bring nothing. */
  #requestDelay: Millis;
  /** Whether nobody of the channel's organizations was alive when we last looked. */
  #wasAlone = true;
  /** Whether our state info is to be published for those who are alive now. */
  #isUnheard = false;
  #own: Verified<StateInfo> | undefined;
  #height: bigint;
  #chaincodes: readonly Chaincode[] = [];
  #sequence: bigint;
  /** Whether nothing is to be said that our newest state info does not say. */
  #isClean = false;
  #isLeaving = false;
  #startedAt: Millis = 0;
  #publishedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(options: ChannelGossipOptions) {
    this.#options = options;
    this.#organizations = new Set(options.organizations);
    this.#height = options.height;
    this.#sequence = options.afterSequence ?? 0n;
    const bound = { maxEntries: options.config.maxMembers, whenFull: "refuse" } as const;
    this.#infos = new StateInfos({ maxEntries: bound.maxEntries, maxBytes: options.config.maxStateInfosBytes });
    this.#newcomers = new BoundedMap(bound);
    this.#lacking = new BoundedMap(bound);
    this.#publishGap = this.#shortestGap;
    this.#askDelay = 2 * options.config.minPublishGapMs;
    this.#requestDelay = options.config.requestStateInfoIntervalMs;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: ChannelGossipInput | Wake, now: Millis): readonly ChannelGossipOutput[] {
    switch (input.type) {
      case "start":
        return this.#onStart(now);
      case "state-info":
        return this.#onStateInfo(input.info, input.from);
      case "snapshot":
        return this.#onSnapshot(input.elements, input.from, now);
      case "pull-request":
        return this.#onPullRequest(input.from);
      case "height":
        return this.#onHeight(input.height, now);
      case "chaincodes":
        return this.#onChaincodes(input.chaincodes, now);
      case "signed":
        return this.#onSigned(input.info);
      case "member-up":
        return this.#onMemberUp(input.pkiId, now);
      case "organizations":
        return this.#onOrganizations(input.organizations);
      case "distrusted":
        return this.#onDistrusted(input.info);
      case "identity-removed":
        this.#newcomers.delete(input.pkiId);
        this.#lacking.delete(input.pkiId);
        return this.#forget((pkiId) => pkiId === input.pkiId);
      case "leave":
        this.#isLeaving = true;
        return this.#publish(now);
      case "wake":
        return this.#timers.expire(now).flatMap((timer) => this.#onTimer(timer, now));
    }
  }

  // Handlers

  #onStart(now: Millis): readonly ChannelGossipOutput[] {
    this.#startedAt = now;
    this.#timers.set("request", now + this.#requestDelay);
    this.#timers.set("sweep", now + this.#options.config.sweepIntervalMs);
    if (!this.#isByClock) return [...this.#publish(now), ...this.#request()];
    this.#timers.set("publish", now + this.#options.config.publishStateInfoIntervalMs);
    return [];
  }

  #onTimer(timer: TimerName, now: Millis): readonly ChannelGossipOutput[] {
    const { config } = this.#options;
    switch (timer) {
      case "publish":
        if (this.#isByClock) return this.#onTick(now);
        this.#publishGap = Math.max(
          this.#shortestGap,
          Math.min(2 * this.#publishGap, config.publishStateInfoIntervalMs * longestGap),
        );
        return this.#publish(now);
      case "request":
        this.#timers.set("request", now + this.#requestDelay);
        if (!this.#isByClock)
          this.#requestDelay = Math.min(2 * this.#requestDelay, 4 * config.requestStateInfoIntervalMs);
        return this.#request();
      case "greet":
        return this.#greet();
      case "ask":
        return this.#ask(now);
      case "sweep":
        this.#timers.set("sweep", now + config.sweepIntervalMs);
        return this.#sweep();
    }
  }

  #onStateInfo(info: Verified<StateInfo>, from: PkiId): readonly ChannelGossipOutput[] {
    const isToldByAsking = this.#isCrowded && this.#infos.get(info.message.pkiId) === undefined;
    const refused = this.#store(info);
    if (refused !== undefined) return [{ type: "dropped", reason: refused, from }];
    if (isToldByAsking) return [{ type: "peers-changed" }];
    return [{ type: "forward", info, except: from, waitMs: this.#patience }, { type: "peers-changed" }];
  }

  #onSnapshot(elements: readonly Verified<StateInfo>[], from: PkiId, now: Millis): readonly ChannelGossipOutput[] {
    const outputs: ChannelGossipOutput[] = [];
    let stored = false;
    for (const info of elements) {
      const refused = this.#options.membership.knows(info.message.pkiId) ? this.#store(info) : "unknown-member";
      if (refused === undefined) stored = true;
      else outputs.push({ type: "dropped", reason: refused, from });
    }
    if (!stored) return outputs;
    if (this.#isFruitful && this.#lacking.size > 0) this.#advance("ask", now + this.#shortestAskDelay);
    this.#hurry(now);
    return [...outputs, { type: "peers-changed" }];
  }

  #onPullRequest(from: PkiId): readonly ChannelGossipOutput[] {
    const { membership, selfOrg } = this.#options;
    const requester = membership.orgOf(from);
    if (requester === undefined) return [{ type: "dropped", reason: "unknown-member", from }];
    const isOwnOrg = requester === selfOrg;
    const elements: Envelope[] = [];
    if (this.#own !== undefined && this.#mayBeTold(from)) elements.push(this.#own.envelope);
    for (const info of this.#infos.all) {
      const subject = info.message.pkiId;
      const org = membership.orgOf(subject);
      const isShown = isOwnOrg || org === requester || (org === selfOrg && membership.isVisible(subject));
      if (isShown) elements.push(info.envelope);
    }
    return this.#cut(elements).map((part) => ({ type: "respond", to: from, elements: part }));
  }

  #onHeight(height: bigint, now: Millis): readonly ChannelGossipOutput[] {
    if (height === this.#height) return [];
    this.#height = height;
    this.#isClean = false;
    if (this.#isByClock) return [];
    const at = this.#publishedAt + this.#publishGap;
    if (at > now) {
      this.#advance("publish", at);
      return [];
    }
    this.#publishGap = this.#shortestGap;
    return this.#publish(now);
  }

  /** At once, whether or not anybody is there: it is rare, and clients wait for it (page 07 §10.1). */
  #onChaincodes(chaincodes: readonly Chaincode[], now: Millis): readonly ChannelGossipOutput[] {
    this.#chaincodes = chaincodes;
    this.#isClean = false;
    return this.#publish(now);
  }

  #onSigned(info: Verified<StateInfo>): readonly ChannelGossipOutput[] {
    const { time, properties } = info.message;
    if (this.#own !== undefined && comparePeerTime(time, this.#own.message.time) <= 0) return [];
    this.#own = info;
    if (properties.leftChannel) {
      const to = [...this.#options.membership.alive].filter((id) => this.#isOrgInChannel(id) && this.#mayBeTold(id));
      return to.length === 0 ? [{ type: "left" }] : [{ type: "tell", info, to }, { type: "left" }];
    }
    // Otherwise the height has grown while the signature was made, and the next publication is due already.
    this.#isClean = properties.ledgerHeight === this.#height && properties.chaincodes === this.#chaincodes;
    if (this.#isClean && !this.#isByClock) this.#timers.clear("publish");
    return [{ type: "publish", info, waitMs: this.#patience }];
  }

  #onMemberUp(pkiId: PkiId, now: Millis): readonly ChannelGossipOutput[] {
    if (!this.#isOrgInChannel(pkiId) || this.#isByClock) return [];
    this.#newcomers.set(pkiId, true);
    this.#lacking.set(pkiId, { before: this.#infos.get(pkiId), questions: 0 });
    if (this.#wasAlone) this.#isUnheard = true;
    this.#wasAlone = false;
    this.#hurry(now);
    // Soon, so that those who come in a burst share one round; asked later, for they are about to tell by themselves.
    this.#advance("greet", now + this.#options.config.minPublishGapMs);
    this.#advance("ask", now + this.#askDelay);
    return [];
  }

  #onOrganizations(organizations: readonly OrgId[]): readonly ChannelGossipOutput[] {
    this.#organizations = new Set(organizations);
    return this.#forget((pkiId) => !this.#isOrgInChannel(pkiId));
  }

  /** A newer one that came meanwhile was judged under the new trust, and stays. */
  #onDistrusted(info: Verified<StateInfo>): readonly ChannelGossipOutput[] {
    const { pkiId } = info.message;
    if (this.#infos.get(pkiId) !== info) return [];
    return [{ type: "dropped", reason: "not-trusted-now", from: pkiId }, ...this.#forget((one) => one === pkiId)];
  }

  // Queries

  /** The state infos held, own excluded. */
  get infos(): readonly Verified<StateInfo>[] {
    return this.#infos.all;
  }

  /** The sequence of our newest state info, signed or about to be. */
  get sequence(): bigint {
    return this.#sequence;
  }

  /** Cheap test before a signature is checked: would this state info be news? */
  wants(info: StateInfo): boolean {
    const held = info.pkiId === this.#options.self ? undefined : this.#infos.get(info.pkiId);
    return (
      info.pkiId !== this.#options.self && (held === undefined || comparePeerTime(info.time, held.message.time) > 0)
    );
  }

  /** Whether the peer's organization is one of the channel's. */
  isOrgInChannel(pkiId: PkiId): boolean {
    return this.#isOrgInChannel(pkiId);
  }

  /** Whether blocks may be pushed to the peer: it said that it is in the channel, and did not leave. */
  isEligible(pkiId: PkiId): boolean {
    return this.#infos.get(pkiId)?.message.properties.leftChannel === false && this.#isOrgInChannel(pkiId);
  }

  /** What a member of the channel last said of itself. */
  propertiesOf(pkiId: PkiId): Properties | undefined {
    return this.#infos.get(pkiId)?.message.properties;
  }

  /** Alive members that are in the channel and did not leave it, self excluded. */
  get members(): readonly { readonly pkiId: PkiId; readonly properties: Properties }[] {
    const members: { pkiId: PkiId; properties: Properties }[] = [];
    for (const pkiId of this.#options.membership.alive) {
      const properties = this.propertiesOf(pkiId);
      if (properties !== undefined && this.isEligible(pkiId)) members.push({ pkiId, properties });
    }
    return members;
  }

  get organizations(): ReadonlySet<OrgId> {
    return this.#organizations;
  }

  // What the handlers need

  #store(info: Verified<StateInfo>): ChannelDropReason | undefined {
    const { pkiId } = info.message;
    if (pkiId === this.#options.self) return "own-state-info";
    const org = this.#options.membership.orgOf(pkiId);
    if (org === undefined || !this.#organizations.has(org)) return "not-in-channel";
    if (!this.wants(info.message)) return "stale-state-info";
    if (!this.#infos.set(pkiId, org, info)) return "too-many-members";
    if (this.#lacking.delete(pkiId)) this.#isFruitful = true;
    return undefined;
  }

  get #isByClock(): boolean {
    return this.#options.config.minPublishGapMs === Number.POSITIVE_INFINITY;
  }

  /** As in the reference: a change waits for the tick, and for somebody to be told. */
  #onTick(now: Millis): readonly ChannelGossipOutput[] {
    const [somebody] = this.#options.membership.alive;
    if (!this.#isClean && somebody !== undefined) return this.#publish(now);
    this.#timers.set("publish", now + this.#options.config.publishStateInfoIntervalMs);
    return [];
  }

  get #shortestGap(): Millis {
    const { minPublishGapMs, publishStateInfoIntervalMs } = this.#options.config;
    return Math.min(minPublishGapMs, publishStateInfoIntervalMs);
  }

  /** So many came up of whom we lack a state info: all of them ask for those of all, and are not told of each by each. */
  get #isCrowded(): boolean {
    return this.#lacking.size > smallChannel;
  }

  /** Longer where there are many who ask. */
  get #shortestAskDelay(): Millis {
    return 2 * this.#options.config.minPublishGapMs * Math.max(1, this.#lacking.size / (2 * smallChannel));
  }

  /** In a large channel somebody publishes all the time, and each burst wakes those who get it. */
  get #patience(): Millis {
    if (this.#isByClock || this.#infos.size <= smallChannel) return 0;
    return this.#options.config.minPublishGapMs * patience;
  }

  #publish(now: Millis): readonly ChannelGossipOutput[] {
    // Until it is signed, which may fail.
    this.#timers.set("publish", now + this.#options.config.publishStateInfoIntervalMs);
    this.#publishedAt = now;
    const { incarnation } = this.#options;
    // The reference uses the wall clock here; elapsed time on top of the incarnation looks the same and never steps.
    const elapsed = BigInt(Math.round((now - this.#startedAt) * 1e6));
    const next = incarnation + elapsed;
    this.#sequence = next > this.#sequence ? next : this.#sequence + 1n;
    return [
      {
        type: "sign",
        time: { incarnation, sequence: this.#sequence },
        properties: { ledgerHeight: this.#height, leftChannel: this.#isLeaving, chaincodes: this.#chaincodes },
      },
    ];
  }

  #request(): readonly ChannelGossipOutput[] {
    const { random, config, membership } = this.#options;
    const candidates = this.#candidates();
    this.#wasAlone = candidates.length === 0;
    if (candidates.length === 0) return [];
    const isPreferred = (pkiId: PkiId) => !this.#isByClock && membership.isLinked(pkiId);
    // In a crowd nobody is dialled only to be asked.
    const count = this.#isCrowded && candidates.some(isPreferred) ? 1 : config.pullPeerNum;
    return [{ type: "request", to: samplePreferring(random, candidates, count, isPreferred) }];
  }

  /** Publishes for those who are alive now if nobody was before, and tells newcomers that need no dial. */
  #greet(): readonly ChannelGossipOutput[] {
    const { membership } = this.#options;
    const to = this.#candidates().filter(
      (pkiId) => this.#newcomers.has(pkiId) && membership.isLinked(pkiId) && this.#mayBeTold(pkiId),
    );
    this.#newcomers.clear();
    const info = this.#own;
    if (info === undefined) return [];
    const outputs: ChannelGossipOutput[] = to.length > 0 ? [{ type: "tell", info, to }] : [];
    if (this.#isUnheard && !this.#isCrowded) outputs.push({ type: "publish", info, waitMs: this.#patience });
    this.#isUnheard = false;
    return outputs;
  }

  /** Asks some members for the state infos that are lacking, and again after twice the time. */
  #ask(now: Millis): readonly ChannelGossipOutput[] {
    const { membership, random } = this.#options;
    const candidates = this.#candidates();
    const alive = new Set(candidates);
    let isLacking = false;
    for (const [pkiId, { before, questions }] of [...this.#lacking]) {
      const isMissing = alive.has(pkiId) && this.#infos.get(pkiId) === before;
      const unanswered = this.#isFruitful ? questions : questions + 1;
      // Of whom something is held there may be nothing newer.
      const isLast = before !== undefined || unanswered >= maxQuestions;
      if (isMissing && !isLast) this.#lacking.set(pkiId, { before, questions: unanswered });
      else this.#lacking.delete(pkiId);
      isLacking ||= isMissing;
    }
    this.#askDelay = isLacking && !this.#isFruitful ? 2 * this.#askDelay : this.#shortestAskDelay;
    this.#isFruitful = false;
    if (this.#lacking.size > 0) this.#timers.set("ask", now + this.#askDelay);
    if (!isLacking) return [];
    return [
      {
        type: "request",
        to: samplePreferring(random, candidates, 1, (id) => membership.isLinked(id)),
      },
    ];
  }

  /** Alive members whose organization is in the channel. */
  #candidates(): readonly PkiId[] {
    return [...this.#options.membership.alive].filter((pkiId) => this.#isOrgInChannel(pkiId));
  }

  /** There is something to be learned by asking: do it again after the shortest pause. */
  #hurry(now: Millis): void {
    this.#requestDelay = this.#options.config.requestStateInfoIntervalMs;
    this.#advance("request", now + this.#requestDelay);
  }

  /** Sets the timer, unless it is set for earlier. */
  #advance(timer: TimerName, at: Millis): void {
    if ((this.#timers.at(timer) ?? Number.POSITIVE_INFINITY) > at) this.#timers.set(timer, at);
  }

  /** Whether the peer may see our own state info: another organization only if we show ourselves to it (page 07 §10.3). */
  #mayBeTold(pkiId: PkiId): boolean {
    const { membership, self, selfOrg } = this.#options;
    return membership.orgOf(pkiId) === selfOrg || membership.isVisible(self);
  }

  /** Parts of at most `maxSnapshotBytes`, or of one element that is larger; one empty part when there are none. */
  #cut(elements: readonly Envelope[]): readonly (readonly Envelope[])[] {
    const parts: Envelope[][] = [[]];
    let bytes = 0;
    for (const element of elements) {
      const size = element.payload.length + element.signature.length;
      if (bytes > 0 && bytes + size > this.#options.config.maxSnapshotBytes) {
        parts.push([]);
        bytes = 0;
      }
      parts.at(-1)?.push(element);
      bytes += size;
    }
    return parts;
  }

  #sweep(): readonly ChannelGossipOutput[] {
    return this.#forget((pkiId) => !this.#options.membership.knows(pkiId));
  }

  #forget(isGone: (pkiId: PkiId) => boolean): readonly ChannelGossipOutput[] {
    const forgotten = [...this.#infos.keys()].filter(isGone);
    for (const pkiId of forgotten) this.#infos.delete(pkiId);
    return forgotten.length === 0 ? [] : [{ type: "peers-changed" }];
  }

  #isOrgInChannel(pkiId: PkiId): boolean {
    const org = this.#options.membership.orgOf(pkiId);
    return org !== undefined && this.#organizations.has(org);
  }
}
