import { ElectionNetwork } from "@gossip/election/testing";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Organizations of peers among faults that chance chooses; then the faults end, and one must lead. */

const config = {
  startupGracePeriodMs: 3_000,
  membershipSampleIntervalMs: 200,
  leaderAliveThresholdMs: 2_000,
  leaderElectionDurationMs: 1_000,
};
const marginMs = 100;

const names = ["p0", "p1", "p2", "p3", "p4"];
const name = fc.constantFrom(...names);
const calmFault = fc.oneof(
  fc.record({ type: fc.constant("restart" as const), name, downMs: fc.integer({ min: 0, max: 10_000 }) }),
  fc.record({ type: fc.constant("yield" as const), name }),
);
const wildFault = fc.oneof(
  calmFault,
  fc.record({ type: fc.constant("partition" as const), names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }) }),
  fc.record({ type: fc.constant("heal" as const) }),
  fc.record({ type: fc.constant("lose" as const), percent: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ type: fc.constant("stall" as const), name, ms: fc.integer({ min: 50, max: 10_000 }) }),
);
type Fault = typeof wildFault extends fc.Arbitrary<infer T> ? T : never;
const scriptOf = (fault: fc.Arbitrary<Fault>) =>
  fc.array(fc.record({ fault, thenMs: fc.integer({ min: 0, max: 8_000 }) }), { maxLength: 10 });
const seed = fc.integer({ min: 0, max: 2 ** 31 });
const stockNames = fc.uniqueArray(name, { maxLength: 4 });

/** Plays the faults, then lets everything heal and settle. */
function play(seed: number, stock: readonly string[], steps: readonly { fault: Fault; thenMs: number }[]) {
  const network = new ElectionNetwork({ seed, config, blocksPerSecond: 50 });
  const start = (name: string) => network.start(name, { isStock: stock.includes(name) });
  for (const one of names) start(one);
  network.runFor(2_000);
  for (const { fault, thenMs } of steps) {
    if (fault.type === "partition") network.partition(fault.names);
    else if (fault.type === "heal") network.heal();
    else if (fault.type === "lose") network.lose(fault.percent / 100);
    else if (fault.type === "stall") network.stall(fault.name, fault.ms);
    else if (!network.running.includes(fault.name)) continue;
    else if (fault.type === "yield") network.give(fault.name, { type: "yield", reason: "requested" });
    else {
      network.stop(fault.name);
      network.clock.schedule(network.clock.now() + fault.downMs, () => start(fault.name));
    }
    network.runFor(thenMs);
  }
  network.heal();
  return network;
}

/** For each peer, how long it led each time that it lost leadership. */
function tenures(network: ElectionNetwork): { peer: string; at: number; ms: number; reason: string }[] {
  const gained = new Map<string, number>();
  return network.happenings.flatMap(({ at, peer, output }) => {
    if (output.type === "gained") gained.set(peer, at);
    if (output.type !== "lost") return [];
    const ms = at - (gained.get(peer) ?? Number.NaN);
    return [{ peer, at, ms, reason: output.reason }];
  });
}

test("8.6: whatever happened, one leads when it is over, and goes on leading", () => {
  fc.assert(
    fc.property(seed, stockNames, scriptOf(wildFault), (seed, stock, steps) => {
      const network = play(seed, stock, steps);
      // The longest stall, absence and yield end; a stock peer needs two windows and a round.
      network.runFor(40_000);
      const [leader] = network.leaders;
      expect(network.leaders).toHaveLength(1);
      network.runFor(20_000);
      expect(network.leaders).toEqual([leader]);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("8.9: no stock peer loses what it has just won, because of us", () => {
  fc.assert(
    fc.property(seed, stockNames, scriptOf(calmFault), (seed, stock, steps) => {
      const network = play(seed, stock, steps);
      network.runFor(20_000);
      const short = tenures(network).filter(
        ({ peer, ms, reason }) => stock.includes(peer) && ms < marginMs / 2 && reason === "deposed",
      );
      expect(short).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, 60_000);
