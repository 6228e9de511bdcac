/**
 * The network in which some processes stall all the time: who is declared dead, and was it?
 *
 * At any moment `stalled` of the nodes are stopped, each for 20 to 60 s; when one goes on, another one, drawn by the seed, is
 * stopped. A death is *false* when the member had been running without a break for the expiration time (25 s) before it
 * was declared dead: at least four of its heartbeats were on their way to everybody meanwhile. Members that stalled
 * within that time may be declared dead, rightly or for little; they are counted apart.
 */

import { createHash } from "node:crypto";
import { DiscoveryNetwork, nameOf } from "@gossip/discovery/testing";
import { seededRandom } from "@gossip/runtime";
import { isConverged, Simulation } from "@gossip/sim";

export interface StallOptions {
  /**
   * Whole nodes with connections and handshakes; or their membership machines alone, which is some ten times cheaper: a
   * message to a stopped one is then a notice at once that it cannot be reached.
   */
  readonly of: "nodes" | "machines";
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
  /** Delivered; of machines, pushed. */
  readonly messages: number;
  readonly hash: string;
}

const expirationMs = 25_000;
const recentMs = 60_000;

export async function playStalls(options: StallOptions): Promise<StallResult> {
  const { stalled, durationMs, onMinute } = options;
  /** When each node last went on; in the future while it is stopped. */
  const runningSince = new Map<string, number>();
  const falseDeaths = { afterStall: 0, byOthers: 0 };
  const examples: string[] = [];
  let otherDeaths = 0;
  const network = await (options.of === "nodes" ? wholeNodes : machines)(options, (judge, member) => {
    const now = network.now();
    if (now - (runningSince.get(member) ?? 0) < expirationMs) {
      otherDeaths++;
      return;
    }
    const isBack = now - (runningSince.get(judge) ?? Number.NEGATIVE_INFINITY) < recentMs;
    falseDeaths[isBack ? "afterStall" : "byOthers"]++;
    if (examples.length < 10) examples.push(`${now} ${judge} of ${member}`);
  });
  const convergedAfterMs = network.now();

  const end = convergedAfterMs + durationMs;
  let stalls = 0;
  const stallAnother = () => {
    const now = network.now();
    if (now >= end) return;
    const running = network.names.filter((name) => (runningSince.get(name) ?? 0) <= now);
    const one = running[network.below(running.length)] as string;
    const ms = 20_000 + network.below(40_001);
    runningSince.set(one, now + ms);
    stalls++;
    network.stall(one, ms);
    network.schedule(now + ms, stallAnother);
  };
  for (let at = 0; at < stalled; at++) network.schedule(network.now() + network.below(40_000), stallAnother);
  for (let minute = 1; network.now() < end; minute++) {
    await network.run(Math.min(60_000, end - network.now()));
    onMinute?.(minute, falseDeaths);
  }
  await network.close();
  const { messages, hash } = network;
  return { convergedAfterMs, stalls, falseDeaths, otherDeaths, examples, messages, hash };
}

/** What the script needs of a network, whatever it is made of. */
interface StallNetwork {
  readonly names: readonly string[];
  readonly messages: number;
  /** Of the whole history. */
  readonly hash: string;
  now(): number;
  schedule(at: number, act: () => void): void;
  below(bound: number): number;
  stall(name: string, ms: number): void;
  run(ms: number): Promise<void>;
  close(): Promise<void>;
}

type OnDown = (judge: string, member: string) => void;

async function wholeNodes({ seed, nodes, selfHealth }: StallOptions, onDown: OnDown): Promise<StallNetwork> {
  const sim = await Simulation.create({ seed, organizations: { org1: nodes }, channel: false, config: { selfHealth } });
  await sim.runUntil(() => isConverged(sim), 60_000);
  const byName = new Map(sim.nodes.map((one) => [one.name, one]));
  const byPkiId = new Map(sim.nodes.map((one) => [one.node?.pkiId, one.name]));
  for (const { name, node } of sim.nodes) {
    node?.on("member-down", ({ pkiId }) => onDown(name, byPkiId.get(pkiId) ?? pkiId));
  }
  return {
    names: [...byName.keys()],
    get messages() {
      return sim.network.trace.count;
    },
    get hash() {
      return sim.network.trace.hash;
    },
    now: () => sim.clock.now(),
    schedule: (at, act) => sim.clock.schedule(at, act),
    below: (bound) => sim.random.below(bound),
    stall(name, ms) {
      const node = byName.get(name);
      if (node !== undefined) sim.stall(node, ms);
    },
    run: (ms) => sim.run(ms),
    close: () => sim.close(),
  };
}

async function machines({ seed, nodes, selfHealth }: StallOptions, onDown: OnDown): Promise<StallNetwork> {
  const random = seededRandom(seed);
  const hash = createHash("sha256");
  let messages = 0;
  const network = new DiscoveryNetwork({
    seed,
    config: { selfHealth },
    isRecorded: false,
    onOutput(judge, output) {
      if (output.type === "send-alive" || output.type === "forward-alive") messages += 3;
      if (output.type !== "member-down" && output.type !== "member-up") return;
      const member = nameOf(output.member.pkiId);
      hash.update(`${network.clock.now()} ${judge} ${output.type} ${member}\n`);
      if (output.type === "member-down") onDown(judge, member);
    },
  });
  const names = Array.from({ length: nodes }, (_, at) => `peer${at}`);
  for (const name of names) network.start(name, { bootstrap: ["peer0"] });
  network.converge(60_000);
  return {
    names,
    get messages() {
      return messages;
    },
    get hash() {
      return hash.copy().digest("hex");
    },
    now: () => network.clock.now(),
    schedule: (at, act) => network.clock.schedule(at, act),
    below: (bound) => random.below(bound),
    stall: (name, ms) => network.stall(name, ms),
    run: async (ms) => network.runFor(ms),
    close: async () => {},
  };
}
