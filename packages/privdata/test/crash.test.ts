import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { seededRandom } from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrivateData, type PrivateData } from "../src/index.js";
import { digestOf, namesOrganization, privateDataPeer } from "../src/testing/index.js";
import { heightAfter, payloadOf } from "./sets.js";

let dir: string;
let child: ChildProcessByStdio<Writable, Readable, null> | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-privdata-crash-"));
});

afterEach(() => {
  child?.kill("SIGKILL");
  child = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const root = fileURLToPath(new URL("../../../", import.meta.url));
const pusher = fileURLToPath(new URL("pusher.ts", import.meta.url));
const forEver = 1_000_000;
/** Cuts a record of LevelDB's log in two: at a multiple of the log's 32 KiB blocks it would go on as if nothing had been. */
const tornKiB = 2053;

interface PusherOptions {
  readonly begin?: number;
  readonly stopAt?: number;
  readonly bytes: number;
  readonly retention?: number;
  /** The largest file it may write. */
  readonly limitKiB?: number;
}

/** Starts the pusher and gives the lines it writes. */
function start({ begin = 0, stopAt = forEver, bytes, retention = forEver, limitKiB }: PusherOptions) {
  const args = [dir, begin, stopAt, bytes, retention].map(String);
  const node = [process.execPath, "--import", "tsx", pusher, ...args];
  const command =
    limitKiB === undefined ? node : ["bash", "-c", `ulimit -S -f ${limitKiB}; exec "$@"`, "bash", ...node];
  const [program = "", ...rest] = command;
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") };
  child = spawn(program, rest, { cwd: root, env, stdio: ["pipe", "pipe", "inherit"] });
  return { process: child, lines: createInterface(child.stdout) };
}

const keptIn = (line: string) => (line.startsWith("kept ") ? Number(line.slice("kept ".length)) : undefined);

function reopen(height: bigint, retentionBlocks = forEver): Promise<PrivateData> {
  return createPrivateData({
    ...{ dir, channel: "demo", mayRead: namesOrganization },
    height: () => height,
    txIdAt: () => undefined,
    limits: { retentionBlocks },
  });
}

/** The numbers of those sets that are there, byte by byte. */
async function intact(privateData: PrivateData, numbers: readonly number[], bytes: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (const number of numbers) {
    const payload = payloadOf(number, bytes);
    const [element] = await privateData.answer([digestOf(payload)], privateDataPeer("Org1"));
    const [set] = element?.payload ?? [];
    if (set !== undefined && Buffer.compare(set, payload.rwset) === 0) found.push(number);
  }
  return found;
}

describe("Private data whose process is killed while it stores", () => {
  const seed = 20_250_102;
  const random = seededRandom(seed);
  // Some kills come within the first writes, others after LevelDB has moved its log into tables several times.
  for (const kills of [1 + random.below(5), random.below(100), random.below(1000), 900 + random.below(600)]) {
    it(`has every set it acknowledged, killed after ${kills} (seed ${seed})`, { timeout: 60_000 }, async () => {
      const { process, lines } = start({ bytes: 10_000 });
      const acknowledged: number[] = [];
      for await (const line of lines) {
        const number = keptIn(line);
        if (number === undefined) continue;
        acknowledged.push(number);
        if (acknowledged.length === kills) process.kill("SIGKILL");
      }
      const privateData = await reopen(1n);
      expect(await intact(privateData, acknowledged, 10_000)).toEqual(acknowledged);
      // At most the group that was under way.
      expect(privateData.count).toBeGreaterThanOrEqual(acknowledged.length);
      expect(privateData.count).toBeLessThanOrEqual(acknowledged.length + 4);
      await privateData.close();
    });
  }

  it("goes on after each of several kills, while it purges", { timeout: 60_000 }, async () => {
    const retention = 20;
    const acknowledged: number[] = [];
    for (let life = 1; life <= 4; life++) {
      const { process, lines } = start({ begin: acknowledged.length, bytes: 3000, retention });
      let kept = 0;
      for await (const line of lines) {
        const number = keptIn(line);
        if (number === undefined) continue;
        acknowledged.push(number);
        if (++kept === 150 * life) process.kill("SIGKILL");
      }
    }
    const last = acknowledged.at(-1) ?? 0;
    const height = heightAfter(last + 8);
    const due = height - BigInt(retention);
    const privateData = await reopen(height, retention);
    await privateData.purge();
    const wanted = acknowledged.filter((number) => heightAfter(number) >= due);
    expect(await intact(privateData, acknowledged, 3000)).toEqual(wanted);
    // What is due is gone, and the counts are those of what is there.
    expect(privateData.count).toBeGreaterThanOrEqual(wanted.length);
    expect(privateData.count).toBeLessThanOrEqual(wanted.length + 4 * 4);
    await privateData.close();
  });
});

/** Why the full disk cannot be acted out here; `ulimit` and `prlimit` are Linux'. */
const noLimits = process.platform === "linux" && hasProgram("prlimit") ? undefined : "needs bash and prlimit";

describe("Private data whose disk is full", () => {
  it("refuses, loses nothing, still answers, and goes on once there is space", { timeout: 60_000 }, async ({
    skip,
  }) => {
    skip(noLimits !== undefined, noLimits);
    const { process, lines } = start({ stopAt: 400, bytes: 10_000, limitKiB: tornKiB });
    const failures: { readonly code: string; readonly message: string; readonly oldest: string }[] = [];
    const acknowledged: number[] = [];
    let before = 0;
    for await (const line of lines) {
      const number = keptIn(line);
      if (number !== undefined) acknowledged.push(number);
      if (!line.startsWith("failed ")) continue;
      failures.push(JSON.parse(line.slice("failed ".length)));
      before = acknowledged.length;
      // The first retries meet a disk that is still full.
      if (failures.length === 12) execFileSync("bash", ["-c", `prlimit --pid ${process.pid} --fsize=unlimited`]);
      process.stdin.write("again\n");
    }
    expect(failures).toHaveLength(12);
    expect(before).toBeGreaterThan(50);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "storage", oldest: "readable" });
      expect(failure.message).toBe("expected to write private data, got file too large");
    }
    expect(acknowledged).toHaveLength(400 - 12);
    const privateData = await reopen(1n);
    expect(await intact(privateData, acknowledged, 10_000)).toEqual(acknowledged);
    await privateData.close();
  });

  it("has every acknowledged set after a restart, if killed while it was full", { timeout: 60_000 }, async ({
    skip,
  }) => {
    skip(noLimits !== undefined, noLimits);
    const { process, lines } = start({ bytes: 10_000, limitKiB: tornKiB });
    const acknowledged: number[] = [];
    for await (const line of lines) {
      const number = keptIn(line);
      if (number !== undefined) acknowledged.push(number);
      if (line.startsWith("failed ")) process.kill("SIGKILL");
    }
    const privateData = await reopen(1n);
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(await intact(privateData, acknowledged, 10_000)).toEqual(acknowledged);
    await privateData.close();
  });
});

function hasProgram(name: string): boolean {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
