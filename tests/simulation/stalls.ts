/**
 * The network in which some processes stall all the time: who is declared dead, and was it?
 *
 * At any moment `stalled` of the nodes are stopped, each for 20 to 60 s; when one goes on, another one, drawn by the seed, is
 * stopped. A death is *false* when the member had been running without a break for the expiration time (25 s) before it
 * was declared dead: at least four of its heartbeats were on their way to everybody meanwhile. Members that stalled
 * within that time may be declared dead, rightly or for little; they are counted apart.
 */

import { isConverged, type SimNode, Simulation } from "@gossip/sim";

export interface StallOptions {
  readonly seed: number;
  readonly nodes: number;
  /** How many are stopped at any moment. */
  readonly stalled: number;
  readonly durationMs: number;
  readonly selfHealth: boolean;
  /** Told once per virtual minute, with the false deaths so far. */
  onMinute?(minute: number, falseDeaths: StallResult["falseDeaths"]): void;
}

export interface StallResult {
  readonly convergedAfterMs: number;
  readonly stalls: number;
  /** Declared dead though they had been running: by nodes that had stalled within the last minute, and by others. */
  readonly falseDeaths: { readonly afterStall: number; readonly byOthers: number };
  /** Declared dead while, or soon after, they stalled. */
  readonly otherDeaths: number;
  /** The first false deaths, to be looked at. */
  readonly examples: readonly string[];
  readonly deliveries: number;
  readonly hash: string;
}

const expirationMs = 25_000;
const neverAgainMs = 60_000;

export async function playStalls(options: StallOptions): Promise<StallResult> {
  const { seed, nodes, stalled, durationMs, selfHealth, onMinute } = options;
  const sim = await Simulation.create({ seed, organizations: { org1: nodes }, channel: false, config: { selfHealth } });
  await sim.runUntil(() => isConverged(sim), 60_000);
  const convergedAfterMs = sim.clock.now();

  /** When each node last went on; in the future while it is stopped. */
  const runningSince = new Map<string, number>();
  const byPkiId = new Map(sim.nodes.map((one) => [one.node?.pkiId, one]));
  const falseDeaths = { afterStall: 0, byOthers: 0 };
  const examples: string[] = [];
  let otherDeaths = 0;
  for (const judge of sim.nodes) {
    judge.node?.on("member-down", ({ pkiId }) => {
      const now = sim.clock.now();
      const member = byPkiId.get(pkiId) as SimNode;
      if (now - (runningSince.get(member.name) ?? 0) < expirationMs) {
        otherDeaths++;
        return;
      }
      const isBack = now - (runningSince.get(judge.name) ?? Number.NEGATIVE_INFINITY) < neverAgainMs;
      falseDeaths[isBack ? "afterStall" : "byOthers"]++;
      if (examples.length < 10) examples.push(`${now} ${judge.name} of ${member.name}`);
    });
  }

  const end = sim.clock.now() + durationMs;
  let stalls = 0;
  const stallAnother = () => {
    const now = sim.clock.now();
    if (now >= end) return;
    const running = sim.nodes.filter(({ name }) => (runningSince.get(name) ?? 0) <= now);
    const one = running[sim.random.below(running.length)] as SimNode;
    const ms = 20_000 + sim.random.below(40_001);
    runningSince.set(one.name, now + ms);
    stalls++;
    sim.stall(one, ms);
    sim.clock.schedule(now + ms, stallAnother);
  };
  for (let at = 0; at < stalled; at++) sim.clock.schedule(sim.clock.now() + sim.random.below(40_000), stallAnother);
  for (let minute = 1; sim.clock.now() < end; minute++) {
    await sim.run(Math.min(60_000, end - sim.clock.now()));
    onMinute?.(minute, falseDeaths);
  }
  const { hash, count } = sim.network.trace;
  await sim.close();
  return { convergedAfterMs, stalls, falseDeaths, otherDeaths, examples, deliveries: count, hash };
}
