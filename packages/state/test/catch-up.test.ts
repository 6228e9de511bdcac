import { makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { honestPeer, payloadsOf, peerId, Stage, type StagedPeer, silentPeer } from "./stage.js";

const chain = makeChain(5001);
const first = (length: number) => chain.slice(0, length);

/** Answers the first time with these payloads, then honestly. */
function onceWrong(name: string, height: number, wrong: ReturnType<typeof payloadsOf>, refused?: string): StagedPeer {
  const honest = honestPeer(name, first(height));
  let asked = 0;
  const wrongAnswer = { afterMs: 10, payloads: wrong, ...(refused === undefined ? {} : { refused }) };
  return { ...honest, answer: (request) => (asked++ === 0 ? wrongAnswer : honest.answer(request)) };
}

describe("The requester begins", () => {
  it("10.13: a moment after news of a greater height, not after the check interval", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.clock.runFor(5000);
    stage.meet(honestPeer("a", first(10)));
    stage.clock.runFor(199);
    expect(stage.all("request")).toEqual([]);
    stage.clock.runFor(1);
    expect(stage.all("request")).toHaveLength(1);
  });

  it("10.13: not at all while pushes bring the blocks", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("a", first(21)));
    for (let number = 1; number < 21; number++) {
      stage.pushBlock(chain, number);
      stage.clock.runFor(150);
    }
    expect(stage.all("request")).toEqual([]);
    expect(stage.state.height).toBe(21n);
  });

  it("when pushes stop filling the gap", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("a", first(21)));
    stage.pushBlock(chain, 1);
    stage.clock.runFor(200);
    expect(stage.all("request")).toEqual([]);
    stage.clock.runFor(200);
    expect(stage.last("request")).toMatchObject({ start: 2n, end: 12n });
  });

  it("10.16: of what pushed blocks leave out when a peer says that it has it, for who pushes need not have committed", () => {
    const stage = new Stage({ blocks: first(3) });
    stage.peers = [{ ...honestPeer("a", first(8)), height: 3n }];
    stage.pushBlock(chain, 4, peerId("a"));
    stage.clock.runFor(2_000);
    expect(stage.all("request")).toEqual([]);
    stage.meet({ ...honestPeer("a", first(8)), height: 4n });
    stage.clock.runFor(300);
    expect(stage.all("request")).toMatchObject([{ to: peerId("a"), start: 3n, end: 3n }]);
    expect(stage.state.height).toBe(5n);
  });

  it("10.13: within the check interval even if nobody tells it", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.clock.runFor(1000);
    stage.peers = [honestPeer("a", first(3))];
    stage.clock.runFor(10_000);
    expect(stage.state.height).toBe(3n);
  });

  it("never when transfer is disabled, though it serves", () => {
    const stage = new Stage({ blocks: first(5), config: { enabled: false } });
    stage.meet(honestPeer("a", first(50)));
    stage.pushBlock(chain, 7);
    stage.clock.runFor(60_000);
    expect(stage.all("request")).toEqual([]);
    expect(stage.state.deadline).toBe(Number.POSITIVE_INFINITY);
    stage.push({ type: "state-request", from: peerId("a"), nonce: 1n, start: 1n, end: 2n });
    expect(stage.last("respond").payloads).toHaveLength(2);
  });
});

describe("The requester goes on", () => {
  it("10.20: with the next range as soon as one is taken: 5000 blocks take a round trip per 11", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("a", chain, 10));
    stage.clock.runFor(200 + Math.ceil(5000 / 11) * 10);
    expect(stage.state.height).toBe(5001n);
    expect(stage.all("request")).toHaveLength(Math.ceil(5000 / 11));
  });

  it("10.2, 10.16: never asking for more than 11 blocks, nor for what it holds", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 5 });
    for (const number of [4, 5, 16]) stage.pushBlock(chain, number);
    stage.meet(honestPeer("a", first(40)));
    stage.clock.runFor(2000);
    expect(
      stage
        .all("request")
        .slice(0, 3)
        .map(({ start, end }) => [start, end]),
    ).toEqual([
      [1n, 3n],
      [6n, 15n],
      [17n, 27n],
    ]);
  });

  it("10.20: only when a batch has room, while the ledger is slow", () => {
    const config = { blockBufferSize: 10, windowBlocks: 20 };
    const stage = new Stage({ blocks: first(1), commitMs: 1000, config });
    stage.meet(honestPeer("a", first(100)));
    stage.clock.runFor(1000);
    expect(stage.all("request")).toHaveLength(1);
    expect(stage.state.buffered.blocks).toBeLessThanOrEqual(20);
    stage.clock.runFor(100_000);
    expect(stage.state.height).toBe(100n);
    expect(stage.drops).toEqual([]);
  });

  it("10.6: only when there is room for bytes, while the ledger is slow, and takes the nearest blocks first", () => {
    const blockBufferBytes = 3 * (chain[1]?.length ?? 0);
    const stage = new Stage({ blocks: first(1), commitMs: 1000, config: { blockBufferBytes } });
    const honest = honestPeer("a", first(12));
    const answer: StagedPeer["answer"] = (request) => {
      const { payloads = [] } = honest.answer(request) ?? {};
      return { afterMs: 10, payloads: payloads.toReversed() };
    };
    stage.meet({ ...honest, answer });
    stage.clock.runFor(1000);
    expect(stage.all("request")).toHaveLength(1);
    expect(stage.all("dropped")).toMatchObject([{ reason: "no-room", count: 8, blockNumber: 4n }]);
    stage.clock.runFor(12_000);
    expect(stage.state.height).toBe(12n);
  });

  it("from where pushes left off while all peers were resting", () => {
    const stage = new Stage({ blocks: first(1), config: { minResponseTimeoutMs: 3_000 } });
    stage.meet(silentPeer("a", 20n));
    stage.clock.runFor(3300);
    expect(stage.all("attempt-failed")).toHaveLength(1);
    stage.pushBlock(chain, 1);
    stage.clock.runFor(1000);
    const [before, after] = stage.all("request");
    expect(after).toMatchObject({ start: 2n, end: 12n });
    expect(after?.nonce).not.toBe(before?.nonce);
  });

  it("with the nearest block at once when the ledger has refused it", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 1000 });
    const forged = makeChain(2, { variant: 5 });
    stage.pushBlock(forged, 1);
    stage.meet(silentPeer("a", 3n), honestPeer("b", first(2)));
    stage.clock.runFor(500);
    expect(stage.last("request")).toMatchObject({ to: peerId("a"), start: 2n });
    stage.clock.runFor(500);
    expect(stage.last("request")).toMatchObject({ start: 1n });
  });

  it("when pushes have brought the range it waits for", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("a", 3n));
    stage.clock.runFor(200);
    stage.pushBlock(chain, 1);
    stage.pushBlock(chain, 2);
    stage.clock.runFor(60_000);
    expect(stage.all("attempt-failed")).toEqual([]);
    expect(stage.all("request")).toHaveLength(1);
  });

  it("with another peer at once when the one it asked has left", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("a", 3n));
    stage.clock.runFor(300);
    stage.meet(honestPeer("b", first(3)));
    stage.clock.runFor(100);
    expect(stage.all("attempt-failed")).toMatchObject([{ to: peerId("a"), reason: "gone" }]);
    expect(stage.state.height).toBe(3n);
  });

  it("to rest after its last attempt, and begins anew with news of somebody else", () => {
    const stage = new Stage({ blocks: first(1), config: { checkIntervalMs: 1_000_000 } });
    stage.meet(silentPeer("a", 3n));
    stage.clock.runFor(60_000);
    expect(stage.all("transfer-failed")).toHaveLength(1);
    stage.meet(silentPeer("a", 3n), honestPeer("b", first(3)));
    stage.clock.runFor(1000);
    expect(stage.state.height).toBe(3n);
  });
});

describe("A peer that cannot or will not serve", () => {
  it.each([
    ["empty", []],
    ["out-of-range", payloadsOf(chain, 20n, 30n)],
    ["out-of-range", payloadsOf(chain, 0n, 0n)],
    ["empty", payloadsOf(chain, 5n, 9n)],
  ] as const)("is left for another at once when its answer is %s", (reason, payloads) => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet({ ...silentPeer("bad", 12n), answer: () => ({ afterMs: 10, payloads }) });
    stage.clock.runFor(205);
    stage.peers = [...stage.peers, honestPeer("good", first(12))];
    stage.clock.runFor(50);
    expect(stage.all("attempt-failed")).toMatchObject([{ to: peerId("bad"), reason }]);
    expect(stage.state.height).toBe(12n);
  });

  it("10.14, 10.17: loses to others once it has failed, however high it claims to be", () => {
    const stage = new Stage({ blocks: first(1), config: { minResponseTimeoutMs: 1000 } });
    stage.meet(silentPeer("liar", 10n ** 18n), honestPeer("a", first(500)), honestPeer("b", first(505)));
    stage.clock.runFor(3000);
    expect(stage.state.height).toBe(505n);
    expect(stage.all("request").filter(({ to }) => to === peerId("liar")).length).toBeLessThanOrEqual(2);
  });

  it("cannot move us back or forth with old and far blocks", () => {
    const stage = new Stage({ blocks: first(10) });
    const far = [...payloadsOf(chain, 0n, 5n), ...payloadsOf(chain, 100n, 200n), ...payloadsOf(chain, 10n, 12n)];
    stage.meet(onceWrong("a", 13, far));
    stage.clock.runFor(1000);
    expect(stage.state.height).toBe(13n);
    expect(stage.all("dropped")).toMatchObject([{ reason: "out-of-range", count: 107 }]);
    expect(stage.all("commit").map(({ blockNumber }) => blockNumber)).toEqual([10n, 11n, 12n]);
  });

  it("10.17: rests twice as long after each failure in a row", () => {
    const stage = new Stage({ blocks: first(1), config: { checkIntervalMs: 1_000_000, maxRetries: 4 } });
    stage.meet({ ...silentPeer("a", 12n), answer: () => ({ afterMs: 0, payloads: [] }) });
    stage.clock.runFor(60_000);
    const rests = stage.all("attempt-failed").map(({ restsUntil }) => restsUntil);
    expect(rests).toEqual([700, 1700, 3700, 7700, 15700]);
  });

  it("is forgiven when it serves", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(onceWrong("a", 12, []));
    stage.clock.runFor(1000);
    expect(stage.state.height).toBe(12n);
    stage.meet({ ...silentPeer("a", 20n), answer: () => ({ afterMs: 0, payloads: [] }) });
    stage.clock.runFor(200);
    const { restsUntil } = stage.last("attempt-failed");
    expect(restsUntil).toBe(stage.clock.now() + 500);
  });

  it("10.19: gives what the gate accepted of a response and is left for the rest", () => {
    const stage = new Stage({ blocks: first(1) });
    const bad = { afterMs: 10, payloads: payloadsOf(chain, 1n, 4n), refused: "signature of block 5" };
    stage.meet({ ...silentPeer("bad", 12n), answer: () => bad });
    stage.clock.runFor(205);
    stage.peers = [...stage.peers, honestPeer("good", first(12))];
    stage.clock.runFor(50);
    expect(stage.all("attempt-failed")).toMatchObject([{ to: peerId("bad"), reason: "refused" }]);
    expect(stage.all("request").at(-1)).toMatchObject({ to: peerId("good"), start: 5n });
    expect(stage.state.height).toBe(12n);
  });
});

describe("A late answer", () => {
  it("10.18: is welcome while another peer is asked", () => {
    const stage = new Stage({ blocks: first(1), config: { minResponseTimeoutMs: 3_000 } });
    stage.meet({ ...honestPeer("slow", first(12), 3500) });
    stage.clock.runFor(1000);
    stage.peers = [...stage.peers, silentPeer("other", 12n)];
    stage.clock.runFor(2800);
    expect(stage.all("request").map(({ to }) => to)).toEqual([peerId("slow"), peerId("other")]);
    expect(stage.state.height).toBe(12n);
    expect(stage.drops).toEqual([]);
  });

  it("is taken once: a repetition is unexpected", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(honestPeer("a", first(12)));
    stage.clock.runFor(1000);
    const { nonce } = stage.last("request");
    stage.push({ type: "state-response", from: peerId("a"), nonce, payloads: payloadsOf(chain, 1n, 11n) });
    expect(stage.drops).toEqual(["unexpected-response"]);
  });

  it("10.18: counts only from the peer that was asked", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("a", 12n), silentPeer("b", 5n));
    stage.clock.runFor(200);
    const { nonce, to } = stage.last("request");
    expect(to).toBe(peerId("a"));
    expect(stage.state.wantsResponse(peerId("a"), nonce)).toBe(true);
    expect(stage.state.wantsResponse(peerId("b"), nonce)).toBe(false);
    stage.push({ type: "state-response", from: peerId("b"), nonce, payloads: payloadsOf(chain, 1n, 11n) });
    expect(stage.state.height).toBe(1n);
  });
});
