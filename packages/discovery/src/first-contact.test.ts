import type { PkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import type { DiscoveryConfig } from "./config.js";
import { Discovery } from "./discovery.js";
import type { DiscoveryInput } from "./io.js";
import { aliveOf, pkiIdOf } from "./testing/index.js";

const [alice, bob] = ["alice", "bob"].map(pkiIdOf) as [PkiId, PkiId];
const today = 1_700_000_000_000_000_000n;
const day = 86_400_000_000_000n;

function setUp(config: Partial<DiscoveryConfig> = {}) {
  const discovery = new Discovery({
    self: { pkiId: pkiIdOf("self"), internalEndpoint: "self:7051" },
    incarnation: today,
    config,
    random: seededRandom(1),
    disclosure: () => "all",
  });
  const step = (input: DiscoveryInput, at = 0) => discovery.step(input, at);
  return {
    discovery,
    step,
    push(incarnation: bigint, sequence: bigint, from: PkiId = bob, at = 0) {
      const alive = aliveOf("alice", { incarnation, sequence, internalEndpoint: "alice:7051" });
      return step({ type: "alive", alive, from }, at).map((output) =>
        output.type === "dropped" ? output.reason : output.type,
      );
    },
  };
}

describe("4.58: the first message of a stranger", () => {
  test("4.58: from long ago shows nobody, and its endpoint is asked once in a while", () => {
    const { push, discovery } = setUp();
    expect(push(today - day, 1n)).toEqual(["verify-endpoint", "too-old"]);
    expect(push(today - day, 2n)).toEqual(["too-old"]);
    expect(push(today - day, 3n, bob, 25_000)).toEqual(["verify-endpoint", "too-old"]);
    expect(discovery.members).toEqual([]);
  });

  test("4.58: is believed of a peer that has counted up since it started", () => {
    // A day of heartbeats, one in five seconds.
    expect(setUp().push(today - day, 17_280n)).toContain("member-up");
    expect(setUp().push(today - day, 17_280n - 199n)).toContain("member-up");
    expect(setUp().push(today - day, 17_280n - 201n)).toContain("too-old");
  });

  test("4.58: is believed when it comes from its author itself, whatever its clock says", () => {
    expect(setUp().push(1n, 1n, alice)).toContain("member-up");
    const request = { type: "membership-request", from: alice, nonce: 1n, self: aliveOf("alice") } as const;
    expect(
      setUp()
        .step(request)
        .map(({ type }) => type),
    ).toContain("respond-membership");
  });

  test("4.58: is believed once its author was found at its endpoint", () => {
    const { push, step } = setUp();
    push(1n, 1n);
    step({ type: "endpoint-verified", endpoint: "alice:7051", pkiId: bob });
    expect(push(1n, 2n)).toEqual(["too-old"]);
    step({ type: "endpoint-verified", endpoint: "alice:7051", pkiId: alice });
    expect(push(1n, 3n)).toContain("member-up");
  });

  test("4.58: of a member that is known, or was forgotten, is judged by what is remembered", () => {
    const { push, step } = setUp();
    push(1n, 1n, alice);
    expect(push(1n, 2n)).toEqual(["forward-alive"]);
    step({ type: "identity-removed", pkiId: alice });
    expect(push(1n, 2n)).toEqual(["forgotten"]);
    expect(push(1n, 3n)).toContain("member-up");
  });

  test("4.58: that says to be where we are has nobody asked", () => {
    const { step, discovery } = setUp();
    const alive = aliveOf("alice", { incarnation: today - day, sequence: 1n, internalEndpoint: "self:7051" });
    expect(step({ type: "alive", alive, from: bob })).toMatchObject([{ type: "dropped", reason: "too-old" }]);
    expect(discovery.members).toEqual([]);
  });

  test("4.58: in a dead list is left alone", () => {
    const { step, discovery } = setUp();
    step({ type: "alive", alive: aliveOf("bob", { incarnation: today }), from: bob });
    const [asked] = discovery.step({ type: "sync-soon" }, 0).filter(({ type }) => type === "request-membership");
    expect(asked).toBeDefined();
    const response = {
      type: "membership-response",
      from: bob,
      nonce: 0n,
      alive: [],
      dead: [aliveOf("alice", { internalEndpoint: "alice:7051" })],
    } as const;
    expect(step(response)).toEqual([{ type: "dropped", reason: "too-old", from: bob, count: 1 }]);
  });

  test("4.58: without the bound is believed however old, as in the reference", () => {
    expect(setUp({ maxFirstAgeMs: Number.POSITIVE_INFINITY }).push(1n, 1n)).toContain("member-up");
  });
});
