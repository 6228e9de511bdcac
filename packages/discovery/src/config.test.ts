import type { GossipError } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { type DiscoveryConfig, discoveryDefaults, resolveDiscoveryConfig } from "./config.js";

describe("resolveDiscoveryConfig", () => {
  test("gives the defaults, which agree with themselves", () => {
    expect(resolveDiscoveryConfig()).toEqual(discoveryDefaults);
  });

  test("derives what depends on the heartbeat, as Fabric does", () => {
    expect(resolveDiscoveryConfig({ aliveTimeIntervalMs: 300 })).toMatchObject({
      aliveExpirationTimeoutMs: 1_500,
      reconnectIntervalMs: 1_500,
      aliveCheckIntervalMs: 150,
      newsIntervalMs: 250,
    });
    expect(resolveDiscoveryConfig({ aliveTimeIntervalMs: 100 }).newsIntervalMs).toBe(100);
  });

  test.each<[Partial<DiscoveryConfig>, string]>([
    [{ aliveTimeIntervalMs: 0 }, "expected aliveTimeIntervalMs to be a positive number, got 0"],
    [{ pullIntervalMs: Number.NaN }, "expected pullIntervalMs to be a positive number, got NaN"],
    [
      { reconnectIntervalMs: Number.POSITIVE_INFINITY },
      "expected reconnectIntervalMs to be a positive number, got Infinity",
    ],
    [{ pullPeerNum: 1.5 }, "expected pullPeerNum to be an integer, got 1.5"],
    [
      { aliveExpirationTimeoutMs: 5_000 },
      "expected aliveExpirationTimeoutMs to exceed aliveTimeIntervalMs (5000), got 5000",
    ],
    [
      { aliveCheckIntervalMs: 26_000 },
      "expected aliveCheckIntervalMs of at most aliveExpirationTimeoutMs (25000), got 26000",
    ],
    [{ msgExpirationFactor: 0.5 }, "expected msgExpirationFactor of at least 1, got 0.5"],
    [{ newsIntervalMs: 6_000 }, "expected newsIntervalMs of at most aliveTimeIntervalMs (5000), or Infinity, got 6000"],
    [{ connectRetryMs: 30_000 }, "expected connectRetryMs of at most reconnectIntervalMs (25000), got 30000"],
  ])("refuses %j", (given, message) => {
    const resolve = () => resolveDiscoveryConfig(given);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: "invalid-config" }) as GossipError);
  });
});
