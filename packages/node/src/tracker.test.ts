import { pkiId } from "@gossip/proto";
import { describe, expect, test } from "vitest";
import type { ChannelMemberView } from "./api.js";
import { MembershipTracker } from "./tracker.js";

function member(id: string, endpoint: string, internalEndpoint = endpoint): ChannelMemberView {
  return {
    pkiId: pkiId(id),
    org: undefined,
    endpoint,
    internalEndpoint,
    metadata: new Uint8Array(0),
    state: "alive",
    incarnation: 1n,
    sequence: 1n,
    lastSeenMs: 0,
    expiresAtWallMs: undefined,
    properties: { ledgerHeight: 1n, leftChannel: false, chaincodes: [] },
  };
}

const [a, b, c] = [member("0a", "a:1"), member("0b", "b:1", "10.0.0.2:1"), member("0c", "", "c:1")] as const;

describe("MembershipTracker", () => {
  test.each([
    ["nobody comes", [], [], undefined],
    ["all come", [], [a, b, c], { offline: [], online: ["a:1", "b:1 10.0.0.2:1", "c:1"] }],
    ["all stay", [a, b], [b, a], undefined],
    ["one goes", [a, b], [a], { offline: ["b:1 10.0.0.2:1"], online: [] }],
    ["one goes and another comes", [a, b], [a, c], { offline: ["b:1 10.0.0.2:1"], online: ["c:1"] }],
    ["all go", [a], [], { offline: ["a:1"], online: [] }],
    ["one comes back with another identity at its endpoint", [a, b], [member("ff", "a:1"), b], undefined],
  ])("C25: when %s", (_, before, after, change) => {
    const tracker = new MembershipTracker();
    tracker.update(before);
    const seen = tracker.update(after);
    if (change === undefined) expect(seen).toBeUndefined();
    else expect(seen).toMatchObject(change);
  });

  test("7.30: tells who is there now, and compares with the last time, not the first", () => {
    const tracker = new MembershipTracker();
    expect(tracker.update([b, a])?.current).toEqual(["a:1", "b:1 10.0.0.2:1"]);
    expect(tracker.update([a])).toBeDefined();
    expect(tracker.update([a])).toBeUndefined();
  });
});
