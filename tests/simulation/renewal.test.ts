import { seededRandom } from "@gossip/runtime";
import { checkSafety, isCaughtUp, isConverged, Simulation } from "@gossip/sim";
import { describe, expect, test } from "vitest";

/** All peers of an organization get new identities one by one, in networks where not everything goes well (page 02 §5). */
async function rotation(seed: number, isExpired: boolean) {
  const sim = await Simulation.create({ seed, organizations: { org1: 4, org2: 2 } });
  const random = seededRandom(seed);
  expect(await sim.runUntil(() => isConverged(sim), 30_000), `seed ${seed}: converged at first`).toBe(true);
  const gone: string[] = [];
  const traces = () =>
    sim.nodes.flatMap(({ name, node }) => {
      const shown = [...(node?.members ?? []), ...(node?.deadMembers ?? []), ...(node?.connections ?? [])];
      return shown.some(({ pkiId }) => gone.includes(pkiId)) ? [name] : [];
    });

  for (const renewed of sim.nodes.filter(({ org }) => org === "org1")) {
    sim.order([`before ${renewed.name}`]);
    sim.crash(renewed);
    gone.push(renewed.crypto.pkiId);
    if (isExpired) sim.trust.expire(renewed.crypto.identity, Number(sim.clock.nowNanos() / 1_000_000n) + 2_000);
    // Back before anybody has noticed, after all have, or after they forgot the connection.
    await sim.run(500 + random.below(40_000));
    sim.order([`without ${renewed.name}`]);
    sim.renew(renewed);
    // One of the others hears of it late.
    const [deaf] = sim.nodes.filter((node) => node !== renewed).slice(random.below(5));
    if (deaf !== undefined) sim.network.lose(deaf.endpoint, renewed.endpoint);
    await sim.restart(renewed);
    await sim.run(2_000);
    sim.network.heal();
    const isOver = () => isConverged(sim) && isCaughtUp(sim) && traces().length === 0;
    const isDone = await sim.runUntil(isOver, 30_000);
    expect([isDone, traces()], `seed ${seed}: after ${renewed.name}`).toEqual([true, []]);
  }
  // Nobody brings an old one back.
  await sim.run(60_000);
  await checkSafety(sim);
  expect([isConverged(sim), isCaughtUp(sim), traces()], `seed ${seed}: at the end`).toEqual([true, true, []]);
  await sim.close();
}

describe("the renewal of all identities of an organization", () => {
  test("2.26: while the old ones are valid, loses nothing and leaves nothing behind", () => rotation(1, false), 60_000);

  test(
    "2.26: after the old ones have expired, loses nothing and leaves nothing behind",
    () => rotation(2, true),
    60_000,
  );
});
