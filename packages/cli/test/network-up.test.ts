import { createServer } from "node:net";
import { join } from "node:path";
import type { BlockEntry } from "@gossip/peer";
import { systemRandom } from "@gossip/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  digestLedger,
  type NetworkStatus,
  networkStatus,
  type PeerStatus,
  readNetworkFile,
  stopNetwork,
} from "../src/index.js";
import { portCount } from "../src/network/layout.js";
import { networkPaths } from "../src/network/paths.js";
import { findFreePorts } from "../src/network/ports.js";
import { markOf } from "../src/network/process-mark.js";
import { inTemporaryFolder } from "../src/testing/index.js";
import { gossip, start, until } from "./command.js";

// One network and what befalls it, step by step: each step begins where the one before it ended.

const shape = { orgs: 1, peers: 3 };
let dir: string;
let basePort: number;
let release: () => void;
let folder: Promise<void>;
let up: ReturnType<typeof start>;
let toldByPeer: BlockEntry[];

beforeAll(async () => {
  basePort = await findFreePorts(portCount(shape), systemRandom);
  await new Promise<void>((made) => {
    folder = inTemporaryFolder(async (temporary) => {
      dir = join(temporary, "net");
      await new Promise<void>((done) => {
        release = done;
        made();
      });
      await readNetworkFile(dir).then(
        (file) => stopNetwork(dir, file),
        () => {},
      );
    });
  });
});

afterAll(async () => {
  release();
  await folder;
});

/** The lines of the long submission. */
const long: string[] = [];

const status = async (): Promise<NetworkStatus> => networkStatus(await readNetworkFile(dir));

function startUp() {
  const { orgs, peers } = shape;
  up = start([
    ...["network", "up", "--dir", dir, "--base-port", String(basePort)],
    ...["--orgs", String(orgs), "--peers", String(peers)],
  ]);
}

/** The peers, once all run, see each other, and have the same newest block at `height` or above. */
async function converged(height: number): Promise<readonly PeerStatus[]> {
  let last: readonly PeerStatus[] = [];
  const isReady = (peer: PeerStatus) =>
    peer.state === "running" &&
    peer.members === shape.peers - 1 &&
    peer.height !== null &&
    peer.height >= height &&
    peer.lastBlock?.hash === last[0]?.lastBlock?.hash;
  try {
    return await until(`peers converged at height ${height}`, async () => {
      last = await status().then(
        ({ peers }) => peers,
        () => [],
      );
      return last.length > 0 && last.every(isReady) ? last : undefined;
    });
  } catch (error) {
    up.kill("SIGINT");
    const { stdout, stderr } = await up;
    throw new Error(`peers were ${JSON.stringify(last)}, network up said:\n${stdout}\n${stderr}`, { cause: error });
  }
}

async function entryOf(name: string) {
  const file = await readNetworkFile(dir);
  const entry = [...file.orderers, ...file.peers].find((candidate) => candidate.name === name);
  if (entry?.pid === null || entry === undefined) throw new Error(`expected ${name} to have a pid`);
  return { config: entry.config, pid: entry.pid };
}

async function killed(name: string): Promise<string> {
  const { config, pid } = await entryOf(name);
  process.kill(pid, "SIGKILL");
  await until(`${name} gone`, async () => (await markOf(pid)) === undefined);
  return config;
}

async function submit(...lines: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await gossip(["submit", "--dir", dir], Buffer.from(`${lines.join("\n")}\n`));
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout;
}

async function blocks(peer: string): Promise<BlockEntry[]> {
  const { exitCode, stdout, stderr } = await gossip(["blocks", "--dir", dir, "--peer", peer, "--from", "1", "--json"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.split("\n").map((line) => JSON.parse(line));
}

async function nothingListens(): Promise<void> {
  for (let port = basePort; port < basePort + portCount(shape); port++) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
    });
  }
}

describe.sequential("a network that is up", () => {
  it("converges, and takes what is submitted", async () => {
    startUp();
    await converged(1);
    expect(await submit("one", "", "two")).toMatch(/^3 transactions acknowledged/);
    await converged(2);
  }, 60_000);

  it("refuses to be started twice", async () => {
    const { exitCode, stderr } = await gossip(["network", "up", "--dir", dir]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`stop it with gossip network down --dir ${dir}`);
  });

  it("shows a peer that was killed as stopped, and has it back at the common height once it is started by hand", async () => {
    const before = (await entryOf("peer1.org1")).pid;
    const config = await killed("peer1.org1");
    await submit("three");
    const { peers } = await status();
    expect(peers.map(({ state }) => state)).toEqual(["running", "stopped", "running"]);
    const byHand = start(["peer", "start", "--config", config]);
    await converged(3);
    expect((await entryOf("peer1.org1")).pid).toBe(byHand.pid);
    expect(byHand.pid).not.toBe(before);
  }, 60_000);

  it("does not start a peer that runs", async () => {
    const { config, pid } = await entryOf("peer2.org1");
    const { exitCode, stderr } = await gossip(["peer", "start", "--config", config]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`gossip: expected peer2.org1 to be stopped, it runs already as process ${pid}`);
  });

  it("loses nothing that was acknowledged when the orderer is killed", async () => {
    await submit("four");
    const config = await killed("orderer0");
    const submitting = submit("five");
    start(["orderer", "start", "--config", config]);
    expect(await submitting).toMatch(/^1 transaction acknowledged/);
    await converged(5);
  }, 60_000);

  it("loses and doubles nothing of a long submission while followers, the leader and the orderer are killed", async () => {
    const submitting = start(["submit", "--dir", dir, "--json"], { stdin: "pipe" });
    const feed = (lines: number) => {
      for (let line = 0; line < lines; line++) {
        const text = `long ${long.length}`;
        long.push(text);
        submitting.stdin?.write(`${text}\n`);
      }
    };
    feed(10);
    await converged(6);
    for (const victims of [["peer1.org1", "peer2.org1"], ["peer0.org1"], ["orderer0"]]) {
      feed(50);
      const configs = await Promise.all(victims.map(killed));
      feed(50);
      for (const [index, config] of configs.entries()) {
        start([victims[index]?.startsWith("orderer") === true ? "orderer" : "peer", "start", "--config", config]);
      }
      await converged(5);
    }
    submitting.stdin?.end();
    const { exitCode, stdout } = await submitting;
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ transactions: long.length });
    await converged(7);
  }, 120_000);

  it("tells the blocks of a running peer", async () => {
    toldByPeer = await blocks("peer1.org1");
    expect(toldByPeer.length).toBeGreaterThan(4);
  });

  it("is taken down by a command, with what was started by hand", async () => {
    const { exitCode, stdout } = await gossip(["network", "down", "--dir", dir]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe("stopped orderer0, peer0.org1, peer1.org1, peer2.org1");
    expect((await up).exitCode).toBe(0);
    await nothingListens();
    const file = await readNetworkFile(dir);
    expect([...file.orderers, ...file.peers].map(({ pid }) => pid)).toEqual([null, null, null, null]);
  }, 60_000);

  it("has the same blocks on every disk, and every transaction once", async () => {
    expect(await blocks("peer1.org1")).toEqual(toldByPeer);
    const texts = toldByPeer.flatMap(({ transactions }) => transactions.map(({ text }) => text));
    expect(texts).toEqual(["one", "", "two", "three", "four", "five", ...long]);
    const data = ["peer0.org1", "peer1.org1", "peer2.org1"].map((name) => networkPaths(dir).member("peer", name).data);
    const [first, ...others] = await Promise.all(data.map((folder) => digestLedger(folder, "demo")));
    expect(first).toMatchObject({ height: toldByPeer.length + 1, transactions: 6 + long.length });
    expect(others).toEqual([first, first]);
  }, 60_000);

  it("continues from its ledgers when it is started again, and ends with an interrupt", async () => {
    startUp();
    await converged(5);
    up.kill("SIGINT");
    // As a terminal and npm together deliver it.
    up.kill("SIGINT");
    expect((await up).exitCode).toBe(0);
    await nothingListens();
  }, 60_000);

  it("leaves no process behind when the command that started it is killed", async () => {
    startUp();
    const pids = await until("all processes registered", async () => {
      const file = await readNetworkFile(dir);
      const all = [...file.orderers, ...file.peers].map(({ pid }) => pid);
      return all.includes(null) ? undefined : all;
    });
    up.kill("SIGKILL");
    await until("all processes gone", async () => {
      const marks = await Promise.all(pids.map((pid) => markOf(pid ?? 0)));
      return marks.every((mark) => mark === undefined);
    });
    await nothingListens();
  }, 60_000);
});
