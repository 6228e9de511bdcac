import { Election } from "@gossip/election";
import { pkiIdOf } from "@gossip/election/testing";
import { pkiId } from "@gossip/proto";
import { seededRandom, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { D, M, OneMachine, S, T } from "./support/one-machine.js";

describe("a yield", () => {
  test("8.14: keeps out of elections until somebody is heard to lead", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    machine.runFor(M);
    const start = machine.now;
    expect(machine.step({ type: "yield", reason: "no-orderer" })).toMatchObject([
      { type: "lost", reason: "no-orderer" },
      { type: "recorded", record: { leader: undefined, reason: "no-orderer" } },
    ]);
    machine.runFor(3 * T);
    expect([machine.election.isYielding, machine.said(start, false)]).toEqual([true, []]);
    machine.declare("z9");
    expect(machine.election.isYielding).toBe(false);
    machine.runFor(T + M + D + M);
    expect(machine.election.isLeader).toBe(true);
  });

  test("8.14: lasts six thresholds while nobody leads, one while nobody is there", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    machine.runFor(M);
    machine.step({ type: "yield", reason: "no-orderer" });
    machine.runFor(6 * T - 1);
    expect(machine.election.isYielding).toBe(true);
    machine.runFor(1 + D + 2 * M);
    expect(machine.election.isLeader).toBe(true);
    machine.view({});
    machine.runFor(M);
    machine.step({ type: "yield", reason: "no-orderer" });
    machine.runFor(T + D + 2 * M);
    expect(machine.election.isLeader).toBe(true);
  });

  test("8.14: does nothing to one that does not lead", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    expect(machine.step({ type: "yield", reason: "requested" })).toEqual([]);
    machine.lead();
    expect(machine.election.isYielding).toBe(false);
  });

  test("8.18: comes a margin after winning, if delivery fails at once", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    while (!machine.election.isLeader) machine.runFor(Math.max(machine.election.deadline - machine.now, 0));
    expect(machine.step({ type: "yield", reason: "delivery-failed" })).toEqual([]);
    expect(machine.runFor(M - 1)).toEqual([]);
    expect(machine.runFor(1)).toMatchObject([{ type: "lost", reason: "delivery-failed" }, { type: "recorded" }]);
  });

  test("8.18: that waits is forgotten when leadership is lost meanwhile", () => {
    const machine = new OneMachine({ peers: { a1: 0n } });
    while (!machine.election.isLeader) machine.runFor(Math.max(machine.election.deadline - machine.now, 0));
    machine.step({ type: "yield", reason: "delivery-failed" });
    machine.declare("a1");
    machine.runFor(M);
    expect(machine.changes).toEqual(["gained elected", "lost deposed"]);
    expect(machine.election.isYielding).toBe(false);
  });
});

describe("stop", () => {
  test("8.16: ends everything, tells a leader to end delivery, and the next start begins anew", () => {
    const machine = new OneMachine({ peers: { z9: 0n } }).lead();
    const said = machine.election.sequence;
    expect(machine.step({ type: "stop" })).toMatchObject([
      { type: "lost", reason: "stopped" },
      { type: "recorded", record: { leader: undefined, reason: "stopped" } },
    ]);
    expect(machine.election.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(machine.step({ type: "stop" })).toEqual([]);
    machine.step({ type: "start" });
    machine.lead();
    expect(machine.election.sequence).toBe(said + 2n);
  });

  test("8.16: of one that does not lead says nothing", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.runFor(S);
    expect(machine.step({ type: "stop" })).toEqual([]);
  });
});

describe("a process that slept", () => {
  test("8.19: hears what was said meanwhile before it acts on silence", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.declare("z9");
    machine.now += 3 * T;
    expect(machine.step(wake)).toEqual([]);
    machine.declare("z9");
    machine.runFor(T - 1);
    expect(machine.election.history).toHaveLength(1);
  });

  test("8.19: waits a margin for it, and no longer, however late its timers are", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.declare("z9");
    machine.now += 3 * T;
    machine.step(wake);
    machine.now += M + T;
    expect(machine.step(wake)).toMatchObject([{ type: "recorded", record: { reason: "silent" } }]);
  });

  test("8.19: a candidate does not declare itself before it has heard who won meanwhile", () => {
    const machine = new OneMachine({ peers: { z9: 0n } });
    machine.runFor(S + D + 1);
    machine.now += T;
    expect(machine.step(wake)).toEqual([]);
    machine.declare("z9");
    expect(machine.changes).toEqual([]);
  });
});

test("8.25: the history is bounded, newest last", () => {
  const machine = new OneMachine({ peers: { a1: 0n, z9: 0n }, config: { maxRecords: 3 } });
  for (let at = 0; at < 5; at++) {
    machine.declare("z9");
    machine.declare("a1");
    machine.runFor(T + 1);
  }
  const { history } = machine.election;
  expect(history).toHaveLength(3);
  expect(history.map(({ at }) => at)).toEqual([...history.map(({ at }) => at)].sort((a, b) => a - b));
  expect(history.at(-1)).toEqual({
    at: expect.any(Number),
    leader: undefined,
    previous: pkiIdOf("a1"),
    reason: "silent",
  });
});

test("8.17: an empty PKI-ID is the caller's mistake", () => {
  expect(() => new Election({ self: pkiId(""), incarnation: 1n, height: 0n, random: seededRandom(1) })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});
