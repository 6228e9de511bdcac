import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { seededRandom } from "@gossip/runtime";
import { makeChain } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BlockLedger, createLedger } from "../src/index.js";

let dir: string;
let child: ChildProcessByStdio<Writable, Readable, null> | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-crash-"));
});

afterEach(() => {
  child?.kill("SIGKILL");
  child = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const root = fileURLToPath(new URL("../../../", import.meta.url));
const committer = fileURLToPath(new URL("committer.ts", import.meta.url));

/** Starts the committer and gives the lines it writes. `limitKiB` is the largest file it may write. */
function start(options: { readonly stopAt: number; readonly transactionBytes: number; readonly limitKiB?: number }) {
  const { stopAt, transactionBytes, limitKiB } = options;
  const node = [process.execPath, "--import", "tsx", committer, dir, `${stopAt}`, `${transactionBytes}`];
  const command =
    limitKiB === undefined ? node : ["bash", "-c", `ulimit -S -f ${limitKiB}; exec "$@"`, "bash", ...node];
  const [program = "", ...args] = command;
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") };
  child = spawn(program, args, { cwd: root, env, stdio: ["pipe", "pipe", "inherit"] });
  return { process: child, lines: createInterface(child.stdout) };
}

async function expectSound(ledger: BlockLedger, transactionBytes: number): Promise<void> {
  const chain = makeChain(Number(ledger.height), { transactionBytes });
  for await (const { number, bytes } of ledger.blocks()) {
    if (Buffer.compare(bytes, chain[Number(number)] ?? new Uint8Array()) !== 0)
      throw new Error(`block ${number} differs`);
  }
}

const heightIn = (line: string) => (line.startsWith("height ") ? BigInt(line.slice("height ".length)) : undefined);

describe("10.27, 10.30: A ledger whose process is killed while it commits", () => {
  const seed = 20_250_101;
  const random = seededRandom(seed);
  // Some kills come within the first writes, others after LevelDB has moved its log into tables several times.
  for (const commits of [random.below(5), random.below(100), random.below(1000), 900 + random.below(600)]) {
    it(`has every block it acknowledged, killed after ${commits} more (seed ${seed})`, {
      timeout: 60_000,
    }, async () => {
      const { process, lines } = start({ stopAt: 100_000, transactionBytes: 20_000 });
      let acknowledged = 0n;
      for await (const line of lines) {
        acknowledged = heightIn(line) ?? acknowledged;
        if (acknowledged === BigInt(commits)) process.kill("SIGKILL");
      }
      const ledger = await createLedger({ dir, channel: "demo" });
      expect(ledger.healed).toEqual([]);
      expect(ledger.height).toBeGreaterThanOrEqual(acknowledged);
      // At most the one commit that was under way.
      expect(ledger.height).toBeLessThanOrEqual(acknowledged + 1n);
      await expectSound(ledger, 20_000);
      await ledger.close();
    });
  }

  it("goes on after each of several kills", { timeout: 60_000 }, async () => {
    let acknowledged = 0n;
    for (let life = 1; life <= 4; life++) {
      const { process, lines } = start({ stopAt: 100_000, transactionBytes: 5000 });
      let commits = 0;
      for await (const line of lines) {
        const height = heightIn(line) ?? 0n;
        expect(height).toBeGreaterThanOrEqual(acknowledged);
        acknowledged = height;
        if (++commits === 150 * life) process.kill("SIGKILL");
      }
    }
    const ledger = await createLedger({ dir, channel: "demo" });
    expect(ledger.height).toBeGreaterThanOrEqual(acknowledged);
    await expectSound(ledger, 5000);
    await ledger.close();
  });

  it("10.32: refuses a second process while the first one lives", { timeout: 60_000 }, async () => {
    const { lines } = start({ stopAt: 100_000, transactionBytes: 100 });
    for await (const line of lines) if (line === "height 3") break;
    await expect(createLedger({ dir, channel: "demo" })).rejects.toMatchObject({ code: "conflict" });
  });
});

/** Why the full disk cannot be acted out here; `ulimit` and `prlimit` are Linux'. */
const noLimits = process.platform === "linux" && hasProgram("prlimit") ? undefined : "needs bash and prlimit";

describe("10.31: A ledger whose disk is full", () => {
  it("says so, loses nothing, serves reads, and goes on once there is space", { timeout: 60_000 }, async ({ skip }) => {
    skip(noLimits !== undefined, noLimits);
    const { process, lines } = start({ stopAt: 200, transactionBytes: 30_000, limitKiB: 2048 });
    const failures: { readonly code: string; readonly message: string; readonly newest: string }[] = [];
    let acknowledged = 0n;
    let acknowledgedAtFailure: bigint | undefined;
    for await (const line of lines) {
      const height = heightIn(line);
      if (height !== undefined) {
        expect(height === acknowledged || height === acknowledged + 1n).toBe(true);
        acknowledged = height;
        continue;
      }
      failures.push(JSON.parse(line.slice("failed ".length)));
      acknowledgedAtFailure = acknowledged;
      // The first retries meet a disk that is still full.
      if (failures.length === 3) execFileSync("bash", ["-c", `prlimit --pid ${process.pid} --fsize=unlimited`]);
      process.stdin.write("again\n");
    }
    expect(failures).toHaveLength(3);
    expect(acknowledgedAtFailure).toBeGreaterThan(10n);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "storage", newest: "readable" });
      expect(failure.message).not.toContain("\n");
      expect(failure.message).toContain(dir);
    }
    expect(acknowledged).toBe(200n);
    const ledger = await createLedger({ dir, channel: "demo" });
    expect(ledger.height).toBe(200n);
    expect(ledger.healed).toEqual([]);
    await expectSound(ledger, 30_000);
    await ledger.close();
  });

  it("has every acknowledged block after a restart, if killed while it was full", { timeout: 60_000 }, async ({
    skip,
  }) => {
    skip(noLimits !== undefined, noLimits);
    const { process, lines } = start({ stopAt: 200, transactionBytes: 30_000, limitKiB: 2048 });
    let acknowledged = 0n;
    for await (const line of lines) {
      acknowledged = heightIn(line) ?? acknowledged;
      if (line.startsWith("failed")) process.kill("SIGKILL");
    }
    const ledger = await createLedger({ dir, channel: "demo" });
    expect(ledger.height).toBeGreaterThanOrEqual(acknowledged);
    await expectSound(ledger, 30_000);
    await ledger.close();
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
