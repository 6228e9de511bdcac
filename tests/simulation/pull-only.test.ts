import { checkSafety, isCaughtUp, isConverged, Simulation } from "@gossip/sim";
import { expect, test } from "vitest";

/** As in the scenario: every second, with waits that fit into it. */
const quickPull = { pullIntervalMs: 1_000, digestWaitTimeMs: 100, requestWaitTimeMs: 200, responseWaitTimeMs: 200 };

test("05/29: twenty peers that neither push nor transfer state have all blocks, and all identities, by pull alone", async () => {
  const config = { ...quickPull, propagateIterations: 0, state: { enabled: false } };
  const sim = await Simulation.create({ seed: 29, organizations: { org1: 20 }, config });
  expect(await sim.runUntil(() => isConverged(sim), 60_000), "converged").toBe(true);
  for (let block = 0; block < 10; block++) sim.order([`block ${block}`]);
  expect(await sim.runUntil(() => isCaughtUp(sim), 30_000), "caught up").toBe(true);
  await checkSafety(sim);
  for (const { channel } of sim.nodes) expect(channel?.height).toBe(11n);
  const dropped = sim.nodes.flatMap(({ node }) => [...(node?.drops.keys() ?? [])]);
  expect(dropped.filter((reason) => /malformed|refused|unavailable|too-many/.test(reason))).toEqual([]);
  await sim.close();
}, 60_000);
