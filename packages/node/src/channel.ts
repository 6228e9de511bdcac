import type { Comm } from "@gossip/comm";
import type { Verified } from "@gossip/crypto";
import type { DataMessage, Envelope, OrgId, PkiId, StateInfo } from "@gossip/proto";
import {
  type Clock,
  errorText,
  GossipError,
  type Logger,
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
import type { Channel, ChannelMemberView, JoinOptions, MemberView } from "./api.js";
import {
  ChannelGossip,
  type ChannelGossipInput,
  type ChannelGossipOutput,
  type MembershipView,
} from "./channel-gossip.js";
import type { GossipConfig } from "./config.js";
import type { Exit } from "./exit.js";
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
  comm(): Comm;
  endpointOf(pkiId: PkiId): string;
  memberView(pkiId: PkiId): MemberView | undefined;
  emit(emission: Emission): void;
  /** The ledger found that a block does not follow its chain. `from` is `undefined` for the orderer. */
  onBlockRefused(from: PkiId | undefined, detail: string): void;
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
  readonly #around: ChannelSurroundings;
  readonly #ledger: Ledger;
  readonly #gossip: ChannelGossip;
  readonly #state: StateTransfer;
  readonly #gossipRun: Run<ChannelGossipInput>;
  readonly #stateRun: Run<StateInput>;
  readonly #log: Logger;
  readonly #metrics: ReturnType<typeof channelMetrics>;
  readonly #tracker = new MembershipTracker();
  /** Programs waiting for room, for a height, or for the end. */
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(id: string, options: JoinOptions, incarnation: bigint, around: ChannelSurroundings) {
    const { clock, random, config } = around;
    this.id = id;
    this.isLeader = options.leader ?? false;
    this.#around = around;
    this.#ledger = options.ledger;
    this.#log = around.log.child("channel");
    this.#metrics = channelMetrics(around.metrics);
    this.#gossip = new ChannelGossip({
      self: around.self,
      selfOrg: around.selfOrg,
      organizations: options.organizations,
      incarnation,
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

  async publish(blockNumber: bigint, block: Uint8Array): Promise<void> {
    while (!this.#state.room) await this.#change();
    this.#assertOpen();
    this.#stateRun.push({ type: "block", blockNumber, data: block, source: "deliver" });
    this.#around.emit(this.#around.exit.block(this.id, { blockNumber, data: block, privateData: [] }));
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
    this.#gossipRun.close();
    this.#stateRun.close();
    this.#notify();
  }

  // Effects

  #performGossip(output: ChannelGossipOutput): void {
    const { exit, drops } = this.#around;
    switch (output.type) {
      case "sign":
        whenDone(exit.stateInfo(this.id, output.time, output.properties), (info) => {
          if (info !== undefined) this.#gossipRun.push({ type: "signed", info });
        });
        return;
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
            this.#log.error("cannot read blocks to serve", { channel: this.id, reason: errorText(failure) });
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
        return this.#log.error("commits fail", {
          channel: this.id,
          blockNumber: output.blockNumber,
          reason: output.detail,
        });
      case "recovered":
        return this.#log.info("commits work again", { channel: this.id, blockNumber: output.blockNumber });
      case "attempt-failed":
        return this.#log.debug("a peer did not serve blocks", {
          channel: this.id,
          peer: output.to,
          reason: output.reason,
        });
      case "transfer-failed":
        return this.#log.warn("nobody serves blocks that we lack", { channel: this.id, start: output.start });
      case "straggler":
        return this.#log.warn("too far behind for pushes, and state transfer is off: set peer.gossip.state.enabled", {
          channel: this.id,
          height: output.height,
          pushed: output.blockNumber,
        });
      case "dropped":
        if (output.reason === "refused-by-ledger") this.#around.onBlockRefused(output.from, output.detail ?? "");
        return drops.count("state", output.reason, output.count);
      default:
        return unreachable(output);
    }
  }

  #commit(blockNumber: bigint, data: Uint8Array): void {
    const start = this.#around.clock.now();
    const onDone = () => {
      this.#metrics.commitSeconds.observe((this.#around.clock.now() - start) / 1000, { channel: this.id });
      this.#stateRun.push({ type: "committed", blockNumber });
    };
    const onFailed = (error: unknown) => {
      const isRefusal = error instanceof GossipError && (error.code === "malformed" || error.code === "corrupt");
      const cause = isRefusal ? "refused" : "storage";
      this.#stateRun.push({ type: "commit-failed", blockNumber, cause, detail: errorText(error) });
    };
    try {
      const done = this.#ledger.commit(blockNumber, data);
      if (done === undefined) onDone();
      else done.then(onDone, onFailed);
    } catch (error) {
      onFailed(error);
    }
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

function channelMetrics(metrics: Metrics) {
  const labels = ["channel"];
  return {
    members: metrics.gauge({
      name: "gossip_membership_total_peers_known",
      help: "Live peers of the channel, self excluded",
      labels,
    }),
    height: metrics.gauge({ name: "gossip_state_height", help: "Number of blocks in the ledger", labels }),
    buffered: metrics.gauge({
      name: "gossip_payload_buffer_size",
      help: "Blocks waiting for their turn to be committed",
      labels,
    }),
    commitSeconds: metrics.histogram({
      name: "gossip_state_commit_duration",
      help: "Seconds that the commit of one block took",
      labels,
    }),
  };
}
