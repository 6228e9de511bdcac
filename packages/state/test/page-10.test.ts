// The scenarios of protocol page 10 §16, one test each, with what differs by intention. Those that are not here concern what no machine can meet:
// S10 and S11 (a missing payload, a height that cannot be read: excluded by types), S17 and S19 (other channels, unauthorized peers: the gate's).
import { makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { resolveStateConfig, stateDefaults } from "../src/index.js";
import { PayloadBuffer } from "../src/payload-buffer.js";
import { honestPeer, payloadsOf, peerId, Stage, silentPeer } from "./stage.js";

const chain = makeChain(600);
const first = (length: number) => chain.slice(0, length);
const bufferAt = (height: bigint) => new PayloadBuffer({ height, maxBlocks: 40, roomBlocks: 40, maxBytes: 1_000_000 });
const block = (blockNumber: bigint) => ({ blockNumber, data: new Uint8Array(10), source: "push" }) as const;

describe("Page 10 §16, the payload buffer", () => {
  it("10/S1, 10.1: expects the number it was made with", () => {
    const buffer = bufferAt(10n);
    expect(buffer.height).toBe(10n);
    expect(buffer.firstMissing).toBe(10n);
  });

  it("10/S2: refuses what lies below the height, and keeps what lies at it", () => {
    const buffer = bufferAt(5n);
    expect(buffer.refusal(4n, 20)).toBe("stale");
    expect(buffer.refusal(5n, 20)).toBeUndefined();
    buffer.add(block(5n));
    expect(buffer.height).toBe(5n);
    expect(buffer.blocks).toBe(1);
  });

  it("10/S3: the block at the height leaves at once for the ledger", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.clock.runFor(100);
    stage.pushBlock(chain, 1);
    expect(stage.last("commit")).toMatchObject({ blockNumber: 1n, data: chain[1] });
  });

  it("10/S4: takes one of ten copies, commits it once, and drops the others as duplicates", () => {
    const stage = new Stage({ blocks: first(7), commitMs: 100 });
    for (let copy = 1; copy <= 10; copy++) stage.pushBlock(chain, 7);
    expect(stage.state.buffered.blocks).toBe(1);
    expect(stage.all("commit")).toHaveLength(1);
    expect(stage.drops).toEqual(Array(9).fill("duplicate"));
    stage.clock.runFor(100);
    stage.pushBlock(chain, 7);
    expect(stage.drops.at(-1)).toBe("stale");
  });

  it("10/S5: is empty after each full drain, and goes on with the next number", () => {
    const buffer = bufferAt(1n);
    buffer.add(block(1n));
    buffer.add(block(2n));
    for (const expected of [2n, 3n]) {
      buffer.advance();
      expect(buffer.height).toBe(expected);
    }
    expect(buffer.get(3n)).toBeUndefined();
    for (const number of [3n, 4n, 5n]) {
      expect(buffer.blocks).toBe(0);
      buffer.add(block(number));
      buffer.advance();
    }
    expect(buffer.height).toBe(6n);
    expect(buffer.bytes).toBe(0);
  });
});

describe("Page 10 §16, configuration", () => {
  it("10/S6: has the reference's defaults, except that transfer is on", () => {
    expect(resolveStateConfig()).toMatchObject({
      enabled: true,
      checkIntervalMs: 10_000,
      responseTimeoutMs: 3_000,
      batchSize: 10,
      maxRetries: 3,
      blockBufferSize: 20,
      channelSize: 100,
    });
  });

  it("10/S7: takes over each value that is given", () => {
    const given = {
      enabled: false,
      checkIntervalMs: 1,
      responseTimeoutMs: 2,
      batchSize: 3,
      maxRetries: 4,
      blockBufferSize: 5,
      channelSize: 60,
    };
    expect(resolveStateConfig(given)).toEqual({ ...stateDefaults, ...given });
  });

  it("10/S8, 10.8: reports a straggler if transfer is off, it is no static leader and more than 100 blocks behind", () => {
    const reports = (options: { enabled?: boolean; staticLeader?: boolean; blockNumber?: number }) => {
      const { enabled = false, staticLeader = false, blockNumber = 300 } = options;
      const stage = new Stage({ blocks: first(100), config: { enabled }, staticLeader });
      stage.pushBlock(chain, blockNumber);
      return stage.all("straggler").length;
    };
    expect(reports({})).toBe(1);
    expect(reports({ blockNumber: 201 })).toBe(1);
    expect(reports({ blockNumber: 200 })).toBe(0);
    expect(reports({ blockNumber: 105 })).toBe(0);
    expect(reports({ staticLeader: true })).toBe(0);
    expect(reports({ enabled: true })).toBe(0);
  });

  it("10/S24, 10.22: with batch size 10, 10 to 5 and 10 to 30 are invalid ranges and 10 to 20 is valid", () => {
    const stage = new Stage({ blocks: first(40), config: { batchSize: 10 } });
    const request = (start: bigint, end: bigint) =>
      stage.push({ type: "state-request", from: peerId("a"), nonce: start + end, start, end });
    request(10n, 5n);
    request(10n, 30n);
    expect(stage.drops).toEqual(["invalid-range", "invalid-range"]);
    request(10n, 20n);
    expect(stage.drops).toHaveLength(2);
    expect(stage.last("respond").payloads).toHaveLength(11);
  });
});

describe("Page 10 §16, committing", () => {
  it("10/S9, 10.22: answers a request whose start lies above its end with no blocks, where the reference is silent", () => {
    const stage = new Stage({ blocks: first(10) });
    stage.push({ type: "state-request", from: peerId("a"), nonce: 3n, start: 5n, end: 4n });
    expect(stage.all("respond")).toEqual([{ type: "respond", to: peerId("a"), nonce: 3n, payloads: [] }]);
  });

  it("10/S13, 10.3: takes pushes up to 19 above the height, and refuses all beyond", () => {
    const stage = new Stage({ blocks: first(1), commitMs: Number.POSITIVE_INFINITY, config: { enabled: false } });
    for (const number of [1, 2, 3, 4]) stage.pushBlock(chain, number);
    for (let number = 10; number <= 20; number++) stage.pushBlock(chain, number);
    expect(stage.drops).toEqual([]);
    for (let number = 21; number <= 200; number++) stage.pushBlock(chain, number);
    expect(stage.drops).toEqual(Array(180).fill("beyond-window"));
    expect(stage.state.buffered.blocks).toBe(15);
    // The reference takes a block out of the buffer before it is stored; here it waits until it is.
    expect(stage.all("commit").map(({ blockNumber }) => blockNumber)).toEqual([1n]);
  });

  it("10/S14, 10.9: commits each of 500 blocks once and in order, from the ordering service and from pushes at random", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 2 });
    let next = 1;
    let pushes = 250;
    for (let turn = 0; stage.ledger.height < 501n; turn++) {
      if (next <= 500 && stage.state.room) stage.deliverBlock(chain, next++);
      if (pushes-- > 0) stage.pushBlock(chain, 1 + ((turn * 7919) % 500));
      stage.clock.runFor(1);
    }
    const committed = stage.all("commit").map(({ blockNumber }) => Number(blockNumber));
    expect(committed).toEqual(chain.slice(1, 501).map((_, at) => at + 1));
  });

  it("10/S15, 10.10: a failing ledger stalls the channel, is reported and tried again; nothing is lost", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.ledger.failWith("no space left on device");
    stage.pushBlock(chain, 1);
    stage.clock.runFor(0);
    expect(stage.last("stalled")).toMatchObject({ blockNumber: 1n, detail: "no space left on device" });
    stage.ledger.failWith(undefined);
    stage.clock.runFor(1000);
    expect(stage.last("recovered").blockNumber).toBe(1n);
    expect(stage.state.height).toBe(2n);
  });

  it("10/S16: begins at height 0 as at any other", () => {
    const stage = new Stage({ blocks: [] });
    expect(stage.last("height").height).toBe(0n);
    stage.pushBlock(chain, 0);
    stage.clock.runFor(0);
    expect(stage.state.height).toBe(1n);
  });

  it("10/S25, 10.12: reports what is buffered and the height, and the height from the start", () => {
    const stage = new Stage({ blocks: first(100) });
    stage.pushBlock(chain, 100);
    stage.clock.runFor(0);
    expect(stage.all("height").map(({ height }) => height)).toEqual([100n, 101n]);
    expect(stage.all("buffered").map(({ blocks }) => blocks)).toEqual([1, 0]);
  });

  it("10/S27, 10.3, 10.5: at height 50 drops push 49 as stale, takes 69, drops 70; of the ordering service drops 49, takes 89, drops 2^40", () => {
    const stage = new Stage({ blocks: first(50) });
    for (const number of [49, 69, 70]) stage.pushBlock(chain, number);
    expect(stage.drops).toEqual(["stale", "beyond-window"]);
    for (const number of [49, 89]) stage.deliverBlock(chain, number);
    // The reference would buffer it, as it would any number of blocks at any distance.
    stage.push({ type: "block", blockNumber: 2n ** 40n, data: new Uint8Array(1), source: "deliver" });
    expect(stage.drops).toEqual(["stale", "beyond-window", "stale", "beyond-window"]);
    expect(stage.state.buffered.blocks).toBe(2);
  });
});

describe("Page 10 §16, requesting", () => {
  it("10/S12: catches up from 1 to 500 in order, with a slow ledger and never more than the bound in the buffer", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 20, config: { windowBlocks: 40 } });
    let most = 0;
    stage.onOutput = () => {
      most = Math.max(most, stage.state.buffered.blocks);
    };
    stage.meet(honestPeer("a", first(500)));
    stage.clock.runFor(12_000);
    expect(stage.all("commit").map(({ blockNumber }) => Number(blockNumber))).toEqual(
      first(500)
        .slice(1)
        .map((_, at) => at + 1),
    );
    expect(most).toBeLessThanOrEqual(2 * 20);
  });

  it("10/S18, 10.14: never asks a peer that has not more than we have; of others the one that has more of the batch", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("unknown", []), honestPeer("b", first(5)));
    stage.clock.runFor(300);
    expect(stage.all("request").map(({ to }) => to)).toEqual([peerId("b")]);
    const other = new Stage({ blocks: first(1) });
    other.meet(honestPeer("a", first(10)), honestPeer("b", first(5)));
    other.clock.runFor(300);
    expect(other.all("request")[0]).toMatchObject({ to: peerId("a"), start: 1n, end: 9n });
  });

  it("10/S21: needs exactly two responses for 15 blocks", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("boot", first(16)));
    stage.clock.runFor(1000);
    expect(stage.all("request").map(({ start, end }) => [start, end])).toEqual([
      [1n, 11n],
      [12n, 15n],
    ]);
    expect(stage.state.height).toBe(16n);
  });

  it("10/S23: fetches the one block that another peer has more", () => {
    const stage = new Stage({ blocks: first(2) });
    stage.meet(honestPeer("peer1", first(3)));
    stage.clock.runFor(1000);
    expect(stage.last("request")).toMatchObject({ start: 2n, end: 2n });
    expect(stage.state.height).toBe(3n);
  });

  it("10/S28, 10.17: asks a peer that never answers four times, with one nonce and one range, then gives the range up", () => {
    const stage = new Stage({ blocks: first(1), config: { checkIntervalMs: 1_000_000 } });
    stage.meet(silentPeer("a", 100n));
    stage.clock.runFor(60_000);
    const requests = stage.all("request");
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ nonce }) => nonce)).size).toBe(1);
    for (const request of requests) expect(request).toMatchObject({ to: peerId("a"), start: 1n, end: 11n });
    expect(stage.all("attempt-failed").map(({ reason }) => reason)).toEqual(Array(4).fill("timeout"));
    expect(stage.last("transfer-failed")).toMatchObject({ start: 1n, attempts: 4 });
  });

  it("10/S30, 10.18: drops a response with a foreign nonce and goes on waiting, where the reference asks again", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("a", 100n));
    stage.clock.runFor(300);
    const { nonce } = stage.last("request");
    stage.push({ type: "state-response", from: peerId("a"), nonce: nonce + 1n, payloads: payloadsOf(chain, 1n, 3n) });
    expect(stage.drops).toEqual(["unexpected-response"]);
    expect(stage.all("request")).toHaveLength(1);
    expect(stage.state.buffered.blocks).toBe(0);
  });

  it("10/S31, 10.18: drops any response while nothing was asked for", () => {
    const stage = new Stage({ blocks: first(1) });
    expect(stage.state.wantsResponse(peerId("a"), 0n)).toBe(false);
    stage.push({ type: "state-response", from: peerId("a"), nonce: 0n, payloads: payloadsOf(chain, 1n, 3n) });
    expect(stage.all("dropped")).toMatchObject([{ reason: "unexpected-response", count: 3, from: peerId("a") }]);
    expect(stage.state.height).toBe(1n);
  });

  it("10/S33, 10.21: commits a block whose private data cannot be decoded", () => {
    const stage = new Stage({ blocks: first(1) });
    const [payload] = payloadsOf(chain, 1n, 1n);
    if (payload === undefined) throw new Error("expected a payload");
    const answer = () => ({ afterMs: 1, payloads: [{ ...payload, privateData: [Uint8Array.of(0xff)] }] });
    stage.meet({ ...silentPeer("a", 2n), answer });
    stage.clock.runFor(1000);
    expect(stage.state.height).toBe(2n);
  });
});

describe("Page 10 §16, serving", () => {
  const request = (stage: Stage, nonce: bigint, start: bigint, end: bigint, from = peerId("a")) => {
    stage.push({ type: "state-request", from, nonce, start, end });
  };

  it("10/S22, 10.24: answers with the nonce of the request and the blocks' own bytes", () => {
    const stage = new Stage({ blocks: first(5) });
    request(stage, 1n, 2n, 3n);
    expect(stage.all("respond")).toEqual([
      { type: "respond", to: peerId("a"), nonce: 1n, payloads: payloadsOf(chain, 2n, 3n) },
    ]);
  });

  it("10/S29, 10.2, 10.22: at height 5 answers 1-11 with 1 to 4, 1-12 and 9-12 with no blocks, 3-3 with 3", () => {
    const stage = new Stage({ blocks: first(5) });
    request(stage, 1n, 1n, 11n);
    request(stage, 2n, 1n, 12n);
    request(stage, 3n, 9n, 12n);
    request(stage, 4n, 3n, 3n);
    const answers = stage
      .all("respond")
      .map(({ nonce, payloads }) => [nonce, payloads.map(({ blockNumber }) => blockNumber)]);
    expect(answers).toEqual([
      [1n, [1n, 2n, 3n, 4n]],
      [2n, []],
      [3n, []],
      [4n, [3n]],
    ]);
  });
});
