import { createMemoryNetwork, StreamRecorder } from "@gossip/comm/testing";
import type { FabricCrypto } from "@gossip/fabric";
import { type Channel, createNode, type GossipNode, type PrivateDataPeer, type Refusal } from "@gossip/node";
import type { PrivatePayload } from "@gossip/proto";
import { seededRandom, type WallClock } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { createMemoryLedger } from "@gossip/state/testing";
import {
  type RecordedMessage,
  recordedAtNanos,
  recordedBlockBytes,
  recordedBundle,
  recordedChannel,
  recordedCrypto,
  recordedTlsHash,
} from "../../packages/fabric/test/recorded-conversations.js";
import { Ghost } from "./ghost.js";

/** Where the recorded peers are reached; the recorder gave one for itself. */
export const endpoints = {
  "peer0.org1": "127.0.0.1:17151",
  "peer1.org1": "127.0.0.1:17152",
  "peer2.org1": "127.0.0.1:17153",
} as const;

/** A real node in a recorded peer's place, in the recorded channel. */
export interface Cast {
  readonly node: GossipNode;
  readonly channel: Channel;
  readonly crypto: FabricCrypto;
  /** What was pushed to it. */
  readonly privateData: { readonly payload: PrivatePayload; readonly from: PrivateDataPeer }[];
}

export interface CastOptions {
  /** Blocks that it has from the beginning. @default 1 */
  readonly height?: number;
  readonly bootstrap?: readonly string[];
  readonly wall?: WallClock;
}

/** A little after the recorder lived, whose identity a node may take: it would otherwise be told of a later self. */
const startNanos = recordedAtNanos + 600_000_000_000n;

/** Real nodes and played peers on virtual time, connected in memory as if by TLS with the recorded certificates. */
export class Stage {
  readonly clock = new VirtualClock({ wallNanos: startNanos });
  readonly #network = createMemoryNetwork({
    schedule: (deliver) => this.clock.schedule(this.clock.now(), deliver),
  });
  readonly #nodes: GossipNode[] = [];
  #intruders = 0;

  async cast(name: "peer0.org1" | "peer2.org1", options: CastOptions = {}): Promise<Cast> {
    const { height = 1, bootstrap = [], wall = this.clock } = options;
    const crypto = await recordedCrypto(wall, name);
    const endpoint = endpoints[name];
    const node = await createNode({
      identity: crypto.identity,
      crypto,
      advisor: crypto,
      transport: this.#network.transport(endpoint, { tlsCertHash: recordedTlsHash(name) }),
      endpoint,
      externalEndpoint: endpoint,
      bootstrap,
      clock: this.clock,
      wall,
      random: seededRandom(1),
    });
    this.#nodes.push(node);
    const privateData: { payload: PrivatePayload; from: PrivateDataPeer }[] = [];
    const channel = await node.join(recordedChannel, {
      ledger: createMemoryLedger(Array.from({ length: height }, (_, number) => recordedBlockBytes(number))),
      organizations: recordedBundle().organizations.map(({ mspId }) => mspId),
      privateData: {
        async store(payload, from) {
          privateData.push({ payload, from });
        },
        answer: async () => [],
      },
    });
    return { node, channel, crypto, privateData };
  }

  /** One side of a conversation, at the endpoint and with the certificate of whose it was. */
  ghost(
    name: keyof typeof endpoints,
    conversation: readonly RecordedMessage[],
    part: RecordedMessage["direction"],
  ): Ghost {
    const transport = this.#network.transport(endpoints[name], { tlsCertHash: recordedTlsHash(name) });
    return new Ghost({ transport, clock: this.clock, conversation, part });
  }

  /**
   * Dials and says this, whatever the other side says.
   *
   * @param tlsHash of the certificate that it shows; undefined for none
   */
  async intrude(to: string, tlsHash: Uint8Array | undefined, said: readonly Uint8Array[]): Promise<StreamRecorder> {
    const options = tlsHash === undefined ? {} : { tlsCertHash: tlsHash };
    const transport = this.#network.transport(`intruder${++this.#intruders}:7051`, options);
    const opened: StreamRecorder[] = [];
    transport.dial(to, 1_000, (result) => {
      if (!result.ok) throw new Error(result.detail);
      const recorder = new StreamRecorder(result.stream).start();
      for (const bytes of said) recorder.stream.send(bytes);
      opened.push(recorder);
    });
    await this.run(100);
    const [recorder] = opened;
    if (recorder === undefined) throw new Error(`expected somebody at ${to}, got nobody`);
    return recorder;
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
    const closing = Promise.all(this.#nodes.map((node) => node.close()));
    await this.run(10_000);
    await closing;
  }
}

/** What a node refused, once each. */
export function refusedBy({ refusals }: GossipNode): readonly Pick<Refusal, "what" | "reason">[] {
  return refusals.map(({ what, reason }) => ({ what, reason }));
}
