import { expect, test } from "vitest";
import { type ElectionConfig, electionDefaults, fastElection, resolveElectionConfig } from "./config.js";

test("the defaults and the fast profile are sound, and what is not given follows from what is", () => {
  expect(resolveElectionConfig()).toEqual(electionDefaults);
  expect(resolveElectionConfig(fastElection)).toMatchObject(fastElection);
  expect(resolveElectionConfig({ leaderAliveThresholdMs: 500, leaderElectionDurationMs: 500 })).toMatchObject({
    settleMarginMs: 50,
    yieldMs: 3_000,
  });
  expect(resolveElectionConfig({ maxLagBlocks: Number.POSITIVE_INFINITY }).maxLagBlocks).toBe(Number.POSITIVE_INFINITY);
});

test.each<[Partial<ElectionConfig>, string]>([
  [{ leaderAliveThresholdMs: 0 }, "expected leaderAliveThresholdMs to be a positive number, got 0"],
  [{ leaderElectionDurationMs: Number.NaN }, "expected leaderElectionDurationMs to be a positive number, got NaN"],
  [
    { startupGracePeriodMs: Number.POSITIVE_INFINITY },
    "expected startupGracePeriodMs to be a positive number, got Infinity",
  ],
  [{ maxRecords: 1.5 }, "expected maxRecords to be an integer, got 1.5"],
  [{ settleMarginMs: 2_500 }, "expected settleMarginMs below half of leaderElectionDurationMs (5000), got 2500"],
  [
    { settleMarginMs: 150, leaderAliveThresholdMs: 500 },
    "expected settleMarginMs of at most a quarter of leaderAliveThresholdMs (500), got 150",
  ],
  [{ yieldMs: 9_999 }, "expected yieldMs of at least leaderAliveThresholdMs (10000), got 9999"],
])("%o is refused", (config, message) => {
  expect(() => resolveElectionConfig(config)).toThrow(expect.objectContaining({ code: "invalid-config", message }));
});
