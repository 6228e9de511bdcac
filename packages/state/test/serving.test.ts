import type { PkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { type StateConfig, type StateOutput, StateTransfer } from "../src/index.js";
import { payloadsOf, peerId } from "./stage.js";

const chain = makeChain(50);

/** A responder of height 50 whose ledger answers when told to. */
class Responder {
  readonly state: StateTransfer;
  readonly outputs: StateOutput[] = [];
  #nonce = 0n;

  constructor(config: Partial<StateConfig> = {}) {
    this.state = new StateTransfer({ height: 50n, peers: () => [], random: seededRandom(1), config });
  }

  request(
    from: string,
    options: { readonly nonce?: bigint; readonly start?: bigint; readonly end?: bigint } = {},
  ): void {
    const { nonce = ++this.#nonce, start = 1n, end = 3n } = options;
    this.#step({ type: "state-request", from: peerId(from), nonce, start, end });
  }

  /** Answers the read that is under way. */
  read(): void {
    const read = this.outputs.findLast((output) => output.type === "read-blocks");
    if (read?.type !== "read-blocks") throw new Error("expected a read");
    const payloads = payloadsOf(chain, read.start, read.start + BigInt(read.count) - 1n);
    this.#step({ type: "blocks-read", id: read.id, payloads });
  }

  get reads(): number {
    return this.outputs.filter(({ type }) => type === "read-blocks").length;
  }

  /** Who was answered with how many blocks, in order. */
  get answers(): readonly (readonly [PkiId, number])[] {
    return this.outputs.flatMap((output) =>
      output.type === "respond" ? [[output.to, output.payloads.length] as const] : [],
    );
  }

  get drops(): readonly string[] {
    return this.outputs.flatMap((output) => (output.type === "dropped" ? [output.reason] : []));
  }

  #step(input: Parameters<StateTransfer["step"]>[0]): void {
    this.outputs.push(...this.state.step(input, 0));
  }
}

describe("The responder", () => {
  it("10/S32, 10.22, 10.23: answers a request beyond the queue with no blocks, where the reference drops it without trace", () => {
    const responder = new Responder({ channelSize: 3, maxRequestsPerPeer: 1 });
    for (const from of ["read", "a", "b", "c", "d"]) responder.request(from);
    expect(responder.drops).toEqual(["queue-full"]);
    expect(responder.answers).toEqual([[peerId("d"), 0]]);
  });

  it("10.25, 10.26: reads one range at a time, and no more than it may put in a response", () => {
    const responder = new Responder({ maxResponseBytes: 1234 });
    responder.request("a", { start: 2n, end: 5n });
    responder.request("b");
    expect(responder.reads).toBe(1);
    expect(responder.outputs.at(-1)).toEqual({ type: "read-blocks", id: 1, start: 2n, count: 4, maxBytes: 1234 });
    responder.read();
    expect(responder.reads).toBe(2);
    expect(responder.answers).toEqual([[peerId("a"), 4]]);
  });

  it("10.23: serves requesters in turn, so that a busy one does not hold up the others", () => {
    const responder = new Responder();
    for (let request = 1; request <= 4; request++) responder.request("busy");
    responder.request("a");
    responder.request("b");
    for (let read = 1; read <= 6; read++) responder.read();
    expect(responder.answers.map(([to]) => to)).toEqual(["busy", "busy", "a", "b", "busy", "busy"].map(peerId));
  });

  it("10.23: answers requests beyond a requester's quota with no blocks", () => {
    const responder = new Responder({ maxRequestsPerPeer: 2 });
    for (let request = 1; request <= 4; request++) responder.request("a");
    responder.request("b");
    expect(responder.drops).toEqual(["over-quota"]);
    expect(responder.answers).toEqual([[peerId("a"), 0]]);
  });

  it("10.23: answers a repeated request once", () => {
    const responder = new Responder();
    responder.request("other");
    for (let time = 1; time <= 3; time++) responder.request("a", { nonce: 77n });
    responder.read();
    responder.request("a", { nonce: 77n });
    responder.read();
    expect(responder.drops).toEqual(["duplicate-request", "duplicate-request", "duplicate-request"]);
    expect(responder.answers).toEqual([
      [peerId("other"), 3],
      [peerId("a"), 3],
    ]);
  });

  it("answers at once with no blocks what lies above its height, without asking the ledger", () => {
    const responder = new Responder();
    responder.request("a", { start: 50n, end: 55n });
    expect(responder.reads).toBe(0);
    expect(responder.answers).toEqual([[peerId("a"), 0]]);
    expect(responder.drops).toEqual([]);
  });

  it("refuses ranges at the end of all numbers without losing its count", () => {
    const responder = new Responder();
    const last = 2n ** 64n - 1n;
    responder.request("a", { start: last, end: last });
    responder.request("a", { start: 0n, end: last });
    expect(responder.answers).toEqual([
      [peerId("a"), 0],
      [peerId("a"), 0],
    ]);
    expect(responder.drops).toEqual(["invalid-range"]);
  });

  it("answers with what the ledger could give, if that is nothing", () => {
    const responder = new Responder();
    responder.request("a");
    responder.outputs.push(...responder.state.step({ type: "blocks-read", id: 1, payloads: [] }, 0));
    expect(responder.answers).toEqual([[peerId("a"), 0]]);
  });
});
