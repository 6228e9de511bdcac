import { Election, type ElectionInput, type ElectionOutput } from "@gossip/election";
import { pkiIdOf } from "@gossip/election/testing";
import { comparePeerTime, type PeerTime, type PkiId } from "@gossip/proto";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

const config = {
  startupGracePeriodMs: 1_000,
  membershipSampleIntervalMs: 100,
  leaderAliveThresholdMs: 1_000,
  leaderElectionDurationMs: 500,
  settleMarginMs: 50,
  maxRecords: 5,
};
const self = pkiIdOf("m5");
const pkiId = fc.constantFrom("a1", "b2", "m5", "y8", "z9").map(pkiIdOf);
const height = fc.oneof(fc.bigInt(0n, 300n), fc.constant(2n ** 64n - 1n));

const input: fc.Arbitrary<ElectionInput> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ pkiId, isDeclaration: fc.boolean() }).map((message) => ({
      type: "message" as const,
      message: {
        type: "leadership",
        nonce: 0n,
        channel: "demo",
        tag: "chan-and-org",
        time: { incarnation: 1n, sequence: 1n },
        ...message,
      } as const,
    })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("view" as const),
      peers: fc.uniqueArray(fc.record({ pkiId, height }), { selector: (one) => one.pkiId, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("height" as const), height: fc.bigInt(0n, 400n) }) },
  { weight: 2, arbitrary: fc.constant({ type: "yield" as const, reason: "requested" as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ type: "start" as const }, { type: "stop" as const }) },
);
const script = fc
  .array(fc.record({ afterMs: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 2_500 })), input }), {
    maxLength: 60,
  })
  .map((steps) => [{ afterMs: 0, input: { type: "start" } as ElectionInput }, ...steps]);

function create(): Election {
  return new Election({ self, incarnation: 2n, height: 0n, config, random: seededRandom(5) });
}

test("Election keeps the laws of a machine, whatever happens", () => {
  fc.assert(fc.property(script, (steps) => checkMachineLaws({ create, script: steps, maxOutputs: 12 })));
});

/** What the outputs alone say of leadership. */
class Model {
  isLeader = false;
  leader: PkiId | undefined;
  gainedAt = Number.NEGATIVE_INFINITY;
  lostAt = Number.NEGATIVE_INFINITY;
  last: PeerTime = { incarnation: 2n, sequence: 0n };

  take(output: ElectionOutput, cause: ElectionInput | Wake, now: number): void {
    switch (output.type) {
      case "send":
        expect(comparePeerTime(output.time, this.last), "sequence grows").toBe(1);
        this.last = output.time;
        if (output.isDeclaration) expect(this.isLeader, "only leaders declare").toBe(true);
        else expect(this.leader, "nobody proposes under a leader").toBeUndefined();
        return;
      case "gained":
        expect(this.isLeader, "gained once").toBe(false);
        expect(now - this.lostAt, "long after it was lost").toBeGreaterThan(config.settleMarginMs);
        this.isLeader = true;
        this.gainedAt = now;
        return;
      case "lost":
        expect(this.isLeader, "only what was gained is lost").toBe(true);
        if (output.reason !== "deposed" && output.reason !== "stopped") {
          expect(now - this.gainedAt, "long after it was gained").toBeGreaterThanOrEqual(config.settleMarginMs);
        }
        this.isLeader = false;
        this.lostAt = now;
        return;
      case "recorded":
        expect(output.record).toMatchObject({ at: now, previous: this.leader });
        expect(output.record.leader, "a change").not.toBe(this.leader);
        this.leader = output.record.leader;
        return;
      case "dropped":
        expect(cause.type).toBe("message");
        return;
    }
  }
}

test("8.17, 8.18, 8.25: leadership is gained and lost in turns, a margin apart, our time grows, and records tell it all", () => {
  fc.assert(
    fc.property(script, (steps) => {
      const election = create();
      const model = new Model();
      let now = 0;
      const step = (one: ElectionInput | Wake) => {
        for (const output of election.step(one, now)) model.take(output, one, now);
        expect([election.isLeader, election.leader]).toEqual([model.isLeader, model.leader]);
        expect(election.isLeader).toBe(election.leader === self);
        expect(election.history.length).toBeLessThanOrEqual(config.maxRecords);
        expect(election.sequence).toBe(model.last.sequence);
      };
      for (const { afterMs, input: one } of steps) {
        const until = now + afterMs;
        while (election.deadline <= until) {
          now = Math.max(now, election.deadline);
          step(wake);
        }
        now = until;
        step(one);
      }
    }),
    { numRuns: 500 },
  );
});

test("8.6, 8.8, 8.13, 8.20: whatever others claim and propose, one whom nobody is heard to lead leads before long", () => {
  const noise = input.filter((one) => {
    if (one.type === "message") return !one.message.isDeclaration || one.message.pkiId === pkiIdOf("unseen");
    return one.type === "view";
  });
  const noises = fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 200 }), input: noise }), {
    minLength: 400,
    maxLength: 400,
  });
  fc.assert(
    fc.property(noises, (steps) => {
      const election = create();
      let now = 0;
      election.step({ type: "start" }, now);
      for (const { afterMs, input: one } of steps) {
        const until = now + afterMs;
        while (election.deadline <= until) {
          now = Math.max(now, election.deadline);
          election.step(wake, now);
        }
        now = until;
        if (election.isLeader) return;
        election.step(one, now);
      }
      expect.unreachable(`expected it to lead after ${now} ms`);
    }),
    { numRuns: 50 },
  );
});
