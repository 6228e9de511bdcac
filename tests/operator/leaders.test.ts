/**
 * What happens to an organization whose leader is killed, again and again, while blocks flow: real processes, elected leaders.
 * `LEADER_ROUNDS=10` for as many rounds as it takes to believe it.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestLedger, readNetworkFile, stopNetwork } from "@gossip/cli";
import type { ChannelEntry, ChannelsView } from "@gossip/peer";
import { systemRandom } from "@gossip/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { portCount } from "../../packages/cli/src/network/layout.js";
import { networkPaths } from "../../packages/cli/src/network/paths.js";
import { findFreePorts } from "../../packages/cli/src/network/ports.js";
import { gossip, start, until as untilWithin } from "../../packages/cli/test/command.js";

const rounds = Number(process.env["LEADER_ROUNDS"] ?? 2);
const shape = { orgs: 2, peers: 3 };
const orgs = ["org1", "org2"];

/** Seven processes start from the sources, on whatever machine this is. */
const patienceMs = 90_000;
const until = <T>(what: string, question: () => Promise<T | undefined | false>) =>
  untilWithin(what, question, patienceMs);

let dir: string;
let up: ReturnType<typeof start>;
const byHand: ReturnType<typeof start>[] = [];
/** How long each organization was without a leader, for people. */
const times: string[] = [];

interface Told {
  readonly name: string;
  readonly org: string;
  readonly pid: number;
  readonly config: string;
  readonly channel: ChannelEntry;
}

/** What the peers that answer say of the channel. */
async function told(): Promise<readonly Told[]> {
  const { peers } = await readNetworkFile(dir);
  const all = peers.map(async ({ name, org, pid, config, operations }): Promise<readonly Told[]> => {
    try {
      const answer = await fetch(`http://${operations}/gossip/channels`, { signal: AbortSignal.timeout(5_000) });
      const { channels } = (await answer.json()) as ChannelsView;
      const [channel] = channels;
      return channel === undefined || pid === null ? [] : [{ name, org, pid, config, channel }];
    } catch {
      return [];
    }
  });
  return (await Promise.all(all)).flat();
}

/** The one peer of each organization that leads, once there is exactly one that all others follow. */
async function leaders(among: (name: string) => boolean = () => true): Promise<readonly Told[] | undefined> {
  const peers = (await told()).filter(({ name }) => among(name));
  const leading = orgs.map((org) => peers.filter((one) => one.org === org && one.channel.leader));
  return leading.every(({ length }) => length === 1) ? leading.flat() : undefined;
}

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "gossip-leaders-")), "net");
  const basePort = await findFreePorts(portCount(shape), systemRandom);
  const size = ["--orgs", String(shape.orgs), "--peers", String(shape.peers), "--election", "dynamic"];
  up = start(["network", "up", "--dir", dir, "--base-port", String(basePort), ...size]);
  try {
    await until("a leader of each organization", () => leaders().catch(() => undefined));
  } catch (error) {
    up.kill("SIGINT");
    const { stdout, stderr } = await up;
    throw new Error(`network up said:\n${stdout}\n${stderr}`, { cause: error });
  }
}, 120_000);

afterAll(async () => {
  await readNetworkFile(dir).then(
    (file) => stopNetwork(dir, file),
    () => {},
  );
  await Promise.all([up, ...byHand]);
  await rm(join(dir, ".."), { recursive: true, force: true });
  process.stderr.write(times.map((line) => `${line}\n`).join(""));
}, 60_000);

describe.sequential("elected leaders that are killed under traffic", () => {
  const submitted: string[] = [];
  let submitting: ReturnType<typeof start>;
  const feed = (count: number) => {
    for (let line = 0; line < count; line++) {
      const text = `transaction ${submitted.length}`;
      submitted.push(text);
      submitting.stdin?.write(`${text}\n`);
    }
  };
  const again = (kind: "peer" | "orderer", config: string) => byHand.push(start([kind, "start", "--config", config]));

  async function restartOrderer(): Promise<void> {
    const [orderer] = (await readNetworkFile(dir)).orderers;
    if (orderer?.pid == null) throw new Error("expected the orderer to run");
    process.kill(orderer.pid, "SIGKILL");
    feed(5);
    again("orderer", orderer.config);
  }

  test("8.6: another one leads each time, and blocks go on arriving everywhere", async () => {
    submitting = start(["submit", "--dir", dir, "--json"], { stdin: "pipe" });
    for (let round = 0; round < rounds; round++) {
      const before = await until("a leader of each organization", leaders);
      feed(10);
      const from = performance.now();
      for (const { pid } of before) process.kill(pid, "SIGKILL");
      const killed = new Set(before.map(({ name }) => name));
      if (round % 3 === 1) await restartOrderer();
      feed(10);
      const height = Math.max(...before.map(({ channel }) => Number(channel.height)));
      const after = await until("another leader of each organization", () => leaders((name) => !killed.has(name)));
      const seconds = ((performance.now() - from) / 1000).toFixed(1);
      times.push(
        `round ${round}: ${[...killed].join(", ")} killed, ${after.map(({ name }) => name).join(", ")} led after ${seconds} s`,
      );
      expect(after.map(({ channel }) => channel.leadership.history.at(-1)?.leader)).not.toContain(undefined);
      await until("blocks at all who are left", async () => {
        const left = (await told()).filter(({ name }) => !killed.has(name));
        return left.length === 4 && left.every(({ channel }) => Number(channel.height) > height);
      });
      for (const { config } of before) again("peer", config);
      await until("all peers back", async () => (await told()).length === 6);
    }
    feed(10);
    submitting.stdin?.end();
    const { exitCode, stdout } = await submitting;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { transactions: submitted.length }]);
  }, 600_000);

  test("a command tells who leads, and how that came about", async () => {
    await until("a leader of each organization", leaders);
    const { stdout } = await gossip(["leader", "--dir", dir]);
    expect(stdout.split("\n").filter((line) => / yes +itself /.test(line))).toHaveLength(2);
    const { stdout: history } = await gossip(["leader", "--dir", dir, "--history"]);
    expect(history.split("\n").length).toBeGreaterThan(6);
  }, 120_000);

  test("no block was lost: every ledger holds what was acknowledged, once and in order", async () => {
    await until("all peers at one height", async () => {
      const heights = new Set((await told()).map(({ channel }) => channel.height));
      return heights.size === 1;
    });
    const { peers } = await readNetworkFile(dir);
    await stopNetwork(dir, await readNetworkFile(dir));
    const folders = peers.map(({ name }) => networkPaths(dir).member("peer", name).data);
    const [first, ...others] = await Promise.all(folders.map((folder) => digestLedger(folder, "demo")));
    expect(first?.transactions).toBe(submitted.length);
    for (const other of others) expect(other).toEqual(first);
  }, 120_000);
});
