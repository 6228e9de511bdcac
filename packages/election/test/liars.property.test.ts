import { ElectionNetwork, type StartOptions } from "@gossip/election/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Peers that lie about their heights, or never stand, beside honest ones: an organization pays for it, and not for long. */

const [T, D, yieldMs] = [2_000, 1_000, 12_000];
const config = {
  startupGracePeriodMs: 3_000,
  membershipSampleIntervalMs: 200,
  leaderAliveThresholdMs: T,
  leaderElectionDurationMs: D,
};
const totalMs = 300_000;
const seed = fc.integer({ min: 0, max: 2 ** 31 });

/** What a liar says its height is. */
const boast = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n).map((claim) => () => claim),
  fc.bigInt(101n, 10_000n).map((ahead) => (height: bigint) => height + ahead),
  fc.constant((height: bigint) => height * 2n),
  // Now here, now there.
  fc.integer({ min: 1, max: 60 }).map((period) => {
    let asked = 0;
    return (height: bigint) => (++asked % (2 * period) < period ? height : height + 5_000n);
  }),
);

function play(seed: number, honest: readonly string[], liars: Readonly<Record<string, StartOptions>>, flapMs = 0) {
  const network = new ElectionNetwork({ seed, config, blocksPerSecond: 50 });
  for (const name of honest) network.start(name);
  for (const [name, options] of Object.entries(liars)) network.start(name, options);
  let withoutMs = 0;
  for (let at = 0; at < totalMs; at += 100) {
    network.runFor(100);
    if (!network.leaders.some((name) => honest.includes(name))) withoutMs += 100;
    if (flapMs > 0 && at % flapMs < 100) {
      if ((at / flapMs) % 2 < 1) network.partition(Object.keys(liars));
      else network.heal();
    }
  }
  const lost = network.happenings.filter(
    ({ peer, output }) => honest.includes(peer) && output.type === "lost" && output.reason === "fell-behind",
  );
  return { network, withoutMs, lost: lost.length };
}

/** How often a claim of one peer is believed in that time: each time costs twice as long as the one before. */
const maxBelieved = 2 + Math.ceil(Math.log2(totalMs / yieldMs));

test("8.22: a liar that never stands makes leaders step down ever more rarely, whatever it boasts, honest peers being many or one", () => {
  fc.assert(
    fc.property(
      seed,
      fc.integer({ min: 1, max: 4 }),
      boast,
      fc.constantFrom(0, 700, 3_100, 9_000),
      (seed, count, claims, flapMs) => {
        const honest = Array.from({ length: count }, (_, at) => `p${at}`);
        const { network, withoutMs, lost } = play(seed, honest, { p9: { isIdle: true, claims } }, flapMs);
        expect(lost).toBeLessThanOrEqual(maxBelieved);
        expect(withoutMs).toBeLessThanOrEqual((maxBelieved + 1) * (2 * T + 2 * D));
        expect(2n * network.heightOf("p0")).toBeGreaterThan(network.ordered);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test("8.21, 8.23: a liar that stands and brings nothing leads by its claim for a while, and then no more", () => {
  fc.assert(
    fc.property(
      seed,
      fc.integer({ min: 1, max: 4 }),
      boast,
      fc.constantFrom(0, 700, 3_100, 9_000),
      (seed, count, claims, flapMs) => {
        const honest = Array.from({ length: count }, (_, at) => `p${at}`);
        const liar = { isStock: true, isCutOff: true, claims };
        const { network, withoutMs, lost } = play(seed, honest, { p9: liar }, flapMs);
        expect(lost).toBeLessThanOrEqual(maxBelieved);
        expect(withoutMs).toBeLessThanOrEqual(maxBelieved * (yieldMs + 2 * T + 2 * D));
        expect(2n * network.heightOf("p0")).toBeGreaterThan(network.ordered);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
