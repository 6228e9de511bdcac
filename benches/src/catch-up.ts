/**
 * How fast a peer catches up that lacks a long chain, served by three peers with a round-trip time added between all of
 * them: the way of the reference, which asks one peer for one range of eleven blocks after the other (without its ten
 * seconds of waiting before), and ours, in one run. Then ours again, while the peers that serve are killed one after the other.
 *
 * Each peer is a process of its own with gossip over mutual TLS; identities, signatures of blocks and their verification are
 * Fabric's. The peers that serve read blocks from a file; the one that catches up checks them and keeps none, or with
 * `--ledger disk` makes each durable.
 *
 *     npx pnpm --filter benches catch-up [--blocks 20000] [--bytes 10240] [--round-trip 50] [--servers 3] [--ledger nowhere|disk]
 *       [--profiles reference,ours,killed]
 */

import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTlsAuthority } from "@gossip/comm/grpc";
import { makeChannelConfig, makeOrganization, privateKeyPem } from "@gossip/fabric/testing";
import { type GossipOptions, gossipDefaults } from "@gossip/node";
import { build, type Plugin } from "esbuild";
import {
  type CatchUpCommand,
  type CatchUpReport,
  type CatchUpResult,
  type CatchUpSetup,
  channelId,
} from "./catch-up-setup.js";
import { writeChain } from "./chain-file.js";

const { values: given } = parseArgs({
  options: {
    blocks: { type: "string", default: "20000" },
    bytes: { type: "string", default: "10240" },
    "round-trip": { type: "string", default: "50" },
    servers: { type: "string", default: "3" },
    ledger: { type: "string", default: "nowhere" },
    profiles: { type: "string", default: "reference,ours,killed" },
    /** Writes a CPU profile of the peer that catches up into this directory. */
    profile: { type: "string" },
  },
});
const blocks = Number(given.blocks);
const blockBytes = Number(given.bytes);
const oneWayMs = Number(given["round-trip"]) / 2;
const servers = Number(given.servers);
const patienceMs = 600_000;

const profiles: ReadonlyMap<string, { readonly config: GossipOptions; readonly isDeadly: boolean }> = new Map([
  [
    "reference",
    { config: { state: { maxRequests: 1, windowBlocks: 40, minResponseTimeoutMs: 3_000 } }, isDeadly: false },
  ],
  ["ours", { config: {}, isDeadly: false }],
  ["killed", { config: {}, isDeadly: true }],
]);

const scratch = mkdtempSync(join(tmpdir(), "gossip-catch-up-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const authority = await createTlsAuthority({ name: "bench-ca" });
const org = makeOrganization("Org1MSP");
const orderers = makeOrganization("OrdererMSP");
const organizations = [{ mspId: org.mspId, config: org.config }];
const ordererOrganizations = [{ mspId: orderers.mspId, config: orderers.config }];
const chain = join(scratch, "chain");
writeChain(chain, {
  channelId,
  config: makeChannelConfig({ organizations, ordererOrganizations }),
  orderer: orderers.issue("orderer0", "orderer"),
  client: org.issue("client", "client"),
  blocks: blocks + 1,
  blockBytes,
});

/** The native part of the ledger is taken from where it is installed. */
const nativeLedger: Plugin = {
  name: "native-ledger",
  setup({ onResolve }) {
    const from = createRequire(new URL("../../packages/ledger/package.json", import.meta.url));
    onResolve({ filter: /^classic-level$/ }, () => ({ path: from.resolve("classic-level"), external: true }));
  },
};

const nodeFile = join(scratch, "node.mjs");
await build({
  entryPoints: [fileURLToPath(new URL("catch-up-node.ts", import.meta.url))],
  tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
  outfile: nodeFile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
  plugins: [nativeLedger],
  // Packages of the old kind call it.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});

class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<CatchUpReport["type"], (report: CatchUpReport) => void>();
  onHeight: (height: number) => void = () => {};
  isKilled = false;

  constructor(execArgv: readonly string[]) {
    this.#child = fork(nodeFile, [], { execArgv: [...execArgv], serialization: "advanced" });
    this.#child.on("message", (report: CatchUpReport) => {
      if (report.type === "height") this.onHeight(report.height);
      this.#waiting.get(report.type)?.(report);
    });
    this.#child.on("exit", (code) => {
      if (code === 0 || this.isKilled) return;
      process.stderr.write(`a peer ended with ${code}\n`);
      process.exit(1);
    });
  }

  tell(command: CatchUpCommand): void {
    this.#child.send(command);
  }

  kill(signal: "SIGKILL" | "SIGSTOP"): void {
    this.isKilled = true;
    this.#child.kill(signal);
  }

  next<T extends CatchUpReport["type"]>(type: T): Promise<Extract<CatchUpReport, { type: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`expected ${type} within ${patienceMs} ms`)), patienceMs);
      this.#waiting.set(type, (report) => {
        clearTimeout(timer);
        resolve(report as Extract<CatchUpReport, { type: T }>);
      });
    });
  }

  end(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      this.#child.once("exit", () => resolve());
      if (this.isKilled) this.#child.kill("SIGKILL");
      else this.#child.disconnect();
    });
  }
}

let peersMade = 0;

async function listening(
  ledger: CatchUpSetup["ledger"],
  config: GossipOptions,
  execArgv: readonly string[] = [],
): Promise<{ readonly peer: Peer; readonly endpoint: string }> {
  const name = `peer${peersMade++}`;
  const { cert, key } = await authority.issue({ name, hosts: ["127.0.0.1"] });
  const member = org.issue(name);
  const folder = join(scratch, name);
  const unit = (role: string) => `  ${role}OUIdentifier:\n    OrganizationalUnitIdentifier: ${role.toLowerCase()}\n`;
  const files: readonly (readonly [string, string, Uint8Array | string])[] = [
    ["cacerts", "ca.pem", org.root.pem],
    ["signcerts", "cert.pem", member.pem],
    ["keystore", "key.pem", privateKeyPem(member.privateKey)],
    ["", "config.yaml", `NodeOUs:\n  Enable: true\n${["Client", "Peer", "Admin", "Orderer"].map(unit).join("")}`],
  ];
  for (const [directory, file, content] of files) {
    await mkdir(join(folder, directory), { recursive: true });
    await writeFile(join(folder, directory, file), content);
  }
  const peer = new Peer(execArgv);
  const report = peer.next("listening");
  const tls = { cert, key, root: authority.cert };
  const common = { org: org.mspId, tls, folder, organizations, ordererOrganizations, chain, oneWayMs };
  peer.tell({ type: "setup", setup: { ...common, ledger, config } });
  return { peer, endpoint: (await report).endpoint };
}

/** The peers that serve die one after the other, all but the last: the first in the middle of a word, the next one falls silent. */
function killInTurn(late: Peer, serving: readonly Peer[]): number[] {
  const heights: number[] = [];
  late.onHeight = (height) => {
    const next = heights.length;
    if (next >= serving.length - 1 || height < ((next + 1) * blocks) / serving.length) return;
    heights.push(height);
    serving[next]?.kill(next % 2 === 0 ? "SIGKILL" : "SIGSTOP");
  };
  return heights;
}

async function runOnce(name: string): Promise<CatchUpResult & { readonly killedAt: readonly number[] }> {
  const profile = profiles.get(name);
  if (profile === undefined) throw new Error(`expected profiles of ${[...profiles.keys()]}, got ${name}`);
  const { config, isDeadly } = profile;
  const serving: Awaited<ReturnType<typeof listening>>[] = [];
  for (let index = 0; index < servers; index++) serving.push(await listening({ type: "chain" }, {}));
  const [bootstrap] = serving.map(({ endpoint }) => endpoint);
  const met = serving.map(({ peer }) => peer.next("met"));
  for (const { peer } of serving) peer.tell({ type: "start", bootstrap: [bootstrap ?? ""], peers: servers });
  await Promise.all(met);
  const ledger = given.ledger === "disk" ? { type: "disk", dir: join(scratch, `ledger-${name}`) } : { type: "nowhere" };
  const flags = given.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${given.profile}`];
  const late = await listening(ledger as CatchUpSetup["ledger"], config, flags);
  const killedAt = isDeadly
    ? killInTurn(
        late.peer,
        serving.map(({ peer }) => peer),
      )
    : [];
  const caughtUp = late.peer.next("caught-up");
  late.peer.tell({ type: "start", bootstrap: [bootstrap ?? ""], peers: servers + 1 });
  const result = await caughtUp;
  await Promise.all([late, ...serving].map(({ peer }) => peer.end()));
  return { ...result, killedAt };
}

const digits = (value: number, count: number) => Number(value.toFixed(count));
const budget = gossipDefaults.state.blockBufferBytes;

process.stdout.write(
  `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; ${blocks} blocks of ${blockBytes} bytes, ${servers} peers that ` +
    `serve, ${2 * oneWayMs} ms round trip, ledger: ${given.ledger}; load average before: ${loadavg()[0]?.toFixed(2)}\n`,
);
const rows: Record<string, string | number>[] = [];
let referenceRate: number | undefined;
for (const name of given.profiles.split(",")) {
  const { startMs, tookMs, pauses, bufferedBytes, rssBytes, cpuMs, killedAt, drops } = await runOnce(name);
  const rate = ((blocks - 1) * 1000) / tookMs;
  if (name === "reference") referenceRate = rate;
  rows.push({
    profile: name,
    "start, ms": Math.round(startMs),
    "took, s": digits(tookMs / 1000, 1),
    "blocks/s": Math.round(rate),
    "MB/s": digits((rate * blockBytes) / 1e6, 1),
    "× reference": referenceRate === undefined ? "" : digits(rate / referenceRate, 1),
    "longest pause, ms": Math.round(pauses[0]?.ms ?? 0),
    "buffered, MiB": digits(bufferedBytes / 2 ** 20, 1),
    "of budget, %": digits((100 * bufferedBytes) / budget, 0),
    "RSS, MiB": Math.round(rssBytes / 2 ** 20),
    "CPU per block, ms": digits(cpuMs / blocks, 3),
  });
  if (killedAt.length > 0) process.stdout.write(`killed at heights ${killedAt.join(", ")}; `);
  process.stdout.write(
    `${name}: longest pauses ${pauses.map(({ ms, height }) => `${ms.toFixed(0)} ms at ${height}`).join(", ")}; dropped ${JSON.stringify(Object.fromEntries(drops))}\n`,
  );
}
console.table(rows);
process.exit(0);
