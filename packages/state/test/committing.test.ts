import { wake } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import { describe, expect, it } from "vitest";
import { honestPeer, peerId, Stage } from "./stage.js";

const chain = makeChain(100);
const first = (length: number) => chain.slice(0, length);
const manualCommits = { commitMs: Number.POSITIVE_INFINITY };

describe("The committer", () => {
  it("10.9: has one commit under way at a time", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits });
    for (const number of [1, 2, 3]) stage.pushBlock(chain, number);
    expect(stage.all("commit")).toHaveLength(1);
    stage.push({ type: "committed", blockNumber: 1n });
    expect(stage.all("commit").map(({ blockNumber }) => blockNumber)).toEqual([1n, 2n]);
  });

  it("hands on the very bytes that came", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits });
    stage.pushBlock(chain, 1);
    expect(stage.last("commit").data).toBe(chain[1]);
  });

  it("10.4: keeps the first of two copies", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits });
    const other = makeChain(3, { variant: 3 });
    stage.pushBlock(chain, 2);
    stage.pushBlock(other, 2);
    stage.pushBlock(chain, 1);
    stage.push({ type: "committed", blockNumber: 1n });
    expect(stage.drops).toEqual(["duplicate"]);
    expect(stage.last("commit").data).toBe(chain[2]);
  });

  it("10.9, 10.12: moves the height only when the ledger has the block", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits });
    stage.pushBlock(chain, 1);
    expect(stage.state.height).toBe(1n);
    stage.push({ type: "committed", blockNumber: 1n });
    expect(stage.state.height).toBe(2n);
  });

  it("faults when it is told of a commit that it did not ask for", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits });
    expect(() => stage.push({ type: "committed", blockNumber: 1n })).toThrow("got 1");
  });

  it("10.10: waits longer after each failed commit, up to a limit, and shows the stall meanwhile", () => {
    const stage = new Stage({ blocks: first(1), config: { commitRetryMs: 100, maxCommitRetryMs: 500 } });
    stage.ledger.failWith("disk full");
    stage.pushBlock(chain, 1);
    stage.clock.runFor(2000);
    const retries = stage.all("stalled").map(({ retryAt }) => retryAt);
    expect(retries.slice(0, 5)).toEqual([100, 300, 700, 1200, 1700]);
    expect(stage.state.stall).toMatchObject({ blockNumber: 1n, detail: "disk full" });
    stage.ledger.failWith(undefined);
    stage.clock.runFor(500);
    expect(stage.state.stall).toBeUndefined();
    expect(stage.last("recovered").blockNumber).toBe(1n);
  });

  it("does not try a failed commit again because of other input", () => {
    const stage = new Stage({ blocks: first(1) });
    stage.ledger.failWith("disk full");
    stage.pushBlock(chain, 1);
    stage.clock.runFor(0);
    stage.pushBlock(chain, 2);
    stage.push({ type: "peers-changed" });
    expect(stage.state.step(wake, stage.clock.now())).toEqual([]);
    expect(stage.all("commit")).toHaveLength(1);
  });

  it("10.11: drops a block that the ledger refuses, names its sender, and seeks another copy", () => {
    const stage = new Stage({ blocks: first(1), commitMs: 1 });
    const forged = makeChain(2, { variant: 9 });
    stage.peers = [honestPeer("good", first(3))];
    stage.pushBlock(forged, 1, peerId("bad"));
    stage.clock.runFor(1);
    expect(stage.last("dropped")).toMatchObject({
      reason: "refused-by-ledger",
      blockNumber: 1n,
      from: peerId("bad"),
      source: "push",
    });
    expect(stage.last("dropped").detail).toContain("expected block 1 to link to");
    stage.clock.runFor(300);
    expect(stage.state.height).toBe(3n);
  });
});

describe("The buffer", () => {
  const bytes = chain[1]?.length ?? 0;

  it("10.6: takes no block once it holds its bytes, except a nearer one, which evicts the farthest", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits, config: { blockBufferBytes: 3 * bytes } });
    for (const number of [10, 11, 12]) stage.pushBlock(chain, number);
    expect(stage.state.refusal(13n)).toBe("no-room");
    expect(stage.state.wants(13n)).toBe(false);
    expect(stage.state.wants(9n)).toBe(true);
    stage.pushBlock(chain, 13);
    stage.pushBlock(chain, 9);
    expect(stage.all("dropped")).toMatchObject([
      { reason: "no-room", blockNumber: 13n },
      { reason: "evicted", blockNumber: 12n },
    ]);
    expect(stage.state.buffered).toEqual({ blocks: 3, bytes: 3 * bytes });
  });

  it("has no room while it holds its bytes and the next block among them", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits, config: { blockBufferBytes: 2 * bytes } });
    for (const number of [5, 6]) stage.pushBlock(chain, number);
    // Nothing leaves before block 1 has come, so whoever brings it must not wait.
    expect(stage.state.room).toBe(true);
    stage.deliverBlock(chain, 1);
    expect(stage.state.buffered.blocks).toBe(2);
    expect(stage.state.room).toBe(false);
  });

  it("takes even a block larger than its bytes when it is the next one", () => {
    const stage = new Stage({ blocks: first(1), config: { blockBufferBytes: 1 } });
    stage.pushBlock(chain, 1);
    stage.clock.runFor(0);
    expect(stage.state.height).toBe(2n);
  });

  it("10.7: says when there is room again after it was full, and only then", () => {
    const stage = new Stage({ blocks: first(1), ...manualCommits, config: { blockBufferSize: 2 } });
    for (const number of [1, 2, 3]) stage.deliverBlock(chain, number);
    expect(stage.state.room).toBe(true);
    stage.deliverBlock(chain, 4);
    expect(stage.state.room).toBe(false);
    expect(stage.all("room")).toHaveLength(0);
    stage.push({ type: "committed", blockNumber: 1n });
    expect(stage.state.room).toBe(true);
    stage.push({ type: "committed", blockNumber: 2n });
    expect(stage.all("room")).toHaveLength(1);
  });

  it("10.8: reports stragglers at most once per check interval", () => {
    const long = makeChain(300);
    const stage = new Stage({ blocks: long.slice(0, 1), config: { enabled: false, checkIntervalMs: 1000 } });
    for (let number = 150; number < 160; number++) stage.pushBlock(long, number);
    expect(stage.all("straggler")).toHaveLength(1);
    stage.clock.runFor(1000);
    stage.pushBlock(long, 160);
    expect(stage.all("straggler")).toMatchObject([{ height: 1n, blockNumber: 150n }, { blockNumber: 160n }]);
  });
});
