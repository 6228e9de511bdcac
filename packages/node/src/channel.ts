import type { Comm } from "@gossip/comm";
import type { MessageCryptoService, Verified } from "@gossip/crypto";
import type { DataMessage, Envelope, LeadershipMessage, OrgId, PkiId, StateInfo } from "@gossip/proto";
import {
  type Clock,
  errorText,
  GossipError,
  type Logger,
  type MaybePromise,
  type Metrics,
  type Random,
  type Run,
  run,
  unreachable,
  whenDone,
} from "@gossip/runtime";
import {
  type Ledger,
  readBlocks,
  type StateDropReason,
  type StateInput,
  type StateOutput,
  StateTransfer,
} from "@gossip/state";
import type {
  Channel,
  ChannelMemberView,
  ChannelUpdate,
  JoinOptions,
  LeaderView,
  MemberView,
  PrivateDataHandler,
} from "./api.js";
import { attempt } from "./attempt.js";
import {
  ChannelGossip,
  type ChannelGossipInput,
  type ChannelGossipOutput,
  type MembershipView,
} from "./channel-gossip.js";
import { channelMetrics } from "./channel-metrics.js";
import { type CommitOutcome, Commits } from "./commits.js";
import type { GossipConfig } from "./config.js";
import type { Exit } from "./exit.js";
import { LeaderTable } from "./leader-table.js";
import type { DropLedger } from "./refusals.js";
import { type Emission, type RoutableChannel, stateInfoEmission } from "./routing.js";
import { MembershipTracker } from "./tracker.js";

/** What a channel shares with its node. */
export interface ChannelSurroundings {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly config: GossipConfig;
  readonly exit: Exit;
  readonly drops: DropLedger;
  readonly membership: MembershipView;
  readonly crypto: MessageCryptoService;
  /** The last sequence of an earlier stay in this channel. */
  readonly afterSequence: bigint;
  comm(): Comm;
  endpointOf(pkiId: PkiId): string;
  memberView(pkiId: PkiId): MemberView | undefined;
  emit(emission: Emission): void;
  /** A block that was verified must not be committed: it breaks the chain, or trust has changed. `from` is `undefined` for the orderer. */
  onBlockRefused(from: PkiId | undefined, reason: string, detail: string): void;
  /** Whether the author of a state info may read the channel, now. */
  mayRead(channel: string, info: Verified<StateInfo>): MaybePromise<boolean>;
  /** Judges all identities anew; done when those that are not good any more are gone. */
  judgeIdentities(): MaybePromise<void>;
  /** The channel has another configuration, in which these organizations are no more. */
  onUpdated(channel: string, update: ChannelUpdate, removed: readonly OrgId[]): void;
  /** The channel was left, and is closed; `sequence` is that of its last state info. */
  onLeft(channel: string, sequence: bigint): void;
  /** A defect was met; the node closes. */
  onFault(error: unknown): void;
}

/**
 * One channel of a node: its two machines, and the effects of their outputs on ledger and wire.
 * The gate hands in what is verified; everything a program sees of a channel is the `Channel` interface.
 */
export class ChannelShell implements Channel, RoutableChannel {
  readonly id: string;
  readonly isLeader: boolean;
  /** Where private data is kept; `undefined` for nowhere. */
  readonly privateData: PrivateDataHandler | undefined;
  readonly #around: ChannelSurroundings;
  readonly #ledger: Ledger;
  readonly #blockGossip: boolean;
  readonly #commits: Commits;
  readonly #leaders: LeaderTable;
  readonly #gossip: ChannelGossip;
  readonly #state: StateTransfer;
  readonly #gossipRun: Run<ChannelGossipInput>;
  readonly #stateRun: Run<StateInput>;
  readonly #log: Logger;
  readonly #stateLog: Logger;
  readonly #metrics: ReturnType<typeof channelMetrics>;
  readonly #tracker = new MembershipTracker();
  /** Programs waiting for room, for a height, or for the end. */
  #waiting: (() => void)[] = [];
  #closed = false;
  /** Why the ledger was not given the block that it was about to get. */
  #refusal: Extract<CommitOutcome, { type: "refused" }> | undefined;
  #leaving: { readonly done: Promise<void>; readonly settle: () => void } | undefined;

  constructor(id: string, options: JoinOptions, incarnation: bigint, around: ChannelSurroundings) {
    const { clock, random, config } = around;
    this.id = id;
    this.isLeader = options.leader ?? false;
    this.#around = around;
    this.#ledger = options.ledger;
    this.#log = around.log.child("channel");
    this.#stateLog = around.log.child("state");
    this.#metrics = channelMetrics(around.metrics);
    this.#blockGossip = options.blockGossip ?? true;
    this.privateData = options.privateData;
    this.#leaders = new LeaderTable({
      aliveThresholdMs: config.leaderAliveThresholdMs,
      maxAuthors: config.maxMembers,
    });
    this.#commits = new Commits({
      ledger: options.ledger,
      clock,
      onCommitted: options.onCommitted,
      window: BigInt(2 * config.state.blockBufferSize),
      verify: (blockNumber, block) => around.crypto.verifyBlock(id, blockNumber, block),
      onStored: (tookMs) => this.#metrics.commitSeconds.observe(tookMs / 1000, { channel: id }),
    });
    this.#gossip = new ChannelGossip({
      self: around.self,
      selfOrg: around.selfOrg,
      organizations: options.organizations,
      incarnation,
      afterSequence: around.afterSequence,
      height: options.ledger.height,
      membership: around.membership,
      config: {
        publishStateInfoIntervalMs: config.publishStateInfoIntervalMs,
        requestStateInfoIntervalMs: config.requestStateInfoIntervalMs,
        sweepIntervalMs: 5 * config.pullIntervalMs,
        minPublishGapMs: config.minStateInfoGapMs,
        pullPeerNum: config.pullPeerNum,
        maxMembers: config.maxMembers,
        maxSnapshotBytes: config.maxSnapshotBytes,
      },
      random,
    });
    this.#state = new StateTransfer({
      height: options.ledger.height,
      peers: () =>
        this.#gossip.members.map(({ pkiId, properties }) => ({
          pkiId,
          height: properties.ledgerHeight,
          endpoint: around.endpointOf(pkiId),
        })),
      config: config.state,
      random,
      staticLeader: this.isLeader,
    });
    const onFault = around.onFault;
    this.#gossipRun = run(this.#gossip, { clock, onFault, perform: (output) => this.#performGossip(output) });
    this.#stateRun = run(this.#state, { clock, onFault, perform: (output) => this.#performState(output) });
  }

  /** Begins to speak. Apart from construction, so that the node already knows the channel when the first output comes. */
  start(): void {
    this.#gossipRun.push({ type: "start" });
    this.#stateRun.push({ type: "peers-changed" });
  }

  // What programs see

  get height(): bigint {
    return this.#state.height;
  }

  get lastBlock(): { readonly number: bigint; readonly hash: Uint8Array } | undefined {
    const { height, lastHash } = this.#ledger;
    return height === 0n ? undefined : { number: height - 1n, hash: lastHash };
  }

  get buffered(): { readonly blocks: number; readonly bytes: number } {
    return this.#state.buffered;
  }

  get health(): Channel["health"] {
    const stall = this.#state.stall;
    return stall === undefined
      ? { ok: true }
      : { ok: false, detail: `block ${stall.blockNumber} cannot be committed: ${stall.detail}` };
  }

  get members(): readonly ChannelMemberView[] {
    return this.#gossip.members.flatMap(({ pkiId, properties }) => {
      const member = this.#around.memberView(pkiId);
      return member === undefined ? [] : [{ ...member, properties }];
    });
  }

  get leaders(): readonly LeaderView[] {
    const { membership, selfOrg, self, clock } = this.#around;
    return this.#leaders.leaders(clock.now()).flatMap((leader) => {
      const org = membership.orgOf(leader.pkiId);
      return org === selfOrg && leader.pkiId !== self ? [{ ...leader, org }] : [];
    });
  }

  /** Whether the organization is one of the channel's. */
  hasOrganization(org: OrgId): boolean {
    return this.#gossip.organizations.has(org);
  }

  updateConfig(update: ChannelUpdate): void {
    this.#assertOpen();
    const { selfOrg } = this.#around;
    if (!update.organizations.includes(selfOrg)) {
      throw new GossipError(
        "invalid-argument",
        `expected own organization ${selfOrg} among those of ${this.id}, got ${update.organizations.join(", ") || "none"}`,
      );
    }
    const kept = new Set(update.organizations);
    const removed = [...this.#gossip.organizations].filter((org) => !kept.has(org));
    this.#gossipRun.push({ type: "organizations", organizations: update.organizations });
    this.#around.onUpdated(this.id, update, removed);
  }

  leave(): Promise<void> {
    if (this.#leaving !== undefined) return this.#leaving.done;
    if (this.#closed) return Promise.resolve();
    let settle = () => {};
    const done = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#leaving = { done, settle };
    this.#gossipRun.push({ type: "leave" });
    return done;
  }

  async publish(blockNumber: bigint, block: Uint8Array): Promise<void> {
    while (!this.#state.room) await this.#change();
    this.#assertOpen();
    this.#stateRun.push({ type: "block", blockNumber, data: block, source: "deliver" });
    if (this.#blockGossip) {
      this.#around.emit(this.#around.exit.block(this.id, { blockNumber, data: block, privateData: [] }));
    }
    while (!this.#state.room) await this.#change();
  }

  async block(blockNumber: bigint): Promise<Uint8Array | undefined> {
    return this.#ledger.read(blockNumber);
  }

  async *blocks(options: { readonly from?: bigint; readonly signal?: AbortSignal } = {}) {
    const { signal } = options;
    const onAbort = () => this.#notify();
    signal?.addEventListener("abort", onAbort);
    try {
      for (let number = options.from ?? this.height; !this.#closed && signal?.aborted !== true; ) {
        if (number >= this.height) {
          await this.#change().catch(() => {});
          continue;
        }
        const bytes = await this.#ledger.read(number);
        if (bytes === undefined) {
          throw new GossipError("not-found", `expected block ${number} of ${this.id} in the ledger, got none`);
        }
        yield { number, bytes };
        number++;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  // What the gate hands in

  wantsStateInfo(info: StateInfo): boolean {
    return this.#gossip.wants(info);
  }

  refusalOfBlock(blockNumber: bigint): StateDropReason | undefined {
    return this.#state.refusal(blockNumber);
  }

  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#state.wantsResponse(from, nonce);
  }

  onStateInfo(info: Verified<StateInfo>, from: PkiId): void {
    this.#gossipRun.push({ type: "state-info", info, from });
  }

  onSnapshot(elements: readonly Verified<StateInfo>[], from: PkiId): void {
    this.#gossipRun.push({ type: "snapshot", elements, from });
  }

  onPullRequest(from: PkiId): void {
    this.#gossipRun.push({ type: "pull-request", from });
  }

  /** A pushed block that is verified: taken when it is news, and then pushed on. The machine notes what is not, too. */
  onBlock(message: DataMessage, envelope: Envelope, from: PkiId): void {
    const { blockNumber, data } = message.payload;
    const isNews = this.#state.wants(blockNumber);
    this.#stateRun.push({ type: "block", blockNumber, data, source: "push", from });
    if (isNews) this.#around.emit({ key: undefined, message, envelope, channel: this.id, except: from });
  }

  wantsLeadership(message: LeadershipMessage): boolean {
    return this.#leaders.wants(message, this.#around.clock.now());
  }

  onLeadership({ message }: Verified<LeadershipMessage>): void {
    const { clock, drops } = this.#around;
    if (!this.#leaders.add(message, clock.now())) drops.count("channel", "stale-leadership");
  }

  onState(input: Extract<StateInput, { readonly type: "state-request" | "state-response" }>): void {
    this.#stateRun.push(input);
  }

  onMemberUp(pkiId: PkiId): void {
    this.#gossipRun.push({ type: "member-up", pkiId });
  }

  onMembersChanged(): void {
    this.#stateRun.push({ type: "peers-changed" });
  }

  // What routing asks

  isOrgInChannel(pkiId: PkiId): boolean {
    return this.#gossip.isOrgInChannel(pkiId);
  }

  isEligible(pkiId: PkiId): boolean {
    return this.#gossip.isEligible(pkiId);
  }

  heightOf(pkiId: PkiId): bigint | undefined {
    return this.#gossip.propertiesOf(pkiId)?.ledgerHeight;
  }

  /** Sets the gauge of known members, and logs who came and went; called every `membershipTrackerIntervalMs`. */
  track(): void {
    const { members } = this;
    this.#metrics.members.set(members.length, { channel: this.id });
    const change = this.#tracker.update(members);
    if (change !== undefined) this.#log.info("members changed", { channel: this.id, ...change });
  }

  close(): void {
    this.#closed = true;
    this.#commits.close();
    this.#gossipRun.close();
    this.#stateRun.close();
    this.#notify();
    this.#leaving?.settle();
  }

  // Effects

  #performGossip(output: ChannelGossipOutput): void {
    const { exit, drops } = this.#around;
    switch (output.type) {
      case "sign":
        whenDone(exit.stateInfo(this.id, output.time, output.properties), (info) => {
          if (info !== undefined) this.#gossipRun.push({ type: "signed", info });
          // Nobody is told then; they find out when this node's state infos cease.
          else if (output.properties.leftChannel) this.#onLeft();
        });
        return;
      case "left":
        return this.#onLeft();
      case "publish":
        return this.#around.emit(stateInfoEmission(this.id, output.info, undefined));
      case "forward":
        return this.#around.emit(stateInfoEmission(this.id, output.info, output.except));
      case "tell":
        for (const to of output.to) this.#send(to, output.info.envelope, "control");
        return;
      case "request":
        for (const to of output.to) this.#send(to, exit.stateInfoPullRequest(this.id), "control");
        return;
      case "respond":
        return this.#send(output.to, exit.snapshot(this.id, output.elements), "control");
      case "peers-changed":
        return this.#stateRun.push({ type: "peers-changed" });
      case "dropped":
        return drops.count("channel", output.reason);
      default:
        return unreachable(output);
    }
  }

  #performState(output: StateOutput): void {
    const { exit, drops } = this.#around;
    switch (output.type) {
      case "commit":
        return this.#commit(output.blockNumber, output.data);
      case "height":
        this.#metrics.height.set(Number(output.height), { channel: this.id });
        this.#gossipRun.push({ type: "height", height: output.height });
        return this.#notify();
      case "request":
        return this.#send(output.to, exit.stateRequest(this.id, output.nonce, output.start, output.end), "control");
      case "read-blocks":
        whenDone(readBlocks(this.#ledger, output), ({ payloads, failure }) => {
          if (failure !== undefined)
            this.#stateLog.error("cannot read blocks to serve", { channel: this.id, reason: errorText(failure) });
          this.#stateRun.push({ type: "blocks-read", id: output.id, payloads });
        });
        return;
      case "respond":
        return this.#send(output.to, exit.stateResponse(this.id, output.nonce, output.payloads), "bulk");
      case "buffered":
        return this.#metrics.buffered.set(output.blocks, { channel: this.id });
      case "room":
        return this.#notify();
      case "stalled":
        return this.#stateLog.error("commits fail", {
          channel: this.id,
          blockNumber: output.blockNumber,
          reason: output.detail,
        });
      case "recovered":
        return this.#stateLog.info("commits work again", { channel: this.id, blockNumber: output.blockNumber });
      case "attempt-failed":
        return this.#stateLog.debug("a peer did not serve blocks", {
          channel: this.id,
          peer: output.to,
          reason: output.reason,
        });
      case "transfer-failed":
        return this.#stateLog.warn("nobody serves blocks that we lack", { channel: this.id, start: output.start });
      case "straggler":
        return this.#stateLog.warn(
          "too far behind for pushes, and state transfer is off: set peer.gossip.state.enabled",
          {
            channel: this.id,
            height: output.height,
            pushed: output.blockNumber,
          },
        );
      case "dropped":
        if (output.reason === "refused-by-ledger") this.#reportRefusal(output.from, output.detail ?? "");
        return drops.count("state", output.reason, output.count);
      default:
        return unreachable(output);
    }
  }

  #commit(blockNumber: bigint, data: Uint8Array): void {
    whenDone(
      attempt(() => this.#commits.commit(blockNumber, data)),
      (attempted) => {
        // Only the plugs of trust can fail here, and they must not.
        if (!attempted.ok) return this.#around.onFault(attempted.error);
        const outcome = attempted.value;
        if (outcome.type === "committed") {
          if (outcome.isTrustChanged) this.#onTrustChanged();
          return this.#stateRun.push({ type: "committed", blockNumber });
        }
        const cause = outcome.type === "refused" ? "refused" : "storage";
        this.#refusal = outcome.type === "refused" ? outcome : undefined;
        this.#stateRun.push({ type: "commit-failed", blockNumber, cause, detail: outcome.detail });
      },
    );
  }

  #reportRefusal(from: PkiId | undefined, detail: string): void {
    this.#around.onBlockRefused(from, this.#refusal?.reason ?? "broken-chain", detail);
    this.#refusal = undefined;
  }

  /** Identities first: a state info is worth no more than its author. */
  #onTrustChanged(): void {
    whenDone(this.#around.judgeIdentities(), () => {
      for (const info of this.#gossip.infos) {
        whenDone(
          attempt(() => this.#around.mayRead(this.id, info)),
          (judged) => {
            if (!judged.ok) this.#around.onFault(judged.error);
            else if (!judged.value) this.#gossipRun.push({ type: "distrusted", info });
          },
        );
      }
    });
  }

  #onLeft(): void {
    if (this.#closed) return;
    this.close();
    this.#around.onLeft(this.id, this.#gossip.sequence);
  }

  #send(to: PkiId, envelope: Envelope, lane: "control" | "bulk"): void {
    this.#around.comm().send({ pkiId: to, endpoint: this.#around.endpointOf(to) }, envelope, lane);
  }

  /** Resolves at the next change of height, room or life. */
  #change(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => (this.#closed ? reject(this.#closedError()) : resolve()));
    });
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): GossipError {
    return new GossipError("closed", `expected channel ${this.id} to be open, got one that was closed`);
  }
}
