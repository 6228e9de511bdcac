import type { ConnectionView } from "@gossip/comm";
import { blockHash } from "@gossip/crypto";
import type {
  Channel,
  ChannelMemberView,
  GossipNode,
  JoinOptions,
  LeaderView,
  MemberView,
  NodeEvents,
  Refusal,
} from "@gossip/node";
import { type OrgId, orgId, type PkiId, pkiId } from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";

/** A node that talks to nobody and shows what it is told to: for pages and commands that show a node. */
export class FakeNode implements GossipNode {
  readonly pkiId: PkiId = pkiId("00ff");
  readonly org: OrgId = orgId("Org1");
  readonly endpoint = "127.0.0.1:7051";
  readonly incarnation = 1_700_000_000_000_000_001n;
  expiresAtWallMs: number | undefined;
  health: GossipNode["health"] = { ok: true };
  members: readonly MemberView[] = [];
  deadMembers: readonly MemberView[] = [];
  connections: readonly ConnectionView[] = [];
  refusals: readonly Refusal[] = [];
  readonly channels = new Map<string, FakeChannel>();
  readonly drops = new Map<string, number>();
  readonly #listeners = new Map<keyof NodeEvents, Set<(value: never) => void>>();

  async join(id: string, { ledger, leader = false }: JoinOptions): Promise<FakeChannel> {
    const channel = new FakeChannel(id, leader);
    for (let at = 0n; at < ledger.height; at++) {
      await channel.publish(at, (await ledger.read(at)) ?? new Uint8Array());
    }
    this.channels.set(id, channel);
    return channel;
  }

  async suspect(): Promise<readonly PkiId[]> {
    return [];
  }

  setMetadata(): void {}

  /** Nothing ever comes. */
  accept(): AsyncIterableIterator<never> {
    return (async function* () {})();
  }

  async gossip(): Promise<void> {}

  send(): void {}

  async sendByCriteria(): ReturnType<GossipNode["sendByCriteria"]> {
    return { acknowledged: [], failed: [] };
  }

  on<E extends keyof NodeEvents>(event: E, listener: NodeEvents[E]): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Tells the listeners of `event`. */
  fire<E extends keyof NodeEvents>(event: E, value: Parameters<NodeEvents[E]>[0]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value as never);
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A channel that keeps its blocks in memory and has only itself. */
export class FakeChannel implements Channel {
  readonly id: string;
  readonly isLeader: boolean;
  members: readonly ChannelMemberView[] = [];
  buffered = { blocks: 0, bytes: 0 };
  health: Channel["health"] = { ok: true };
  leaders: readonly LeaderView[] = [];
  leadership: Channel["leadership"] = {
    mode: "none",
    isLeader: false,
    leader: undefined,
    isYielding: false,
    history: [],
    yield() {},
    on: () => () => {},
  };
  /** Empty, and stays so. */
  shared: Channel["shared"] = {
    size: 0,
    get: () => undefined,
    entries: () => [],
    set: async () => {},
    delete: async () => false,
    on: () => () => {},
    changes: async function* () {},
  };
  readonly #blocks: Uint8Array[] = [];

  constructor(id: string, isLeader = false) {
    this.id = id;
    this.isLeader = isLeader;
  }

  get height(): bigint {
    return BigInt(this.#blocks.length);
  }

  get lastBlock(): Channel["lastBlock"] {
    const bytes = this.#blocks.at(-1);
    const block = bytes && readBlock(bytes);
    return block?.ok === true ? { number: block.value.header.number, hash: blockHash(block.value.header) } : undefined;
  }

  updateConfig(): void {}

  setChaincodes(): void {}

  setHeight(): void {}

  async add(): Promise<boolean> {
    return false;
  }

  async leave(): Promise<void> {}

  async publish(blockNumber: bigint, block: Uint8Array): Promise<void> {
    if (blockNumber !== this.height) {
      throw new GossipError("invalid-argument", `expected block ${this.height}, got ${blockNumber}`);
    }
    this.#blocks.push(block);
  }

  async block(blockNumber: bigint): Promise<Uint8Array | undefined> {
    return this.#blocks[Number(blockNumber)];
  }

  async *blocks({ from = this.height }: { readonly from?: bigint } = {}) {
    for (let number = from; number < this.height; number++) {
      const bytes = this.#blocks[Number(number)];
      if (bytes !== undefined) yield { number, bytes };
    }
  }
}
