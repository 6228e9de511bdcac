import { encodeMessage, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { sharedEntry } from "@gossip/proto/testing";
import type { PullConfig } from "@gossip/pull";
import { type Millis, type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import type { SharedMapConfig } from "../config.js";
import { encodeDigest } from "../digest.js";
import type { MapEntry } from "../entry.js";
import type { Change, SharedMapInput, SharedMapOutput } from "../io.js";
import { readEntry } from "../read-entry.js";
import { SharedMap } from "../shared-map.js";

/** What holds for all nodes of a test network; the same seed gives the same history. */
export interface SharedMapNetworkOptions {
  readonly seed?: number;
  readonly config?: Partial<SharedMapConfig>;
  readonly pull?: Partial<PullConfig>;
  /** Time of every message. Default 5. */
  readonly delayMs?: Millis;
  /** Out of 100 messages, how many get lost. Default 0. */
  readonly lossPercent?: number;
}

/** One step of an input without its wall clock, which the network knows. */
type Input = SharedMapInput extends infer One ? (One extends unknown ? Omit<One, "wallMs"> : never) : never;

interface Node {
  readonly name: string;
  readonly map: SharedMap;
  readonly run: Run<SharedMapInput>;
  /** Its wall clock, compared to that of the network. */
  skewMs: number;
}

/** A PKI-ID that reads as a name in hex. */
export function authorOf(name: string): PkiId {
  return pkiIdFromBytes(new TextEncoder().encode(name));
}

/** An entry as `name` would sign it; nobody checks signatures here. */
export function entryOf(name: string, key: string, text: string | undefined, counter: number | bigint): MapEntry {
  const value = new TextEncoder().encode(text ?? "");
  const isDeleted = text === undefined;
  const message = sharedEntry({ pkiId: authorOf(name), key, value, isDeleted, counter: BigInt(counter) });
  return readEntry(message, { payload: encodeMessage(message), signature: new Uint8Array(64) });
}

/** Shared maps in virtual time, over messages that may be late, lost or cut off. For tests of the map, and of its users. */
export class SharedMapNetwork {
  readonly clock = new VirtualClock();
  /** Every output of every machine that the network did not perform itself, in order. */
  readonly outputs: { readonly node: string; readonly output: SharedMapOutput }[] = [];
  /** How many messages of each kind were sent. */
  readonly sent = new Map<string, number>();
  readonly #options: SharedMapNetworkOptions;
  readonly #random;
  readonly #nodes = new Map<string, Node>();
  /** Names that hear each other; all of them when empty. */
  #groups: readonly (readonly string[])[] = [];
  #lossPercent: number;
  #nextWrite = 1;

  constructor(options: SharedMapNetworkOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    this.#lossPercent = options.lossPercent ?? 0;
  }

  start(name: string, { skewMs = 0 }: { readonly skewMs?: number } = {}): SharedMap {
    const map = new SharedMap({
      self: authorOf(name),
      startCounter: BigInt(Math.floor(this.wallMs + skewMs)),
      peers: () => this.#others(name).map((other) => ({ pkiId: authorOf(other), endpoint: "" })),
      random: seededRandom(this.#random.uint64()),
      ...(this.#options.config && { config: this.#options.config }),
      ...(this.#options.pull && { pull: this.#options.pull }),
    });
    const running = run<SharedMapInput, SharedMapOutput>(map, {
      clock: this.clock,
      perform: (output) => this.#perform(node, output),
    });
    const node: Node = { name, map, run: running, skewMs };
    this.#nodes.set(name, node);
    for (const other of this.#others(name)) {
      this.give(other, { type: "peer-up", peer: { pkiId: authorOf(name), endpoint: "" } });
      this.give(name, { type: "peer-up", peer: { pkiId: authorOf(other), endpoint: "" } });
    }
    return map;
  }

  /** As a process ends: what it held is gone. */
  stop(name: string): void {
    this.#nodes.get(name)?.run.close();
    this.#nodes.delete(name);
  }

  /** Splits the network; names in no group hear nobody. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#groups = groups;
  }

  /** Ends partition and loss. */
  heal(): void {
    this.#groups = [];
    this.#lossPercent = 0;
  }

  lose(percent: number): void {
    this.#lossPercent = percent;
  }

  set(name: string, key: string, text: string): void {
    this.give(name, { type: "write", id: this.#nextWrite++, key, value: new TextEncoder().encode(text) });
  }

  delete(name: string, key: string): void {
    this.give(name, { type: "write", id: this.#nextWrite++, key, value: undefined });
  }

  give(name: string, input: Input): void {
    const node = this.#nodes.get(name);
    // The type of the input is one of those of which `Input` is made.
    node?.run.push({ ...input, wallMs: this.wallMs + node.skewMs } as SharedMapInput);
  }

  runFor(durationMs: Millis): void {
    this.clock.runFor(durationMs);
  }

  get wallMs(): number {
    return Number(this.clock.nowNanos() / 1_000_000n);
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  map(name: string): SharedMap {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`expected ${name} to be started`);
    return node.map;
  }

  /** What a node sees, as texts, sorted by key. */
  view(name: string): Readonly<Record<string, string>> {
    const entries = this.map(name).entries.map(({ key, value }) => [key, new TextDecoder().decode(value)] as const);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  changes(name: string): readonly Change[] {
    return this.outputs.flatMap(({ node, output }) => (node === name && output.type === "change" ? [output] : []));
  }

  #others(name: string): readonly string[] {
    return [...this.#nodes.keys()].filter((other) => other !== name);
  }

  #perform(node: Node, output: SharedMapOutput): void {
    const from = authorOf(node.name);
    switch (output.type) {
      case "sign": {
        const { id, key, value, counter } = output;
        const text = value && new TextDecoder().decode(value);
        return node.run.push({
          type: "signed",
          id,
          entry: entryOf(node.name, key, text, counter),
          wallMs: this.wallMs + node.skewMs,
        });
      }
      case "push":
        for (const entry of output.entries) this.#send(node, output.to, "entry", { type: "entry", entry, from });
        return;
      case "send-hello": {
        const { nonce, summary } = output;
        return this.#send(node, output.to.pkiId, "hello", { type: "hello", from, nonce, summary });
      }
      case "send-digest": {
        const { nonce, digests } = output;
        return this.#send(node, output.to, "digest", { type: "digest", from, nonce, digests });
      }
      case "send-request": {
        const { nonce, digests } = output;
        return this.#send(node, output.to.pkiId, "request", { type: "request", from, nonce, digests });
      }
      case "send-update": {
        const items = output.items.map((item) => ({
          digest: encodeDigest({ ...item, isDeleted: item.value === undefined }),
          item,
        }));
        return this.#send(node, output.to, "update", { type: "update", from, nonce: output.nonce, items });
      }
      default:
        this.outputs.push({ node: node.name, output });
    }
  }

  #send(node: Node, to: PkiId, kind: string, input: Input): void {
    this.sent.set(kind, (this.sent.get(kind) ?? 0) + 1);
    const target = this.names.find((name) => authorOf(name) === to);
    if (target === undefined || this.#random.below(100) < this.#lossPercent) return;
    const isHeard =
      this.#groups.length === 0 ||
      this.#groups.some((group) => [node.name, target].every((one) => group.includes(one)));
    if (!isHeard) return;
    const receiver = this.#nodes.get(target);
    this.clock.schedule(this.clock.now() + (this.#options.delayMs ?? 5), () => {
      // Not to its next life.
      if (this.#nodes.get(target) === receiver) this.#deliver(target, input);
    });
  }

  /** As a gate does: what the map would refuse goes no further. */
  #deliver(target: string, input: Input): void {
    if (input.type === "entry") {
      const { map } = this.#nodes.get(target) ?? {};
      const name = { ...input.entry, isDeleted: input.entry.value === undefined };
      if (map?.refusal(name, this.wallMs + (this.#nodes.get(target)?.skewMs ?? 0)) !== undefined) return;
    }
    this.give(target, input);
  }
}
