/**
 * Who is in a channel and how high its ledgers are (protocol page 07 §7 and §10).
 *
 * Roles and messages: every member publishes a signed state info (height, whether it left) and keeps the newest of each
 * other member; a state-info pull request is answered with a snapshot of all of them. State info is also the ticket for
 * blocks: only members whose state info we hold are pushed to.
 *
 * States: our own properties are clean (signed and published) or dirty. They become dirty by `height`, are signed
 * through the outputs `sign`, and clean when `signed` comes back for the same sequence.
 *
 * Timers: `publish` (a dirty state info waits at most `publishStateInfoIntervalMs`, and at least `minPublishGapMs` lie
 * between two), `request` (state-info pull requests), `sweep` (forget members that discovery no longer knows).
 *
 * Invariants: at most one state info per PKI-ID, never older than one held before; our own sequence always grows.
 *
 * Deviations from the reference: a change is published as soon as the gap allows rather than on the next tick, and
 * signed even when nobody is alive, so that our own view is never stale (§16 items 7, 8); members that left are not
 * eligible (§16 item 9); one bad element does not hide the rest of a snapshot (§16 item 6); to a foreign organization
 * go only its own and our subjects (§16 item 6); a new member causes a request at once.
 */

import type { Verified } from "@gossip/crypto";
import {
  comparePeerTime,
  type Envelope,
  type OrgId,
  type PeerTime,
  type PkiId,
  type Properties,
  type StateInfo,
} from "@gossip/proto";
import { BoundedMap, type Machine, type Millis, type Random, sample, Timers, type Wake } from "@gossip/runtime";

export interface ChannelGossipConfig {
  readonly publishStateInfoIntervalMs: Millis;
  readonly requestStateInfoIntervalMs: Millis;
  /** State infos of members that discovery has forgotten go after at most this long: 5 × pullInterval. */
  readonly sweepIntervalMs: Millis;
  /** Shortest time between two publications. */
  readonly minPublishGapMs: Millis;
  /** Peers asked for state info at a time. */
  readonly pullPeerNum: number;
  /** Members of the channel that are kept track of. */
  readonly maxMembers: number;
}

/** What the machine may know of the members, without knowing the discovery machine. */
export interface MembershipView {
  /** PKI-IDs of the alive members, self excluded. */
  readonly alive: Iterable<PkiId>;
  /** Known at all, alive or dead. */
  knows(pkiId: PkiId): boolean;
  /** Has an endpoint that other organizations may see. */
  isVisible(pkiId: PkiId): boolean;
  orgOf(pkiId: PkiId): OrgId | undefined;
}

export interface ChannelGossipOptions {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  readonly organizations: readonly OrgId[];
  /** Nanoseconds since 1970 at joining; larger than in any earlier life of this peer in this channel. */
  readonly incarnation: bigint;
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
  /** Our own state info, signed: the answer to `sign`. */
  | { readonly type: "signed"; readonly info: Verified<StateInfo> }
  | { readonly type: "member-up"; readonly pkiId: PkiId };

export type ChannelGossipOutput =
  | { readonly type: "sign"; readonly time: PeerTime; readonly properties: Properties }
  | { readonly type: "publish"; readonly info: Verified<StateInfo> }
  | { readonly type: "forward"; readonly info: Verified<StateInfo>; readonly except: PkiId }
  | { readonly type: "request"; readonly to: readonly PkiId[] }
  | { readonly type: "respond"; readonly to: PkiId; readonly elements: readonly Envelope[] }
  /** A member of the channel came, went, or grew. */
  | { readonly type: "peers-changed" }
  | { readonly type: "dropped"; readonly reason: ChannelDropReason; readonly from: PkiId };

export type ChannelDropReason =
  | "stale-state-info"
  | "not-in-channel"
  | "unknown-member"
  | "too-many-members"
  | "own-state-info";

export class ChannelGossip implements Machine<ChannelGossipInput, ChannelGossipOutput> {
  readonly #options: ChannelGossipOptions;
  readonly #organizations: ReadonlySet<OrgId>;
  readonly #timers = new Timers<"publish" | "request" | "sweep">();
  readonly #infos: BoundedMap<PkiId, Verified<StateInfo>>;
  #own: Verified<StateInfo> | undefined;
  #height: bigint;
  #sequence = 0n;
  #startedAt: Millis = 0;
  #publishedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(options: ChannelGossipOptions) {
    this.#options = options;
    this.#organizations = new Set(options.organizations);
    this.#height = options.height;
    this.#infos = new BoundedMap({ maxEntries: options.config.maxMembers, whenFull: "refuse" });
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
        return this.#onSnapshot(input.elements, input.from);
      case "pull-request":
        return this.#onPullRequest(input.from);
      case "height":
        return this.#onHeight(input.height, now);
      case "signed":
        return this.#onSigned(input.info);
      case "member-up":
        return this.#onMemberUp(input.pkiId, now);
      case "wake":
        return this.#timers.expire(now).flatMap((timer) => this.#onTimer(timer, now));
    }
  }

  // Handlers

  #onStart(now: Millis): readonly ChannelGossipOutput[] {
    this.#startedAt = now;
    this.#timers.set("request", now + this.#options.config.requestStateInfoIntervalMs);
    this.#timers.set("sweep", now + this.#options.config.sweepIntervalMs);
    return [...this.#publish(now), ...this.#request()];
  }

  #onTimer(timer: "publish" | "request" | "sweep", now: Millis): readonly ChannelGossipOutput[] {
    const { config } = this.#options;
    switch (timer) {
      case "publish":
        return this.#publish(now);
      case "request":
        this.#timers.set("request", now + config.requestStateInfoIntervalMs);
        return this.#request();
      case "sweep":
        this.#timers.set("sweep", now + config.sweepIntervalMs);
        return this.#sweep();
    }
  }

  #onStateInfo(info: Verified<StateInfo>, from: PkiId): readonly ChannelGossipOutput[] {
    const refused = this.#store(info);
    if (refused !== undefined) return [{ type: "dropped", reason: refused, from }];
    return [{ type: "forward", info, except: from }, { type: "peers-changed" }];
  }

  #onSnapshot(elements: readonly Verified<StateInfo>[], from: PkiId): readonly ChannelGossipOutput[] {
    const outputs: ChannelGossipOutput[] = [];
    let stored = false;
    for (const info of elements) {
      const refused = this.#options.membership.knows(info.message.pkiId) ? this.#store(info) : "unknown-member";
      if (refused === undefined) stored = true;
      else outputs.push({ type: "dropped", reason: refused, from });
    }
    if (stored) outputs.push({ type: "peers-changed" });
    return outputs;
  }

  #onPullRequest(from: PkiId): readonly ChannelGossipOutput[] {
    const { membership, selfOrg } = this.#options;
    const requester = membership.orgOf(from);
    if (requester === undefined) return [{ type: "dropped", reason: "unknown-member", from }];
    const elements: Envelope[] = this.#own === undefined ? [] : [this.#own.envelope];
    for (const [subject, info] of this.#infos) {
      const org = membership.orgOf(subject);
      const isShown = requester === selfOrg || org === requester || (org === selfOrg && membership.isVisible(subject));
      if (isShown) elements.push(info.envelope);
    }
    return [{ type: "respond", to: from, elements }];
  }

  #onHeight(height: bigint, now: Millis): readonly ChannelGossipOutput[] {
    if (height === this.#height) return [];
    this.#height = height;
    const { minPublishGapMs, publishStateInfoIntervalMs } = this.#options.config;
    const gap = Math.min(minPublishGapMs, publishStateInfoIntervalMs);
    if (now - this.#publishedAt >= gap) return this.#publish(now);
    if (this.#timers.at("publish") === undefined) this.#timers.set("publish", this.#publishedAt + gap);
    return [];
  }

  #onSigned(info: Verified<StateInfo>): readonly ChannelGossipOutput[] {
    if (this.#own !== undefined && comparePeerTime(info.message.time, this.#own.message.time) <= 0) return [];
    this.#own = info;
    return [{ type: "publish", info }];
  }

  #onMemberUp(pkiId: PkiId, now: Millis): readonly ChannelGossipOutput[] {
    if (!this.#isOrgInChannel(pkiId)) return [];
    // The newcomer lacks our state info and we lack its; soon, so that a burst of newcomers shares one round.
    const soon = now + this.#options.config.minPublishGapMs;
    for (const timer of ["request", "publish"] as const) {
      if ((this.#timers.at(timer) ?? Number.POSITIVE_INFINITY) > soon) this.#timers.set(timer, soon);
    }
    return [];
  }

  // Queries

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

  get organizations(): readonly OrgId[] {
    return this.#options.organizations;
  }

  // What the handlers need

  #store(info: Verified<StateInfo>): ChannelDropReason | undefined {
    const { pkiId } = info.message;
    if (pkiId === this.#options.self) return "own-state-info";
    if (!this.#isOrgInChannel(pkiId)) return "not-in-channel";
    if (!this.wants(info.message)) return "stale-state-info";
    return this.#infos.set(pkiId, info) ? undefined : "too-many-members";
  }

  #publish(now: Millis): readonly ChannelGossipOutput[] {
    this.#timers.clear("publish");
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
        properties: { ledgerHeight: this.#height, leftChannel: false, chaincodes: [] },
      },
    ];
  }

  #request(): readonly ChannelGossipOutput[] {
    const { membership, random, config } = this.#options;
    const candidates = [...membership.alive].filter((pkiId) => this.#isOrgInChannel(pkiId));
    if (candidates.length === 0) return [];
    return [{ type: "request", to: sample(random, candidates, config.pullPeerNum) }];
  }

  #sweep(): readonly ChannelGossipOutput[] {
    const forgotten = [...this.#infos.keys()].filter((pkiId) => !this.#options.membership.knows(pkiId));
    for (const pkiId of forgotten) this.#infos.delete(pkiId);
    return forgotten.length === 0 ? [] : [{ type: "peers-changed" }];
  }

  #isOrgInChannel(pkiId: PkiId): boolean {
    const org = this.#options.membership.orgOf(pkiId);
    return org !== undefined && this.#organizations.has(org);
  }
}
