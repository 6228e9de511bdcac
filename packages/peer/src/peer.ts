import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Transport } from "@gossip/comm";
import type { ConnectOrderer } from "@gossip/deliver";
import { type Channel, createNode, type GossipNode } from "@gossip/node";
import type { PrivateData } from "@gossip/privdata";
import {
  type Clock,
  errorText,
  GossipError,
  type Logger,
  type Metrics,
  noMetrics,
  type Random,
  systemClock,
  systemRandom,
  systemWallClock,
  type WallClock,
  wallMillis,
} from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import { openChannelLedger } from "./channel-ledger.js";
import { openChannelPrivateData } from "./channel-private-data.js";
import { ChannelSeat } from "./channel-seat.js";
import type { PeerConfig } from "./config.js";
import { isLoopback, isWildcard, splitEndpoint } from "./endpoint.js";
import { IncarnationFile } from "./incarnation.js";
import { JoinedChannels } from "./joined-channels.js";
import { createLogger, isLeveled } from "./logger.js";
import { type PrometheusMetrics, prometheusMetrics } from "./metrics.js";
import { Openings } from "./openings.js";
import { serveOperations } from "./operations.js";
import { OrdererRefusals } from "./orderer-refusals.js";
import { showChannels, showHealth, showMembers } from "./show.js";
import { showBlocks } from "./show-block.js";
import { type OpenedTransport, openTransport } from "./transport.js";
import { checkOwnIdentity, checkPart, openTrust, type Trust, type TrustedChannel } from "./trust.js";
import { TrustWatch } from "./trust-watch.js";
import { version } from "./version.js";

/** How often the files of trust are looked at: a revocation is in force within about a second. */
const trustWatchMs = 1_000;

/** What a peer takes from its surroundings; all default to this process. */
export interface PeerPorts {
  /** @default a logger made from `config.logging`, to stderr */
  readonly log?: Logger;
  /** @default per `config.metricsProvider` */
  readonly metrics?: Metrics;
  /** Where streams come from. @default gRPC, bound to `config.listenAddress` */
  readonly transport?: Transport;
  /** How orderers are reached. @default gRPC */
  readonly connectOrderer?: ConnectOrderer;
  readonly clock?: Clock;
  readonly wall?: WallClock;
  readonly random?: Random;
}

/** A durable gossip peer: node, ledgers, orderer client, trust and operations service. */
export interface Peer extends AsyncDisposable {
  readonly id: string;
  /** `host:port` that peers of the own organization dial. */
  readonly endpoint: string;
  readonly node: GossipNode;
  /** The channels joined, by name; one whose organizations do not have ours, yet or any more, is not among them. */
  readonly channels: ReadonlyMap<string, Channel>;
  /** `host:port` the operations service is bound to; `undefined` when it is not configured. */
  readonly operations: { readonly endpoint: string } | undefined;
  /** Resolves, and never rejects, when the peer has closed: because it was asked to, or because of a fault. */
  readonly closed: Promise<PeerEnd>;
  /** Stops in order: orderer clients, node, ledgers, operations service. Idempotent. */
  close(): Promise<void>;
}

/** How a peer ended. */
export interface PeerEnd {
  /** The defect that closed it; `undefined` when `close` was called. */
  readonly fault: unknown;
}

/**
 * Opens a peer: it binds its ports, opens its ledgers, joins its channels and, as a leader, begins to pull from the orderers.
 *
 * @throws GossipError with one line, after which nothing stays open: `invalid-config`, `untrusted` (the own identity),
 * `conflict` (a port or the data folder is taken, or holds another network's ledger), `corrupt` (stored data), `storage`.
 *
 * @example
 * const peer = await createPeer(await readPeerConfig("peer0.yaml", process.env));
 * const { fault } = await peer.closed;
 */
export async function createPeer(config: PeerConfig, ports: PeerPorts = {}): Promise<Peer> {
  const metrics = ports.metrics ?? (config.metricsProvider === "prometheus" ? prometheusMetrics() : noMetrics);
  const log = ports.log ?? createLogger(config.logging);
  if (isLeveled(log)) log.countIn(metrics);
  const openings = new Openings(log.child("peer"));
  try {
    return await new Opening(config, ports, { log, metrics, openings }).open();
  } catch (error) {
    await openings.close();
    throw error;
  }
}

/** One start of a peer, step by step. */
class Opening {
  readonly #config: PeerConfig;
  readonly #ports: PeerPorts;
  /** For the parts, which name themselves. */
  readonly #partLog: Logger;
  /** For what this file says. */
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #openings: Openings;
  readonly #clock: Clock;
  readonly #wall: WallClock;
  readonly #random: Random;
  readonly #refusals = new OrdererRefusals();
  readonly #seats = new Map<string, ChannelSeat>();
  /** What the trust warned of last. */
  #warned: ReadonlySet<string> = new Set();
  #fault: unknown;
  #closing: Promise<void> | undefined;
  #onClosed: (end: PeerEnd) => void = () => {};
  readonly #closed = new Promise<PeerEnd>((resolve) => {
    this.#onClosed = resolve;
  });

  constructor(
    config: PeerConfig,
    ports: PeerPorts,
    { log, metrics, openings }: { readonly log: Logger; readonly metrics: Metrics; readonly openings: Openings },
  ) {
    this.#config = config;
    this.#ports = ports;
    this.#partLog = log;
    this.#log = log.child("peer");
    this.#metrics = metrics;
    this.#openings = openings;
    this.#clock = ports.clock ?? systemClock;
    this.#wall = ports.wall ?? systemWallClock;
    this.#random = ports.random ?? systemRandom;
  }

  async open(): Promise<Peer> {
    const joined = new JoinedChannels(this.#config.fileSystemPath);
    const config = { ...this.#config, channels: await joined.with(this.#config.channels) };
    for (const warning of config.warnings ?? []) this.#log.warn(warning);
    this.#warnOfSlips(config);
    requireEndpoint(config);
    const trust = await openTrust(config, this.#wall);
    checkPart(config, trust, (channel) => existsSync(join(this.#ledgerDir, channel)));
    const operations = await this.#openOperations();
    const ledgers = await this.#openLedgers(trust);
    for (const channel of trust.channels) await channel.restore(ledgerOf(ledgers, channel.id));
    await checkOwnIdentity(config, trust, wallMillis(this.#wall));
    this.#warnOf(trust);
    const transport = await this.#openTransport(trust);
    const node = await this.#openNode(trust, transport);
    for (const trusted of trust.channels) {
      const ledger = ledgerOf(ledgers, trusted.id);
      const seat = new ChannelSeat({
        config,
        trust,
        trusted,
        ledger,
        privateData: await this.#openPrivateData(trusted, ledger),
        refusals: this.#refusals,
        connectOrderer: this.#ports.connectOrderer,
        clock: this.#clock,
        wall: this.#wall,
        random: this.#random,
        log: this.#partLog,
        metrics: this.#metrics,
        onTerms: () => this.#onTerms(trust, transport),
        onFault: (error) => this.#onFault(error),
      });
      this.#seats.set(trusted.id, seat);
      this.#openings.add("channel", seat, () => seat.close());
      await seat.take(node);
    }
    for (const [at, { remember, genesisBlock }] of config.channels.entries()) {
      const trusted = trust.channels[at];
      if (remember === true && trusted !== undefined) await joined.remember(trusted.id, genesisBlock);
    }
    const watch = new TrustWatch({
      trust,
      clock: this.#clock,
      intervalMs: trustWatchMs,
      onNews: async (news) => {
        this.#warnOf(trust);
        if (news === "changed") await this.#onTrustFiles(node);
      },
      onFault: (error) => this.#onFault(error),
    });
    this.#openings.add("trust watch", watch, () => watch.close());
    const self = { id: config.id, startedAt: new Date(wallMillis(this.#wall)).toISOString() };
    operations?.show({
      version,
      log: this.#partLog,
      metrics: isPrometheus(this.#metrics) ? this.#metrics : undefined,
      checks: () => showHealth(node, node.channels, this.#absences),
      members: () => showMembers(self, node, this.#refusals.all),
      channels: () => showChannels(node.channels, (id) => this.#seats.get(id)?.deliver),
      blocks: (id, from) => {
        const channel = node.channels.get(id);
        return channel && showBlocks(channel, from);
      },
    });
    // A defect that was met on the way has closed what was open by then.
    if (this.#closing !== undefined) throw this.#fault;
    this.#warnOfExposure();
    this.#metrics
      .gauge({ name: "fabric_version", help: "The version of this software", labels: ["version"] })
      .set(1, { version });
    this.#log.info("peer started", {
      id: config.id,
      version,
      endpoint: node.endpoint,
      operations: operations?.endpoint,
      channels: [...node.channels.keys()],
    });
    const close = () => this.#close();
    return {
      id: config.id,
      endpoint: node.endpoint,
      node,
      channels: node.channels,
      operations: operations && { endpoint: operations.endpoint },
      closed: this.#closed,
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  /** What works, and is seldom meant. A core.yaml of another peer names the folder of that one, where nothing has our names. */
  #warnOfSlips({ fileSystemPath, channels }: PeerConfig): void {
    if (channels.length === 0) this.#log.warn("no channel is joined: name its block 0 with --channel-block FILE");
    if (existsSync(join(fileSystemPath, "ledgersData"))) {
      const text = "peer.fileSystemPath is the folder of a Fabric peer, whose data is left alone";
      this.#log.warn(`${text}: while that one runs, name another`, { fileSystemPath });
    }
  }

  #warnOfExposure(): void {
    const { operations, tls, listenAddress } = this.#config;
    const isServedOpenly = operations !== undefined && operations.tls === undefined;
    if (isServedOpenly && !isLoopback(splitEndpoint(operations.listenAddress)?.host ?? "")) {
      this.#log.warn("the operations service is open to other machines, without authentication", {
        listenAddress: operations.listenAddress,
      });
    }
    if (tls === undefined && !isLoopback(splitEndpoint(listenAddress)?.host ?? "")) {
      this.#log.warn("gossip runs without TLS: whoever is on the way can read it and take it over");
    }
  }

  async #openOperations() {
    const { operations } = this.#config;
    if (operations === undefined) return undefined;
    const service = await serveOperations(operations.listenAddress, this.#log.child("operations"), operations.tls);
    return this.#openings.add("operations", service, () => service.close());
  }

  get #ledgerDir(): string {
    return join(this.#config.fileSystemPath, "ledgers");
  }

  async #openLedgers(trust: Trust): Promise<ReadonlyMap<string, Ledger>> {
    const ledgers = new Map<string, Ledger>();
    for (const { id, genesisBlock } of trust.channels) {
      const ledger = await openChannelLedger({
        dir: this.#ledgerDir,
        channel: id,
        genesisBlock,
        clock: this.#clock,
        log: this.#partLog.child("ledger"),
        metrics: this.#metrics,
      });
      ledgers.set(
        id,
        this.#openings.add("ledger", ledger, () => ledger.close()),
      );
    }
    return ledgers;
  }

  async #openPrivateData(trusted: TrustedChannel, ledger: Ledger): Promise<PrivateData | undefined> {
    const { fileSystemPath, privateData: config = {} } = this.#config;
    const { mayReadCollection } = trusted;
    if (mayReadCollection === undefined) return undefined;
    const opened = await openChannelPrivateData({
      dir: join(fileSystemPath, "private-data"),
      channel: trusted.id,
      ledger,
      config,
      mayRead: (policy, peer) => mayReadCollection.call(trusted, policy, peer),
      clock: this.#clock,
      log: this.#partLog.child("gossip").child("privdata"),
      metrics: this.#metrics,
    });
    return this.#openings.add("private data", opened, () => opened.close());
  }

  async #openTransport(trust: Trust): Promise<OpenedTransport> {
    const given = this.#ports.transport;
    const opened: OpenedTransport =
      given === undefined
        ? await openTransport(this.#config, {
            channelRoots: trust.peerTlsRoots,
            log: this.#partLog,
            metrics: this.#metrics,
          })
        : { transport: given, endpoint: this.#config.listenAddress, trustRoots: () => {} };
    return this.#openings.add("transport", opened, () => opened.transport.close());
  }

  /** A config block may bring and take authorities of the other peers' TLS certificates, and things to know. */
  #onTerms(trust: Trust, transport: OpenedTransport): void {
    transport.trustRoots(trust.peerTlsRoots);
    this.#warnOf(trust);
    // Others refuse us from now on, which shows with them and not here.
    checkOwnIdentity(this.#config, trust, wallMillis(this.#wall)).catch((error) => this.#log.error(errorText(error)));
  }

  /** What the operator keeps in files has changed, e.g. who is revoked. */
  async #onTrustFiles(node: GossipNode): Promise<void> {
    const gone = await node.suspect(() => true);
    this.#log.info("trust was read anew from its files", { removed: gone.length });
  }

  #warnOf({ warnings }: Trust): void {
    for (const warning of warnings) if (!this.#warned.has(warning)) this.#log.warn(warning);
    this.#warned = new Set(warnings);
  }

  /** Channels that are not joined, with the reason. */
  get #absences(): ReadonlyMap<string, string> {
    const absences = new Map<string, string>();
    for (const [id, { absence }] of this.#seats) if (absence !== undefined) absences.set(id, absence);
    return absences;
  }

  async #openNode({ identity, crypto }: Trust, { transport, endpoint }: OpenedTransport): Promise<GossipNode> {
    const config = this.#config;
    const incarnations = new IncarnationFile(config.fileSystemPath);
    const lastIncarnation = await incarnations.read();
    // Written before the first message goes out, or a kill in between could make the next life look old.
    const next = max(lastIncarnation + 1n, this.#wall.nowNanos());
    await incarnations.write(next);
    const node = await createNode({
      identity,
      crypto,
      advisor: crypto,
      transport,
      endpoint: config.endpoint ?? endpoint,
      externalEndpoint: config.externalEndpoint ?? "",
      bootstrap: config.bootstrap ?? [],
      config: config.gossip ?? {},
      clock: this.#clock,
      wall: this.#wall,
      random: this.#random,
      log: this.#partLog,
      metrics: this.#metrics,
      lastIncarnation: next - 1n,
    });
    this.#openings.add("node", node, () => node.close());
    node.on("fault", (error) => this.#onFault(error));
    await incarnations.write(node.incarnation);
    return node;
  }

  #onFault(error: unknown): void {
    if (this.#closing !== undefined) return;
    this.#fault = error;
    const stack = error instanceof Error ? error.stack : undefined;
    this.#log.error("a defect of this software closes the peer; please report it", { error, stack });
    void this.#close();
  }

  #close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#openings.close();
      this.#log.info("peer closed", { id: this.#config.id });
      this.#onClosed({ fault: this.#fault });
    })();
    return this.#closing;
  }
}

function ledgerOf(ledgers: ReadonlyMap<string, Ledger>, channel: string): Ledger {
  const ledger = ledgers.get(channel);
  if (ledger === undefined) throw new GossipError("internal", `expected a ledger of ${channel}, got none`);
  return ledger;
}

function requireEndpoint({ endpoint, externalEndpoint, listenAddress }: PeerConfig): void {
  for (const dialled of [endpoint ?? listenAddress, externalEndpoint ?? ""]) {
    if (!isWildcard(splitEndpoint(dialled)?.host ?? "")) continue;
    const got = dialled === endpoint || dialled === externalEndpoint ? dialled : "none";
    const message = `expected an endpoint that other peers can dial while listening on ${listenAddress}, got ${got}`;
    throw new GossipError("invalid-config", message);
  }
}

function isPrometheus(metrics: Metrics): metrics is PrometheusMetrics {
  return typeof (metrics as Partial<PrometheusMetrics>).expose === "function";
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
