import type { PkiId } from "@gossip/proto";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import type { DiscoveryConfig } from "./config.js";
import { Discovery } from "./discovery.js";
import type { DiscoveryInput, DiscoveryOutput } from "./io.js";
import { aliveOf, pkiIdOf } from "./testing/index.js";

const [alice, bob] = ["alice", "bob"].map(pkiIdOf) as [PkiId, PkiId];

/** A machine that hears of members, and may be stopped for a while. Stock times: heartbeats 5 s, expiry 25 s, check 2.5 s. */
function setUp(config: Partial<DiscoveryConfig> = {}) {
  const discovery = new Discovery({
    self: { pkiId: pkiIdOf("self"), internalEndpoint: "self:7051" },
    incarnation: 1n,
    config,
    random: seededRandom(1),
    disclosure: () => "all",
  });
  let now = 0;
  let sequence = 0n;
  const outputs: { readonly at: number; readonly output: DiscoveryOutput }[] = [];
  const step = (input: DiscoveryInput | Wake) => {
    for (const output of discovery.step(input, now)) outputs.push({ at: now, output });
  };
  const setup = {
    discovery,
    step,
    hear(name = "alice", from: PkiId = pkiIdOf(name), incarnation = 1n) {
      sequence++;
      const alive = aliveOf(name, { incarnation, sequence, internalEndpoint: `${name}:7051` });
      step({ type: "alive", alive, from });
    },
    /** Lets time pass; every wake comes `lateMs` after it was due. */
    pass(ms: number, lateMs = 0) {
      const until = now + ms;
      while (Math.max(now, discovery.deadline) + lateMs <= until) {
        now = Math.max(now, discovery.deadline) + lateMs;
        step(wake);
      }
      now = until;
    },
    /** Hears of the member every `ms`, so many times. */
    hearEvery(ms: number, times: number, name = "alice") {
      for (let time = 0; time < times; time++) {
        setup.hear(name);
        setup.pass(ms);
      }
    },
    /** The process is stopped, and goes on with what comes next. */
    passBusy(ms: number) {
      now += ms;
    },
    /** The process is stopped, and finds its timers overdue. */
    sleep(ms: number) {
      now += ms;
      step(wake);
    },
    downs: () =>
      outputs.flatMap(({ at, output }) => (output.type === "member-down" ? [{ at, cause: output.cause }] : [])),
    sleeps: () => outputs.flatMap(({ output }) => (output.type === "overslept" ? [output.sleptMs] : [])),
    reasons: () => outputs.flatMap(({ output }) => (output.type === "dropped" ? [output.reason] : [])),
    /** When the member is declared dead from now on, hearing nothing more; within a check interval. */
    untilDeath(lateMs = 0) {
      const start = now;
      while (setup.downs().length === 0 && now < start + 300_000) setup.pass(100 + lateMs, lateMs);
      return now - start;
    },
  };
  return setup;
}

describe("a node that was asleep", () => {
  test("4.48: does not count for silence what it could not hear, and says for how long that was", () => {
    const { hear, pass, sleep, downs, sleeps, untilDeath } = setUp();
    hear();
    pass(20_000);
    sleep(4_500 + 2_500);
    expect(sleeps()).toEqual([4_500]);
    expect(downs()).toEqual([]);
    // Heard 22.5 s ago by that count, so another 2.5 s of silence are left, and the next check finds it.
    expect(untilDeath()).toBeGreaterThan(2_400);
    expect(untilDeath()).toBeLessThan(5_100);
  });

  test("4.48: counts a stutter within the tolerance as no sleep", () => {
    const { hear, pass, sleeps } = setUp();
    hear();
    pass(20_000, 400);
    expect(sleeps()).toEqual([]);
  });

  test("4.48: counts a sleep once, though it is not the timer that comes first after it", () => {
    const { hear, sleep, sleeps } = setUp();
    hear();
    sleep(10_000);
    const { length } = sleeps();
    const late = setUp();
    late.hear();
    late.passBusy(10_000);
    late.hear();
    late.pass(1_000);
    expect([length, late.sleeps()]).toEqual([1, sleeps()]);
  });

  test("4.48: without the rule declares everybody dead at once", () => {
    const { hear, sleep, downs, sleeps } = setUp({ selfHealth: false });
    hear("alice");
    hear("bob");
    sleep(40_000);
    expect(downs()).toHaveLength(2);
    expect(sleeps()).toEqual([]);
  });

  test("4.49: begins everybody's silence anew after a pause", () => {
    const { hear, pass, sleep, downs, untilDeath } = setUp();
    hear();
    pass(24_000);
    sleep(60_000);
    expect(downs()).toEqual([]);
    const waited = untilDeath();
    expect(waited).toBeGreaterThan(24_900);
    expect(waited).toBeLessThan(27_600);
  });

  test("4.49: that pauses again and again still finds the dead in time, when it is awake for long enough in between", () => {
    const { hear, pass, sleep, downs } = setUp();
    hear();
    for (let pause = 0; pause < 2; pause++) {
      pass(18_000);
      sleep(30_000);
    }
    // Awake for 36 s so far, 14 s short of twice the expiration time.
    pass(15_500);
    expect(downs()).toEqual([]);
    pass(2_500);
    expect(downs().map(({ cause }) => cause)).toEqual(["silence"]);
  });

  test("4.49: judges nobody for three heartbeat periods after a pause, whatever the expiration time", () => {
    const { hear, pass, sleep, downs } = setUp();
    hear();
    pass(24_000);
    for (let pause = 0; pause < 2; pause++) {
      sleep(30_000);
      pass(14_900);
    }
    expect(downs()).toEqual([]);
    const quick = setUp({ aliveExpirationTimeoutMs: 6_000, aliveCheckIntervalMs: 500 });
    quick.hear();
    quick.sleep(30_000);
    quick.pass(14_900);
    expect(quick.downs()).toEqual([]);
    quick.pass(1_000);
    expect(quick.downs()).toHaveLength(1);
  });

  test("4.49: that never recovers between its pauses finds the dead too, three heartbeat periods later than others", () => {
    const { hear, pass, sleep, downs } = setUp();
    hear();
    let awakeMs = 0;
    for (; downs().length === 0 && awakeMs < 300_000; awakeMs += 10_000) {
      pass(10_000);
      sleep(30_000);
    }
    expect(awakeMs).toBeGreaterThan(60_000);
    expect(awakeMs).toBeLessThanOrEqual(80_000);
  });

  test("4.55: tells others at once that it lives, and asks for their view", () => {
    const { hear, pass, discovery } = setUp();
    hear();
    pass(5_100);
    const types = discovery.step(wake, 60_000).map(({ type }) => type);
    expect(types).toContain("send-alive");
    expect(types).toContain("request-membership");
  });

  test("4.52: doubts at first that members cannot be reached, and takes a sign of life for an answer", () => {
    const { hear, pass, sleep, step, downs, reasons } = setUp();
    hear();
    sleep(30_000);
    step({ type: "presumed-dead", pkiId: alice });
    expect(reasons()).toEqual(["doubted-notice"]);
    pass(5_000);
    hear();
    pass(20_000);
    expect(downs()).toEqual([]);
  });

  test("4.52: believes a notice after all when the member is not heard of soon", () => {
    const { hear, pass, sleep, step, downs } = setUp();
    hear();
    sleep(30_000);
    step({ type: "presumed-dead", pkiId: alice });
    pass(14_900);
    expect(downs()).toEqual([]);
    pass(2_700);
    expect(downs()).toMatchObject([{ cause: "presumed-dead" }]);
  });

  test("4.52: doubts after a sleep that was no pause too", () => {
    const { hear, sleep, step, downs, reasons } = setUp();
    hear();
    sleep(4_000);
    step({ type: "presumed-dead", pkiId: alice });
    expect(downs()).toEqual([]);
    expect(reasons()).toEqual(["doubted-notice"]);
  });

  test("4.52: is not talked into doubting longer by more notices", () => {
    const { hear, pass, sleep, step, downs } = setUp();
    hear();
    sleep(30_000);
    step({ type: "presumed-dead", pkiId: alice });
    pass(14_000);
    step({ type: "presumed-dead", pkiId: alice });
    pass(3_600);
    expect(downs()).toMatchObject([{ cause: "presumed-dead" }]);
  });

  test("4.52: does not take the next sleep for the silence that confirms a notice", () => {
    const { hear, pass, sleep, step, downs } = setUp();
    hear();
    sleep(30_000);
    step({ type: "presumed-dead", pkiId: alice });
    pass(5_000);
    sleep(30_000);
    pass(14_000);
    expect(downs()).toEqual([]);
    pass(4_000);
    expect(downs()).toMatchObject([{ cause: "presumed-dead" }]);
  });

  test("4.52: believes notices at once when it has been awake for a while", () => {
    const { hear, pass, sleep, step, downs } = setUp();
    hear();
    sleep(30_000);
    pass(10_000);
    hear();
    pass(5_100);
    step({ type: "presumed-dead", pkiId: alice });
    expect(downs()).toMatchObject([{ cause: "presumed-dead" }]);
  });
});

describe("a node judges each member by the intervals in which it is heard of", () => {
  test.each([
    [250, 27_600],
    [5_000, 27_600],
    [8_000, 37_000],
    [20_000, 52_600],
  ])("4.50: of %i ms: dead after the expiration time, within twice that", (interval, atMost) => {
    const { hearEvery, hear, untilDeath } = setUp();
    hearEvery(interval, 40);
    hear();
    const waited = untilDeath();
    expect(waited).toBeGreaterThan(25_000);
    expect(waited).toBeLessThanOrEqual(atMost);
  });

  test("4.50: is patient with who is slow, and impatient again when that is over", () => {
    const slow = setUp();
    slow.hearEvery(12_000, 10);
    slow.hear();
    expect(slow.untilDeath()).toBeGreaterThan(45_000);
    const fast = setUp();
    fast.hearEvery(12_000, 10);
    fast.hearEvery(5_000, 40);
    fast.hear();
    expect(fast.untilDeath()).toBeLessThan(27_600);
  });

  test("4.50: forgets how long a member was away, once it has been back for a while", () => {
    const { hear, pass, hearEvery, downs } = setUp();
    hear();
    pass(400_000);
    hearEvery(5_000, 20);
    hear();
    expect(downs()).toHaveLength(1);
    pass(27_600);
    expect(downs()).toHaveLength(2);
  });

  test("4.50: is no more patient where the expiration time has room for few heartbeats", () => {
    const { hearEvery, hear, untilDeath } = setUp({ aliveExpirationTimeoutMs: 10_000 });
    hearEvery(5_000, 20);
    hear();
    expect(untilDeath()).toBeLessThan(11_200);
  });

  test("4.51: has no more patience for having been late before a member was last heard of", () => {
    const { hear, pass, untilDeath } = setUp();
    for (let time = 0; time < 40; time++) {
      hear();
      pass(5_000, 450);
    }
    hear();
    expect(untilDeath()).toBeLessThan(27_600);
  });

  test("4.51: adds its own small latenesses to its patience, up to twice the expiration time", () => {
    const punctual = setUp();
    punctual.hear();
    const late = setUp();
    late.hear();
    expect(late.untilDeath(450) - punctual.untilDeath()).toBeGreaterThan(1_000);
    const hopeless = setUp({ latenessToleranceMs: 4_900, aliveCheckIntervalMs: 100 });
    hopeless.hear();
    const waited = hopeless.untilDeath(4_900);
    expect(waited).toBeGreaterThan(40_000);
    expect(waited).toBeLessThan(60_000);
  });
});

describe("a member that we cannot reach while others show it alive", () => {
  test("4.53: goes down once, and no more until it falls silent", () => {
    const { hear, pass, step, downs, reasons } = setUp();
    hear("bob");
    hear("alice", bob);
    for (let time = 0; time < 10; time++) {
      step({ type: "presumed-dead", pkiId: alice });
      pass(5_000);
      hear("bob");
      hear("alice", bob);
    }
    expect(downs()).toHaveLength(1);
    expect(reasons().filter((reason) => reason === "refuted-notice")).toHaveLength(9);
    pass(52_600);
    expect(downs().map(({ cause }) => cause)).toContain("silence");
  });

  test("4.53: is not shown alive by what was in flight when it died", () => {
    const { hear, pass, step, downs } = setUp();
    hear("alice", bob);
    step({ type: "presumed-dead", pkiId: alice });
    pass(500);
    hear("alice", bob);
    step({ type: "presumed-dead", pkiId: alice });
    expect(downs()).toHaveLength(2);
  });

  test("4.53: is shown alive by what others bring later, whatever was in flight before that", () => {
    const { hear, pass, step, downs, reasons } = setUp();
    hear("alice", bob);
    step({ type: "presumed-dead", pkiId: alice });
    pass(500);
    hear("alice", bob);
    pass(5_000);
    hear("alice", bob);
    step({ type: "presumed-dead", pkiId: alice });
    expect(downs()).toHaveLength(1);
    expect(reasons()).toEqual(["refuted-notice"]);
  });

  test("4.53: is reachable when it speaks to us itself first, and others show it later", () => {
    const { hear, pass, step, downs } = setUp();
    hear("alice");
    step({ type: "presumed-dead", pkiId: alice });
    pass(500);
    hear("alice");
    pass(5_000);
    hear("alice", bob);
    step({ type: "presumed-dead", pkiId: alice });
    expect(downs()).toHaveLength(2);
  });

  test("4.53: is reachable again when it speaks to us itself, or begins anew", () => {
    for (const [from, incarnation] of [
      [alice, 1n],
      [bob, 2n],
    ] as const) {
      const { hear, step, downs, pass } = setUp();
      hear("alice", bob);
      step({ type: "presumed-dead", pkiId: alice });
      pass(1_100);
      hear("alice", bob);
      hear("alice", from, incarnation);
      step({ type: "presumed-dead", pkiId: alice });
      expect(downs()).toHaveLength(2);
    }
  });
});
