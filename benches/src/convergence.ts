/**
 * How long peers that are told to start at once take to know each other, and to see each other in a channel; and what a
 * peer costs when nothing happens. Our defaults and the `stock` profile, which follows the reference's rules and timers,
 * are measured in turn, in one run.
 *
 * Each peer is a process of its own, with gossip over mutual TLS on the loopback interface. All listen before the first
 * is told to start; the first is the bootstrap peer of all.
 *
 *     npx pnpm --filter benches convergence [--peers 5,10,20,40] [--rounds 3] [--idle 60] [--settle 240] [--trust ed25519|fabric]
 *       [--organizations 1] [--profiles ours,stock] [--drops]
 */

import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTlsAuthority } from "@gossip/comm/grpc";
import { makeOrganization, privateKeyPem } from "@gossip/fabric/testing";
import { type GossipOptions, stockProfile } from "@gossip/node";
import { build } from "esbuild";
import type { Command, NodeSetup, Report, TrustSetup, Usage } from "./convergence-setup.js";

const { values: given } = parseArgs({
  options: {
    peers: { type: "string", default: "5,10,20,40" },
    rounds: { type: "string", default: "3" },
    /** Seconds; only the largest number of peers is measured idle. */
    idle: { type: "string", default: "60" },
    /** Seconds before that. */
    settle: { type: "string", default: "240" },
    trust: { type: "string", default: "ed25519" },
    organizations: { type: "string", default: "1" },
    profiles: { type: "string", default: "ours,stock" },
    /** Shows why messages were dropped while idle. */
    drops: { type: "boolean", default: false },
    /** Writes a CPU profile of each peer into this directory. */
    profile: { type: "string" },
  },
});
const sizes = given.peers.split(",").map(Number);
const rounds = Number(given.rounds);
const idleSeconds = Number(given.idle);
const profiles: ReadonlyMap<string, GossipOptions> = new Map([
  ["ours", {}],
  ["stock", stockProfile],
]);
const orgs = Array.from({ length: Number(given.organizations) }, (_, index) => `Org${index + 1}MSP`);
/**
 * Alive messages carry the identity for ten seconds after the start; what comes after that is idle. But Node still translates
 * what runs seldom into machine code minutes later, which costs more than running it: what a peer costs in the long run shows
 * only then.
 */
const settleMs = Number(given.settle) * 1000;
const patienceMs = 120_000;

const scratch = mkdtempSync(join(tmpdir(), "gossip-convergence-"));
process.on("exit", () => {
  if (process.env["KEEP"]) console.error(scratch);
  else rmSync(scratch, { recursive: true, force: true });
});
const authority = await createTlsAuthority({ name: "bench-ca" });
const issueTrust = given.trust === "fabric" ? await fabricTrust() : ed25519Trust;

function ed25519Trust(name: string, _org: string): Promise<TrustSetup> {
  return Promise.resolve({ type: "ed25519", name });
}

/** Makes organizations with X.509 identities; each peer reads an MSP folder of its own, as a Fabric peer does. */
async function fabricTrust(): Promise<typeof ed25519Trust> {
  const made = new Map(orgs.map((org) => [org, makeOrganization(org)]));
  const organizations = [...made.values()].map(({ mspId, config }) => ({ mspId, config }));
  return async (name, org) => {
    const owner = made.get(org);
    if (owner === undefined) throw new Error(`expected an organization, got ${org}`);
    const member = owner.issue(name);
    const folder = join(scratch, name);
    const unit = (role: string) => `  ${role}OUIdentifier:\n    OrganizationalUnitIdentifier: ${role.toLowerCase()}\n`;
    const roles = ["Client", "Peer", "Admin", "Orderer"].map(unit).join("");
    const files: readonly (readonly [string, string, Uint8Array | string])[] = [
      ["cacerts", "ca.pem", owner.root.pem],
      ["signcerts", "cert.pem", member.pem],
      ["keystore", "key.pem", privateKeyPem(member.privateKey)],
      ["", "config.yaml", `NodeOUs:\n  Enable: true\n${roles}`],
    ];
    for (const [directory, file, content] of files) {
      await mkdir(join(folder, directory), { recursive: true });
      await writeFile(join(folder, directory, file), content);
    }
    return { type: "fabric", folder, organizations };
  };
}

/** One file with everything in it, so that peers start as a program does, without a compiler beside them. */
async function bundleNode(): Promise<string> {
  const outfile = join(scratch, "node.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("convergence-node.ts", import.meta.url))],
    tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
    // Packages of the old kind call it.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return outfile;
}

const nodeFile = await bundleNode();

class Peer {
  readonly org: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<Report["type"], (report: Report) => void>();

  constructor(org: string) {
    this.org = org;
    const execArgv =
      given.profile === undefined
        ? (process.env["FLAGS"]?.split(" ") ?? [])
        : ["--cpu-prof", `--cpu-prof-dir=${given.profile}`];
    this.#child = fork(nodeFile, [], { execArgv, serialization: "advanced" });
    this.#child.on("message", (report: Report) => this.#waiting.get(report.type)?.(report));
    this.#child.on("exit", (code) => {
      if (code === 0) return;
      process.stderr.write(`a peer ended with ${code}\n`);
      process.exit(1);
    });
  }

  tell(command: Command): void {
    this.#child.send(command);
  }

  next<T extends Report["type"]>(type: T): Promise<Extract<Report, { type: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`expected ${type} within ${patienceMs} ms`)), patienceMs);
      this.#waiting.set(type, (report) => {
        clearTimeout(timer);
        resolve(report as Extract<Report, { type: T }>);
      });
    });
  }

  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.disconnect();
    });
  }
}

async function listening(count: number, config: GossipOptions): Promise<readonly { peer: Peer; endpoint: string }[]> {
  const peers: { peer: Peer; endpoint: string }[] = [];
  for (let index = 0; index < count; index++) {
    const org = orgs[index % orgs.length] as string;
    const name = `peer${index}.${org}`;
    const { cert, key } = await authority.issue({ name, hosts: ["127.0.0.1"] });
    const trust = await issueTrust(name, org);
    const setup: NodeSetup = { org, organizations: orgs, tls: { cert, key, root: authority.cert }, config, trust };
    const peer = new Peer(org);
    const report = peer.next("listening");
    peer.tell({ type: "setup", setup });
    peers.push({ peer, endpoint: (await report).endpoint });
  }
  return peers;
}

interface Round {
  /** Of the last peer. */
  readonly membersMs: number;
  readonly channelMs: number;
  /** Mean over all peers. */
  readonly cpuMs: number;
  readonly connections: number;
  readonly idle?: Idle;
}

/** Means over all peers. */
interface Idle {
  readonly cpuPercent: number;
  readonly readKbPerS: number;
  readonly writtenKbPerS: number;
  readonly rssMib: number;
  readonly drops: ReadonlyMap<string, number>;
}

async function runRound(count: number, config: GossipOptions, withIdle: boolean): Promise<Round> {
  const started = await listening(count, config);
  const peers = started.map(({ peer }) => peer);
  const firsts = orgs.map((org) => started.find(({ peer }) => peer.org === org) as (typeof started)[number]);
  const anchors = firsts.map(({ peer: { org }, endpoint }) => ({ org, endpoint }));
  const reports = peers.map((peer) => peer.next("converged"));
  const at = performance.timeOrigin + performance.now();
  for (const peer of peers) {
    const bootstrap = anchors.filter(({ org }) => org === peer.org).map(({ endpoint }) => endpoint);
    peer.tell({ type: "start", at, peers: count, bootstrap, anchors: orgs.length > 1 ? anchors : [] });
  }
  const converged = await Promise.all(reports);
  const idle = withIdle ? await measureIdle(peers) : undefined;
  await Promise.all(peers.map((peer) => peer.end()));
  return {
    membersMs: Math.max(...converged.map(({ membersMs }) => membersMs)),
    channelMs: Math.max(...converged.map(({ channelMs }) => channelMs)),
    cpuMs: mean(converged.map(({ cpuMs }) => cpuMs)),
    connections: mean(converged.map(({ connections }) => connections)),
    ...(idle && { idle }),
  };
}

async function measureIdle(peers: readonly Peer[]): Promise<Idle> {
  const usages = () =>
    Promise.all(
      peers.map((peer) => {
        const usage = peer.next("usage");
        peer.tell({ type: "usage" });
        return usage;
      }),
    );
  await delay(settleMs);
  const before = await usages();
  const from = performance.now();
  await delay(idleSeconds * 1000);
  const after = await usages();
  const seconds = (performance.now() - from) / 1000;
  const meanOf = (of: (now: Usage, then: Usage) => number) =>
    mean(after.map((now, index) => of(now, before[index] as Usage)));
  const drops = new Map<string, number>();
  after.forEach((now, index) => {
    for (const [reason, dropped] of now.drops) {
      const earlier = before[index]?.drops.get(reason) ?? 0;
      drops.set(reason, (drops.get(reason) ?? 0) + (dropped - earlier) / peers.length / seconds);
    }
  });
  return {
    cpuPercent: meanOf((now, then) => now.cpuMs - then.cpuMs) / seconds / 10,
    readKbPerS: meanOf((now, then) => now.readBytes - then.readBytes) / seconds / 1000,
    writtenKbPerS: meanOf((now, then) => now.writtenBytes - then.writtenBytes) / seconds / 1000,
    rssMib: meanOf((now) => now.rssBytes) / 2 ** 20,
    drops,
  };
}

const mean = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / list.length;
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
const digits = (value: number, count: number) => Number(value.toFixed(count));

process.stdout.write(
  `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; ${given.trust}, organizations: ${orgs.length}; ` +
    `median of ${rounds}; load average before: ${loadavg()[0]?.toFixed(2)}\n`,
);
const chosen = given.profiles.split(",");
const largest = Math.max(...sizes);
const convergence = [];
const idleRows = [];
for (const size of sizes) {
  const results = new Map<string, Round[]>(chosen.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of chosen) {
      const config = profiles.get(name);
      if (config === undefined) throw new Error(`expected profiles of ${[...profiles.keys()]}, got ${name}`);
      const result = await runRound(size, config, size === largest && round === 0 && idleSeconds > 0);
      results.get(name)?.push(result);
      const { membersMs, channelMs, cpuMs, connections } = result;
      const figures = `${membersMs.toFixed(0)} ms, ${channelMs.toFixed(0)} ms, CPU ${cpuMs.toFixed(0)} ms, connections ${connections.toFixed(1)}`;
      process.stderr.write(`${size} ${name}: ${figures}\n`);
    }
  }
  const row: Record<string, number> = { peers: size };
  for (const [name, list] of results) {
    row[`${name}: members, ms`] = Math.round(median(list.map(({ membersMs }) => membersMs)));
    row[`${name}: channel, ms`] = Math.round(median(list.map(({ channelMs }) => channelMs)));
    row[`${name}: CPU of a peer, ms`] = Math.round(median(list.map(({ cpuMs }) => cpuMs)));
    const idle = list[0]?.idle;
    if (idle === undefined) continue;
    idleRows.push({
      profile: name,
      peers: size,
      "CPU, % of a core": digits(idle.cpuPercent, 2),
      "read, kB/s": digits(idle.readKbPerS, 1),
      "written, kB/s": digits(idle.writtenKbPerS, 1),
      "RSS, MiB": digits(idle.rssMib, 0),
    });
    if (given.drops) console.table([...idle.drops].map(([reason, perS]) => ({ reason, "per s": digits(perS, 2) })));
  }
  for (const kind of ["members", "channel"]) {
    const [ours, stock] = [row[`ours: ${kind}, ms`], row[`stock: ${kind}, ms`]];
    if (ours !== undefined && stock !== undefined) row[`stock / ours, ${kind}`] = digits(stock / ours, 1);
  }
  convergence.push(row);
}
console.table(convergence);
if (idleRows.length > 0) console.table(idleRows);
process.exit(0);
