import { type Comm, type CommEvent, type ConnectionView, createComm, type Feature } from "@gossip/comm";
import {
  IdentityStore,
  type KnownIdentity,
  type MessageCryptoService,
  type Removed,
  type Verified,
} from "@gossip/crypto";
import type { Discovery, DiscoveryInput, DiscoveryMember, MemberDown } from "@gossip/discovery";
import { type AliveMessage, type Envelope, type OrgId, type PkiId, pkiIdToBytes } from "@gossip/proto";
import type { ItemStore, PullInput } from "@gossip/pull";
import {
  type Clock,
  GossipError,
  type Logger,
  type Millis,
  noMetrics,
  type Random,
  type Run,
  run,
  silentLogger,
  systemClock,
  systemRandom,
  systemWallClock,
  type Timer,
  type WallClock,
  whenDone,
} from "@gossip/runtime";
import { Acceptors } from "./acceptors.js";
import { Anchors } from "./anchors.js";
import type {
  Channel,
  ChannelUpdate,
  GossipNode,
  JoinOptions,
  MemberView,
  NodeEvents,
  NodeOptions,
  Refusal,
} from "./api.js";
import { Applications } from "./application.js";
import { ChannelShell } from "./channel.js";
import { type GossipConfig, resolveGossipConfig } from "./config.js";
import { ContactLog } from "./contact-log.js";
import type { EmitterInput } from "./emitter.js";
import { checkedEndpoint, isEndpoint } from "./endpoint.js";
import { Exit } from "./exit.js";
import { FeatureTable } from "./features.js";
import { Gate } from "./gate.js";
import { IdentityLife } from "./identity-life.js";
import { Listeners } from "./listeners.js";
import { makeMachines } from "./machines.js";
import type { MemberViews } from "./member-views.js";
import { DropLedger } from "./refusals.js";
import { Reports } from "./reports.js";
import { makeTables } from "./router.js";
import { type Emission, stateInfoEmission } from "./routing.js";
import { sendByCriteria } from "./sending.js";
import type {
  AcceptOptions,
  ApplicationContent,
  GossipContent,
  ReceivedMessage,
  SendCriteria,
  SendOutcome,
} from "./service.js";
import { SleepLog } from "./sleep-log.js";
import type { ChannelSurroundings } from "./surroundings.js";

/**
 * Opens a node: it starts to listen and to reach for its bootstrap peers at once.
 *
 * @throws GossipError `invalid-config`, `invalid-argument` (an endpoint that is none), `untrusted` (the own identity is refused).
 *
 * @example
 * const node = await createNode({ identity, crypto, advisor: crypto, transport, endpoint: "127.0.0.1:7051" });
 * const channel = await node.join("demo", { ledger, organizations: [orgId("org1")] });
 * await node.close();
 */
export async function createNode(options: NodeOptions): Promise<GossipNode> {
  return new NodeShell(options);
}

/** How often identities are looked at for expiry and disuse. */
const identityTickMs = 5_000;

class NodeShell implements GossipNode {
  readonly pkiId: PkiId;
  readonly org: OrgId;
  readonly endpoint: string;
  readonly incarnation: bigint;
  readonly #config: GossipConfig;
  readonly #crypto: MessageCryptoService;
  readonly #clock: Clock;
  readonly #wall: WallClock;
  readonly #random: Random;
  /** Names as in the reference, so that an operator's log specification fits: this one is `gossip.gossip`. */
  readonly #log: Logger;
  /** For the parts, which name themselves. */
  readonly #partLog: Logger;
  readonly #commLog: Logger;
  readonly #discoveryLog: Logger;
  readonly #contactLog: ContactLog;
  readonly #options: NodeOptions;
  readonly #identities: IdentityStore;
  readonly #identityLife: IdentityLife;
  readonly #features = new FeatureTable();
  readonly #drops: DropLedger;
  readonly #reports: Reports;
  readonly #identityItems: ItemStore<Envelope>;
  readonly #discovery: Discovery;
  readonly #views: MemberViews;
  readonly #exit: Exit;
  readonly #comm: Comm;
  readonly #discoveryRun: Run<DiscoveryInput>;
  readonly #pullRun: Run<PullInput<Envelope>>;
  readonly #emitterRun: Run<EmitterInput<Emission>>;
  readonly #channels = new Map<string, ChannelShell>();
  readonly #anchors: Anchors;
  readonly #acceptors: Acceptors;
  readonly #applications: Applications;
  /** Above the sequences of all state infos of channels that were left. */
  #afterSequence = 0n;
  readonly #listeners: Listeners;
  readonly #timers = new Set<Timer>();
  #closing: Promise<void> | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#config = resolveGossipConfig(options.config);
    this.#crypto = options.crypto;
    this.#clock = options.clock ?? systemClock;
    this.#wall = options.wall ?? systemWallClock;
    this.#random = options.random ?? systemRandom;
    this.#partLog = (options.log ?? silentLogger).child("gossip");
    this.#log = this.#partLog.child("gossip");
    this.#commLog = this.#partLog.child("comm");
    this.#discoveryLog = this.#partLog.child("discovery");
    this.#contactLog = new ContactLog(this.#discoveryLog);
    this.#listeners = new Listeners(this.#log);
    this.endpoint = checkedEndpoint("endpoint", options.endpoint);
    if (options.externalEndpoint) checkedEndpoint("externalEndpoint", options.externalEndpoint);
    // Before anything is opened, for there is nobody to close it when a constructor throws.
    for (const endpoint of options.bootstrap ?? []) checkedEndpoint("a bootstrap peer", endpoint);
    const metrics = options.metrics ?? noMetrics;

    this.#identities = new IdentityStore({
      crypto: options.crypto,
      advisor: options.advisor,
      self: options.identity,
      isMember: (pkiId) => this.#discovery.lookup(pkiId) !== undefined,
    });
    this.pkiId = this.#identities.selfPkiId;
    this.org = this.#identities.selfOrg;
    this.incarnation = laterThan(options.lastIncarnation ?? 0n, this.#wall);
    this.#drops = new DropLedger(metrics);
    this.#reports = new Reports({
      drops: this.#drops,
      wall: this.#wall,
      log: this.#log,
      orgOf: (id) => this.#identities.orgOf(id),
      onRefused: (refusal) => this.#listeners.fire("refused", refusal),
    });

    const { discovery, views, identityItems, pull, emitter } = makeMachines({
      identities: this.#identities,
      endpoint: this.endpoint,
      externalEndpoint: options.externalEndpoint ?? "",
      incarnation: this.incarnation,
      config: this.#config,
      clock: this.#clock,
      wall: this.#wall,
      random: this.#random,
      isLinked: (pkiId) => this.#comm.isLinked(pkiId),
    });
    this.#discovery = discovery;
    this.#views = views;
    this.#identityItems = identityItems;
    const identityPublishedUntil = this.#clock.now() + this.#config.publishCertPeriodMs;
    this.#exit = new Exit({
      self: this.pkiId,
      identity: options.identity,
      crypto: options.crypto,
      isIdentityPublished: () => this.#clock.now() < identityPublishedUntil,
      onSigningFailed: (error) => this.#log.error("cannot sign", { error }),
    });
    const onFault = (error: unknown) => this.#onFault(error);
    this.#acceptors = new Acceptors({
      log: this.#log,
      maxMessages: this.#config.maxAcceptedMessages,
      maxBytes: this.#config.maxAcceptedBytes,
      onDropped: () => this.#drops.count("accept", "too-slow"),
    });
    this.#applications = new Applications({
      self: this.pkiId,
      selfOrg: this.org,
      incarnation: this.incarnation,
      config: this.#config,
      clock: this.#clock,
      random: this.#random,
      exit: this.#exit,
      membership: this.#views,
      features: this.#features,
      acceptors: this.#acceptors,
      channels: this.#channels,
      isClosed: () => this.#closing !== undefined,
      comm: () => this.#comm,
      address: (pkiId) => this.#views.address(pkiId),
      onDropped: (reason) => this.#drops.count("accept", reason),
    });
    const gate = new Gate({
      crypto: options.crypto,
      identities: this.#identities,
      clock: this.#clock,
      wall: this.#wall,
      config: this.#config,
      discovery: this.#discovery,
      pull,
      channels: this.#channels,
      applications: this.#applications,
      toDiscovery: (input) => this.#discoveryRun.push(input),
      toPull: (input) => this.#pullRun.push(input),
      relayStateInfo: (info, except) =>
        this.#emitterRun.push({ type: "add", element: stateInfoEmission("", info, except) }),
      onDropped: (drop) => this.#reports.onGateDrop(drop),
      onFault,
    });
    this.#comm = createComm({
      transport: options.transport,
      crypto: options.crypto,
      advisor: options.advisor,
      identities: this.#identities,
      identity: options.identity,
      clock: this.#clock,
      wall: this.#wall,
      random: this.#random,
      config: this.#config,
      features: featuresOf(this.#config),
      log: this.#partLog,
      metrics,
      onMessage: (received) => gate.take(received),
      onEvent: (event) => this.#onCommEvent(event),
      onFault,
    });

    this.#identityLife = new IdentityLife({
      identities: this.#identities,
      clock: this.#clock,
      wall: this.#wall,
      log: this.#log,
      metrics,
      connected: () => this.#comm.connections.map(({ pkiId }) => pkiId),
      onRemoved: (removed) => this.#forget(removed),
      onFault,
    });
    const sleepLog = new SleepLog(this.#discoveryLog, metrics);
    const tables = makeTables({
      comm: this.#comm,
      exit: this.#exit,
      identityItems: this.#identityItems,
      routing: this.#views.forRouting(this.#channels, this.#config.propagatePeerNum, this.#random),
      toDiscovery: (input) => this.#discoveryRun.push(input),
      toPull: (input) => this.#pullRun.push(input),
      address: (pkiId) => this.#views.address(pkiId),
      emitAlive: (alive, except, waitMs) => this.#emitAlive(alive, except, waitMs),
      identify: (endpoint) => this.#identify(endpoint),
      verifyEndpoint: (endpoint, older) => this.#verifyEndpoint(endpoint, older),
      onMemberUp: (member) => this.#onMemberUp(member),
      onMemberDown: (member, cause) => this.#onMemberDown(member, cause),
      onMembersChanged: () => this.#onMembersChanged(),
      onContact: (contact) => this.#contactLog.onContact(contact),
      onOverslept: (sleptMs) => sleepLog.onOverslept(sleptMs),
      onIdentityConflict: (endpoint) =>
        this.#discoveryLog.error("another process uses our identity: give each peer its own", { endpoint }),
      count: (layer, reason, count) => this.#drops.count(layer, reason, count),
    });
    const clock = this.#clock;
    this.#discoveryRun = run(this.#discovery, { clock, onFault, perform: tables.discovery });
    this.#pullRun = run(pull, { clock, onFault, perform: tables.pull });
    this.#emitterRun = run(emitter, { clock, onFault, perform: tables.emitter });
    this.#anchors = new Anchors({
      selfOrg: this.org,
      own: [this.endpoint, options.externalEndpoint ?? ""],
      bootstrap: options.bootstrap ?? [],
      toDiscovery: (input) => this.#discoveryRun.push(input),
    });
    this.#start();
  }

  // What programs see

  get health(): GossipNode["health"] {
    const { lost } = this.#identityLife;
    return lost === undefined ? { ok: true } : { ok: false, detail: lost };
  }

  get expiresAtWallMs(): number | undefined {
    return this.#identityLife.expiresAtWallMs;
  }

  get members(): readonly MemberView[] {
    return this.#discovery.members.map((member) => this.#views.view(member));
  }

  get deadMembers(): readonly MemberView[] {
    return this.#discovery.deadMembers.map((member) => this.#views.view(member));
  }

  get channels(): ReadonlyMap<string, Channel> {
    return this.#channels;
  }

  get connections(): readonly ConnectionView[] {
    return this.#comm.connections;
  }

  get drops(): ReadonlyMap<string, number> {
    return this.#drops.counts;
  }

  get refusals(): readonly Refusal[] {
    return this.#drops.refusals;
  }

  async join(id: string, options: JoinOptions): Promise<Channel> {
    if (this.#closing !== undefined) throw new GossipError("closed", "expected an open node, got one that was closed");
    if (id === "" || this.#channels.has(id)) {
      throw new GossipError("invalid-argument", `expected a channel that is not joined yet, got ${JSON.stringify(id)}`);
    }
    if (!options.organizations.includes(this.org)) {
      throw new GossipError(
        "invalid-argument",
        `expected own organization ${this.org} among those of ${id}, got ${options.organizations.join(", ") || "none"}`,
      );
    }
    const { anchors = [] } = options;
    for (const { endpoint } of anchors) checkedEndpoint("an anchor", endpoint);
    // Our own incarnation and not the time of joining, which the next life would have to exceed as well.
    const channel = new ChannelShell(id, options, this.incarnation, this.#surroundings());
    this.#channels.set(id, channel);
    this.#identityLife.suspect(() => true);
    channel.start();
    this.#anchors.set(id, anchors);
    return channel;
  }

  #surroundings(): ChannelSurroundings {
    return {
      self: this.pkiId,
      selfOrg: this.org,
      clock: this.#clock,
      random: this.#random,
      log: this.#partLog,
      metrics: this.#options.metrics ?? noMetrics,
      config: this.#config,
      exit: this.#exit,
      drops: this.#drops,
      membership: this.#views,
      crypto: this.#crypto,
      advisor: this.#options.advisor,
      wall: this.#wall,
      features: this.#features,
      afterSequence: this.#afterSequence,
      comm: () => this.#comm,
      endpointOf: (pkiId) => this.#views.address(pkiId).endpoint,
      memberView: (pkiId) => this.#views.viewOf(pkiId),
      emit: (element) => this.#emitterRun.push({ type: "add", element }),
      onBlockRefused: (from, reason, detail) => this.#reports.onBlockRefused(from, reason, detail),
      mayRead: (channel, { message, envelope }) => {
        const identity = this.#identities.get(message.pkiId, this.#clock.now());
        if (identity === undefined) return false;
        const verdict = this.#crypto.verifyByChannel(channel, identity, envelope.signature, envelope.payload);
        return whenDone(verdict, ({ ok }) => ok);
      },
      heard: (received, bytes) => {
        if (this.#acceptors.isEmpty) return;
        const org = this.#identities.orgOf(received.author ?? received.from);
        this.#acceptors.offer({ how: "gossiped", ...received, org }, received.author ?? received.from, bytes);
      },
      judgeIdentities: () =>
        whenDone(
          this.#identityLife.suspect(() => true),
          () => {},
        ),
      onUpdated: (channel, update, removed) => this.#onUpdated(channel, update, removed),
      onLeft: (channel, sequence) => this.#onLeft(channel, sequence),
      onFault: (error) => this.#onFault(error),
    };
  }

  async suspect(predicate: (identity: KnownIdentity) => boolean): Promise<readonly PkiId[]> {
    // Asked here, so that one that throws fails for its caller, and ends no node.
    const picked = new Set(this.#identities.all.filter(predicate).map(({ pkiId }) => pkiId));
    return await this.#identityLife.suspect(({ pkiId }) => picked.has(pkiId));
  }

  accept(
    predicate: (received: never) => boolean,
    options: AcceptOptions & { readonly direct?: boolean } = {},
    // The overloads of `GossipService` say what a predicate gets under which options, and that is what it is given.
  ): AsyncIterableIterator<never> {
    return this.#acceptors.open(
      predicate as (received: ReceivedMessage) => boolean,
      options,
    ) as AsyncIterableIterator<never>;
  }

  gossip(content: GossipContent): Promise<void> {
    return this.#applications.gossip(content);
  }

  send(content: ApplicationContent, peers: readonly PkiId[]): void {
    this.#applications.send(content, peers);
  }

  sendByCriteria(criteria: SendCriteria, content: ApplicationContent): Promise<SendOutcome> {
    return sendByCriteria(
      {
        random: this.#random,
        applications: this.#applications,
        channels: this.#channels,
        members: () => this.members,
        comm: () => this.#comm,
        address: (pkiId) => this.#views.address(pkiId),
      },
      criteria,
      content,
    );
  }

  setMetadata(metadata: Uint8Array): void {
    this.#discoveryRun.push({ type: "update-self", metadata: new Uint8Array(metadata) });
  }

  on<E extends keyof NodeEvents>(event: E, listener: NodeEvents[E]): () => void {
    return this.#listeners.add(event, listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Life

  #start(): void {
    whenDone(this.#exit.peerIdentity(), (own) => {
      if (own !== undefined) this.#identityItems.add(pkiIdToBytes(this.pkiId), own.envelope);
    });
    for (const endpoint of this.#options.bootstrap ?? []) {
      if (endpoint === this.endpoint) continue;
      this.#discoveryRun.push({ type: "connect", endpoint, role: "bootstrap" });
    }
    this.#every(identityTickMs, () => this.#identityLife.tick());
    this.#every(this.#config.membershipTrackerIntervalMs, () => {
      for (const channel of this.#channels.values()) channel.track();
    });
    this.#log.info("node started", { pkiId: this.pkiId, org: this.org, endpoint: this.endpoint });
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const channel of this.#channels.values()) channel.close();
    this.#acceptors.close();
    this.#discoveryRun.close();
    this.#pullRun.close();
    this.#emitterRun.close();
    await this.#comm.close();
    this.#log.info("node closed", { pkiId: this.pkiId });
  }

  #onFault(error: unknown): void {
    this.#log.error("a defect was met; the node closes", { error });
    this.#listeners.fire("fault", error);
    this.close().catch((failure) => this.#log.error("cannot close", { error: failure }));
  }

  #every(intervalMs: number, action: () => void): void {
    const arm = () => {
      const timer = this.#clock.schedule(this.#clock.now() + intervalMs, () => {
        this.#timers.delete(timer);
        action();
        if (this.#closing === undefined) arm();
      });
      this.#timers.add(timer);
    };
    arm();
  }

  #onUpdated(channel: string, { anchors }: ChannelUpdate, removed: readonly OrgId[]): void {
    // They come from a config block, which must not keep the blocks behind it from being committed.
    const diallable = anchors.filter(({ endpoint }) => isEndpoint(endpoint));
    for (const { org, endpoint } of anchors) {
      if (!isEndpoint(endpoint)) this.#log.warn("an anchor peer that cannot be dialled", { channel, org, endpoint });
    }
    this.#anchors.set(channel, diallable);
    this.#identityLife.suspect(() => true);
    this.#parting(removed, `its organization left ${channel}`);
  }

  #onLeft(channel: string, sequence: bigint): void {
    this.#channels.delete(channel);
    if (sequence > this.#afterSequence) this.#afterSequence = sequence;
    this.#anchors.set(channel, []);
    this.#log.info("channel left", { channel });
  }

  /** Closes the connections to organizations that no channel of ours has any more; who is still trusted may come back. */
  #parting(organizations: readonly OrgId[], detail: string): void {
    const channels = [...this.#channels.values()];
    const strange = organizations.filter((org) => !channels.some((channel) => channel.hasOrganization(org)));
    for (const { pkiId } of this.#comm.connections) {
      const org = this.#identities.orgOf(pkiId);
      if (org !== undefined && strange.includes(org)) this.#comm.disconnect(pkiId, detail);
    }
  }

  /** An identity is gone: nobody is told of it any more, its member is forgotten everywhere, its connection closed. */
  #forget({ pkiId, cause }: Pick<Removed, "pkiId" | "cause">): void {
    this.#identityItems.delete(pkiIdToBytes(pkiId));
    // Of ourselves nobody here knows more than the item.
    if (pkiId === this.pkiId) return;
    this.#features.forget(pkiId);
    this.#discoveryRun.push({ type: "identity-removed", pkiId });
    for (const channel of this.#channels.values()) channel.onIdentityRemoved(pkiId);
    this.#comm.disconnect(pkiId, `identity ${cause}`);
  }

  // Events

  #onCommEvent(event: CommEvent): void {
    switch (event.type) {
      case "connected":
        // It may have gone after it was proven, while we had still to sign.
        if (!this.#identities.has(event.info.pkiId)) return this.#comm.disconnect(event.info.pkiId, "identity removed");
        this.#features.heard(event.info);
        for (const channel of this.#channels.values()) channel.shared.peersChanged();
        return this.#commLog.debug("connected", { peer: event.info.pkiId, direction: event.info.direction });
      case "disconnected":
        return this.#commLog.debug("disconnected", { peer: event.pkiId, reason: event.detail });
      case "presumed-dead":
        return this.#discoveryRun.push({ type: "presumed-dead", pkiId: event.pkiId });
      case "identity-switch":
        return this.#identityLife.replaced(event.old);
      case "handshake-refused":
        return this.#reports.onHandshakeRefused(event);
      case "dropped":
        return this.#drops.count("comm", event.reason);
    }
  }

  #onMemberUp(member: DiscoveryMember): void {
    this.#discoveryLog.info("member up", {
      pkiId: member.pkiId,
      org: this.#identities.orgOf(member.pkiId),
      endpoint: member.preferredEndpoint,
    });
    for (const channel of this.#channels.values()) channel.onMemberUp(member.pkiId);
    this.#listeners.fire("member-up", this.#views.view(member));
    this.#onMembersChanged();
  }

  #onMemberDown(member: DiscoveryMember, cause: MemberDown["cause"]): void {
    this.#discoveryLog.warn("member down", { pkiId: member.pkiId, endpoint: member.preferredEndpoint, cause });
    this.#listeners.fire("member-down", this.#views.view(member));
    this.#onMembersChanged();
  }

  #onMembersChanged(): void {
    for (const channel of this.#channels.values()) channel.onMembersChanged();
  }

  #identify(endpoint: string): void {
    this.#comm.contact(endpoint, (result) => {
      if (!result.ok) {
        this.#contactLog.onIdentifyFailed(endpoint, result.reason, result.detail);
        return this.#discoveryRun.push({ type: "identify-failed", endpoint });
      }
      const { pkiId } = result.info;
      const sameOrg = this.#identities.orgOf(pkiId) === this.org;
      this.#discoveryRun.push({ type: "identified", endpoint, pkiId, sameOrg });
    });
  }

  #verifyEndpoint(endpoint: string, older: readonly PkiId[]): void {
    this.#comm.handshake(endpoint, (result) => {
      if (!result.ok && result.reason !== "self-connection") return;
      const found = result.ok ? result.info.pkiId : this.pkiId;
      this.#discoveryRun.push({ type: "endpoint-verified", endpoint, pkiId: found });
      const org = this.#identities.orgOf(found);
      for (const pkiId of older) {
        if (pkiId !== found && org !== undefined && this.#identities.orgOf(pkiId) === org)
          this.#identityLife.replaced(pkiId);
      }
    });
  }

  #emitAlive(alive: Verified<AliveMessage>, except: PkiId | undefined, waitMs: Millis): void {
    const { message, envelope } = alive;
    const key = `alive ${message.member.pkiId}`;
    const element: Emission = { key, message, envelope, channel: "", except, waitMs: waitMs || undefined };
    this.#emitterRun.push({ type: "add", element });
  }
}

/** The extensions that are on. */
function featuresOf({ sharedMap, applicationMessages }: GossipConfig): readonly Feature[] {
  return [
    ...(sharedMap.enabled ? (["shared-map"] as const) : []),
    ...(applicationMessages ? (["application"] as const) : []),
  ];
}

/** Nanoseconds since 1970, and later than an earlier life even if the wall clock was set back (page 01 §14 item 10). */
function laterThan(last: bigint, wall: WallClock): bigint {
  const now = wall.nowNanos();
  return now > last ? now : last + 1n;
}
