import { blockHash } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, FakeTrust, makeFakeBlock } from "@gossip/crypto/testing";
import { type Channel, createNode, type GossipNode, type GossipOptions } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { assert, type Logger, type Millis, type Random, seededRandom, silentLogger } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import type { Ledger } from "@gossip/state";
import { createMemoryLedger } from "@gossip/state/testing";
import { SimNetwork, type SimNetworkOptions } from "./network.js";

/** Events between two turns of the event loop; each turn costs time, and fewer cost memory. */
const eventsPerTurn = 10_000;

/** What a simulation is made of; with the same options and script it takes the same course. */
export interface SimulationOptions {
  /** Everything that is drawn is drawn from this; the same seed gives the same history. */
  readonly seed: number;
  /** Organizations and how many nodes each has. Default: one organization `org1` of 4 nodes. */
  readonly organizations?: Readonly<Record<string, number>>;
  /** Channel that every node joins. Default `sim`; false for none, where only membership matters. */
  readonly channel?: string | false;
  /** Of every node. */
  readonly config?: GossipOptions;
  /** Whether each organization elects who takes blocks from the orderer. Default false: its first node does. */
  readonly elects?: boolean;
  readonly network?: Pick<SimNetworkOptions, "latencyMs" | "breakAfterMs" | "windowBytes">;
  /** Endpoints are shown to other organizations. Default true. */
  readonly visible?: boolean;
  /** Where nodes log; default nowhere. */
  readonly log?: Logger;
}

/** A node of a simulation, over its lives. */
export interface SimNode {
  readonly name: string;
  readonly endpoint: string;
  readonly org: string;
  /** Who it is; another after a renewal. */
  crypto: FakeCrypto;
  /** Survives crashes, as a disk does. */
  readonly ledger: Ledger;
  /** Whether it is meant to run: true from the beginning, false after a crash until it is restarted. */
  isUp: boolean;
  /** `undefined` before its start and while crashed. */
  node: GossipNode | undefined;
  channel: Channel | undefined;
  lastIncarnation: bigint;
}

/**
 * A gossip network in virtual time under the unchanged node: real handshakes, machines and codec on simulated streams.
 *
 * @example
 * const sim = await Simulation.create({ seed: 42, organizations: { org1: 3, org2: 3 } });
 * await sim.run(30_000);
 * sim.order(["a transaction"]);
 * await sim.run(5_000);
 * console.log(sim.nodes.map((node) => node.channel?.height), sim.network.trace.hash);
 */
export class Simulation {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly trust: FakeTrust;
  readonly nodes: readonly SimNode[];
  /** The blocks the simulated orderer has cut, by number; block 0 is in every ledger from the start. */
  readonly blocks: Uint8Array[] = [];
  readonly #options: SimulationOptions;
  readonly #channel: string;
  readonly #joins: boolean;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    this.#channel = options.channel || "sim";
    this.#joins = options.channel !== false;
    this.random = seededRandom(options.seed);
    this.network = new SimNetwork({
      ...options.network,
      clock: this.clock,
      random: seededRandom(this.random.uint64()),
    });
    this.trust = new FakeTrust({ wallMs: () => Number(this.clock.nowNanos() / 1_000_000n) });
    this.blocks.push(
      makeFakeBlock({ channel: this.#channel, number: 0n, data: [new TextEncoder().encode("genesis")] }),
    );
    this.nodes = Object.entries(options.organizations ?? { org1: 4 }).flatMap(([org, count]) =>
      Array.from({ length: count }, (_, index) => this.#makeNode(org, index)),
    );
  }

  /** Starts every node, at moments of the first second that the seed decides. */
  static async create(options: SimulationOptions): Promise<Simulation> {
    const sim = new Simulation(options);
    for (const node of sim.nodes) {
      await node.ledger.commit(0n, sim.blocks[0] as Uint8Array);
      // By then it may have crashed, or been started by hand.
      const start = () => node.isUp && node.node === undefined && sim.restart(node);
      sim.clock.schedule(sim.random.below(1_000), () => void start());
    }
    return sim;
  }

  /** Lets virtual time pass. Promises settle between any two events, in an order that the seed decides too. */
  async run(durationMs: Millis): Promise<void> {
    const end = this.clock.now() + durationMs;
    for (let events = 1; this.clock.nextAt <= end; events++) {
      this.clock.runNext();
      // What weak references were looked at for stays in memory until the event loop gets a turn.
      await (events % eventsPerTurn === 0 ? nextTurn() : undefined);
    }
    this.clock.runUntil(end);
  }

  /** Runs until `isDone`, looking every 100 virtual milliseconds; false when `limitMs` pass first. */
  async runUntil(isDone: () => boolean, limitMs: Millis): Promise<boolean> {
    for (let waited = 0; !isDone(); waited += 100) {
      if (waited >= limitMs) return false;
      await this.run(100);
    }
    return true;
  }

  /** Cuts one block from these transactions; whoever leads its organization takes it from the orderer. */
  order(transactions: readonly string[]): void {
    const previous = readBlock(this.blocks.at(-1) as Uint8Array);
    assert(previous.ok, "the orderer's own block decodes");
    this.blocks.push(
      makeFakeBlock({
        channel: this.#channel,
        number: BigInt(this.blocks.length),
        previousHash: blockHash(previous.value.header),
        data: transactions.map((text) => new TextEncoder().encode(text)),
      }),
    );
    for (const node of this.nodes) if (node.channel?.isLeader) this.#deliver(node, node.channel);
  }

  /** Ends a node without a word. Its ledger stays. */
  crash(node: SimNode): void {
    this.network.crash(node.endpoint);
    node.isUp = false;
    void node.node?.close();
    node.node = undefined;
    node.channel = undefined;
  }

  /** Stops a node's process for so long: its timers do not fire, nobody gets an answer, and then all comes at once. */
  stall(node: SimNode, durationMs: Millis): void {
    this.network.stall(node.endpoint, durationMs);
  }

  /** Gives a node that is down another identity for its next life, as when a certificate is renewed. */
  renew(node: SimNode): void {
    assert(node.node === undefined, `expected ${node.name} to be down`);
    const [name = node.name, lives = "1"] =
      new TextDecoder().decode(node.crypto.identity).split(":")[1]?.split("_") ?? [];
    node.crypto = createFakeCrypto({ org: node.org, name: `${name}_${Number(lives) + 1}`, trust: this.trust });
  }

  /** Starts a node, for the first time or after a crash. */
  async restart(node: SimNode): Promise<void> {
    assert(node.node === undefined, `expected ${node.name} to be down`);
    node.isUp = true;
    const { crypto, endpoint, lastIncarnation } = node;
    const peers = this.nodes.filter((other) => other.org === node.org);
    const started = await createNode({
      identity: crypto.identity,
      crypto,
      advisor: crypto,
      transport: this.network.transport(endpoint),
      endpoint,
      externalEndpoint: this.#options.visible === false ? "" : endpoint,
      bootstrap: [(peers[0] as SimNode).endpoint],
      config: this.#options.config ?? {},
      clock: this.network.clock(endpoint),
      wall: this.clock,
      random: seededRandom(this.random.uint64()),
      log: (this.#options.log ?? silentLogger).child(node.name),
      lastIncarnation,
    });
    node.node = started;
    node.lastIncarnation = started.incarnation;
    if (!this.#joins) return;
    const organizations = [...new Set(this.nodes.map(({ org }) => org))];
    node.channel = await started.join(this.#channel, {
      ledger: node.ledger,
      organizations: organizations.map(orgId),
      anchors: organizations.map((org) => ({
        org: orgId(org),
        endpoint: (this.nodes.find((other) => other.org === org) as SimNode).endpoint,
      })),
      ...(this.#options.elects === true
        ? { election: true, onLeadership: (isLeader) => isLeader && node.channel && this.#deliver(node, node.channel) }
        : { leader: peers[0] === node }),
    });
    if (node.channel.isLeader) this.#deliver(node, node.channel);
  }

  /** Closes every node. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ node }) => node?.close()));
  }

  #makeNode(org: string, index: number): SimNode {
    const name = `peer${index}.${org}`;
    return {
      name,
      endpoint: `${name}:7051`,
      org,
      crypto: createFakeCrypto({ org, name, trust: this.trust }),
      ledger: createMemoryLedger(),
      isUp: true,
      node: undefined,
      channel: undefined,
      lastIncarnation: 0n,
    };
  }

  #delivering = new WeakSet<Channel>();

  /** Hands a leader what it lacks, block by block, waiting for room as an orderer's stream does. */
  #deliver(node: SimNode, channel: Channel): void {
    if (this.#delivering.has(channel)) return;
    this.#delivering.add(channel);
    const next = async () => {
      for (let number = channel.height; number < this.blocks.length && node.channel === channel; number++) {
        if (!channel.isLeader) return;
        await channel.publish(number, this.blocks[Number(number)] as Uint8Array);
      }
    };
    // A leader that was closed meanwhile is no fault of the simulation.
    void next()
      .catch(() => {})
      .finally(() => this.#delivering.delete(channel));
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
