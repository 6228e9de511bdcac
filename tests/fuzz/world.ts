import { createMemoryNetwork } from "@gossip/comm/testing";
import type { MessageCryptoService, SecurityAdvisor } from "@gossip/crypto";
import { createFakeCrypto, FakeTrust, makeFakeBlock } from "@gossip/crypto/testing";
import { type Channel, createNode, type GossipNode, type GossipOptions } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { GossipError, pick, type Random, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { createMemoryLedger, type MemoryLedger } from "@gossip/state/testing";
import { recordedChannel } from "../../packages/fabric/test/recorded-conversations.js";
import { acceptAll } from "./accept-all.js";
import { type Author, HostilePeer } from "./hostile.js";

export type Crypto = "fake" | "accept-all";

/** The channel of the made-up messages; that of the recorded ones is the other. */
export const channelName = "demo";

/** Bounds so small that a world meets all of them, and intervals so short that the node asks often. */
export const smallConfig = {
  aliveTimeIntervalMs: 300,
  aliveExpirationTimeoutMs: 2_000,
  aliveCheckIntervalMs: 200,
  reconnectIntervalMs: 2_000,
  newsIntervalMs: 50,
  pullIntervalMs: 100,
  digestWaitTimeMs: 20,
  requestWaitTimeMs: 60,
  responseWaitTimeMs: 60,
  digestQuietMs: 5,
  minRoundIntervalMs: 20,
  requestStateInfoIntervalMs: 300,
  publishStateInfoIntervalMs: 500,
  minStateInfoGapMs: 50,
  election: { leaderAliveThresholdMs: 2_000 },
  maxMembers: 60,
  maxContacts: 10,
  maxResponseEntries: 80,
  maxEmitterElements: 100,
  maxDigests: 100,
  maxHellos: 50,
  maxPrivateDataDigests: 20,
  maxConnections: 24,
  maxQuestionsPerSecond: 200,
  sharedMap: {
    maxEntries: 100,
    maxBytes: 512 * 1024,
    maxEntriesPerAuthor: 20,
    maxBytesPerAuthor: 64 * 1024,
    maxBuried: 100,
    maxGiven: 20,
    tombstoneTtlMs: 5_000,
  },
  state: { checkIntervalMs: 300, responseTimeoutMs: 200, peerBackoffMs: 20, maxPeerBackoffMs: 200, channelSize: 20 },
} as const satisfies GossipOptions;

/** The map is full, or the key is kept from us; anything else is a defect. */
function refusedWrite(error: unknown): void {
  if (!(error instanceof GossipError)) throw error;
}

const victim = "victim:7051";
/** Peers that talk to the node: of its organization, of another one of the channel, and of none in it. */
const hostileOrgs = ["org1", "org1", "org1", "org2", "org2", "org3"] as const;
/** Identities that hostile peers hold beside their own; more than the small bounds have room for. */
const ghostsPerOrg = 40;

/** One real node among peers of whom none is honest, on virtual time. */
export class World {
  readonly clock = new VirtualClock();
  readonly crypto: Crypto;
  readonly peers: readonly HostilePeer[];
  readonly authors: readonly Author[];
  readonly faults: unknown[] = [];
  /** Private data that came as far as its handler, by message type. */
  readonly privateData = new Map<string, number>();
  /** Signatures, identities and blocks that the node was made to check. */
  checks = 0;
  node!: GossipNode;
  channel!: Channel;
  readonly ledger: MemoryLedger;
  readonly #trust = new FakeTrust({ wallMs: () => Number(this.clock.nowNanos() / 1_000_000n) });
  readonly #network = createMemoryNetwork({ schedule: (deliver) => this.clock.schedule(this.clock.now(), deliver) });

  private constructor(crypto: Crypto, onHeard: (bytes: Uint8Array, by: HostilePeer) => void) {
    this.crypto = crypto;
    this.peers = hostileOrgs.map((org, index) => {
      const author = this.author(org, `h${index}`);
      // Every second one speaks our extensions, and the others must never hear of them.
      const features = Uint8Array.of(...(index % 2 === 0 ? [3] : []));
      return new HostilePeer({ author, features, transport: this.#network.transport(author.endpoint), onHeard });
    });
    const ghosts = [...new Set(hostileOrgs)].flatMap((org) =>
      Array.from({ length: ghostsPerOrg }, (_, index) => this.author(org, `g${index}`)),
    );
    this.authors = [...this.peers.map(({ author }) => author), ...ghosts];
    const genesis = makeFakeBlock({ channel: channelName, number: 0n, data: [Uint8Array.of(1)] });
    this.ledger = createMemoryLedger([genesis]);
  }

  static async open(
    crypto: Crypto,
    seed: bigint,
    config: GossipOptions,
    onHeard: (bytes: Uint8Array, by: HostilePeer) => void,
  ): Promise<World> {
    const world = new World(crypto, onHeard);
    await world.#open(seed, config);
    return world;
  }

  async #open(seed: bigint, config: GossipOptions): Promise<void> {
    const own = this.author("org1", "victim");
    const crypto = this.#counting(
      this.crypto === "accept-all" ? acceptAll : createFakeCrypto({ org: "org1", name: "victim", trust: this.#trust }),
    );
    this.node = await createNode({
      identity: own.identity,
      crypto,
      advisor: crypto,
      transport: this.#network.transport(victim),
      endpoint: victim,
      externalEndpoint: victim,
      bootstrap: [this.peers[0]?.author.endpoint ?? victim],
      clock: this.clock,
      wall: this.clock,
      random: seededRandom(seed),
      config,
    });
    this.node.on("fault", (error) => this.faults.push(error));
    const count = (what: string) => this.privateData.set(what, (this.privateData.get(what) ?? 0) + 1);
    const organizations = ["org1", "org2", "Org1MSP", "Org2MSP"].map(orgId);
    const anchors = [{ org: orgId("org2"), endpoint: this.peers[3]?.author.endpoint ?? victim }];
    this.channel = await this.node.join(channelName, {
      ledger: this.ledger,
      organizations,
      anchors,
      mayWriteShared: ({ key }) => key !== "key7",
      privateData: {
        async store() {
          count("private-data");
        },
        async answer(digests) {
          count("private-data-request");
          return digests.map((digest) => ({ digest, payload: [Uint8Array.of(1)] }));
        },
      },
    });
    void this.#listen(() => count("application"));
    await this.node.join(recordedChannel, { ledger: createMemoryLedger(), organizations });
    await this.settle();
  }

  /** A program that takes all it can get, and answers it. */
  async #listen(onApplication: () => void): Promise<void> {
    for await (const received of this.node.accept(() => true, { direct: true })) {
      if (received.message.type === "application") onApplication();
      if (received.how === "direct") received.acknowledge();
    }
  }

  /** What the node does of itself meanwhile, as its program and its operator have it. */
  async live(random: Random): Promise<void> {
    const { shared } = this.channel;
    const key = `key${random.below(500)}`;
    switch (random.below(7)) {
      case 0:
        return void shared.set(key, random.bytes(random.below(40))).catch(refusedWrite);
      case 1:
        return void shared.delete(key).catch(refusedWrite);
      case 2:
        return this.node.setMetadata(random.bytes(random.below(40)));
      case 3: {
        const ghost = pick(random, this.authors.slice(this.peers.length));
        if (ghost !== undefined) this.#trust.revoke(ghost.identity);
        return void (await this.node.suspect(() => true));
      }
      case 4: {
        const content = { channel: channelName, topic: key, data: random.bytes(random.below(40)) };
        const members = this.channel.members.map(({ pkiId }) => pkiId);
        this.node.send(content, members);
        const criteria = { channel: channelName, maxPeers: 3, minAcks: random.below(2), timeoutMs: 50 };
        this.node.sendByCriteria(criteria, content).catch(refusedWrite);
        return void this.node.gossip(content).catch(refusedWrite);
      }
      case 5: {
        const organizations = random.below(2) === 0 ? ["org1"] : ["org1", "org2", "Org1MSP", "Org2MSP"];
        return this.channel.updateConfig({ organizations: organizations.map(orgId), anchors: [] });
      }
      default:
        return this.channel.publish(this.ledger.height, this.nextBlock(random.bytes(8)));
    }
  }

  /** The bytes of a block that continues the ledger. */
  nextBlock(data: Uint8Array): Uint8Array {
    const { height: number, lastHash: previousHash } = this.ledger;
    return makeFakeBlock({ channel: channelName, number, previousHash, data: [data] });
  }

  async say(peer: HostilePeer, bytes: Uint8Array): Promise<void> {
    if (!peer.isConnected) {
      peer.dial(victim);
      await this.settle();
    }
    peer.say(bytes);
    await this.settle();
  }

  /** Everything that is due, without time passing. */
  async settle(): Promise<void> {
    while (this.clock.nextAt <= this.clock.now()) {
      this.clock.runNext();
      await undefined;
    }
    await undefined;
  }

  async run(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    while (this.clock.nextAt <= end) {
      this.clock.runNext();
      await undefined;
    }
    this.clock.runUntil(end);
  }

  async close(): Promise<void> {
    const closing = this.node.close();
    await this.run(20_000);
    await closing;
  }

  /** Whoever has this name; all names are somebody's. */
  author(org: string, name: string): Author {
    const { identity, pkiId, sign } = createFakeCrypto({ org, name, trust: this.#trust });
    return { org, endpoint: `${name}.${org}:7051`, identity, pkiId, sign };
  }

  #counting(crypto: MessageCryptoService & SecurityAdvisor): MessageCryptoService & SecurityAdvisor {
    const counted = <A extends readonly unknown[], R>(ask: (...of: A) => R) => {
      return (...of: A): R => {
        this.checks++;
        return ask(...of);
      };
    };
    return {
      ...crypto,
      verify: counted(crypto.verify),
      verifyByChannel: counted(crypto.verifyByChannel),
      validateIdentity: counted(crypto.validateIdentity),
      verifyBlock: counted(crypto.verifyBlock),
    };
  }
}
