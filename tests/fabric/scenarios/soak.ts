import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLedger } from "@gossip/ledger";
import { blockDataBytes, blockHeaderBytes } from "@gossip/proto/fabric";
import { type Random, seededRandom } from "@gossip/runtime";
import { expect } from "vitest";
import { blockOf } from "../harness/blocks.js";
import type { FabricNetwork } from "../harness/network.js";
import type { FabricPeer, PeerStart } from "../harness/peer.js";
import { ourSeat, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { until } from "../harness/until.js";
import { waitForView } from "../harness/views.js";

const seed = Number(process.env["FABRIC_SOAK_SEED"] ?? 1);
const viewPatienceMs = 60_000;
const transactionsPerRound = 4;
const roundMs = 1_000;
const roundsPerApproval = 30;
const roundsPerTrouble = 20;
const roundsPerSample = 10;
const heapPatienceMs = 20_000;
const approvalPatienceMs = 30_000;
/** Share of the whole time in which caches fill. */
const warmUp = 0.15;
const heapTolerance = 0.1;

/** Half an hour, or `FABRIC_SOAK_MINUTES`, of traffic, kills, freezes and restarts. */
export function soak(minutes: number): Scenario {
  return {
    name: `${minutes} minutes of traffic, kills and restarts end with equal heights and hashes, and a heap that does not grow`,
    shape: twoOrganizations,
    seats: ourSeat,
    peerEnv: quickMembership,
    run: (stage) => endure(stage, minutes),
  };
}

/** Told to by a signal, collects what is garbage and tells what is left. */
const heapProbe = `process.on("SIGUSR2", () => { gc(); gc(); process.stderr.write("heap " + process.memoryUsage().heapUsed + "\\n"); });`;

interface Place {
  readonly peer: FabricPeer;
  readonly start: PeerStart;
}

async function endure(stage: Stage, minutes: number): Promise<void> {
  const { network } = stage;
  const random = seededRandom(seed);
  const place = (organization: string, index: number, start: PeerStart): Place => ({
    peer: network.peer(organization, index),
    start,
  });
  const nodeArguments = ["--expose-gc", "--import", `data:text/javascript,${encodeURIComponent(heapProbe)}`];
  const measured = place("Org1", 2, { seat: "ours", nodeArguments });
  const [first, ...others] = [
    place("Org1", 0, { seat: "go", leader: true }),
    place("Org1", 1, { seat: "go" }),
    place("Org1", 3, { seat: "ours" }),
    place("Org2", 0, { seat: "ours", leader: true }),
    place("Org2", 1, { seat: "go" }),
  ] as const;
  const mortal = [first, ...others];
  const places = [measured, ...mortal];
  const peers = places.map(({ peer }) => peer);
  await network.startOrderers();
  const begin = async ({ peer, start }: Place) =>
    await (start.seat === "ours" ? stage.sit(peer, start) : peer.start(start));
  await begin(first);
  await Promise.all([measured, ...others].map(begin));
  await waitForView(peers, peers, { patienceMs: viewPatienceMs });

  const heap: number[] = [];
  const rounds = Math.round((minutes * 60_000) / roundMs);
  for (let round = 1; round <= rounds; round++) {
    const next = delay(roundMs);
    await network.submit(transactionsPerRound, 1_000);
    if (round % roundsPerSample === 0) heap.push(await heapOf(measured.peer, heap.length + 1));
    if (round % roundsPerApproval === 0 && first.peer.isRunning) await approveSomething(network, first.peer);
    if (round % roundsPerTrouble === 0) await trouble(network, mortal, random, begin);
    await next;
  }

  await Promise.all(mortal.filter(({ peer }) => !peer.isRunning).map(begin));
  const height = await network.settled(peers, rounds * transactionsPerRound, 5 * 60_000);
  const hashes = await Promise.all(places.map(({ peer }) => lastHashOf(network, peer)));
  expect(new Set(hashes).size, hashes.join(", ")).toBe(1);
  for (const { peer } of places.filter(({ start }) => start.seat === "ours")) {
    expect(await chainOf(network, peer), peer.name).toEqual({ height, lastHash: hashes[0] });
  }
  expectSteady(heap);
}

/** An endorsement can fail while the orderer starts anew; a name that was approved already would be refused the second time. */
async function approveSomething(network: FabricNetwork, peer: FabricPeer): Promise<void> {
  const question = async () => {
    await network.approve(peer, `cc${randomUUID()}`);
    return true;
  };
  await until("an approval", question, approvalPatienceMs);
}

/** One of: a peer dies and comes back at once, dies until the next time, hangs for a while; or the orderer starts anew. */
async function trouble(
  network: FabricNetwork,
  mortal: readonly Place[],
  random: Random,
  begin: (place: Place) => Promise<void>,
): Promise<void> {
  const dead = mortal.filter(({ peer }) => !peer.isRunning);
  await Promise.all(dead.map(begin));
  const victim = mortal[random.below(mortal.length)];
  if (victim === undefined) return;
  switch (random.below(5)) {
    case 0:
      await victim.peer.kill();
      await begin(victim);
      return;
    case 1:
      await victim.peer.kill();
      return;
    case 2:
      await victim.peer.stop();
      await begin(victim);
      return;
    case 3:
      victim.peer.freeze();
      await delay(3_000);
      victim.peer.thaw();
      return;
    default:
      await network.orderer.kill();
      network.orderer.start();
  }
}

/** Bytes that are in use after a collection; `count` is which time it is that it is asked. */
async function heapOf(peer: FabricPeer, count: number): Promise<number> {
  process.kill(peer.pid, "SIGUSR2");
  const told = () => [...peer.log.matchAll(/^heap (\d+)$/gm)].map(([, bytes]) => Number(bytes));
  const samples = await until("a heap size", async () => told().length >= count && told(), heapPatienceMs);
  return samples.at(-1) ?? 0;
}

function expectSteady(heap: readonly number[]): void {
  const warm = heap.slice(Math.round(heap.length * warmUp));
  const third = Math.floor(warm.length / 3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [early, late] = [mean(warm.slice(0, third)), mean(warm.slice(-third))];
  const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  process.stdout.write(
    `heap after collection: ${mib(early)} in the first third, ${mib(late)} in the last; ${heap.map(mib).join(", ")}\n`,
  );
  expect(late, "heap in the last third").toBeLessThan(early * (1 + heapTolerance));
}

/** Hex. */
async function lastHashOf(network: FabricNetwork, peer: FabricPeer): Promise<string> {
  if (peer.seat === "ours") return (await peer.channel()).lastBlock?.hash ?? "";
  const said = (await peer.cli(["channel", "getinfo", "-c", network.channel])).toString("utf8");
  const { currentBlockHash } = JSON.parse(said.slice(said.indexOf("{"))) as { currentBlockHash: string };
  return Buffer.from(currentBlockHash, "base64").toString("hex");
}

/** Walks through our node's ledger: every block follows on the one before, and has the data that its header speaks of. */
async function chainOf(network: FabricNetwork, peer: FabricPeer): Promise<{ height: number; lastHash: string }> {
  await peer.stop();
  const ledger = await createLedger({ dir: join(peer.data, "ledgers"), channel: network.channel });
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  try {
    let lastHash = "";
    let height = 0;
    for await (const { bytes } of ledger.blocks()) {
      const { header, data } = blockOf(bytes);
      const links = { number: Number(header.number), previous: Buffer.from(header.previousHash).toString("hex") };
      expect(links).toEqual({ number: height, previous: lastHash });
      expect(Buffer.from(header.dataHash).toString("hex")).toBe(sha256(blockDataBytes(data)));
      lastHash = sha256(blockHeaderBytes(header));
      height++;
    }
    return { height, lastHash };
  } finally {
    await ledger.close();
  }
}
