import type { Discovery, DiscoveryOutput } from "@gossip/discovery";
import { DiscoveryNetwork, pkiIdOf } from "@gossip/discovery/testing";
import { comparePeerTime, type PeerTime } from "@gossip/proto";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Networks of machines among faults that chance chooses; then the faults end, and everybody must see everybody. */

const peers = ["p0", "p1", "p2", "p3", "p4", "p5"];
const peer = fc.constantFrom(...peers);
const fault = fc.oneof(
  fc.record({ type: fc.constant("partition" as const), names: fc.uniqueArray(peer, { minLength: 1, maxLength: 3 }) }),
  fc.record({ type: fc.constant("heal" as const) }),
  fc.record({ type: fc.constant("lose" as const), percent: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ type: fc.constant("stall" as const), name: peer, ms: fc.integer({ min: 100, max: 90_000 }) }),
  fc.record({ type: fc.constant("restart" as const), name: peer, downMs: fc.integer({ min: 0, max: 60_000 }) }),
  fc.record({ type: fc.constant("presumed" as const), name: peer, of: peer }),
);
const script = fc.array(fc.record({ fault, thenMs: fc.integer({ min: 100, max: 60_000 }) }), { maxLength: 8 });

/** What each life of each node was told of members, checked as it goes. */
class Watch {
  readonly #network: DiscoveryNetwork;
  readonly #newest = new Map<Discovery, Map<string, PeerTime>>();
  #read = 0;

  constructor(network: DiscoveryNetwork) {
    this.#network = network;
  }

  check(running: ReadonlySet<string>): void {
    for (const { output } of this.#network.outputs.slice(this.#read)) this.#checkOutput(output);
    this.#read = this.#network.outputs.length;
    for (const name of running) this.#checkView(name, this.#network.discovery(name));
  }

  #checkOutput(output: DiscoveryOutput): void {
    if (output.type !== "overslept") return;
    expect(output.sleptMs).toBeGreaterThan(500);
  }

  #checkView(name: string, discovery: Discovery): void {
    const alive = new Set(discovery.members.map(({ pkiId }) => pkiId));
    expect(
      discovery.deadMembers.filter(({ pkiId }) => alive.has(pkiId)),
      `${name}: alive and dead`,
    ).toEqual([]);
    expect(alive.has(pkiIdOf(name)), `${name} is its own member`).toBe(false);
    const newest = this.#newest.get(discovery) ?? new Map<string, PeerTime>();
    this.#newest.set(discovery, newest);
    for (const { pkiId, incarnation, sequence } of [...discovery.members, ...discovery.deadMembers]) {
      const before = newest.get(pkiId);
      const time = { incarnation, sequence };
      if (before !== undefined)
        expect(comparePeerTime(time, before), `${name}: time of ${pkiId}`).toBeGreaterThanOrEqual(0);
      newest.set(pkiId, time);
    }
  }
}

test("4.7, 4.48, 4.49: whatever happened, views never contradict themselves, and agree soon after it is over", () => {
  fc.assert(
    fc.property(script, fc.integer({ min: 0, max: 2 ** 31 }), (steps, seed) => {
      const network = new DiscoveryNetwork({ seed });
      const watch = new Watch(network);
      const running = new Set(peers);
      const start = (name: string) => {
        network.start(name, { bootstrap: ["p0", "p3"] });
        running.add(name);
      };
      for (const name of peers) start(name);
      network.runFor(2_000);
      for (const { fault: one, thenMs } of steps) {
        if (one.type === "partition") network.partition(one.names);
        else if (one.type === "heal") network.heal();
        else if (one.type === "lose") network.lose(one.percent / 100);
        else if (one.type === "stall") network.stall(one.name, one.ms);
        else if (one.type === "presumed") {
          if (running.has(one.name)) network.give(one.name, { type: "presumed-dead", pkiId: pkiIdOf(one.of) });
        } else if (running.delete(one.name)) {
          network.stop(one.name);
          network.clock.schedule(network.clock.now() + one.downMs, () => start(one.name));
        }
        for (let passed = 0; passed < thenMs; passed += 5_000) {
          network.runFor(Math.min(5_000, thenMs - passed));
          watch.check(running);
        }
      }
      network.heal();
      // The longest stall and absence end, everybody is heard of again, and whoever was unreachable is tried again.
      network.runFor(90_000);
      expect(network.converge(120_000)).toBeLessThan(120_000);
      watch.check(running);
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("4.48, 4.52: nobody who only stalls declares others dead for it", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ ms: fc.integer({ min: 600, max: 120_000 }), afterMs: fc.integer({ min: 100, max: 60_000 }) }),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      fc.integer({ min: 0, max: 2 ** 31 }),
      (stalls, seed) => {
        const network = new DiscoveryNetwork({ seed });
        for (const name of peers) network.start(name, { bootstrap: ["p0"] });
        network.runFor(10_000);
        for (const { ms, afterMs } of stalls) {
          network.stall("p5", ms);
          network.runFor(ms + afterMs);
        }
        network.runFor(60_000);
        const accusations = network.outputs.filter(
          ({ node, output }) => node === "p5" && output.type === "member-down",
        );
        expect(accusations).toEqual([]);
        expect(network.isConverged).toBe(true);
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);
