/**
 * One seed, one history: a network is cut in two and healed, and happens again in the same way, message by message.
 * `tsx replay-a-seed.ts 7` shows another one.
 */

import { checkSafety, isCaughtUp, isConverged, Simulation } from "@gossip/sim";

const seed = Number(process.argv[2] ?? 42);

const first = await history(seed, console.log);
const again = await history(seed, () => {});
const other = await history(seed + 1, () => {});

console.log(`seed ${seed}: ${first.count} events, hash ${first.hash.slice(0, 16)}`);
console.log(`seed ${seed}: ${again.count} events, hash ${again.hash.slice(0, 16)}, once more`);
console.log(`seed ${seed + 1}: ${other.count} events, hash ${other.hash.slice(0, 16)}`);
if (first.hash !== again.hash) throw new Error("expected the same seed to give the same history, got another");

/** Two virtual minutes in the life of six nodes of two organizations, told to `tell`. */
async function history(seed: number, tell: (line: string) => void) {
  const sim = await Simulation.create({ seed, organizations: { org1: 3, org2: 3 } });
  const at = (what: string) => tell(`${(sim.clock.now() / 1000).toFixed(1).padStart(6)} s  ${what}`);
  const heights = () => sim.nodes.map(({ name, ledger }) => `${name} ${ledger.height}`).join(", ");
  // A failure names its seed, for that is all it takes to see it again.
  const must = async (condition: () => boolean, what: string) => {
    if (!(await sim.runUntil(condition, 60_000)))
      throw new Error(`seed ${seed}: expected within a minute that ${what}`);
  };

  await must(() => isConverged(sim), "everybody sees everybody");
  at("everybody sees everybody");

  // The first node of each organization is its leader and takes blocks from the orderer, which is outside of the network.
  sim.nodes[1]?.node?.on("member-down", ({ endpoint }) => at(`peer1.org1 misses ${endpoint}`));
  sim.network.partition([["peer1.org1:7051", "peer2.org1:7051"]]);
  at("peer1.org1 and peer2.org1 are cut off");
  sim.order(["a transaction during the partition"]);
  await sim.run(40_000);
  at(`heights: ${heights()}`);

  sim.network.heal();
  at("healed");
  await must(() => isConverged(sim) && isCaughtUp(sim), "all is well again");
  at(`all is well again; heights: ${heights()}`);

  await checkSafety(sim); // no ledger differs from what was ordered
  await sim.close();
  return sim.network.trace;
}
