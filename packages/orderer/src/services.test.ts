import { createSigner, readGenesisBlock } from "@gossip/crypto";
import { createTestCrypto, createTestOrganization } from "@gossip/crypto/testing";
import { type BroadcastResponse, readBlock, readBroadcastResponse, readDeliverResponse } from "@gossip/proto/fabric";
import { noMetrics, seededRandom, silentLogger, systemWallClock } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { createMemoryLedger } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { broadcastService } from "./broadcast-service.js";
import { resolveBatchConfig, resolveLimitsConfig } from "./config.js";
import { deliverService } from "./deliver-service.js";
import type { OrdererStream, OrdererStreamHandlers, ServeStream } from "./grpc-server.js";
import { OrderingChannel } from "./ordering-channel.js";
import { RecentTransactions } from "./recent-transactions.js";
import { createTestOrdering } from "./testing/index.js";

/** A stream whose transport takes what is sent only when told to. */
class FakeStream implements OrdererStream {
  readonly remoteAddress = "test";
  readonly remoteTlsCertHash = undefined;
  readonly sent: Uint8Array[] = [];
  reads = 0;
  hasEnded = false;
  takesAll = true;
  readonly #gone = new AbortController();
  readonly #handlers: OrdererStreamHandlers;
  #untaken: (() => void)[] = [];

  constructor(serve: ServeStream) {
    this.#handlers = serve(this);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  read(): void {
    this.reads++;
  }

  send(bytes: Uint8Array, onTaken: () => void): void {
    this.sent.push(bytes);
    if (this.takesAll) onTaken();
    else this.#untaken.push(onTaken);
  }

  end(): void {
    this.hasEnded = true;
    this.#gone.abort();
  }

  /** The client sends a message, if one is wanted. */
  offer(bytes: Uint8Array): boolean {
    if (this.reads === 0) return false;
    this.reads--;
    this.#handlers.onMessage(bytes);
    return true;
  }

  takeOne(): void {
    this.#untaken.shift()?.();
  }

  get responses(): (BroadcastResponse | undefined)[] {
    return this.sent.map((bytes) => {
      const response = readBroadcastResponse(bytes);
      return response.ok ? response.value : undefined;
    });
  }
}

function createScene(options: { readonly maxPending?: number; readonly maxPendingPerStream?: number } = {}) {
  const ordering = createTestOrdering();
  const { identity, privateKey, genesisBlocks } = ordering.options;
  const [genesis = new Uint8Array(0)] = genesisBlocks;
  const org1 = createTestOrganization("Org1MSP");
  const crypto = createTestCrypto(org1.issue("peer0"), { organizations: [org1], wall: systemWallClock });
  crypto.setChannel(readGenesisBlock(genesis));
  const ledger = createMemoryLedger([genesis]);
  const clock = new VirtualClock();
  const batch = resolveBatchConfig({ maxMessageCount: 2, batchTimeoutMs: 100 });
  const limits = resolveLimitsConfig({ maxPending: 100, maxPendingPerStream: 100, ...options }, batch);
  const log = silentLogger;
  const metrics = noMetrics;
  const channel = new OrderingChannel({
    id: "demo",
    ledger,
    recent: new RecentTransactions(limits),
    batch,
    limits,
    identity,
    sign: createSigner(privateKey),
    clock,
    random: seededRandom(1),
    log,
    metrics,
    onFault(error) {
      throw error;
    },
  });
  const channels = new Map([["demo", channel]]);
  const closing = new AbortController();
  const { maxPendingPerStream } = limits;
  const maxBytes = batch.absoluteMaxBytes;
  const broadcast = broadcastService({
    channels,
    crypto,
    maxBytes,
    maxPendingPerStream,
    log,
    metrics,
    closing: closing.signal,
  });
  const deliver = deliverService({ channels, crypto, wall: systemWallClock, log, metrics, closing: closing.signal });
  return {
    ordering,
    channel,
    clock,
    closing,
    broadcast: () => new FakeStream(broadcast),
    deliver: () => new FakeStream(deliver),
    ledger,
    /** Lets promises settle and the cutter's timer come. */
    async pass(ms = 0): Promise<void> {
      clock.runFor(ms);
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    },
    /** How many transactions each block has, from block 1 on. */
    blockSizes(): number[] {
      const sizes: number[] = [];
      for (let number = 1n; number < ledger.height; number++) {
        const block = readBlock(ledger.read(number) ?? new Uint8Array(0));
        sizes.push(block.ok ? block.value.data.length : -1);
      }
      return sizes;
    },
  };
}

describe("Broadcast service", () => {
  it("9.20: acknowledges no transaction before its block is written", async () => {
    const scene = createScene();
    const stream = scene.broadcast();
    stream.offer(scene.ordering.transaction("a"));
    await scene.pass(99);
    expect(stream.sent).toHaveLength(0);
    expect(scene.channel.height).toBe(1n);
    await scene.pass(1);
    expect(stream.responses).toEqual([{ status: 200, info: "" }]);
    expect(scene.channel.height).toBe(2n);
  });

  it("keeps the order of answers, though a refusal is known at once", async () => {
    const scene = createScene();
    const stream = scene.broadcast();
    stream.offer(scene.ordering.transaction("a"));
    stream.offer(new Uint8Array([1]));
    stream.offer(scene.ordering.transaction("b"));
    await scene.pass(100);
    expect(stream.responses.map((response) => response?.status)).toEqual([200, 400, 200]);
  });

  it("9.23: answers 503 when a block cannot be written, ends the stream, and orders nothing that came behind", async () => {
    const scene = createScene({ maxPending: 2 });
    const stream = scene.broadcast();
    scene.ledger.failWith("no space left on device");
    const transactions = ["a", "b", "c"].map((text) => scene.ordering.transaction(text));
    for (const transaction of transactions) stream.offer(transaction);
    await scene.pass();
    expect(stream.responses).toEqual([{ status: 503, info: "block could not be written: no space left on device" }]);
    expect(stream.hasEnded).toBe(true);
    expect(scene.channel.health).toEqual({ ok: false, detail: "no space left on device" });
    scene.ledger.failWith(undefined);
    await scene.pass(1_000);
    expect(scene.channel).toMatchObject({ height: 1n, pending: 0 });

    const again = scene.broadcast();
    for (const transaction of transactions) {
      again.offer(transaction);
      await scene.pass(100);
    }
    expect(again.responses.map((response) => response?.status)).toEqual([200, 200, 200]);
    expect(scene.channel.health).toEqual({ ok: true });
  });

  it("does not order a transaction twice that two streams submit while it is pending", async () => {
    const scene = createScene();
    const transaction = scene.ordering.transaction("a");
    const [first, second] = [scene.broadcast(), scene.broadcast()];
    first.offer(transaction);
    second.offer(transaction);
    await scene.pass(100);
    expect([first, second].map((stream) => stream.responses)).toEqual(Array(2).fill([{ status: 200, info: "" }]));
    expect(scene.blockSizes()).toEqual([1]);
  });

  it("nor one that a second stream submitted while it waited for room", async () => {
    const scene = createScene({ maxPending: 1 });
    const [filler, wanted] = [scene.ordering.transaction("filler"), scene.ordering.transaction("wanted")];
    const streams = [scene.broadcast(), scene.broadcast(), scene.broadcast()] as const;
    streams[0].offer(filler);
    streams[1].offer(wanted);
    streams[2].offer(wanted);
    for (let turn = 0; turn < 4; turn++) await scene.pass(100);
    for (const stream of streams) expect(stream.responses).toEqual([{ status: 200, info: "" }]);
    expect(scene.blockSizes()).toEqual([1, 1]);
  });

  it("9.25: reads no further while the channel is full", async () => {
    const scene = createScene({ maxPending: 1 });
    const stream = scene.broadcast();
    expect(stream.offer(scene.ordering.transaction("a"))).toBe(true);
    expect(stream.offer(scene.ordering.transaction("b"))).toBe(true);
    expect(stream.offer(scene.ordering.transaction("c"))).toBe(false);
    await scene.pass(100);
    expect(stream.offer(scene.ordering.transaction("c"))).toBe(true);
  });

  it("reads no further while its client does not take the answers", async () => {
    const scene = createScene({ maxPendingPerStream: 2 });
    const stream = scene.broadcast();
    stream.takesAll = false;
    for (const text of ["a", "b"]) stream.offer(scene.ordering.transaction(text));
    await scene.pass(100);
    expect(stream.sent).toHaveLength(2);
    expect(stream.reads).toBe(0);
    stream.takeOne();
    expect(stream.reads).toBe(1);
  });

  it("forgets what a client that has gone was waiting to submit", async () => {
    const scene = createScene({ maxPending: 1 });
    const stream = scene.broadcast();
    stream.offer(scene.ordering.transaction("a"));
    stream.offer(scene.ordering.transaction("b"));
    stream.end();
    await scene.pass(100);
    await scene.pass(100);
    expect(scene.channel).toMatchObject({ height: 2n, pending: 0 });
  });
});

describe("Deliver service", () => {
  it("sends one block at a time, however many there are", async () => {
    const scene = createScene();
    const source = scene.broadcast();
    for (const text of ["a", "b", "c", "d"]) source.offer(scene.ordering.transaction(text));
    await scene.pass(100);
    expect(scene.channel.height).toBe(3n);

    const stream = scene.deliver();
    stream.takesAll = false;
    stream.offer(scene.ordering.seek());
    for (let taken = 1; taken <= 3; taken++) {
      await scene.pass();
      expect(stream.sent).toHaveLength(taken);
      stream.takeOne();
    }
    await scene.pass();
    const last = readDeliverResponse(stream.sent[3] ?? new Uint8Array(0));
    expect(last).toEqual({ ok: true, value: { type: "status", status: 200 } });
    expect(stream.reads).toBe(0);
    stream.takeOne();
    await scene.pass();
    expect(stream.reads).toBe(1);
  });

  it("lets go of a reader that has gone in the middle of a block, or of a wait", async () => {
    const scene = createScene();
    for (const takesAll of [false, true]) {
      const stream = scene.deliver();
      stream.takesAll = takesAll;
      stream.offer(scene.ordering.seek({ stop: { type: "specified", number: 9n } }));
      await scene.pass();
      stream.end();
      await scene.pass();
      expect(stream.sent).toHaveLength(1);
    }
    const source = scene.broadcast();
    source.offer(scene.ordering.transaction("a"));
    await scene.pass(100);
    expect(scene.channel.height).toBe(2n);
  });
});
