import type { PkiId } from "@gossip/proto";
import { type Millis, type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import type { PullConfig } from "../config.js";
import type { PullInput, PullOutput, PullPeer } from "../io.js";
import { ItemStore } from "../item-store.js";
import { Pull } from "../pull.js";
import { digestOf, nameOf, pkiIdOf, textOf } from "./texts.js";

/** What holds for all nodes of a test network; the same seed gives the same history. */
export interface PullNetworkOptions {
  readonly seed?: number;
  readonly config?: Partial<PullConfig>;
  /** Time of every message. Default 5. */
  readonly delayMs?: Millis;
}

/** What one node of the test network is started with. */
export interface StartOptions {
  /** What it holds; an item is its own digest, as text. */
  readonly items?: readonly string[];
  /** Names of those it asks; a function when they change. */
  readonly peers?: readonly string[] | (() => readonly string[]);
  /** What a requester may see. */
  readonly egress?: (requester: string) => (item: string) => boolean;
  /** What it does not want, and hence never requests. */
  readonly refuses?: (item: string) => boolean;
  /** Added to the time of every message it sends. */
  readonly slownessMs?: Millis;
}

/** A message of the network. */
export interface Message {
  readonly at: Millis;
  readonly from: string;
  readonly to: string;
  readonly kind: "hello" | "digest" | "request" | "update";
  /** Texts of digests or items, sorted; empty for a hello. */
  readonly items: readonly string[];
  readonly nonce: bigint;
}

interface Node {
  readonly name: string;
  readonly pull: Pull<string>;
  readonly store: ItemStore<string>;
  readonly run: Run<PullInput<string>>;
  readonly slownessMs: Millis;
}

/** Pull machines in virtual time over items that are texts. For tests of pull, and of what is pulled. */
export class PullNetwork {
  readonly clock = new VirtualClock();
  readonly messages: Message[] = [];
  /** Every output of every machine, in order. */
  readonly outputs: { readonly node: string; readonly output: PullOutput<string> }[] = [];
  readonly #options: PullNetworkOptions;
  readonly #random;
  readonly #nodes = new Map<string, Node>();

  constructor(options: PullNetworkOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
  }

  start(name: string, { items = [], peers = [], egress, refuses, slownessMs = 0 }: StartOptions = {}): Pull<string> {
    const store = new ItemStore<string>({
      bytesOf: (item) => item.length,
      ...(egress && { egress: (requester: PkiId) => egress(nameOf(requester)) }),
    });
    for (const item of items) store.add(digestOf(item), item);
    const pull = new Pull<string>({
      items: {
        has: (digest) => store.has(digest) || (refuses?.(textOf(digest)) ?? false),
        digests: (requester) => store.digests(requester),
        items: (requester) => store.items(requester),
        bytesOf: (item) => store.bytesOf(item),
      },
      peers: () => (typeof peers === "function" ? peers() : peers).map(peerOf),
      random: seededRandom(this.#random.uint64()),
      ...(this.#options.config && { config: this.#options.config }),
    });
    const running = run<PullInput<string>, PullOutput<string>>(pull, {
      clock: this.clock,
      perform: (output) => {
        this.outputs.push({ node: name, output });
        this.#perform(node, output);
      },
    });
    const node: Node = { name, pull, store, run: running, slownessMs };
    this.#nodes.set(name, node);
    return pull;
  }

  stop(name: string): void {
    this.#nodes.get(name)?.run.close();
    this.#nodes.delete(name);
  }

  /** Hands one input to a node. */
  give(name: string, input: PullInput<string>): void {
    this.#nodes.get(name)?.run.push(input);
  }

  add(name: string, item: string): void {
    this.#nodes.get(name)?.store.add(digestOf(item), item);
  }

  delete(name: string, item: string): void {
    this.#nodes.get(name)?.store.delete(digestOf(item));
  }

  runFor(durationMs: Millis): void {
    this.clock.runFor(durationMs);
  }

  /** What a node holds, sorted. */
  itemsOf(name: string): readonly string[] {
    return [...(this.#nodes.get(name)?.store.all ?? [])].map(({ item }) => item).sort();
  }

  #perform(node: Node, output: PullOutput<string>): void {
    const from = pkiIdOf(node.name);
    switch (output.type) {
      case "send-hello":
        return this.#send(node, output.to.pkiId, "hello", [], { type: "hello", from, nonce: output.nonce });
      case "send-digest": {
        const { nonce, digests } = output;
        return this.#send(node, output.to, "digest", digests.map(textOf), { type: "digest", from, nonce, digests });
      }
      case "send-request": {
        const { nonce, digests } = output;
        return this.#send(node, output.to.pkiId, "request", digests.map(textOf), {
          type: "request",
          from,
          nonce,
          digests,
        });
      }
      case "send-update": {
        const items = output.items.map((item) => ({ digest: digestOf(item), item }));
        return this.#send(node, output.to, "update", output.items, {
          type: "update",
          from,
          nonce: output.nonce,
          items,
        });
      }
      case "accept":
        for (const { digest, item } of output.items) node.store.add(digest, item);
        return;
      default:
        return;
    }
  }

  #send(node: Node, to: PkiId, kind: Message["kind"], items: readonly string[], input: PullInput<string>): void {
    const nonce = "nonce" in input ? input.nonce : 0n;
    const at = this.clock.now();
    this.messages.push({ at, from: node.name, to: nameOf(to), kind, items: [...items].sort(), nonce });
    this.clock.schedule(at + (this.#options.delayMs ?? 5) + node.slownessMs, () => this.give(nameOf(to), input));
  }
}

function peerOf(name: string): PullPeer {
  return { pkiId: pkiIdOf(name), endpoint: `${name}:7051` };
}
