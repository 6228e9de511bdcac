import { ElectionNetwork, pkiIdOf } from "@gossip/election/testing";
import { describe, expect, test } from "vitest";
import { D, M, OneMachine, S, T } from "./support/one-machine.js";

describe("a candidate far behind", () => {
  test("8.20: leaves the field for one threshold, then stands after all", () => {
    const machine = new OneMachine({ peers: { z9: 101n } });
    const start = machine.now;
    machine.runFor(S + T + M);
    const [proposed = 0] = machine.said(start, false);
    expect(proposed).toBeGreaterThan(S + T);
    expect(proposed).toBeLessThanOrEqual(S + T + M);
    machine.runFor(D + M);
    expect(machine.election.isLeader).toBe(true);
  });

  test("8.20: stands at once when it is not so far behind, or behind nobody any more", () => {
    const near = new OneMachine({ peers: { z9: 100n } });
    near.runFor(S);
    expect(near.election.sequence).toBe(1n);
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    machine.runFor(S + 1_000);
    machine.step({ type: "height", height: 900n });
    machine.runFor(M);
    expect(machine.election.sequence).toBe(1n);
  });

  test("8.20: leaves its round when it learns that it is behind", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.runFor(S + D + 1);
    machine.view({ z9: 1_000n });
    machine.runFor(T - 2);
    expect(machine.election.isLeader).toBe(false);
    machine.runFor(M + D + M + 2);
    expect(machine.election.isLeader).toBe(true);
  });

  test("8.20: defers once in a vacancy, whoever else boasts then", () => {
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    for (let at = 0; at < 17; at++) {
      machine.runFor(1_000);
      machine.view({ z9: BigInt(1_000 * (at + 2)), [`y${at}`]: 1_000_000n });
    }
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.20: does not, with height-awareness off", () => {
    const machine = new OneMachine({ peers: { z9: 10n ** 9n }, config: { maxLagBlocks: Number.POSITIVE_INFINITY } });
    expect(machine.lead().changes).toEqual(["gained elected"]);
  });
});

describe("a leader far behind", () => {
  test("8.21: declares nothing, and steps down after a threshold", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    const start = machine.now;
    machine.view({ z9: 1_000n });
    machine.propose("z9");
    machine.runFor(T - 1);
    expect([machine.said(start, true), machine.election.isLeader]).toEqual([[], true]);
    expect(machine.runFor(1)).toMatchObject([{ type: "lost", reason: "fell-behind" }, { type: "recorded" }]);
  });

  test("8.21: leads again a threshold and a round later, when nobody stood, and does not step down for that claim again", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    machine.view({ z9: 1_000n });
    machine.runFor(T + T + D + 2 * M);
    expect(machine.changes).toEqual(["gained elected", "lost fell-behind", "gained elected"]);
    for (let at = 0; at < 100; at++) {
      machine.runFor(10_000);
      machine.view({ z9: 1_000n + BigInt(at) });
    }
    expect(machine.changes).toHaveLength(3);
  });

  test("8.21: goes on when it has caught up, and says so at once", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    machine.runFor(M);
    machine.view({ z9: 1_000n });
    machine.runFor(T - 1);
    expect(machine.step({ type: "height", height: 950n })).toMatchObject([{ type: "send", isDeclaration: true }]);
    machine.runFor(3 * T);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.21: gives way at once to a leader that is ahead, whatever its PKI-ID", () => {
    const machine = new OneMachine().lead();
    machine.runFor(M);
    expect(machine.view({ z9: 1_000n })).toEqual([]);
    expect(machine.declare("z9")).toMatchObject([
      { type: "lost", reason: "fell-behind" },
      { type: "recorded", record: { leader: pkiIdOf("z9"), reason: "fell-behind" } },
    ]);
    expect(machine.election.isYielding).toBe(false);
  });

  test("8.18: does so a margin after winning, not within it", () => {
    const machine = new OneMachine();
    while (!machine.election.isLeader) machine.runFor(Math.max(machine.election.deadline - machine.now, 0));
    machine.view({ z9: 1_000n });
    expect(machine.declare("z9")).toEqual([]);
    machine.runFor(M);
    expect(machine.declare("z9")).toMatchObject([{ type: "lost", reason: "fell-behind" }, { type: "recorded" }]);
  });
});

describe("a claim", () => {
  test("8.22: of one that was there and did not lead is believed again when our ledger has reached it, and time has passed", () => {
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    machine.runFor(S + T + M + D + M);
    expect(machine.changes).toEqual(["gained elected"]);
    machine.step({ type: "height", height: 1_000n });
    machine.view({ z9: 2_000n });
    machine.runFor(5 * T);
    expect(machine.changes).toHaveLength(1);
    machine.runFor(T);
    machine.view({ z9: 2_000n });
    machine.runFor(T);
    expect(machine.changes).toEqual(["gained elected", "lost fell-behind"]);
  });

  test("8.22: of one that came later is believed", () => {
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    machine.runFor(S + T + M + D + M);
    machine.view({ z9: 1_000n, z8: 1_000n });
    machine.runFor(T);
    expect(machine.changes).toEqual(["gained elected", "lost fell-behind"]);
  });

  test("8.22: no higher than what the new leader has is not held against anybody", () => {
    const machine = new OneMachine({ peers: { z8: 1_000n, z9: 1_000n } });
    machine.runFor(S + 1);
    machine.declare("z9");
    machine.view({ z8: 1_000n });
    machine.runFor(T - 1);
    expect(machine.said(0, false)).toEqual([]);
  });

  test("8.23: under which our ledger does not grow ends: its leader's declarations hold nobody any more", () => {
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    for (let at = 0; at < 13; at++) {
      machine.declare("z9");
      machine.runFor(T / 2);
    }
    expect(machine.election.history.at(-1)).toMatchObject({ leader: undefined, reason: "unproven" });
    expect(machine.declare("z9")).toEqual([{ type: "dropped", reason: "unproven-claim", from: pkiIdOf("z9") }]);
    machine.runFor(T + D + 2 * M);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.23: is fine while our ledger grows", () => {
    const machine = new OneMachine({ peers: { z9: 1_000n } });
    for (let at = 0; at < 20; at++) {
      machine.declare("z9");
      machine.runFor(T / 2);
      machine.step({ type: "height", height: BigInt(at) });
    }
    expect(machine.election.leader).toBe(pkiIdOf("z9"));
  });
});

/** A newcomer with the lowest PKI-ID and an empty ledger, cut off as soon as it is there, then not any more. */
function newcomerAround(maxLagBlocks: number, isStock = false) {
  const network = new ElectionNetwork({ seed: 11, config: { maxLagBlocks }, blocksPerSecond: 20 });
  network.ordered = 20_000n;
  const old = ["p1", "p2", "p3", "p4"];
  for (const name of old) network.start(name, { height: 20_000n, isStock });
  network.runFor(20_000);
  network.start("p0");
  network.runFor(2_000);
  network.partition(["p0"]);
  network.runFor(20_000);
  const leadersApart = network.leaders;
  network.heal();
  let longestMs = 0;
  let grewAt = network.clock.now();
  let height = network.heightOf("p4");
  for (let at = 0; at < 900; at++) {
    network.runFor(100);
    if (network.heightOf("p4") > height) grewAt = network.clock.now();
    longestMs = Math.max(longestMs, network.clock.now() - grewAt);
    height = network.heightOf("p4");
  }
  return { network, leadersApart, longestMs };
}

describe("a newcomer with the lowest PKI-ID and an empty ledger, and a partition around it", () => {
  test.each([
    ["ours", false],
    ["stock peers", true],
  ])("8.24: its organization, %s, never stops receiving blocks", (_, isStock) => {
    const { network, leadersApart, longestMs } = newcomerAround(100, isStock);
    expect(leadersApart).toEqual(["p0", "p1"]);
    expect(longestMs).toBeLessThanOrEqual(200);
    expect(network.leaders).toEqual(["p1"]);
    expect(network.callbacks("p1")).toBe("+");
    expect(network.heightOf("p0")).toBe(network.ordered);
  });

  test("8.24: the same history without height-awareness starves it", () => {
    const { network, longestMs } = newcomerAround(Number.POSITIVE_INFINITY);
    expect(network.leaders).toEqual(["p0"]);
    expect(network.callbacks("p1")).toBe("+-");
    expect(longestMs).toBeGreaterThan(20_000);
  });
});
