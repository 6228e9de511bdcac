import { makeChain } from "@gossip/state/testing";
import { describe, expect, test } from "vitest";
import { checkSafety, isCaughtUp, isConverged } from "./checkers.js";
import { Simulation } from "./simulation.js";

describe("Simulation", () => {
  test("nodes meet, take what is ordered, and the same seed gives the same history", async () => {
    const play = async (seed: number) => {
      const sim = await Simulation.create({ seed, organizations: { org1: 2, org2: 2 } });
      expect([isConverged(sim), isCaughtUp(sim)]).toEqual([false, false]);
      expect(await sim.runUntil(() => isConverged(sim), 30_000)).toBe(true);
      sim.order(["one", "two"]);
      expect(isCaughtUp(sim)).toBe(false);
      expect(await sim.runUntil(() => isCaughtUp(sim), 10_000)).toBe(true);
      await checkSafety(sim);
      const { hash, count } = sim.network.trace;
      await sim.close();
      return `${hash} ${count}`;
    };
    const [first, again, other] = [await play(7), await play(7), await play(8)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test("a node that crashed comes back with its ledger and a newer incarnation, and catches up", async () => {
    const sim = await Simulation.create({ seed: 3, organizations: { org1: 3 } });
    await sim.runUntil(() => isConverged(sim), 30_000);
    const [, , last] = sim.nodes;
    if (last === undefined) throw new Error("expected three nodes");
    const before = last.lastIncarnation;
    sim.crash(last);
    expect([last.isUp, last.node]).toEqual([false, undefined]);
    sim.order(["while it was down"]);
    await sim.run(5_000);
    expect([isCaughtUp(sim), last.ledger.height]).toEqual([true, 1n]);
    await sim.restart(last);
    expect(await sim.runUntil(() => isConverged(sim) && isCaughtUp(sim), 30_000)).toBe(true);
    expect([last.ledger.height, last.lastIncarnation > before]).toEqual([2n, true]);
    await sim.close();
  });

  test("without a channel, nodes that know each other are all there is", async () => {
    const sim = await Simulation.create({ seed: 3, organizations: { org1: 3 }, channel: false });
    expect(await sim.runUntil(() => isConverged(sim), 10_000)).toBe(true);
    expect(sim.nodes.map(({ channel }) => channel)).toEqual([undefined, undefined, undefined]);
    await sim.close();
  });

  test("a node that stalls for longer than its silence is forgiven is dead to others, and alive again at once", async () => {
    const sim = await Simulation.create({ seed: 3, organizations: { org1: 3 }, channel: false });
    await sim.runUntil(() => isConverged(sim), 10_000);
    await sim.run(10_000);
    const [first, , last] = sim.nodes;
    if (first === undefined || last === undefined) throw new Error("expected three nodes");
    sim.stall(last, 50_000);
    await sim.run(49_000);
    expect([first.node?.members.length, last.node?.members.length]).toEqual([1, 2]);
    await sim.run(2_000);
    expect([first.node?.members.length, last.node?.members.length]).toEqual([2, 2]);
    await sim.close();
  });

  test("a node that crashes before its start does not start", async () => {
    const sim = await Simulation.create({ seed: 3, organizations: { org1: 2 } });
    const [, second] = sim.nodes;
    if (second === undefined) throw new Error("expected two nodes");
    sim.crash(second);
    await sim.run(5_000);
    expect([second.isUp, second.node]).toEqual([false, undefined]);
    await sim.close();
  });
});

describe("checkSafety", () => {
  test("finds a ledger that holds another block than was ordered, or more of them", async () => {
    const sim = await Simulation.create({ seed: 1, organizations: { org1: 1 } });
    const [node] = sim.nodes;
    if (node === undefined) throw new Error("expected one node");
    await checkSafety(sim);
    const { height, lastHash } = node.ledger;
    const [forged = new Uint8Array(0)] = makeChain(1, { after: { height, lastHash } });
    await node.ledger.commit(height, forged);
    await expect(checkSafety(sim)).rejects.toThrow("peer0.org1 has more blocks than were ordered");
    sim.order(["honest"]);
    await expect(checkSafety(sim)).rejects.toThrow("peer0.org1 holds another block 1 than the orderer cut");
    await sim.close();
  });
});
