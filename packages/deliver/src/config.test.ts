import { describe, expect, it } from "vitest";
import { broadcastDefaults, deliverDefaults, resolveBroadcastConfig, resolveDeliverConfig } from "./config.js";

describe("resolveDeliverConfig", () => {
  it("09/D7: gives the defaults", () => {
    expect(resolveDeliverConfig()).toEqual(deliverDefaults);
    expect(resolveBroadcastConfig()).toEqual(broadcastDefaults);
  });

  it("keeps what is given", () => {
    expect(resolveDeliverConfig({ connTimeoutMs: 500 }).connTimeoutMs).toBe(500);
  });

  const bad = [
    [{ connTimeoutMs: 0 }, "expected connTimeoutMs to be an integer from 1 to 2147483647, got 0"],
    [{ keepaliveTimeoutMs: 1.5 }, "expected keepaliveTimeoutMs to be an integer from 1 to 2147483647, got 1.5"],
    [
      { reconnectBackoffThresholdMs: 50 },
      "expected reconnectBackoffThresholdMs of at least minimalReconnectIntervalMs (100), got 50",
    ],
  ] as const;
  for (const [config, message] of bad) {
    it(`refuses ${JSON.stringify(config)}`, () => {
      expect(() => resolveDeliverConfig(config)).toThrow(expect.objectContaining({ code: "invalid-config", message }));
    });
  }

  it("refuses a queue smaller than what may be in flight", () => {
    expect(() => resolveBroadcastConfig({ maxQueued: 10 })).toThrow(
      expect.objectContaining({ message: "expected maxQueued of at least maxInFlight (2000), got 10" }),
    );
    expect(() => resolveBroadcastConfig({ maxQueuedBytes: 10 })).toThrow(/maxQueuedBytes of at least/);
  });
});
