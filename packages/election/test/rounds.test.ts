import { pkiIdOf } from "@gossip/election/testing";
import { describe, expect, test } from "vitest";
import { D, M, OneMachine, S, T } from "./support/one-machine.js";

const self = pkiIdOf("m5");

describe("the start", () => {
  test("8.15: is over when two looks at the view see the same peers", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    const start = machine.now;
    machine.runFor(S / 2);
    machine.view({ z9: 0n, z8: 0n });
    machine.runFor(S);
    machine.view({ z9: 0n, z8: 0n, z7: 0n });
    machine.runFor(4 * S);
    expect(machine.said(start, false)).toEqual([3 * S]);
  });

  test("8.15: is over after the grace period at the latest", () => {
    const machine = new OneMachine({ peers: { z9: 0n }, config: { startupGracePeriodMs: 5_000 } });
    const start = machine.now;
    for (let at = 0; at < 10; at++) {
      machine.runFor(900);
      machine.view({ [`z${at}`]: 0n });
    }
    expect(machine.said(start, false)).toEqual([5_000]);
  });

  test("8.15: hears who leads, and opens no round then", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.declare("z9");
    expect(machine.election.leader).toBe(pkiIdOf("z9"));
    expect(machine.runFor(T - 1).map(({ type }) => type)).toEqual([]);
  });
});

describe("a round", () => {
  test("8.7, 8.17: proposal, election duration, settling margin, declaration", () => {
    const machine = new OneMachine({ peers: { z9: 0n }, afterSequence: 40n });
    const start = machine.now;
    machine.lead();
    const [declared = 0] = machine.said(start, true);
    expect(machine.said(start, false)).toEqual([S]);
    expect(declared).toBeGreaterThanOrEqual(S + D + M / 2);
    expect(declared).toBeLessThanOrEqual(S + D + M);
    const times = machine.all.flatMap(({ output }) => (output.type === "send" ? [output.time] : []));
    expect(times).toEqual([
      { incarnation: 7n, sequence: 41n },
      { incarnation: 7n, sequence: 42n },
    ]);
    expect(machine.election.sequence).toBe(42n);
  });

  test.each([
    ["the round", S + D - 1],
    ["the margin after it", S + D + M / 2 - 1],
  ])("8.7: is over when anybody declares itself in %s", (_, afterMs) => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.runFor(afterMs);
    machine.declare("z9");
    machine.runFor(T - 1);
    expect([machine.changes, machine.election.leader]).toEqual([[], pkiIdOf("z9")]);
  });

  test.each([
    ["before the round", S - 1],
    ["in the round", S + D - 1],
    ["in the margin after it", S + D + M / 2 - 1],
  ])("8.7: is lost to a lower proposal %s, for another one a little later", (_, afterMs) => {
    const machine = new OneMachine({ peers: { a1: 0n } });
    const start = machine.now;
    machine.runFor(afterMs);
    machine.propose("a1");
    machine.runFor(S + 2 * D + 2 * M - afterMs);
    expect(machine.election.isLeader).toBe(false);
    machine.runFor(D + 3 * M);
    expect(machine.said(start, false)).toHaveLength(2);
    expect(machine.election.isLeader).toBe(true);
  });

  test("8.7: is not lost to a higher proposal", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.runFor(S + 1);
    machine.propose("z9");
    machine.runFor(D + 3 * M);
    expect(machine.changes).toEqual(["gained elected"]);
  });
});

describe("a proposal does not count", () => {
  test("8.8: of a peer that has left the view", () => {
    const machine = new OneMachine({ peers: { a1: 0n } });
    machine.runFor(S + 1);
    machine.propose("a1");
    machine.view({});
    machine.runFor(D + M);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.8, 08/E27: that is older than a round when ours begins", () => {
    const machine = new OneMachine({ peers: { a1: 0n, z9: 0n } });
    machine.declare("z9");
    machine.runFor(T - D - 1);
    machine.propose("a1");
    machine.runFor(D + 1 + D + 2 * M);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.8: for the third time in a vacancy, when its author never leads", () => {
    const machine = new OneMachine({ peers: { a1: 0n } });
    const start = machine.now;
    for (let at = 0; at < 40; at++) {
      machine.propose("a1");
      machine.runFor(1_000);
    }
    expect(machine.changes).toEqual(["gained elected"]);
    expect(machine.said(start, false)).toHaveLength(3);
  });

  test("8.8: of a peer that is far behind us", () => {
    const machine = new OneMachine({ peers: { a1: 899n }, height: 1_000n });
    machine.runFor(S + 1);
    machine.propose("a1");
    machine.runFor(D + M);
    expect(machine.changes).toEqual(["gained elected"]);
  });
});

describe("a leader", () => {
  test("8.10: declares itself every half threshold, or a little sooner", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    const start = machine.now;
    machine.runFor(10 * T);
    const times = machine.said(start, true);
    const distances = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.max(...distances)).toBeLessThanOrEqual(T / 2);
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(T / 2 - M);
    expect(new Set(distances).size).toBeGreaterThan(5);
  });

  test("8.10: answers a proposal at once, several within a margin with one declaration", () => {
    const machine = new OneMachine({ peers: { a1: 0n, z8: 0n, z9: 0n } }).lead();
    machine.runFor(M);
    const start = machine.now;
    expect(machine.propose("a1")).toMatchObject([{ type: "send", isDeclaration: true }]);
    machine.runFor(100);
    expect([...machine.propose("z8"), ...machine.propose("z9")]).toEqual([]);
    machine.runFor(1_000);
    expect(machine.said(start - 1, true)).toEqual([1, 1 + M]);
  });

  test("8.10: declares itself soon when somebody is new, and says nothing to nobody", () => {
    const machine = new OneMachine().lead();
    machine.runFor(3 * T);
    expect(machine.all.filter(({ output }) => output.type === "send")).toEqual([]);
    const start = machine.now;
    machine.view({ z9: 0n });
    machine.runFor(S);
    expect(machine.said(start, true)).toHaveLength(1);
  });

  test("8.11: steps down at once for a declaration of a lower PKI-ID, and follows it", () => {
    const machine = new OneMachine({ peers: { a1: 0n } }).lead();
    expect(machine.declare("a1")).toMatchObject([
      { type: "lost", reason: "deposed" },
      { type: "recorded", record: { leader: pkiIdOf("a1"), previous: self, reason: "deposed" } },
    ]);
    machine.runFor(T - 1);
    expect(machine.election.leader).toBe(pkiIdOf("a1"));
  });

  test("8.9, 8.11: answers the first declaration of a higher PKI-ID a margin later, the next at once", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    machine.runFor(T / 4);
    const start = machine.now;
    expect(machine.declare("z9")).toEqual([]);
    machine.runFor(2 * M);
    expect(machine.said(start, true)).toEqual([M]);
    expect(machine.declare("z9")).toMatchObject([{ type: "send", isDeclaration: true }]);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.9: declares nothing within a margin of the moment in which a proposal of a higher PKI-ID may win", () => {
    for (let afterMs = 0; afterMs < 10_000; afterMs += 250) {
      const machine = new OneMachine({ peers: { z9: 0n } }).lead();
      const start = machine.now;
      machine.runFor(afterMs);
      machine.propose("z9");
      machine.runFor(2 * T);
      const wins = afterMs + D;
      for (const at of machine.said(start, true)) expect(Math.abs(at - wins)).toBeGreaterThan(M - 1);
    }
  });

  test("8.9: a candidate too waits, until it would have heard who won with a higher PKI-ID", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    const start = machine.now;
    machine.runFor(S + M / 2);
    machine.propose("z9");
    machine.runFor(2 * D);
    expect(machine.said(start, true)[0]).toBeCloseTo(S + M / 2 + D + M, 3);
  });
});

describe("a follower", () => {
  test("8.12, 8.25: stands when the leader was silent for a threshold, by chance within a margin", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.declare("z9");
    machine.runFor(T / 2);
    const last = machine.now;
    machine.declare("z9");
    machine.runFor(2 * T);
    const [proposed = 0] = machine.said(last, false);
    expect(proposed).toBeGreaterThan(T);
    expect(proposed).toBeLessThanOrEqual(T + M);
    expect(machine.election.history.map(({ leader, reason }) => [leader, reason])).toEqual([
      [pkiIdOf("z9"), "declared"],
      [undefined, "silent"],
      [self, "elected"],
    ]);
  });

  test.each([
    ["leaves the view", (machine: OneMachine) => machine.view({})],
    ["proposes itself, as if it had begun anew", (machine: OneMachine) => machine.propose("z9")],
  ])("8.12: stands at once when the leader %s", (_, act) => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.declare("z9");
    machine.runFor(S);
    act(machine);
    expect(machine.election.history.at(-1)).toMatchObject({ leader: undefined, reason: "left" });
    machine.runFor(D + 2 * M);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.12: follows the lower of two leaders, and the other when the lower is silent", () => {
    const machine = new OneMachine({ peers: { a1: 0n, z9: 0n } });
    machine.declare("z9");
    machine.declare("a1");
    for (let at = 0; at < 11; at++) {
      machine.runFor(1_000);
      machine.declare("z9");
      if (at < 9) expect(machine.election.leader).toBe(pkiIdOf("a1"));
    }
    expect(machine.election.leader).toBe(pkiIdOf("z9"));
    expect(machine.changes).toEqual([]);
  });

  test("8.12: does not take one for leader again that a lower one has deposed", () => {
    const machine = new OneMachine({ peers: { a1: 0n, z9: 0n } });
    machine.declare("z9");
    machine.declare("a1");
    machine.view({ z9: 0n });
    expect(machine.election.leader).toBeUndefined();
  });

  test("8.13, 08/E25: a declaration from outside the view is dropped, and puts a round off once, by its duration", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    const start = machine.now;
    machine.runFor(S + 100);
    expect(machine.declare("z7")).toEqual([{ type: "dropped", reason: "not-in-view", from: pkiIdOf("z7") }]);
    for (let at = 0; at < 10; at++) {
      machine.runFor(1_000);
      machine.declare("z7");
    }
    const [first, second = 0] = machine.said(start, false);
    expect(first).toBe(S);
    expect(second).toBeGreaterThan(S + 100 + D);
    expect(second).toBeLessThanOrEqual(S + 100 + D + M);
    machine.runFor(2 * M);
    expect(machine.changes).toEqual(["gained elected"]);
  });

  test("8.13: it counts when its author enters the view in time", () => {
    const machine = new OneMachine({ peers: {} });
    machine.runFor(S + 100);
    machine.declare("z7");
    machine.runFor(D - 100);
    machine.view({ z7: 0n });
    expect(machine.election.leader).toBe(pkiIdOf("z7"));
    machine.runFor(T - D - 1);
    expect(machine.election.leader).toBe(pkiIdOf("z7"));
    machine.runFor(101);
    expect(machine.election.leader).toBeUndefined();
  });

  test("8.13: what is said before the start, by us, or from outside the view, is dropped by name", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    expect(machine.declare("m5")).toMatchObject([{ reason: "own-message" }]);
    expect(machine.propose("z8")).toMatchObject([{ reason: "not-in-view" }]);
    machine.step({ type: "stop" });
    expect(machine.declare("z9")).toMatchObject([{ reason: "not-running" }]);
  });
});
