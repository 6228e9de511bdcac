import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Folders that examples write to. */
const folders: string[] = [];
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "gossip-example-"));
  folders.push(dir);
  return dir;
}

/** Each example, and lines that it prints. */
const examples: Readonly<Record<string, readonly RegExp[]>> = {
  "decode-a-conversation": [
    /^ +0\.035 s {2}peer {6}conn tag=empty pki=e056d87845a98975/m,
    /^147 of 147 envelopes encode again to the bytes that were received$/m,
  ],
  "embed-a-peer": [/^block 2: two\nstopped before block 3\nblock 3: three\nblock 4: four$/m],
  "follow-a-channel": [/^block 0 \([0-9a-f]{16}\): configuration$/m],
  "membership-only": [/^alice: bob:7051 is alive \(learned\)$/m, /^bob: alice:7051 is dead/m],
  "own-trust": [
    /^ok: refuses a signature with any one bit flipped$/m,
    /^mallory, without the secret: untrusted-identity/m,
    /^bob has block 0, \d+ bytes, verified and committed$/m,
    /^alice refuses erin: unknown-organization/m,
  ],
  "programs-that-talk": [
    /^bob hears of alice: wheat 7$/m,
    /^alice is told: rye is 5$/m,
    /^2 keep it$/m,
    /^nobody does: expected at least 2 members that qualify, got 0$/m,
    /^alice adds block 0: true, and again: false$/m,
    /^bob knows of carol: height 42, chaincode assets$/m,
  ],
  "pull-anything": [
    /^\d+ ms: bob gets "dear bob, I ate the cake" from carol$/m,
    /^alice holds "the key is under the mat", "there is bread in the oven", "the cat was fed"$/m,
  ],
  "replay-a-seed": [
    /^ +\d+\.\d s {2}all is well again/m,
    /^seed 42: (\d+ events, hash [0-9a-f]{16})\nseed 42: \1, once more$/m,
  ],
  "shared-map": [
    /^carol knows endpoints\/api = https:\/\/bob.example:8443, of bob$/m,
    /^alice is told: flags\/dark-mode is off$/m,
    /^alice is told: endpoints\/api is deleted$/m,
    /^alice may not: expected a key that this node may write, got "load\/bob"$/m,
  ],
};

/** What an example is started with, where it needs anything. */
const settings: Readonly<Record<string, { readonly args: readonly string[]; readonly env: Record<string, string> }>> = {
  "follow-a-channel": {
    args: ["examples/follow-a-channel/fixtures/mychannel.block", "0"],
    env: { FABRIC_CFG_PATH: "examples/follow-a-channel/fixtures", CORE_PEER_FILESYSTEMPATH: folder() },
  },
};

describe("examples", () => {
  test("are all here", () => {
    const folders = readdirSync(join(root, "examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(examples));
  });

  test("the guide shows follow-a-channel as it is", () => {
    const guide = readFileSync(join(root, "docs/guides/join-a-fabric-network.md"), "utf8");
    const program = readFileSync(join(root, "examples/follow-a-channel/follow-a-channel.ts"), "utf8");
    expect(guide).toContain(`\`\`\`ts\n${program}\`\`\``);
  });

  test.each(Object.entries(examples))(
    "%s ends by itself and prints what it is there for",
    async (name, lines) => {
      const { status, output, errors } = await runExample(name);
      expect(status, errors).toBe(0);
      for (const line of lines) expect(output).toMatch(line);
    },
    60_000,
  );
});

/** Runs an example as its README says, on the sources, and ends it when it does not end by itself. */
async function runExample(name: string) {
  const file = join("examples", name, `${name}.ts`);
  const { args = [], env = {} } = settings[name] ?? {};
  const child = spawn(process.execPath, ["--import", "tsx", file, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 50_000,
  });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, output, errors };
}
