import type { GossipError } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { type PullConfig, pullDefaults, resolvePullConfig } from "./config.js";

describe("resolvePullConfig", () => {
  test("5.1: gives the defaults, which agree with themselves", () => {
    expect(resolvePullConfig()).toEqual(pullDefaults);
  });

  test.each<[Partial<PullConfig>, string]>([
    [{ pullIntervalMs: 0 }, "expected pullIntervalMs to be a positive number, got 0"],
    [{ pullPeerNum: 2.5 }, "expected pullPeerNum to be an integer, got 2.5"],
    [{ digestWaitTimeMs: 1_500 }, "expected digestWaitTimeMs below requestWaitTimeMs (1500), got 1500"],
    [{ pullIntervalMs: 3_000 }, "expected pullIntervalMs above digestWaitTimeMs + responseWaitTimeMs (3000), got 3000"],
    [
      { minRoundIntervalMs: 5_000 },
      "expected minRoundIntervalMs of at most pullIntervalMs (4000), or Infinity, got 5000",
    ],
    [{ maxPullIntervalMs: 3_500 }, "expected maxPullIntervalMs of at least pullIntervalMs (4000), got 3500"],
    [{ maxHellos: 4 }, "expected maxHellos of at least maxHellosPerPeer (8), got 4"],
  ])("5.1: refuses %j", (given, message) => {
    const resolve = () => resolvePullConfig(given);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: "invalid-config" }) as GossipError);
  });
});
