import { checkSafety, isCaughtUp, isConverged, Simulation } from "@gossip/sim";
import { describe, expect, test } from "vitest";

/** Twenty nodes, ten virtual minutes: they meet, are cut in two and healed, one crashes and comes back; blocks all along. */
async function tenMinutes(seed: number) {
  const sim = await Simulation.create({ seed, organizations: { org1: 10, org2: 10 } });
  const order = (text: string) => sim.order([`${text} of ${sim.clock.now()}`]);

  expect(await sim.runUntil(() => isConverged(sim), 30_000), `seed ${seed}: converged within 30 s`).toBe(true);
  for (let minute = 0; minute < 2; minute++) {
    order("calm");
    await sim.run(60_000);
    await checkSafety(sim);
  }

  const [first, second] = [sim.nodes.slice(0, 7), sim.nodes.slice(7)].map((group) =>
    group.map(({ endpoint }) => endpoint),
  );
  sim.network.partition([first as string[], second as string[]]);
  for (let step = 0; step < 6; step++) {
    order("partition");
    await sim.run(20_000);
    await checkSafety(sim);
  }
  expect(isConverged(sim), `seed ${seed}: the partition was felt`).toBe(false);

  sim.network.heal();
  expect(
    await sim.runUntil(() => isConverged(sim) && isCaughtUp(sim), 90_000),
    `seed ${seed}: healed within 90 s`,
  ).toBe(true);

  const crashed = sim.nodes[4];
  if (crashed === undefined) throw new Error("expected twenty nodes");
  sim.crash(crashed);
  sim.network.lose("peer0.org1:7051", "peer1.org1:7051");
  order("crash");
  await sim.run(60_000);
  await sim.restart(crashed);
  await sim.run(600_000 - sim.clock.now());

  await checkSafety(sim);
  expect(isConverged(sim) && isCaughtUp(sim), `seed ${seed}: converged and caught up at the end`).toBe(true);
  expect(sim.clock.now()).toBe(600_000);
  const faults = sim.nodes.flatMap(({ node }) =>
    [...(node?.drops ?? [])].filter(([reason]) => /malformed|bad-signature|undecodable/.test(reason)),
  );
  expect(faults, `seed ${seed}: nobody sent what another could not read`).toEqual([]);
  await sim.close();
  return { hash: sim.network.trace.hash, events: sim.network.trace.count };
}

describe("a network of twenty nodes over ten virtual minutes", () => {
  test("lives through a partition, a crash and a lost connection, and the same seed gives the same history", async () => {
    const once = await tenMinutes(42);
    const again = await tenMinutes(42);
    expect(again).toEqual(once);
    expect(once.events).toBeGreaterThan(10_000);
  }, 120_000);

  test("another seed gives another history", async () => {
    const hashes = [];
    for (const seed of [1, 2]) {
      const sim = await Simulation.create({ seed, organizations: { org1: 4 } });
      await sim.run(10_000);
      hashes.push(sim.network.trace.hash);
      await sim.close();
    }
    expect(new Set(hashes).size).toBe(2);
  });
});
