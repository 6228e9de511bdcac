// Many requests at a time: how many there are, what becomes of them when somebody stalls, and what it is good for.
import { makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import type { StateConfig } from "../src/index.js";
import { honestPeer, payloadsOf, peerId, type Request, Stage, type StagedPeer, silentPeer } from "./stage.js";

const chain = makeChain(6001);
const first = (length: number) => chain.slice(0, length);
const blockBytes = chain[1]?.length ?? 0;
const roundTripMs = 50;
/** What the reference does, but for its pauses. */
const oneAtATime: Partial<StateConfig> = { maxRequests: 1, windowBlocks: 40, minResponseTimeoutMs: 3_000 };

/** Three peers that answer in a round trip, until they are told to be silent. */
function mortals(blocks: readonly Uint8Array[] = chain, names = ["a", "b", "c"]) {
  return names.map((name) => {
    const honest = honestPeer(name, blocks, roundTripMs);
    const mortal = {
      ...honest,
      isDead: false,
      answer: (request: Request) => (mortal.isDead ? undefined : honest.answer(request)),
    };
    return mortal;
  });
}

/** Requests under way at each moment, as the stage sees them: asked and neither answered nor given up. */
function watchRequests(stage: Stage, answerMs: number) {
  const seen = { most: 0, mostOf: new Map<string, number>(), overlaps: 0 };
  const open: { readonly request: Request; readonly until: number }[] = [];
  stage.onOutput = (output) => {
    if (output.type !== "request") return;
    const now = stage.clock.now();
    while ((open[0]?.until ?? now + 1) <= now) open.shift();
    if (open.some(({ request }) => request.start <= output.end && output.start <= request.end)) seen.overlaps++;
    open.push({ request: output, until: now + answerMs });
    seen.most = Math.max(seen.most, open.length);
    const own = open.filter(({ request }) => request.to === output.to).length;
    seen.mostOf.set(output.to, Math.max(seen.mostOf.get(output.to) ?? 0, own));
  };
  return seen;
}

/** When each block was committed. */
function watchCommits(stage: Stage) {
  const times: number[] = [];
  stage.onOutput = (output) => {
    if (output.type === "height") times.push(stage.clock.now());
  };
  return { longestPause: () => Math.max(...times.slice(2).map((time, at) => time - (times[at + 1] ?? time))), times };
}

describe("Many requests at a time", () => {
  it("10.34: bring a long chain more than ten times as fast as one at a time, of three peers fifty milliseconds away", () => {
    const timeOf = (config: Partial<StateConfig>) => {
      const stage = new Stage({ blocks: first(1), config });
      stage.meet(...mortals());
      while (stage.state.height < 6001n) stage.clock.runFor(10);
      return stage.clock.now();
    };
    expect(timeOf(oneAtATime) / timeOf({})).toBeGreaterThan(10);
  });

  it("10.34: are for ranges that do not overlap, the lowest first, up to maxRequests in all and maxRequestsPerPeer to one", () => {
    const config = { maxRequests: 10, maxRequestsPerPeer: 4 };
    const stage = new Stage({ blocks: first(1), config });
    const seen = watchRequests(stage, roundTripMs);
    stage.meet(...mortals());
    stage.clock.runFor(10_000);
    expect(stage.state.height).toBe(6001n);
    expect(seen.overlaps).toBe(0);
    expect(seen.most).toBe(10);
    expect(Math.max(...seen.mostOf.values())).toBe(4);
    const starts = stage.all("request").map(({ start }) => start);
    expect(starts).toEqual(starts.toSorted((one, other) => (one < other ? -1 : 1)));
    expect(stage.drops).toEqual([]);
  });

  it("10.34: are one when that is configured", () => {
    const stage = new Stage({ blocks: first(1), config: oneAtATime });
    const seen = watchRequests(stage, roundTripMs);
    stage.meet(...mortals());
    stage.clock.runFor(5_000);
    expect(seen.most).toBe(1);
    expect(stage.state.height).toBeGreaterThan(900n);
  });

  it("10.33: reach as far above the height as the window, however slow the ledger", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 1_000, config: { windowBlocks: 300 } });
    stage.meet(...mortals());
    stage.clock.runFor(5_000);
    const { height } = stage.state;
    const last = stage.all("request").at(-1)?.end ?? 0n;
    expect(last).toBeLessThan(height + 300n);
    expect(stage.state.buffered.blocks).toBeGreaterThan(250);
    expect(stage.state.buffered.blocks).toBeLessThanOrEqual(300);
    // The ordering service waits for the blocks that are here already.
    expect(stage.state.room).toBe(false);
    expect(stage.drops).toEqual([]);
  });

  it("10.36: stay within the bytes of the buffer, held and expected together, with fewer large blocks in each", () => {
    const blockBufferBytes = 12 * blockBytes;
    const stage = new Stage({ blocks: first(1), commitMs: 5, config: { blockBufferBytes } });
    stage.meet(...mortals(first(400)));
    let most = 0;
    stage.onOutput = () => {
      most = Math.max(most, stage.state.buffered.bytes);
    };
    stage.clock.runFor(60_000);
    expect(stage.state.height).toBe(400n);
    expect(most).toBeLessThan(blockBufferBytes + blockBytes);
    const [blind, ...others] = stage.all("request").map(({ start, end }) => Number(end - start) + 1);
    expect(blind).toBe(11);
    // Those that were asked for before the first answer told the size may be too many; none after it.
    expect(Math.max(...others.slice(1))).toBe(3);
    expect(stage.drops.length).toBeLessThan(22);
  });

  it("10.36: are two at most while nobody knows how large blocks are", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(...mortals());
    stage.clock.runFor(roundTripMs - 1);
    expect(stage.all("request")).toHaveLength(2);
  });

  it("10.35: grow with each answer that comes in time", () => {
    const stage = new Stage({ blocks: first(1) });
    const seen = watchRequests(stage, roundTripMs);
    stage.meet(...mortals(chain, ["a"]));
    stage.clock.runFor(0);
    const most = [seen.most];
    for (let round = 1; round <= 4; round++) {
      stage.clock.runFor(roundTripMs);
      most.push(seen.most);
    }
    expect(most).toEqual([1, 2, 4, 8, 8]);
  });

  it("10.35: do not pile up at a peer that serves one after the other", () => {
    const stage = new Stage({ blocks: first(1) });
    const honest = honestPeer("a", chain);
    const serviceMs = 40;
    let freeAt = 0;
    let waiting = 0;
    let most = 0;
    const answer: StagedPeer["answer"] = (request) => {
      waiting++;
      if (stage.clock.now() > 3_000) most = Math.max(most, waiting);
      freeAt = Math.max(freeAt, stage.clock.now()) + serviceMs;
      stage.clock.schedule(freeAt, () => {
        waiting--;
      });
      return { afterMs: freeAt - stage.clock.now() + 2, payloads: honest.answer(request)?.payloads ?? [] };
    };
    stage.meet({ ...honest, answer });
    stage.clock.runFor(20_000);
    // It is never idle, and never has more than a few to do.
    expect(stage.state.height).toBeGreaterThan(BigInt(Math.floor((20_000 / serviceMs) * 11 * 0.95)));
    expect(most).toBeLessThanOrEqual(4);
    expect(stage.all("attempt-failed")).toEqual([]);
  });

  it("10.38: are fewer at once to a peer that answers empty while it serves others of them, and it is not blamed", () => {
    const stage = new Stage({ blocks: first(1) });
    const honest = honestPeer("a", chain, roundTripMs);
    let open = 0;
    const answer: StagedPeer["answer"] = (request) => {
      if (open >= 3) return { afterMs: 5, payloads: [] };
      open++;
      stage.clock.schedule(stage.clock.now() + roundTripMs, () => {
        open--;
      });
      return honest.answer(request);
    };
    stage.meet({ ...honest, answer });
    stage.clock.runFor(20_000);
    expect(stage.all("attempt-failed")).toEqual([]);
    expect(stage.state.height).toBe(6001n);
  });
});

describe("When somebody stalls", () => {
  it("10.37: peers that die one after the other stop the commits for less than a second each", () => {
    const long = makeChain(16_001);
    const stage = new Stage({ blocks: long.slice(0, 1), config: { windowBlocks: 600 } });
    const peers = mortals(long, ["a", "b", "c", "d"]);
    const commits = watchCommits(stage);
    stage.meet(...peers);
    for (const peer of peers.slice(0, 3)) {
      stage.clock.runFor(800);
      peer.isDead = true;
    }
    while (stage.state.height < 16_001n) stage.clock.runFor(100);
    expect(commits.longestPause()).toBeGreaterThan(0);
    expect(commits.longestPause()).toBeLessThan(1_000);
  });

  it("10.43: whoever failed is tried with what somebody else is asked for, so that nothing waits for it, and serves again when it can", () => {
    const long = makeChain(16_001);
    const stage = new Stage({ blocks: long.slice(0, 1), config: { maxRequestsPerPeer: 2 } });
    const [a, ...others] = mortals(long);
    if (a === undefined) throw new Error("expected a peer");
    const requestsTo = (from: number) =>
      stage.outputs.slice(from).filter((output) => output.type === "request" && output.to === a.pkiId);
    stage.meet(a, ...others);
    stage.clock.runFor(500);
    a.isDead = true;
    stage.clock.runFor(1_000);
    const commits = watchCommits(stage);
    const whileDead = stage.outputs.length;
    stage.clock.runFor(1_500);
    const probes = requestsTo(whileDead);
    expect(probes.length).toBeGreaterThan(0);
    for (const probe of probes) {
      const { start } = probe as Request;
      expect(stage.all("request").filter((other) => other.start === start && other.to !== a.pkiId)).toHaveLength(1);
    }
    expect(commits.longestPause()).toBeLessThanOrEqual(roundTripMs);
    a.isDead = false;
    const whenBack = stage.outputs.length;
    while (stage.state.height < 16_001n) stage.clock.runFor(100);
    expect(requestsTo(whenBack).length).toBeGreaterThan(50);
  });

  it("10.37: all requests to a peer that has gone silent are others' with its first time-out, which it has to answer for once", () => {
    const stage = new Stage({ blocks: first(1) });
    const peers = mortals();
    stage.meet(...peers);
    stage.clock.runFor(500);
    const [a] = peers;
    if (a === undefined) throw new Error("expected a peer");
    a.isDead = true;
    stage.clock.runFor(600);
    const failed = stage.all("attempt-failed");
    expect(failed.length).toBeGreaterThan(1);
    expect(new Set(failed.map(({ to }) => to))).toEqual(new Set([peerId("a")]));
    expect(new Set(failed.map(({ restsUntil }) => restsUntil)).size).toBe(1);
  });

  it("10.37: a single request that got lost is asked of another peer, and those that came behind it count", () => {
    const stage = new Stage({ blocks: first(1) });
    const [a, ...others] = mortals();
    if (a === undefined) throw new Error("expected a peer");
    let asked = 0;
    const loses: StagedPeer = { ...a, answer: (request) => (++asked === 30 ? undefined : a.answer(request)) };
    stage.meet(loses, ...others);
    stage.clock.runFor(8_000);
    expect(stage.all("attempt-failed")).toMatchObject([{ to: peerId("a"), reason: "timeout" }]);
    expect(stage.state.height).toBe(6001n);
  });

  it("10.37: waits for an answer by how long that peer took so far, and twice as long after each time-out", () => {
    const waitOf = (answerMs: number, config: Partial<StateConfig> = {}) => {
      const stage = new Stage({ blocks: first(1), config: { checkIntervalMs: 1_000_000, ...config } });
      const honest = honestPeer("a", chain, answerMs);
      let isDead = false;
      stage.meet({ ...honest, answer: (request) => (isDead ? undefined : honest.answer(request)) });
      stage.clock.runFor(20 * answerMs);
      isDead = true;
      const from = stage.outputs.length;
      const asked: number[] = [];
      const waits: number[] = [];
      stage.onOutput = (output) => {
        if (output.type === "request") asked.push(stage.clock.now());
        if (output.type === "attempt-failed") waits.push(stage.clock.now() - (asked.at(-1) ?? 0));
      };
      stage.clock.runFor(60_000);
      expect(stage.outputs.length).toBeGreaterThan(from);
      // The first ones were asked while the peer was alive; then it is probed, one request at a time.
      return waits.slice(-2).map(Math.round);
    };
    const [near = 0, nearNext = 0] = waitOf(20);
    expect(near).toBeGreaterThanOrEqual(300);
    expect(nearNext).toBeLessThanOrEqual(3_000);
    expect(waitOf(20, { minResponseTimeoutMs: 3_000 })).toEqual([3_000, 3_000]);
  });

  it("10.37: whoever slept itself hears the answers that wait before it gives anything up", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("a", 12n));
    stage.clock.runFor(300);
    const { nonce } = stage.last("request");
    // The process was stopped: what the peer said waits in its sockets, and its timers are two seconds late.
    stage.state.step({ type: "wake" }, stage.clock.now() + 2_000);
    stage.push({ type: "state-response", from: peerId("a"), nonce, payloads: payloadsOf(chain, 1n, 11n) });
    stage.clock.runFor(0);
    expect(stage.all("attempt-failed")).toEqual([]);
    expect(stage.state.height).toBe(12n);
  });

  it("10.40: what nobody gives is not asked for in vain while what lies below comes", () => {
    const stage = new Stage({ blocks: first(1), config: { checkIntervalMs: 1_000_000 } });
    stage.meet(...mortals(first(3_000)), silentPeer("liar", 1_000_000n));
    stage.clock.runFor(4_000);
    expect(stage.state.height).toBe(3_000n);
    stage.clock.runFor(60_000);
    // Once per rest while the others served, then the attempts at what only the liar has.
    expect(stage.all("request").filter(({ to }) => to === peerId("liar")).length).toBeLessThan(12);
    expect(stage.all("transfer-failed").at(-1)).toMatchObject({ start: 3_000n });
  });
});

describe("Blocks in doubt", () => {
  const [a, b] = [peerId("a"), peerId("b")];

  /** A machine that asks two peers, which the test plays by hand. */
  function doubting() {
    const stage = new Stage({ blocks: first(1), config: { minResponseTimeoutMs: 3_000 } });
    stage.meet(silentPeer("a", 200n), silentPeer("b", 200n));
    const answer = (request: Request, behindConfig?: bigint) => {
      const end = behindConfig === undefined ? request.end : behindConfig - 1n;
      const { to: from, nonce } = request;
      const payloads = payloadsOf(chain, request.start, end);
      const doubt = behindConfig === undefined ? {} : { behindConfig };
      stage.push({ type: "state-response", from, nonce, payloads, ...doubt });
      stage.clock.runFor(0);
    };
    return { stage, answer };
  }

  it("10.39: are not asked for, nor what lies above, before all below them is in force", () => {
    const { stage, answer } = doubting();
    const [low, high] = stage.all("request");
    if (low === undefined || high === undefined) throw new Error("expected two requests");
    expect([low.start, high.start]).toEqual([1n, 12n]);
    answer(high, 15n);
    const before = stage.all("request").length;
    stage.clock.runFor(1_000);
    expect(stage.all("request")).toHaveLength(before);
    expect(stage.all("attempt-failed")).toEqual([]);
    answer(low);
    expect(stage.state.height).toBe(15n);
    expect(stage.all("request")[before]).toMatchObject({ start: 15n, end: 25n });
  });

  it("10.39: were forged when trust did not change, and their sender rests and is named", () => {
    const { stage, answer } = doubting();
    const [low, high] = stage.all("request");
    if (low === undefined || high === undefined) throw new Error("expected two requests");
    answer(high, 15n);
    answer(low);
    expect(stage.all("forged")).toEqual([{ type: "forged", from: high.to, blockNumber: 15n }]);
    expect(stage.last("request").to).toBe(high.to === a ? b : a);
  });

  it("10.39: were honest, as far as anybody knows, when trust changed since they were asked for", () => {
    const { stage, answer } = doubting();
    stage.commitMs = Number.POSITIVE_INFINITY;
    const [low, high] = stage.all("request");
    if (low === undefined || high === undefined) throw new Error("expected two requests");
    answer(high, 15n);
    answer(low);
    for (let blockNumber = 1n; blockNumber < 15n; blockNumber++) {
      stage.push({ type: "committed", blockNumber, isTrustChanged: blockNumber === 13n });
    }
    expect(stage.state.height).toBe(15n);
    expect(stage.all("forged")).toEqual([]);
    expect(stage.all("attempt-failed")).toEqual([]);
    expect(stage.all("request").some(({ start }) => start === 15n)).toBe(true);
  });

  it("10.39: are asked for as soon as trust has changed", () => {
    const { stage, answer } = doubting();
    stage.commitMs = Number.POSITIVE_INFINITY;
    const [low, high] = stage.all("request");
    if (low === undefined || high === undefined) throw new Error("expected two requests");
    answer(high, 20n);
    answer(low);
    stage.push({ type: "committed", blockNumber: 1n, isTrustChanged: true });
    expect(stage.all("request").some(({ start }) => start === 20n)).toBe(true);
  });
});

describe("The requester begins", () => {
  it("10.42: at once when more is missing than pushes can bring, and soon after when they may bring it", () => {
    const startOf = (length: number) => {
      const stage = new Stage({ blocks: first(1) });
      stage.clock.runFor(1_000);
      stage.meet(honestPeer("a", first(length)));
      while (stage.all("request").length === 0) stage.clock.runFor(1);
      return stage.clock.now() - 1_000;
    };
    expect(startOf(22)).toBeLessThanOrEqual(1);
    expect(startOf(21)).toBe(200);
  });

  it("10.42: by the clock alone when there is no end of grace, as the reference", () => {
    const stage = new Stage({ blocks: first(1), config: { pushGraceMs: Number.POSITIVE_INFINITY } });
    stage.clock.runFor(1_000);
    stage.meet(honestPeer("a", chain));
    stage.pushBlock(chain, 4);
    stage.clock.runFor(8_999);
    expect(stage.all("request")).toEqual([]);
    stage.clock.runFor(1);
    expect(stage.all("request")).not.toEqual([]);
  });
});

describe("Progress", () => {
  it("10.41: tells height, target, speed and what is left, while blocks are asked for", () => {
    const stage = new Stage({ blocks: first(1), config: oneAtATime });
    expect(stage.state.progress(0)).toBeUndefined();
    stage.meet(honestPeer("a", chain, roundTripMs));
    stage.clock.runFor(10_000);
    const progress = stage.state.progress(stage.clock.now());
    expect(progress).toMatchObject({ target: 6001n, requests: 1, height: stage.state.height });
    const speed = (11 * 1000) / roundTripMs;
    expect(progress?.blocksPerSecond).toBeCloseTo(speed, -1.5);
    expect(progress?.bytesPerSecond).toBeCloseTo(speed * blockBytes, -3.5);
    expect(progress?.secondsLeft).toBeCloseTo(Number(6001n - stage.state.height) / speed, -0.5);
    stage.clock.runFor(30_000);
    expect(stage.state.height).toBe(6001n);
    expect(stage.state.progress(stage.clock.now())).toBeUndefined();
  });

  it("10.41: believes no height of a peer that has failed", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.meet(silentPeer("liar", 10n ** 12n), ...mortals());
    stage.clock.runFor(1_000);
    expect(stage.state.progress(stage.clock.now())?.target).toBe(6001n);
  });
});
