import {
  type Comm,
  type CommConfig,
  type CommEvent,
  commDefaults,
  createComm,
  type Received,
  type RemotePeer,
  type Transport,
} from "@gossip/comm";
import { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkOptions } from "@gossip/comm/testing";
import { IdentityStore } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, FakeTrust } from "@gossip/crypto/testing";
import { decodeEnvelope, type Envelope, type PkiId } from "@gossip/proto";
import { type Clock, type Metrics, noMetrics, type Random, seededRandom, systemClock } from "@gossip/runtime";
import { recordingLogger } from "./recording-logger.js";

/** An envelope that nobody decodes further than to its payload. */
export function text(payload: string): Envelope {
  return { payload: new TextEncoder().encode(payload), signature: new Uint8Array(0) };
}

export interface TestNetworkOptions {
  readonly clock?: Clock;
  readonly memory?: MemoryNetworkOptions;
  readonly config?: Partial<CommConfig>;
  /** Gives each node a TLS certificate hash. */
  readonly secure?: boolean;
}

export interface OpenOptions {
  readonly config?: Partial<CommConfig>;
  readonly crypto?: Partial<FakeCrypto>;
  /** In place of the one in memory. */
  readonly transport?: Transport & { readonly endpoint: string };
  readonly metrics?: Metrics;
  /** In place of what the others believe. */
  readonly trust?: FakeTrust;
  /** Leaves `done` to the test. */
  readonly holdsMessages?: boolean;
}

/** Nodes on one network in memory, each with a communication layer. */
export class TestNetwork {
  readonly memory: MemoryNetwork;
  readonly trust = new FakeTrust({ organizations: ["Org1", "Org2"] });
  readonly #options: TestNetworkOptions;
  readonly #nodes: TestNode[] = [];

  constructor(options: TestNetworkOptions) {
    this.#options = options;
    this.memory = createMemoryNetwork(options.memory);
  }

  get clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  /** Opens nodes named `org:name`; each listens at `name:7051`. */
  open(...names: readonly string[]): TestNode[] & [TestNode, TestNode, TestNode] {
    // As many as were named; the type spares tests a check per node.
    return names.map((name) => this.openOne(name)) as TestNode[] & [TestNode, TestNode, TestNode];
  }

  openOne(fullName: string, options: OpenOptions = {}): TestNode {
    const node = new TestNode(this, this.#options, fullName, options, this.#nodes.length + 1);
    this.#nodes.push(node);
    return node;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.comm.close()));
  }
}

export function openTestNetwork(options: TestNetworkOptions = {}): TestNetwork {
  return new TestNetwork(options);
}

export class TestNode implements RemotePeer {
  readonly pkiId: PkiId;
  readonly endpoint: string;
  readonly identity: Uint8Array;
  readonly comm: Comm;
  readonly identities: IdentityStore;
  readonly received: Received[] = [];
  readonly events: CommEvent[] = [];
  readonly log = recordingLogger();
  readonly random: Random;
  #waiting: (() => void)[] = [];

  constructor(network: TestNetwork, options: TestNetworkOptions, fullName: string, own: OpenOptions, seed: number) {
    const [org = "", name = ""] = fullName.split(":");
    const fake = createFakeCrypto({ org, name, trust: own.trust ?? network.trust });
    const crypto = { ...fake, ...own.crypto };
    this.endpoint = own.transport?.endpoint ?? `${name}:7051`;
    this.identity = fake.identity;
    this.pkiId = fake.pkiId;
    this.random = seededRandom(seed);
    this.identities = new IdentityStore({ crypto, advisor: crypto, self: crypto.identity });
    this.comm = createComm({
      transport:
        own.transport ??
        network.memory.transport(this.endpoint, options.secure === true ? { tlsCertHash: this.random.bytes(32) } : {}),
      crypto,
      advisor: crypto,
      identities: this.identities,
      identity: crypto.identity,
      clock: network.clock,
      wall: { nowNanos: () => BigInt(Math.round(network.clock.now() * 1e6)) },
      random: this.random,
      config: { ...commDefaults, ...options.config, ...own.config },
      log: this.log,
      metrics: own.metrics ?? noMetrics,
      onMessage: (received) => {
        this.received.push(received);
        if (own.holdsMessages !== true) received.done();
        this.#wake();
      },
      onEvent: (event) => {
        this.events.push(event);
        this.#wake();
      },
    });
  }

  /** Payloads received, as text. */
  get texts(): string[] {
    return this.received.map(({ bytes }) => new TextDecoder().decode(decodeEnvelope(bytes).payload));
  }

  eventsOf<T extends CommEvent["type"]>(type: T): Extract<CommEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<CommEvent, { type: T }> => event.type === type);
  }

  /** Resolves when `condition` holds; it is asked again after each message and event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
