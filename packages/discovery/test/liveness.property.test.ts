import { Discovery, type DiscoveryInput } from "@gossip/discovery";
import { aliveOf, pkiIdOf } from "@gossip/discovery/testing";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import fc from "fast-check";
import { expect, test } from "vitest";

/** How early and how late silence may be taken for death, however often and long we ourselves were late. Default times. */
const expirationMs = 25_000;
const checkMs = 2_500;
const toleranceMs = 500;
const heartbeatMs = 5_000;
const recoveryMs = 3 * heartbeatMs;

const lateMs = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: toleranceMs }) },
  { weight: 2, arbitrary: fc.integer({ min: toleranceMs + 1, max: heartbeatMs }) },
  { weight: 2, arbitrary: fc.integer({ min: heartbeatMs + 1, max: 60_000 }) },
);
/** Either the next wake comes, late by so much, or somebody is heard before it. */
const event = fc.oneof(
  { weight: 12, arbitrary: fc.record({ lateMs }) },
  {
    weight: 1,
    arbitrary: fc.record({ heard: fc.constantFrom("alice", "bob"), from: fc.constantFrom("alice", "bob") }),
  },
);
/** Bursts of one kind, or chance would seldom let anybody fall silent. */
const schedule = fc.array(
  fc.oneof(
    fc.array(event, { maxLength: 12 }),
    fc.record({ lateMs }).map((one) => Array.from({ length: 15 }, () => one)),
  ),
  { minLength: 1, maxLength: 12 },
);

test("4.29, 4.48, 4.49, 4.50, 4.51: nobody is dead before the expiration time of our being awake, nor alive for long after twice that", () => {
  fc.assert(
    fc.property(schedule, (bursts) => {
      const discovery = new Discovery({
        self: { pkiId: pkiIdOf("self"), internalEndpoint: "self:7051" },
        incarnation: 1n,
        random: seededRandom(1),
        disclosure: () => "all",
      });
      let now = 0;
      let asleepMs = 0;
      let pausedAt = Number.NEGATIVE_INFINITY;
      let sequence = 0n;
      const heardAt = new Map<string, number>();
      const step = (input: DiscoveryInput | Wake) => {
        const awake = now - asleepMs;
        for (const output of discovery.step(input, now)) {
          if (output.type !== "member-down") continue;
          const silence = awake - (heardAt.get(output.member.pkiId) ?? Number.NaN);
          expect(silence, "silence until death").toBeGreaterThan(expirationMs);
          expect(awake - pausedAt > recoveryMs || silence > 2 * expirationMs + recoveryMs, "recovered").toBe(true);
        }
        const hasPaused = pausedAt > Number.NEGATIVE_INFINITY;
        const longest = 2 * expirationMs + (hasPaused ? recoveryMs : 0) + checkMs + toleranceMs;
        for (const { pkiId } of discovery.members)
          expect(awake - (heardAt.get(pkiId) ?? Number.NaN), "silence of the living").toBeLessThanOrEqual(longest);
      };
      const hear = (name: string, from: string) => {
        sequence++;
        heardAt.set(pkiIdOf(name), now - asleepMs);
        const alive = aliveOf(name, { sequence, internalEndpoint: `${name}:7051` });
        step({ type: "alive", alive, from: pkiIdOf(from) });
      };
      hear("alice", "alice");
      hear("bob", "bob");
      for (const one of bursts.flat()) {
        if ("heard" in one) {
          hear(one.heard, one.from);
          continue;
        }
        if (discovery.deadline === Number.POSITIVE_INFINITY) return;
        now = Math.max(now, discovery.deadline) + one.lateMs;
        if (one.lateMs > toleranceMs) asleepMs += one.lateMs;
        if (one.lateMs > heartbeatMs) pausedAt = now - asleepMs;
        step(wake);
      }
    }),
    { numRuns: 200 },
  );
});
