import { isCaughtUp, isConverged, Simulation } from "@gossip/sim";
import { expect, test } from "vitest";

test("06/22, 6.7: ten nodes and one that all know from the start get ten blocks, each exactly once and in order", async () => {
  const sim = await Simulation.create({ seed: 22, organizations: { org1: 11 } });
  expect(await sim.runUntil(() => isConverged(sim), 30_000)).toBe(true);
  const delivered = sim.nodes.map(() => [] as bigint[]);
  const stop = new AbortController();
  const reading = sim.nodes.map(async ({ channel }, at) => {
    for await (const { number } of channel?.blocks({ from: 1n, signal: stop.signal }) ?? [])
      delivered[at]?.push(number);
  });
  for (let number = 1; number <= 10; number++) {
    sim.order([`block ${number}`]);
    await sim.run(200);
  }
  expect(await sim.runUntil(() => isCaughtUp(sim), 30_000)).toBe(true);
  await sim.run(10_000);
  expect(delivered).toEqual(sim.nodes.map(() => Array.from({ length: 10 }, (_, at) => BigInt(at + 1))));
  stop.abort();
  await Promise.all(reading);
  await sim.close();
}, 60_000);
