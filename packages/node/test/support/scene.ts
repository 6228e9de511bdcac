import { createComm, type Feature } from "@gossip/comm";
import { createMemoryNetwork } from "@gossip/comm/testing";
import { IdentityStore, type MessageCryptoService, type SecurityAdvisor, seal } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, FakeTrust } from "@gossip/crypto/testing";
import { type Envelope, type GossipMessage, orgId, readEnvelope, readMessage } from "@gossip/proto";
import { aliveMessage } from "@gossip/proto/testing";
import { type Logger, type Metrics, noMetrics, seededRandom, silentLogger, type WallClock } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { createMemoryLedger, type MemoryLedger } from "@gossip/state/testing";
import type { JoinOptions } from "../../src/api.js";
import { type GossipOptions, gossipDefaults } from "../../src/config.js";
import { createNode } from "../../src/node.js";

/** The channel that every node of a scene joins. */
export const channelName = "demo";

export interface SceneNodeOptions {
  readonly bootstrap?: readonly string[];
  readonly leader?: boolean;
  readonly org?: string;
  /** Shown to other organizations; by default the endpoint. */
  readonly externalEndpoint?: string;
  readonly lastIncarnation?: bigint;
  /** Name in its identity; by default that of its endpoint. */
  readonly identity?: string;
  readonly config?: GossipOptions;
  /** By default the clock of the scene. */
  readonly wall?: WallClock;
  readonly ledger?: MemoryLedger;
  /** More of what the channel is joined with. */
  readonly join?: Partial<JoinOptions>;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** What the node uses in place of the fake: one that counts, or takes its time. */
  wrap?(crypto: FakeCrypto): MessageCryptoService & SecurityAdvisor;
}

/** Real nodes, and whoever a test makes connect to them, on virtual time. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly trust = new FakeTrust({ wallMs: () => Number(this.clock.nowNanos() / 1_000_000n) });
  readonly network = createMemoryNetwork({ schedule: (deliver) => this.clock.schedule(this.clock.now(), deliver) });
  readonly opened: { close(): Promise<void> }[] = [];

  async node(name: string, options: SceneNodeOptions = {}) {
    const fake = createFakeCrypto({ org: options.org ?? "org1", name: options.identity ?? name, trust: this.trust });
    const crypto = options.wrap?.(fake) ?? fake;
    const endpoint = `${name}:7051`;
    const node = await createNode({
      identity: fake.identity,
      crypto,
      advisor: crypto,
      transport: this.network.transport(endpoint),
      endpoint,
      externalEndpoint: options.externalEndpoint ?? endpoint,
      bootstrap: options.bootstrap ?? [],
      clock: this.clock,
      wall: options.wall ?? this.clock,
      random: seededRandom(this.opened.length),
      lastIncarnation: options.lastIncarnation ?? 0n,
      config: options.config ?? {},
      log: options.log ?? silentLogger,
      ...(options.metrics && { metrics: options.metrics }),
    });
    this.opened.push(node);
    const ledger = options.ledger ?? createMemoryLedger();
    const channel = await node.join(channelName, {
      ledger,
      organizations: [orgId("org1"), orgId("org2")],
      leader: options.leader ?? false,
      ...options.join,
    });
    return { node, channel, crypto: fake, ledger };
  }

  /** A peer that completes the handshake and then says whatever the test likes. One that is slow reads on when `release` is called. */
  stranger(
    name: string,
    org = "org1",
    { isSlow = false, features = [] }: { readonly isSlow?: boolean; readonly features?: readonly Feature[] } = {},
  ) {
    const held: (() => void)[] = [];
    const release = () => {
      isSlow = false;
      for (const done of held.splice(0)) done();
    };
    const crypto = createFakeCrypto({ org, name, trust: this.trust });
    const heard: GossipMessage[] = [];
    const envelopes: Envelope[] = [];
    const comm = createComm({
      transport: this.network.transport(`${name}:7051`),
      crypto,
      advisor: crypto,
      identities: new IdentityStore({ crypto, advisor: crypto, self: crypto.identity }),
      identity: crypto.identity,
      clock: this.clock,
      wall: this.clock,
      random: seededRandom(99),
      config: gossipDefaults,
      features,
      log: silentLogger,
      metrics: noMetrics,
      onMessage(received) {
        const envelope = readEnvelope(received.bytes);
        const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
        if (envelope.ok) envelopes.push(envelope.value);
        if (message.ok) heard.push(message.value);
        if (isSlow) held.push(received.done);
        else received.done();
      },
      onEvent() {},
    });
    this.opened.push(comm);
    return { comm, crypto, heard, envelopes, release };
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
    const closing = Promise.all(this.opened.map((one) => one.close()));
    await this.run(10_000);
    await closing;
  }
}

/** A node `victim` and a stranger that is about to connect to it; `say` sends and tells what the node dropped for it. */
export async function meet(scene: Scene, options: SceneNodeOptions & { readonly strangerOrg?: string } = {}) {
  const { node, channel, ledger } = await scene.node("victim", options);
  const { comm, crypto, heard, envelopes } = scene.stranger("stranger", options.strangerOrg);
  const to = { pkiId: node.pkiId, endpoint: node.endpoint };
  const say = async (envelope: Envelope) => {
    const before = new Map(node.drops);
    comm.send(to, envelope);
    await scene.run(50);
    return [...node.drops].filter(([reason, count]) => count !== (before.get(reason) ?? 0)).map(([reason]) => reason);
  };
  return { node, channel, ledger, comm, crypto, heard, envelopes, say, to };
}

/** The message as its author would send it. The fake signs at once. */
export function sealed(message: GossipMessage, crypto: FakeCrypto): Envelope {
  return seal(message, crypto) as Envelope;
}

/** When the clock of a scene starts, in nanoseconds since 1970: whoever began long before is doubted (4.58). */
const sceneStart = new VirtualClock().nowNanos();

/** An alive message of this identity, which it carries, at the endpoint that a scene gives to its name. */
export function alive(
  crypto: FakeCrypto,
  sequence: bigint,
  overrides: Partial<Parameters<typeof aliveMessage>[0]> = {},
) {
  const [, name] = new TextDecoder().decode(crypto.identity).split(":");
  return aliveMessage({
    member: { endpoint: `${name}:7051`, metadata: new Uint8Array(0), pkiId: crypto.pkiId },
    time: { incarnation: sceneStart, sequence },
    identity: crypto.identity,
    ...overrides,
  });
}
