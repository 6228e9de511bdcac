import { seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, it } from "vitest";
import { type BroadcasterOptions, createBroadcaster } from "../src/index.js";
import { connectFakes, FakeOrderer } from "../src/testing/index.js";

function transaction(id: number, bytes = 4): Uint8Array {
  return new Uint8Array(bytes).fill(id);
}

function createScene(options: Partial<BroadcasterOptions> = {}) {
  const clock = new VirtualClock();
  const orderer = new FakeOrderer("a", clock);
  const broadcaster = createBroadcaster({
    endpoint: { address: "a" },
    clock,
    random: seededRandom(1),
    connect: connectFakes(orderer),
    ...options,
  });
  const pass = async (ms = 0) => {
    const end = clock.now() + ms;
    for (let idle = 0; idle < 20; ) {
      if (clock.nextAt <= end) {
        clock.runNext();
        idle = 0;
      } else idle++;
      await Promise.resolve();
    }
    clock.runUntil(end);
  };
  return { clock, orderer, broadcaster, pass };
}

describe("createBroadcaster", () => {
  it("9.16: acknowledges what the orderer acknowledged, with many in flight", async () => {
    const { orderer, broadcaster, pass } = createScene();
    const all = Promise.all([1, 2, 3].map((id) => broadcaster.submit(transaction(id))));
    await pass();
    await all;
    expect(orderer.transactions).toEqual([1, 2, 3].map((id) => transaction(id)));
    expect(orderer.dials).toBe(1);
    expect(broadcaster.pending).toBe(0);
  });

  it("9.17: sends the same bytes again, in order, when the connection was lost before the acknowledgement", async () => {
    const { orderer, broadcaster, pass } = createScene();
    orderer.answer = () => undefined;
    const all = Promise.all([1, 2].map((id) => broadcaster.submit(transaction(id))));
    await pass();
    orderer.cut();
    orderer.answer = () => ({ status: 200, info: "" });
    await pass(1_000);
    await all;
    expect(orderer.transactions).toEqual([1, 2, 1, 2].map((id) => transaction(id)));
  });

  it("9.18: rejects one transaction that the orderer refuses, with the orderer's words", async () => {
    const { orderer, broadcaster, pass } = createScene();
    orderer.answer = ([id]) => (id === 2 ? { status: 403, info: "who are you" } : { status: 200, info: "" });
    const results = Promise.allSettled([1, 2, 3].map((id) => broadcaster.submit(transaction(id))));
    await pass();
    expect(await results).toMatchObject([
      { status: "fulfilled" },
      {
        status: "rejected",
        reason: { code: "untrusted", message: "orderer a answered 403 FORBIDDEN: who are you" },
      },
      { status: "fulfilled" },
    ]);
  });

  it("gives up an orderer that cannot be reached, in one line", async () => {
    const { orderer, broadcaster, pass } = createScene({ config: { giveUpAfterMs: 5_000 } });
    orderer.mode = "refused";
    const failure = expect(broadcaster.submit(transaction(1))).rejects.toMatchObject({
      code: "unavailable",
      message: "expected orderer a to acknowledge within 5000 ms, got connection refused",
    });
    await pass(5_000);
    await failure;
  });

  it("is ready while there is room, and again when there is", async () => {
    const { orderer, broadcaster, pass } = createScene({ config: { maxInFlight: 2 } });
    orderer.answer = () => undefined;
    const submitted = [1, 2].map((id) => broadcaster.submit(transaction(id)));
    let isReady = false;
    const ready = broadcaster.ready().then(() => {
      isReady = true;
    });
    await pass();
    expect(isReady).toBe(false);
    orderer.answer = () => ({ status: 200, info: "" });
    orderer.cut();
    await pass(1_000);
    await Promise.all([...submitted, ready]);
    expect(isReady).toBe(true);
  });

  it("refuses a transaction that no message can carry", async () => {
    const { broadcaster } = createScene({ config: { maxMessageBytes: 100 } });
    await expect(broadcaster.submit(transaction(1, 101))).rejects.toMatchObject({
      code: "too-large",
      message: "expected a transaction of at most 100 bytes, got 101",
    });
  });

  it("rejects what it holds when closed, and everything after", async () => {
    const { orderer, broadcaster, pass } = createScene();
    orderer.mode = "silent";
    const held = expect(broadcaster.submit(transaction(1))).rejects.toMatchObject({ code: "closed" });
    await pass();
    await broadcaster.close();
    await held;
    await expect(broadcaster.submit(transaction(2))).rejects.toMatchObject({ code: "closed" });
    await broadcaster.ready();
    expect(orderer.connections).toBe(0);
  });
});
