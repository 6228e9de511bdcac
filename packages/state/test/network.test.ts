import type { PkiId } from "@gossip/proto";
import { type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { createMemoryLedger, type MemoryLedger, makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { readBlocks, type StateInput, type StateOutput, StateTransfer } from "../src/index.js";
import { peerId } from "./stage.js";

const delayMs = 5;
/** How often a peer publishes its height, as state infos do (page 10 §11). */
const publishIntervalMs = 4000;

/** Peers that all know each other's published heights and have nothing but state transfer. */
class Network {
  readonly clock = new VirtualClock();
  readonly #peers = new Map<PkiId, Peer>();

  add(name: string, blocks: readonly Uint8Array[]): Peer {
    const pkiId = peerId(name);
    const peer = new Peer(pkiId, blocks, this);
    this.#peers.set(pkiId, peer);
    peer.start();
    return peer;
  }

  remove(peer: Peer): void {
    this.#peers.delete(peer.pkiId);
    peer.stop();
    for (const other of this.#peers.values()) other.push({ type: "peers-changed" });
  }

  othersThan(peer: Peer): readonly Peer[] {
    return [...this.#peers.values()].filter((other) => other !== peer);
  }

  send(to: PkiId, input: StateInput): void {
    this.clock.schedule(this.clock.now() + delayMs, () => this.#peers.get(to)?.push(input));
  }
}

class Peer {
  readonly pkiId: PkiId;
  readonly ledger: MemoryLedger;
  published = 0n;
  #run: Run<StateInput> | undefined;
  readonly #network: Network;

  constructor(pkiId: PkiId, blocks: readonly Uint8Array[], network: Network) {
    this.pkiId = pkiId;
    this.ledger = createMemoryLedger(blocks);
    this.#network = network;
  }

  start(): void {
    const state = new StateTransfer({
      height: this.ledger.height,
      peers: () =>
        this.#network.othersThan(this).map(({ pkiId, published }) => ({ pkiId, height: published, endpoint: "" })),
      random: seededRandom(Number.parseInt(this.pkiId, 16) % 1_000_003),
    });
    this.#run = run(state, { clock: this.#network.clock, perform: (output) => this.#perform(output) });
    this.#publish();
  }

  stop(): void {
    this.#run?.close();
    this.#run = undefined;
  }

  push(input: StateInput): void {
    this.#run?.push(input);
  }

  #publish(): void {
    if (this.#run === undefined) return;
    this.published = this.ledger.height;
    for (const other of this.#network.othersThan(this)) this.#network.send(other.pkiId, { type: "peers-changed" });
    const { clock } = this.#network;
    clock.schedule(clock.now() + publishIntervalMs, () => this.#publish());
  }

  #perform(output: StateOutput): void {
    const from = this.pkiId;
    if (output.type === "commit") {
      this.ledger.commit(output.blockNumber, output.data);
      this.push({ type: "committed", blockNumber: output.blockNumber });
    } else if (output.type === "request") {
      const { nonce, start, end } = output;
      this.#network.send(output.to, { type: "state-request", from, nonce, start, end });
    } else if (output.type === "read-blocks") {
      const read = readBlocks(this.ledger, output);
      if ("payloads" in read) this.push({ type: "blocks-read", id: output.id, payloads: read.payloads });
    } else if (output.type === "respond") {
      this.#network.send(output.to, { type: "state-response", from, nonce: output.nonce, payloads: output.payloads });
    }
  }
}

describe("Peers with nothing but state transfer", () => {
  it("10/S20: bring ten blocks of one boot peer to all fifteen", () => {
    const chain = makeChain(11);
    const network = new Network();
    const boots = [network.add("boot0", chain)];
    for (let at = 1; at < 5; at++) boots.push(network.add(`boot${at}`, chain.slice(0, 1)));
    const others = Array.from({ length: 10 }, (_, at) => network.add(`peer${at}`, chain.slice(0, 1)));
    network.clock.runFor(2 * publishIntervalMs);
    for (const { ledger } of [...boots, ...others]) expect(ledger.height).toBe(11n);
  });

  it("10/S26: reach the height of those that run after the others of their organization have gone", () => {
    const chain = makeChain(120);
    const network = new Network();
    const leader = network.add("org1-leader", chain.slice(0, 60));
    network.add("org2-leader", chain);
    const [one, two] = [network.add("org1-peer", chain.slice(0, 1)), network.add("org2-peer", chain.slice(0, 20))];
    network.clock.runFor(210);
    network.remove(leader);
    network.clock.runFor(publishIntervalMs);
    for (const { ledger } of [one, two]) expect(ledger.height).toBe(120n);
  });

  it("pass a long chain on while they are catching up themselves", () => {
    const chain = makeChain(1000);
    const network = new Network();
    const source = network.add("source", chain);
    const peers = Array.from({ length: 6 }, (_, at) => network.add(`peer${at}`, chain.slice(0, 1)));
    network.clock.runFor(15_000);
    for (const { ledger } of [source, ...peers]) expect(ledger.height).toBe(1000n);
  });
});
