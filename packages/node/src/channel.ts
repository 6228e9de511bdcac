import type { Verified } from "@gossip/crypto";
import type {
  BlockPayload,
  Chaincode,
  DataMessage,
  Envelope,
  LeadershipMessage,
  OrgId,
  PkiId,
  StateInfo,
} from "@gossip/proto";
import type { PullInput } from "@gossip/pull";
import { GossipError, type Logger, type Run, run, unreachable, whenDone } from "@gossip/runtime";
import type { StateDropReason, StateInput } from "@gossip/state";
import type { Channel, ChannelMemberView, ChannelUpdate, JoinOptions, LeaderView, PrivateDataHandler } from "./api.js";
import { attempt } from "./attempt.js";
import { BlockPull } from "./block-pull.js";
import { checkedChaincodes } from "./chaincodes.js";
import { ChannelBlocks } from "./channel-blocks.js";
import { ChannelGossip, type ChannelGossipInput, type ChannelGossipOutput } from "./channel-gossip.js";
import { channelMetrics } from "./channel-metrics.js";
import { LeaderTable } from "./leader-table.js";
import { Leadership } from "./leadership.js";
import { type RoutableChannel, stateInfoEmission } from "./routing.js";
import type { GossipedMessage } from "./service.js";
import { SharedMapShell } from "./shared-map.js";
import type { ChannelSurroundings } from "./surroundings.js";
import { ToldLedger } from "./told-ledger.js";
import { MembershipTracker } from "./tracker.js";

/**
 * One channel of a node: who is in it, its blocks (`channel-blocks.ts`), and what programs see of both.
 * The gate hands in what is verified; everything a program sees of a channel is the `Channel` interface.
 */
export class ChannelShell implements Channel, RoutableChannel {
  readonly id: string;
  readonly leadership: Leadership;
  /** Where private data is kept; `undefined` for nowhere. */
  readonly privateData: PrivateDataHandler | undefined;
  readonly #around: ChannelSurroundings;
  readonly #blocks: ChannelBlocks;
  readonly #blockPull: BlockPull;
  readonly shared: SharedMapShell;
  readonly #leaders: LeaderTable;
  readonly #gossip: ChannelGossip;
  readonly #gossipRun: Run<ChannelGossipInput>;
  readonly #log: Logger;
  readonly #metrics: ReturnType<typeof channelMetrics>;
  /** Instead of a ledger; `undefined` where there is one. */
  readonly #told: ToldLedger | undefined;
  readonly #tracker = new MembershipTracker();
  #closed = false;
  #leaving: { readonly done: Promise<void>; readonly settle: () => void } | undefined;

  constructor(id: string, options: JoinOptions, incarnation: bigint, around: ChannelSurroundings) {
    const { clock, random, config } = around;
    this.id = id;
    this.#around = around;
    this.#log = around.log.child("channel");
    this.#metrics = channelMetrics(around.metrics);
    this.privateData = options.privateData;
    this.#told = options.ledger instanceof ToldLedger ? options.ledger : undefined;
    if (this.#told !== undefined && (options.leader === true || options.election !== undefined)) {
      throw new GossipError("invalid-argument", `expected a ledger for ${id}, whose blocks a leader takes, got none`);
    }
    this.#leaders = new LeaderTable({
      aliveThresholdMs: config.election.leaderAliveThresholdMs,
      maxAuthors: config.maxMembers,
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
        maxStateInfosBytes: config.maxStateInfosBytes,
      },
      random,
    });
    const onFault = around.onFault;
    this.#gossipRun = run(this.#gossip, { clock, onFault, perform: (output) => this.#performGossip(output) });
    this.#blocks = new ChannelBlocks({
      id,
      join: options,
      around,
      metrics: this.#metrics,
      peers: () =>
        this.#suppliers.map(({ pkiId, properties }) => ({
          pkiId,
          height: properties.ledgerHeight,
          endpoint: around.endpointOf(pkiId),
        })),
      send: (to, envelope, lane) => this.#send(to, envelope, lane),
      onHeight: (height) => this.#onHeight(height),
      onCommitted: (...committed) => this.#blockPull.committed(...committed),
      onTrustChanged: () => this.#onTrustChanged(),
    });
    this.#blockPull = new BlockPull({
      id,
      around,
      ledger: options.ledger,
      isOffering: options.blockGossip ?? true,
      members: () =>
        this.#suppliers.flatMap(({ pkiId, properties }) => {
          if (around.membership.orgOf(pkiId) !== around.selfOrg) return [];
          return [{ pkiId, height: properties.ledgerHeight, endpoint: around.endpointOf(pkiId) }];
        }),
      isWanted: (blockNumber) => this.refusalOfBlock(blockNumber) === undefined,
      onBlocks: (blocks, from) => {
        for (const block of blocks) {
          this.#tellBlock({ nonce: 0n, channel: id, tag: "chan-and-org", type: "data", payload: block }, from);
          this.#blocks.onPulled(block, from);
        }
      },
      send: (to, envelope, lane) => this.#send(to, envelope, lane),
    });
    this.leadership = new Leadership({
      channel: id,
      incarnation,
      join: options,
      around,
      candidates: () =>
        this.#gossip.members.flatMap(({ pkiId, properties }) =>
          around.membership.orgOf(pkiId) === around.selfOrg ? [{ pkiId, height: properties.ledgerHeight }] : [],
        ),
    });
    this.shared = new SharedMapShell({
      channel: id,
      incarnation,
      around,
      members: () => this.#gossip.members.map(({ pkiId }) => ({ pkiId, endpoint: around.endpointOf(pkiId) })),
      isOfChannel: (identity) => {
        const org = around.advisor.orgOf(identity);
        return org !== undefined && this.hasOrganization(org);
      },
      mayWrite: options.mayWriteShared,
    });
  }

  /** Begins to speak. Apart from construction, so that the node already knows the channel when the first output comes. */
  start(): void {
    this.#gossipRun.push({ type: "start" });
    this.#blocks.push({ type: "peers-changed" });
    this.#blockPull.start();
    this.leadership.start();
  }

  // What programs see

  get height(): bigint {
    return this.#told?.height ?? this.#blocks.height;
  }

  get isLeader(): boolean {
    return this.leadership.isLeader;
  }

  get lastBlock(): Channel["lastBlock"] {
    return this.#blocks.lastBlock;
  }

  get buffered(): Channel["buffered"] {
    return this.#blocks.buffered;
  }

  get health(): Channel["health"] {
    return this.#blocks.health;
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
    this.#mustBeOpen();
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

  setChaincodes(chaincodes: readonly Chaincode[]): void {
    this.#mustBeOpen();
    const copied = checkedChaincodes(chaincodes, this.#around.config.maxStateInfoBytes / 2);
    this.#gossipRun.push({ type: "chaincodes", chaincodes: copied });
  }

  setHeight(height: bigint): void {
    this.#mustBeOpen();
    if (this.#told === undefined || height < 0n || height >= 1n << 64n) {
      const expected = this.#told === undefined ? "a channel without a ledger" : "a height of 64 bits";
      throw new GossipError("invalid-argument", `expected ${expected}, got height ${height} for ${this.id}`);
    }
    this.#told.height = height;
    this.#metrics.height.set(Number(height), { channel: this.id });
    this.#onHeight(height);
  }

  async add(block: Uint8Array): Promise<boolean> {
    this.#mustKeepBlocks();
    return await this.#blocks.add(block);
  }

  async publish(blockNumber: bigint, block: Uint8Array): Promise<void> {
    this.#mustKeepBlocks();
    await this.#blocks.publish(blockNumber, block);
  }

  block(blockNumber: bigint): Promise<Uint8Array | undefined> {
    return this.#blocks.block(blockNumber);
  }

  blocks(options?: Parameters<Channel["blocks"]>[0]): ReturnType<Channel["blocks"]> {
    return this.#blocks.blocks(options);
  }

  // What the gate hands in

  wantsStateInfo(info: StateInfo): boolean {
    return this.#gossip.wants(info);
  }

  refusalOfBlock(blockNumber: bigint): StateDropReason | undefined {
    return this.#told === undefined ? this.#blocks.refusal(blockNumber) : "stale";
  }

  inForceBelow(blockNumber: bigint): Promise<void> | undefined {
    return this.#blocks.inForceBelow(blockNumber);
  }

  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#blocks.wantsResponse(from, nonce);
  }

  onStateInfo(info: Verified<StateInfo>, from: PkiId): void {
    const { message } = info;
    const isNews = this.#gossip.wants(message);
    this.#gossipRun.push({ type: "state-info", info, from });
    // Only what was taken.
    if (isNews && !this.#gossip.wants(message)) this.#tell(message, from, message.pkiId, info.envelope.payload.length);
  }

  onSnapshot(elements: readonly Verified<StateInfo>[], from: PkiId): void {
    this.#gossipRun.push({ type: "snapshot", elements, from });
  }

  onPullRequest(from: PkiId): void {
    this.#gossipRun.push({ type: "pull-request", from });
  }

  onBlock(message: DataMessage, envelope: Envelope, from: PkiId): void {
    this.#tellBlock(message, from);
    this.#blocks.onPushed(message, envelope, from);
  }

  /** Whether blocks pulled of this peer under this nonce are waited for. */
  wantsUpdate(from: PkiId, nonce: bigint): boolean {
    return this.#blockPull.wantsUpdate(from, nonce);
  }

  /** Whether this block was requested of this peer under this nonce. */
  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean {
    return this.#blockPull.wantsItem(from, nonce, digest);
  }

  onBlockPull(input: PullInput<BlockPayload>): void {
    this.#blockPull.push(input);
  }

  wantsLeadership(message: LeadershipMessage): boolean {
    return this.#leaders.wants(message, this.#around.clock.now());
  }

  onLeadership({ message }: Verified<LeadershipMessage>, from: PkiId): void {
    const { clock, drops } = this.#around;
    if (!this.#leaders.add(message, clock.now())) return drops.count("channel", "stale-leadership");
    this.leadership.onMessage(message);
    this.#tell(message, from, message.pkiId, 0);
  }

  onState(input: Extract<StateInput, { readonly type: "state-request" | "state-response" }>): void {
    this.#blocks.push(input);
  }

  onMemberUp(pkiId: PkiId): void {
    this.#gossipRun.push({ type: "member-up", pkiId });
  }

  /** Whose identity is gone said nothing that still counts. */
  onIdentityRemoved(pkiId: PkiId): void {
    this.#leaders.forget(pkiId);
    this.#gossipRun.push({ type: "identity-removed", pkiId });
    // It may be forgotten for disuse alone; what it wrote stays then.
    this.shared.judgeAuthors((author) => author === pkiId);
  }

  onMembersChanged(): void {
    this.leadership.peersChanged();
    this.shared.peersChanged();
    this.#blocks.push({ type: "peers-changed" });
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
    this.#metrics.sharedEntries.set(this.shared.held.entries, { channel: this.id });
    this.#metrics.sharedBytes.set(this.shared.held.bytes, { channel: this.id });
    // Of authors that are known, the node hears when they end.
    this.shared.judgeAuthors((author) => this.#around.membership.orgOf(author) === undefined);
    const { members } = this;
    this.#metrics.members.set(members.length, { channel: this.id });
    const change = this.#tracker.update(members);
    if (change !== undefined) this.#log.info("members changed", { channel: this.id, ...change });
  }

  close(): void {
    this.#closed = true;
    this.leadership.close();
    this.#gossipRun.close();
    this.#blocks.close();
    this.#blockPull.close();
    this.shared.close();
    this.#leaving?.settle();
  }

  // For programs

  /** A block is news while the ledger lacks it, by whatever way it came. */
  #tellBlock(message: DataMessage, from: PkiId): void {
    const { blockNumber, data } = message.payload;
    if (this.refusalOfBlock(blockNumber) === undefined) this.#tell(message, from, undefined, data.length);
  }

  #tell(message: GossipedMessage["message"], from: PkiId, author: PkiId | undefined, bytes: number): void {
    this.#around.heard({ message, channel: this.id, from, author }, bytes);
  }

  /** Who may have blocks for us. */
  get #suppliers() {
    return this.#told === undefined ? this.#gossip.members : [];
  }

  #onHeight(height: bigint): void {
    this.#gossipRun.push({ type: "height", height });
    this.leadership.onHeight(height);
  }

  #mustBeOpen(): void {
    if (this.#closed) {
      throw new GossipError("closed", `expected channel ${this.id} to be open, got one that was closed`);
    }
  }

  #mustKeepBlocks(): void {
    this.#mustBeOpen();
    if (this.#told !== undefined) {
      throw new GossipError("invalid-argument", `expected a channel with a ledger, got ${this.id}, which has none`);
    }
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
        return this.#around.emit(stateInfoEmission(this.id, output.info, undefined, output.waitMs));
      case "forward":
        return this.#around.emit(stateInfoEmission(this.id, output.info, output.except, output.waitMs));
      case "tell":
        for (const to of output.to) this.#send(to, output.info.envelope, "control");
        return;
      case "request":
        for (const to of output.to) this.#send(to, exit.stateInfoPullRequest(this.id), "control");
        return;
      case "respond":
        return this.#send(output.to, exit.snapshot(this.id, output.elements), "control");
      case "peers-changed":
        this.#blocks.push({ type: "peers-changed" });
        this.leadership.peersChanged();
        this.shared.peersChanged();
        return this.#blockPull.peersChanged();
      case "dropped":
        return drops.count("channel", output.reason);
      default:
        return unreachable(output);
    }
  }

  /** Identities first: a state info is worth no more than its author. */
  #onTrustChanged(): void {
    whenDone(this.#around.judgeIdentities(), () => {
      this.shared.judgeAuthors(() => true);
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
}
