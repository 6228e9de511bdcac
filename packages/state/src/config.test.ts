import { describe, expect, it } from "vitest";
import { resolveStateConfig, type StateConfig } from "./config.js";

describe("resolveStateConfig", () => {
  it.each<[Partial<StateConfig>, string]>([
    [{ checkIntervalMs: 0 }, "expected checkIntervalMs to be an integer of at least 1, got 0"],
    [{ batchSize: -1 }, "expected batchSize to be an integer of at least 0, got -1"],
    [{ blockBufferSize: 1.5 }, "expected blockBufferSize to be an integer of at least 1, got 1.5"],
    [{ responseTimeoutMs: Number.NaN }, "expected responseTimeoutMs to be an integer of at least 1, got NaN"],
    [{ maxRequestsPerPeer: 101 }, "expected maxRequestsPerPeer to be at most channelSize (100), got 101"],
    [{ peerBackoffMs: 60_000 }, "expected peerBackoffMs to be at most maxPeerBackoffMs (30000), got 60000"],
    [{ commitRetryMs: 60_000 }, "expected commitRetryMs to be at most maxCommitRetryMs (10000), got 60000"],
  ])("refuses %j", (options, message) => {
    expect(() => resolveStateConfig(options)).toThrow(message);
  });

  it("takes zero literally where zero has a meaning", () => {
    expect(resolveStateConfig({ batchSize: 0, maxRetries: 0 })).toMatchObject({ batchSize: 0, maxRetries: 0 });
  });
});
