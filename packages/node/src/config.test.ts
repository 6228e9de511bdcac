import { describe, expect, test } from "vitest";
import { gossipDefaults, resolveGossipConfig, stockProfile } from "./config.js";

describe("resolveGossipConfig", () => {
  test("fills in Fabric's defaults, and what follows from them", () => {
    expect(resolveGossipConfig()).toEqual(gossipDefaults);
    expect(resolveGossipConfig({ aliveTimeIntervalMs: 1_000 })).toMatchObject({
      aliveExpirationTimeoutMs: 5_000,
      reconnectIntervalMs: 5_000,
      propagatePeerNum: 3,
    });
    expect(resolveGossipConfig({ state: { batchSize: 5 } }).state).toEqual({ ...gossipDefaults.state, batchSize: 5 });
  });

  test.each([
    [{ propagatePeerNum: -1 }, "expected propagatePeerNum to be an integer of at least 0, got -1"],
    [{ propagatePeerNum: 2.5 }, "expected propagatePeerNum to be an integer of at least 0, got 2.5"],
    [
      { publishStateInfoIntervalMs: Number.NaN },
      "expected publishStateInfoIntervalMs to be a number of at least 1, got NaN",
    ],
    [{ maxQuestionsPerSecond: 0 }, "expected maxQuestionsPerSecond to be an integer of at least 1, got 0"],
    [{ pullPeerNum: -1 }, "pullPeerNum"],
    [{ state: { batchSize: -1 } }, "batchSize"],
  ])("refuses %o by name", (options, text) => {
    expect(() => resolveGossipConfig(options)).toThrow(expect.objectContaining({ code: "invalid-config" }));
    expect(() => resolveGossipConfig(options)).toThrow(text);
  });

  test("7.36: the stock profile is a configuration, and leaves all that Fabric has a key for as it is", () => {
    const changed = Object.entries(resolveGossipConfig(stockProfile)).filter(
      ([name, value]) => gossipDefaults[name as keyof typeof gossipDefaults] !== value && typeof value !== "object",
    );
    expect(changed.map(([name]) => name).sort()).toEqual([
      "connectRetryMs",
      "digestQuietMs",
      "maxPullIntervalMs",
      "minRoundIntervalMs",
      "minStateInfoGapMs",
      "newsIntervalMs",
      "selfHealth",
    ]);
    const { state } = resolveGossipConfig(stockProfile);
    const changedOfState = Object.keys(state).filter(
      (name) => state[name as keyof typeof state] !== gossipDefaults.state[name as keyof typeof state],
    );
    expect(changedOfState.sort()).toEqual(["maxRequests", "minResponseTimeoutMs", "pushGraceMs", "windowBlocks"]);
  });

  test("takes fractions of a millisecond", () => {
    expect(resolveGossipConfig({ maxPropagationBurstLatencyMs: 0.5 }).maxPropagationBurstLatencyMs).toBe(0.5);
  });
});
