import { type Block, encodeBlock } from "@gossip/proto/fabric";
import { type GossipError, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, it } from "vitest";
import { type BlockRefusal, createDeliver, type Deliver, type DeliverOptions } from "../src/index.js";
import { connectFakes, FakeOrderer } from "../src/testing/index.js";
import { chain, crypto, decoded, genesis, leader, nextBlock, positionAfter } from "./chain.js";

/** A delivery from fakes on virtual time, and what came of it. */
class Scene {
  readonly clock = new VirtualClock();
  readonly orderers: readonly FakeOrderer[];
  readonly delivered: { readonly number: bigint; readonly bytes: Uint8Array }[] = [];
  readonly refusals: BlockRefusal[] = [];
  readonly deliver: Deliver;

  constructor(options: Partial<DeliverOptions> & { readonly addresses?: readonly string[] } = {}) {
    this.orderers = (options.addresses ?? ["a"]).map((address) => new FakeOrderer(address, this.clock));
    this.deliver = createDeliver({
      channel: "demo",
      endpoints: this.orderers.map(({ address }) => ({ address })),
      identity: leader.identity,
      sign: (payload) => leader.sign(payload),
      position: positionAfter([genesis]),
      verify: (blockNumber, block) => crypto.verifyBlock("demo", blockNumber, block),
      onBlock: async (number, bytes) => {
        this.delivered.push({ number, bytes });
      },
      onRefused: (refusal) => this.refusals.push(refusal),
      clock: this.clock,
      wall: this.clock,
      random: seededRandom(1),
      connect: connectFakes(...this.orderers),
      ...options,
    });
  }

  get orderer(): FakeOrderer {
    return this.orderers[0] as FakeOrderer;
  }

  /** Lets virtual time pass, and promises settle between its events. */
  async pass(ms = 0): Promise<void> {
    const end = this.clock.now() + ms;
    for (let idle = 0; idle < 20; ) {
      if (this.clock.nextAt <= end) {
        this.clock.runNext();
        idle = 0;
      } else idle++;
      await Promise.resolve();
    }
    this.clock.runUntil(end);
  }

  numbers(): bigint[] {
    return this.delivered.map(({ number }) => number);
  }
}

describe("createDeliver", () => {
  it("09/D1, 09/R2, 9.4: asks for everything from its position on, signed, bound to its time and identity", async () => {
    const scene = new Scene();
    await scene.pass();
    const [request] = scene.orderer.requests;
    expect(scene.orderer.requests).toHaveLength(1);
    expect(request?.seek).toEqual({
      start: { type: "specified", number: 1n },
      stop: { type: "specified", number: 2n ** 64n - 1n },
      behavior: "block-until-ready",
      errorResponse: "strict",
      contentType: "block",
    });
    const { channelHeader, signatureHeader } = request?.payload ?? {};
    expect(channelHeader).toMatchObject({
      type: "deliver-seek-info",
      version: 0,
      channelId: "demo",
      txId: "",
      epoch: 0n,
    });
    expect(channelHeader?.timestampNanos).toBe((scene.clock.nowNanos() / 1_000_000_000n) * 1_000_000_000n);
    expect(channelHeader?.tlsCertHash).toHaveLength(0);
    expect(Buffer.compare(signatureHeader?.creator ?? new Uint8Array(0), leader.identity)).toBe(0);
    expect(signatureHeader?.nonce).toHaveLength(24);
    const { payload, signature } = request?.envelope ?? { payload: new Uint8Array(0), signature: new Uint8Array(0) };
    expect(crypto.verifyByChannel("demo", leader.identity, signature, payload)).toEqual({ ok: true });
  });

  it("09/V2: V2: takes the genesis block of an orderer when it has nothing", async () => {
    const accept = { ok: true } as const;
    const scene = new Scene({ position: positionAfter([]), verify: () => accept });
    scene.orderer.append(...chain(2));
    await scene.pass();
    expect(scene.numbers()).toEqual([0n, 1n]);
  });

  it("09/V2: V2: hands over the orderer's own bytes, in order, as they come", async () => {
    const blocks = chain(6);
    const scene = new Scene();
    scene.orderer.append(...blocks.slice(0, 4));
    await scene.pass();
    scene.orderer.append(...blocks.slice(4));
    await scene.pass();
    expect(scene.numbers()).toEqual([1n, 2n, 3n, 4n, 5n]);
    for (const { number, bytes } of scene.delivered) {
      expect(Buffer.compare(bytes, blocks[Number(number)] as Uint8Array)).toBe(0);
    }
    expect(scene.deliver.status).toEqual({
      state: "streaming",
      endpoint: "a",
      next: 6n,
      failures: 0,
      lastFailure: undefined,
    });
  });

  it("9.11: reads nothing while a block is not in good hands", async () => {
    let finish = () => {};
    const held: bigint[] = [];
    const onBlock = (number: bigint) => {
      held.push(number);
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    };
    const scene = new Scene({ onBlock });
    scene.orderer.append(...chain(4));
    await scene.pass(60_000);
    expect(held).toEqual([1n]);
    finish();
    await scene.pass();
    expect(held).toEqual([1n, 2n]);
  });

  it("09/C10, 9.10: offers a block again until it is taken, without asking the orderer again", async () => {
    let full = 3;
    const taken: bigint[] = [];
    const scene = new Scene({
      onBlock: async (number) => {
        if (full-- > 0) throw new Error("buffer full");
        taken.push(number);
      },
    });
    scene.orderer.append(...chain(3));
    await scene.pass(50);
    expect(scene.deliver.status).toMatchObject({ state: "streaming", next: 1n, lastFailure: "buffer full" });
    await scene.pass(1_000);
    expect(taken).toEqual([1n, 2n]);
    expect(scene.orderer.requests).toHaveLength(1);
  });

  it("09/X2: goes on without a verification failure after a stream that broke in the middle", async () => {
    const blocks = chain(20);
    const scene = new Scene();
    for (const [at, block] of blocks.entries()) {
      scene.orderer.append(block);
      await scene.pass();
      if (at % 5 === 4) scene.orderer.cut();
      await scene.pass(200);
    }
    expect(scene.numbers()).toEqual(blocks.slice(1).map((_, at) => BigInt(at + 1)));
    expect(scene.refusals).toEqual([]);
    expect(scene.orderer.requests.length).toBeGreaterThan(3);
  });

  it("09/C2, 9.12: goes on after the signer has failed", async () => {
    let failures = 2;
    const sign = (payload: Uint8Array) => {
      if (failures-- > 0) throw new Error("no key");
      return leader.sign(payload);
    };
    const scene = new Scene({ sign });
    scene.orderer.append(...chain(2));
    await scene.pass(10);
    expect(scene.deliver.status.lastFailure).toBe("the request could not be signed: no key");
    await scene.pass(1_000);
    expect(scene.numbers()).toEqual([1n]);
  });

  it("takes signatures and verdicts that come later, too", async () => {
    const scene = new Scene({
      sign: async (payload) => leader.sign(payload),
      verify: async (blockNumber, block) => crypto.verifyBlock("demo", blockNumber, block),
    });
    scene.orderer.append(...chain(4));
    await scene.pass();
    expect(scene.numbers()).toEqual([1n, 2n, 3n]);
  });

  it("fails over to the next orderer, and back when that one has failed", async () => {
    const blocks = chain(4);
    const scene = new Scene({ addresses: ["a", "b"] });
    const [a, b] = scene.orderers as [FakeOrderer, FakeOrderer];
    for (const orderer of [a, b]) orderer.append(...blocks.slice(0, 2));
    await scene.pass();
    const [used, other] = a.connections === 1 ? [a, b] : [b, a];
    used.mode = "refused";
    used.cut();
    await scene.pass();
    expect([used.connections, other.connections]).toEqual([0, 1]);
    other.append(...blocks.slice(2));
    await scene.pass();
    expect(scene.numbers()).toEqual([1n, 2n, 3n]);
  });

  it("09/X1: uses the orderers it is told of while it waits for dead ones", async () => {
    const clock = new VirtualClock();
    const old = new FakeOrderer("old", clock);
    const rotated = new FakeOrderer("new", clock);
    old.mode = "refused";
    rotated.append(...chain(2));
    const scene = new Scene({ endpoints: [{ address: "old" }], clock, connect: connectFakes(old, rotated) });
    const pass = async (ms: number) => {
      for (let turn = 0; turn < 50; turn++) {
        clock.runFor(ms / 50);
        await Promise.resolve();
      }
    };
    await pass(60_000);
    expect(old.dials).toBeGreaterThan(10);
    scene.deliver.setEndpoints([]);
    const dials = old.dials;
    await pass(60_000);
    expect(old.dials).toBe(dials);
    scene.deliver.setEndpoints([{ address: "new" }]);
    await pass(1);
    expect(scene.numbers()).toEqual([1n]);
  });

  it("09/D2, 09/D4: stops at once, also with a hand-over under way, and a second delivery works", async () => {
    const blocks = chain(3);
    const first = new Scene({ onBlock: () => new Promise(() => {}) });
    first.orderer.append(...blocks);
    await first.pass();
    await first.deliver.stop();
    await first.deliver.stop();
    expect(first.orderer.connections).toBe(0);
    expect(first.deliver.status.state).toBe("stopped");
    await first.pass(120_000);
    expect(first.orderer.dials).toBe(1);
    expect(first.clock.nextAt).toBe(Number.POSITIVE_INFINITY);

    const second = new Scene();
    second.orderer.append(...blocks);
    await second.pass();
    expect(second.numbers()).toEqual([1n, 2n]);
  });

  it("09/V1: refuses a config without orderers, and one out of range", () => {
    expect(() => new Scene({ endpoints: [] })).toThrow("expected at least one orderer endpoint, got none");
    expect(() => new Scene({ config: { connTimeoutMs: -1 } })).toThrow(/connTimeoutMs/);
    const tls = { cert: new Uint8Array(3), key: new Uint8Array(3) };
    const failure = expect.objectContaining<Partial<GossipError>>({ code: "invalid-config" });
    expect(() => new Scene({ tls })).toThrow(failure);
  });
});

describe("9.8, 9.9, 13.12: createDeliver refuses by name and delivers nothing of", () => {
  const [, first] = chain(2) as [Uint8Array, Uint8Array];
  const good = decoded(first);
  const altered = (change: Partial<Block>) => encodeBlock({ ...good, ...change });
  const impostor = leader;
  const withoutHeader = new Uint8Array([0x12, 0x00]);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["V3: empty data", altered({ data: [] }), "malformed-block"],
    ["V3: an undecodable transaction", altered({ data: [new Uint8Array([1, 2, 3])] }), "malformed-block"],
    ["V3: an unsigned transaction", altered({ data: [new Uint8Array([0x0a, 1, 7])] }), "malformed-block"],
    ["V3: no metadata", altered({ metadata: [] }), "malformed-block"],
    ["V3: another number", altered({ header: { ...good.header, number: 2n } }), "wrong-block-number"],
    ["V3: another data hash", altered({ header: { ...good.header, dataHash: new Uint8Array(32) } }), "bad-data-hash"],
    [
      "V3: another previous hash",
      altered({ header: { ...good.header, previousHash: new Uint8Array(32) } }),
      "wrong-previous-hash",
    ],
    ["V3: no signature", altered({ metadata: Array(5).fill(new Uint8Array(0)) }), "bad-block-signature"],
    ["V3: the signature of a peer", nextBlock(genesis, { signer: impostor }), "bad-block-signature"],
    ["09/X3: no header", withoutHeader, "malformed-block"],
  ];
  for (const [what, block, reason] of cases) {
    it(what, async () => {
      const scene = new Scene();
      scene.orderer.append(genesis, block);
      await scene.pass(10);
      expect(scene.refusals).toEqual([{ endpoint: "a", blockNumber: 1n, reason, detail: expect.stringMatching(/./) }]);
      expect(scene.delivered).toEqual([]);
      expect(scene.deliver.status).toMatchObject({ state: "waiting", next: 1n });
      // The orderer has come to its senses: nothing is left of the bad block.
      scene.orderer.replace(1n, first);
      await scene.pass(200);
      expect(scene.numbers()).toEqual([1n]);
    });
  }

  it("09/V7: the same block twice", async () => {
    const scene = new Scene();
    scene.orderer.append(genesis, first, first);
    await scene.pass(10);
    expect(scene.numbers()).toEqual([1n]);
    expect(scene.refusals).toMatchObject([{ blockNumber: 2n, reason: "wrong-block-number" }]);
  });

  it("09/C12: a status, or bytes that are no response", async () => {
    const scene = new Scene();
    await scene.pass();
    scene.orderer.sendStatus(403);
    await scene.pass(10);
    expect(scene.deliver.status.lastFailure).toBe("status 403 FORBIDDEN");
    await scene.pass(100);
    scene.orderer.send(new Uint8Array([0xff, 0xff]));
    await scene.pass(10);
    expect(scene.refusals).toMatchObject([{ reason: "malformed-block" }]);
  });
});
