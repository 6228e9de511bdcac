import type { BlockPayload, PkiId } from "@gossip/proto";
import { type GossipError, type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import {
  readBlocks,
  type StateConfig,
  type StateInput,
  type StateOutput,
  type StatePeer,
  StateTransfer,
} from "../src/index.js";
import { createMemoryLedger, type MemoryLedger } from "../src/testing/index.js";

export type OutputOf<T extends StateOutput["type"]> = Extract<StateOutput, { readonly type: T }>;
export type Request = OutputOf<"request">;

/** What a peer does with a request: the payloads that come back and when, or nothing. */
interface Answer {
  readonly afterMs: number;
  readonly payloads: readonly BlockPayload[];
  readonly refused?: string;
}

/** A peer as the stage plays it. */
export interface StagedPeer extends StatePeer {
  answer(request: Request): Answer | undefined;
}

export interface StageOptions {
  /** Blocks that the ledger holds at the start. */
  readonly blocks: readonly Uint8Array[];
  readonly config?: Partial<StateConfig>;
  readonly staticLeader?: boolean;
  readonly seed?: number;
  /** Time that a commit takes; 0 answers within the step. */
  readonly commitMs?: number;
}

/** One machine between a ledger in memory and peers that are played, on virtual time. */
export class Stage {
  readonly clock = new VirtualClock();
  readonly ledger: MemoryLedger;
  readonly state: StateTransfer;
  readonly outputs: StateOutput[] = [];
  /** Who is there; change it and call `news`. */
  peers: readonly StagedPeer[] = [];
  commitMs: number;
  /** Called after each output, for what must hold at all times. */
  onOutput: (output: StateOutput) => void = () => {};
  readonly #run: Run<StateInput>;

  constructor(options: StageOptions) {
    this.ledger = createMemoryLedger(options.blocks);
    this.commitMs = options.commitMs ?? 0;
    this.state = new StateTransfer({
      height: this.ledger.height,
      peers: () => this.peers,
      random: seededRandom(options.seed ?? 1),
      ...(options.config === undefined ? {} : { config: options.config }),
      ...(options.staticLeader === undefined ? {} : { staticLeader: options.staticLeader }),
    });
    this.#run = run(this.state, { clock: this.clock, perform: (output) => this.#perform(output) });
    // The first step, which is due at once.
    this.clock.runFor(0);
  }

  push(input: StateInput): void {
    this.#run.push(input);
  }

  /** A pushed block of this chain. */
  pushBlock(chain: readonly Uint8Array[], blockNumber: number | bigint, from?: PkiId): void {
    const data = blockOf(chain, BigInt(blockNumber));
    this.push({ type: "block", blockNumber: BigInt(blockNumber), data, source: "push", ...(from ? { from } : {}) });
  }

  /** A block of this chain from the ordering service. */
  deliverBlock(chain: readonly Uint8Array[], blockNumber: number | bigint): void {
    const data = blockOf(chain, BigInt(blockNumber));
    this.push({ type: "block", blockNumber: BigInt(blockNumber), data, source: "deliver" });
  }

  /** Sets who is there and tells the machine. */
  meet(...peers: readonly StagedPeer[]): void {
    this.peers = peers;
    this.push({ type: "peers-changed" });
  }

  all<T extends StateOutput["type"]>(type: T): OutputOf<T>[] {
    return this.outputs.filter((output): output is OutputOf<T> => output.type === type);
  }

  /** The last output of this type, of which there must be one. */
  last<T extends StateOutput["type"]>(type: T): OutputOf<T> {
    const last = this.all(type).at(-1);
    if (last === undefined)
      throw new Error(`expected an output ${type}, got ${this.outputs.map((output) => output.type)}`);
    return last;
  }

  /** Reasons of all drops so far, in order. */
  get drops(): readonly string[] {
    return this.all("dropped").map(({ reason }) => reason);
  }

  #perform(output: StateOutput): void {
    this.outputs.push(output);
    this.onOutput(output);
    if (output.type === "commit") this.#after(this.commitMs, () => this.#commit(output));
    else if (output.type === "request") this.#request(output);
    else if (output.type === "read-blocks") {
      const read = readBlocks(this.ledger, output);
      if ("payloads" in read) this.push({ type: "blocks-read", id: output.id, payloads: read.payloads });
    }
  }

  #commit({ blockNumber, data }: OutputOf<"commit">): void {
    try {
      this.ledger.commit(blockNumber, data);
    } catch (error) {
      const { code, message } = error as GossipError;
      const cause = code === "storage" ? "storage" : "refused";
      this.push({ type: "commit-failed", blockNumber, cause, detail: message });
      return;
    }
    this.push({ type: "committed", blockNumber });
  }

  #request(request: Request): void {
    const answer = this.peers.find(({ pkiId }) => pkiId === request.to)?.answer(request);
    if (answer === undefined) return;
    const { afterMs, ...response } = answer;
    this.#after(afterMs, () =>
      this.push({ type: "state-response", from: request.to, nonce: request.nonce, ...response }),
    );
  }

  #after(delayMs: number, action: () => void): void {
    if (Number.isFinite(delayMs)) this.clock.schedule(this.clock.now() + delayMs, action);
  }
}

/** A PKI-ID for tests. */
export function peerId(name: string): PkiId {
  return Buffer.from(name).toString("hex") as PkiId;
}

/** A peer that has this chain and answers every request from it. */
export function honestPeer(name: string, chain: readonly Uint8Array[], afterMs = 10): StagedPeer {
  return {
    pkiId: peerId(name),
    endpoint: `${name}:7051`,
    height: BigInt(chain.length),
    answer: ({ start, end }) => ({ afterMs, payloads: payloadsOf(chain, start, end) }),
  };
}

/** A peer that says to have so many blocks and never answers. */
export function silentPeer(name: string, height: bigint): StagedPeer {
  return { pkiId: peerId(name), endpoint: `${name}:7051`, height, answer: () => undefined };
}

/** Blocks of a chain from `start` to `end` inclusive, as far as it goes. */
export function payloadsOf(chain: readonly Uint8Array[], start: bigint, end: bigint): readonly BlockPayload[] {
  return chain
    .map((data, number): BlockPayload => ({ blockNumber: BigInt(number), data, privateData: [] }))
    .slice(Number(start), Number(end) + 1);
}

function blockOf(chain: readonly Uint8Array[], blockNumber: bigint): Uint8Array {
  const data = chain[Number(blockNumber)];
  if (data === undefined) throw new Error(`expected a chain of more than ${blockNumber} blocks, got ${chain.length}`);
  return data;
}
