/**
 * Throws generated and mutated envelopes at the gate of a real node, all machines behind it, and looks for four things: a
 * throw, work without a bound, growth, and messages from the node that would harm a stock peer (protocol page 01 §12).
 *
 * Half of the worlds believe every signature, so that what is wrong inside comes as far as the machines. A seed replays
 * everything: worlds are on virtual time, and their crypto does not wait.
 */

import { type Envelope, encodeEnvelope, type MessageType } from "@gossip/proto";
import { pick, type Random, seededRandom } from "@gossip/runtime";
import { readConversation } from "../../packages/fabric/test/recorded-conversations.js";
import { messageTypes } from "../../packages/proto/test/arbitraries.js";
import { Generator } from "./generate.js";
import { harmIn, isOfExtension } from "./harm.js";
import type { HostilePeer } from "./hostile.js";
import { observe } from "./observe.js";
import { mutated } from "./wire.js";
import { type Crypto, smallConfig, World } from "./world.js";

export interface FuzzOptions {
  readonly seed: number;
  readonly envelopes: number;
  /** Where to begin, to see again what was found in one world: each draws for itself. @default 0 */
  readonly firstWorld?: number;
  /** Envelopes that one node gets. @default 20_000 */
  readonly perWorld?: number;
  /** Bytes of the heap in use, garbage taken out. */
  heapBytes(): number;
  onWorld?(report: FuzzReport): void;
}

/** Something that must not be; `bytes` is what was said last. */
export interface Finding {
  readonly what: "fault" | "harm" | "work" | "growth";
  readonly detail: string;
  readonly crypto: Crypto;
  readonly world: number;
  readonly envelope: number;
  readonly bytes: string;
}

export interface FuzzReport {
  sent: number;
  /** Messages and parts that came as far as a machine, or the handler of private data, by type. */
  readonly reached: Map<MessageType, number>;
  /** Why the gate dropped what did not, over all nodes. */
  readonly drops: Map<string, number>;
  readonly findings: Finding[];
  /** The most that one envelope made a node do. */
  readonly most: { checks: number; steps: number; outputs: number };
  /** Bytes of the heap in the middle and at the end of each world, and after it was closed. */
  readonly heaps: { readonly middle: number; readonly end: number; readonly closed: number }[];
}

/** Far above what is seen, far below what a loop without a bound would need: a message here has 200 parts at most. */
const workBounds = { checks: 1_000, steps: 2_000, outputs: 5_000 };
const maxGrowthBytes = 32 * 2 ** 20;
const maxFindings = 20;
/** Replies of the node that are said to it again. */
const maxHeard = 200;
/** Larger ones would look like growth of the node. */
const maxHeardBytes = 10_000;

/** Which inputs of machines stand for which message; the rest no machine takes. */
const inputs: Readonly<Partial<Record<MessageType, string>>> = {
  alive: "discovery/alive",
  "membership-request": "discovery/membership-request",
  "membership-response": "discovery/membership-response",
  hello: "pull/hello",
  digest: "pull/digest",
  request: "pull/request",
  update: "pull/update",
  "peer-identity": "pull/item",
  "state-info": "channel/state-info",
  "state-info-snapshot": "channel/snapshot",
  "state-info-pull-request": "channel/pull-request",
  data: "state/block",
  "state-request": "state/state-request",
  "state-response": "state/state-response",
  leadership: "leaders/leadership",
  "private-data": "handler/private-data",
  "private-data-request": "handler/private-data-request",
  "shared-entry": "shared-map/entry",
  application: "handler/application",
};

/** The types that come as far as a machine. */
export const machineTypes = Object.keys(inputs) as readonly MessageType[];

const none = new Uint8Array(0);

const recorded = (["peer0-org1", "peer1-org1-leader"] as const).flatMap((name) =>
  readConversation(name).map(({ bytes }) => bytes),
);

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, envelopes, firstWorld = 0, perWorld = 20_000 } = options;
  const report: FuzzReport = {
    sent: 0,
    reached: new Map(),
    drops: new Map(),
    findings: [],
    most: { checks: 0, steps: 0, outputs: 0 },
    heaps: [],
  };
  for (let world = firstWorld; report.sent < envelopes && report.findings.length < maxFindings; world++) {
    await fuzzWorld(options, { seed, world, envelopes: Math.min(perWorld, envelopes - report.sent) }, report);
    options.onWorld?.(report);
  }
  return report;
}

interface Run {
  readonly seed: number;
  readonly world: number;
  readonly envelopes: number;
}

async function fuzzWorld(
  options: FuzzOptions,
  { seed, world: number, envelopes }: Run,
  report: FuzzReport,
): Promise<void> {
  const crypto: Crypto = number % 2 === 0 ? "fake" : "accept-all";
  const random = seededRandom((BigInt(seed) << 32n) | BigInt(number));
  const heard: Uint8Array[] = [];
  let said = "";
  let envelope = 0;
  const find = (what: Finding["what"], detail: string) =>
    report.findings.push({ what, detail, crypto, world: number, envelope, bytes: said });
  const onHeard = (bytes: Uint8Array, by: HostilePeer) => {
    const harm =
      harmIn(bytes) ?? (isOfExtension(bytes) && !by.hasFeatures ? "an extension for a stock peer" : undefined);
    if (harm !== undefined) find("harm", `${harm}: ${Buffer.from(bytes).toString("hex").slice(0, 2_000)}`);
    if (bytes.length <= maxHeardBytes) heard.push(bytes);
    if (heard.length > maxHeard) heard.shift();
  };
  const world = await World.open(crypto, random.uint64(), smallConfig, onHeard);
  const generator = new Generator(world, random);
  const observed = observe();
  try {
    let middle: number | undefined;
    for (; envelope < envelopes && world.faults.length === 0 && report.findings.length < maxFindings; envelope++) {
      if (envelope === envelopes >> 1) middle = await heapNow(options);
      await passTime(world, random);
      if (random.below(200) === 0) await world.live(random);
      const { peer, due } = speaker(world, random);
      const bytes = next({ generator, random, heard }, peer, due);
      said = `${world.peers.indexOf(peer)} ${Buffer.from(bytes).toString("hex")}`;
      const before = { checks: world.checks, steps: observed.steps, outputs: observed.outputs };
      await world.say(peer, bytes);
      report.sent++;
      for (const kind of ["checks", "steps", "outputs"] as const) {
        const done = (kind === "checks" ? world.checks : observed[kind]) - before[kind];
        report.most[kind] = Math.max(report.most[kind], done);
        if (done > workBounds[kind]) find("work", `${done} ${kind}`);
      }
      if (envelope % 500 > 0) continue;
      for (const grown of oversized(world)) find("growth", grown);
      await turn();
    }
    const end = await heapNow(options);
    await world.close();
    for (const fault of world.faults)
      find("fault", fault instanceof Error ? (fault.stack ?? fault.message) : String(fault));
    heard.length = 0;
    const heap = { middle: middle ?? end, end, closed: await heapNow(options) };
    report.heaps.push(heap);
    for (const grown of growthIn(heap, report.heaps)) find("growth", grown);
  } finally {
    observed.stop();
  }
  for (const [type, input] of Object.entries(inputs) as [MessageType, string][]) {
    const count = observed.reached.get(input) ?? world.privateData.get(type) ?? 0;
    report.reached.set(type, (report.reached.get(type) ?? 0) + count);
  }
  for (const [reason, count] of world.node.drops) report.drops.set(reason, (report.drops.get(reason) ?? 0) + count);
}

/** Lets the event loop turn: until then what a weak reference was read for stays, and would look like growth. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function heapNow({ heapBytes }: FuzzOptions): Promise<number> {
  await turn();
  return heapBytes();
}

/** In one world from its middle on, when its bounds are long met; and from world to world, of which nothing stays. */
function growthIn(heap: FuzzReport["heaps"][number], heaps: FuzzReport["heaps"]): readonly string[] {
  const early = heaps[Math.min(2, heaps.length - 1)] ?? heap; // by then all code is compiled
  const grown = [
    ["one world", heap.end - heap.middle],
    ["all worlds", heap.closed - early.closed],
  ] as const;
  return grown.filter(([, bytes]) => bytes > maxGrowthBytes).map(([where, bytes]) => `${bytes} bytes over ${where}`);
}

/** Mostly none, often some milliseconds, now and then enough for everything held to run out. */
async function passTime(world: World, random: Random): Promise<void> {
  if (random.below(4) > 0) return;
  const choice = random.below(4_000);
  if (choice === 0) await world.run(60_000);
  else if (choice < 8) await world.run(3_000);
  else await world.run(1 + random.below(40));
  if (random.below(4_000) === 0)
    world.peers[random.below(world.peers.length)]?.hangUp(random.below(2) === 0 ? "gone" : undefined);
}

/** What is hard to come by is tried more often. */
const weights: Readonly<Partial<Record<MessageType, number>>> = {
  alive: 3,
  application: 7,
  data: 4,
  hello: 2,
  leadership: 8,
  "membership-request": 2.5,
  "private-data": 2.5,
  "private-data-request": 2.5,
  "shared-entry": 16,
  "state-info": 5,
  "state-info-pull-request": 3.5,
  "state-request": 3,
  "state-response": 4,
  update: 2,
  empty: 0.3,
  conn: 0.3,
  ack: 0.3,
  "private-data-response": 0.3,
  "peer-identity": 0.3,
};
const drawn = messageTypes.flatMap((type) => Array<MessageType>(Math.round(10 * (weights[type] ?? 1))).fill(type));

/** One of whom the node asked something, often; else anybody. */
function speaker(
  { peers }: World,
  random: Random,
): { readonly peer: HostilePeer; readonly due: MessageType | undefined } {
  if (random.below(5) < 2) {
    for (const peer of peers) {
      const due = peer.takeDue();
      if (due !== undefined) return { peer, due };
    }
  }
  return { peer: pick(random, peers) as HostilePeer, due: undefined };
}

interface Sources {
  readonly generator: Generator;
  readonly random: Random;
  readonly heard: readonly Uint8Array[];
}

function next({ generator, random, heard }: Sources, peer: HostilePeer, due: MessageType | undefined): Uint8Array {
  const choice = due === undefined ? random.below(20) : 2;
  if (choice === 0) return maybeMutated(pick(random, recorded) ?? none, random, 3);
  if (choice === 1 && heard.length > 0) return maybeMutated(pick(random, heard) ?? none, random, 2);
  let envelope: Envelope = generator.envelope(due ?? pick(random, drawn) ?? "alive", peer);
  // What is waited for is left alone more often, since only what is right leads on to the next question.
  const change = random.below(due === undefined ? 10 : 20);
  if (change < 2) envelope = generator.resigned(envelope);
  const bytes = encodeEnvelope(envelope);
  return change < 4 ? mutated(bytes, random) : bytes;
}

function maybeMutated(bytes: Uint8Array, random: Random, of: number): Uint8Array {
  return random.below(of) === 0 ? bytes : mutated(bytes, random);
}

/** Collections that hold more than the configuration lets them. */
function oversized({ node, channel }: World): readonly string[] {
  const sizes: readonly (readonly [string, number, number])[] = [
    ["members", node.members.length + node.deadMembers.length, smallConfig.maxMembers],
    ["connections", node.connections.length, smallConfig.maxConnections],
    ["state infos", channel.members.length, smallConfig.maxMembers],
    ["refusals", node.refusals.length, 200],
    ["leaders", channel.leaders.length, smallConfig.maxMembers],
    ["reasons", node.drops.size, 200],
  ];
  return sizes.filter(([, size, bound]) => size > bound).map(([what, size, bound]) => `${size} ${what}, of ${bound}`);
}
