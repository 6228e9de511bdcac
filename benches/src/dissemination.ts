/**
 * How soon the peers of an organization have the blocks that their leader takes from the orderers. Our defaults and the
 * `stock` profile, which follows the reference's rules and timers, are measured in turn, in one run.
 *
 * Each peer is a process of its own, with gossip over mutual TLS on the loopback interface, Ed25519 identities and a ledger
 * in memory. The leader is handed a block at a time at a fixed rate; a block that a peer commits later than the leader was
 * handed it is that late.
 *
 *     npx pnpm --filter benches dissemination [--peers 10] [--loads 2x1,100x1,50x100,10x1024] [--seconds 20]
 *       [--profiles ours,stock]
 *
 * A load is blocks per second, and KiB per block.
 */

import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTlsAuthority } from "@gossip/comm/grpc";
import { type GossipOptions, stockProfile } from "@gossip/node";
import { build } from "esbuild";
import { TrialNetwork } from "../../packages/peer/src/testing/trial-network.js";
import type { Command, PeerResult, Report } from "./dissemination-setup.js";

const { values: given } = parseArgs({
  options: {
    peers: { type: "string", default: "10" },
    loads: { type: "string", default: "2x1,100x1,50x100,10x1024" },
    seconds: { type: "string", default: "20" },
    profiles: { type: "string", default: "ours,stock" },
  },
});
const count = Number(given.peers);
const seconds = Number(given.seconds);
const loads = given.loads.split(",").map((load) => {
  const [perSecond = 0, kib = 0] = load.split("x").map(Number);
  return { perSecond, kib };
});
const profiles: ReadonlyMap<string, GossipOptions> = new Map([
  ["ours", {}],
  ["stock", stockProfile],
]);
/** What has not come by then is lost, as far as this bench is concerned. */
const graceMs = 25_000;

const scratch = mkdtempSync(join(tmpdir(), "gossip-dissemination-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const nodeFile = join(scratch, "node.mjs");
await build({
  entryPoints: [fileURLToPath(new URL("dissemination-node.ts", import.meta.url))],
  tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
  outfile: nodeFile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
  // Packages of the old kind call it.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
const authority = await createTlsAuthority({ name: "bench-ca" });

class Peer {
  readonly #child: ChildProcess = fork(nodeFile, [], { serialization: "advanced" });

  tell(command: Command): void {
    this.#child.send(command);
  }

  next<T extends Report["type"]>(type: T): Promise<Extract<Report, { type: T }>> {
    return new Promise((resolve, reject) => {
      const onMessage = (report: Report) => {
        if (report.type !== type) return;
        this.#child.off("message", onMessage);
        resolve(report as Extract<Report, { type: T }>);
      };
      this.#child.on("message", onMessage);
      this.#child.once("exit", (code) => reject(new Error(`a peer ended with ${code}`)));
    });
  }

  end(): void {
    this.#child.disconnect();
  }
}

interface Outcome {
  readonly lateMs: readonly number[];
  readonly lost: number;
  readonly cpuMsPerBlock: number;
  readonly rssMib: number;
}

async function runLoad(config: GossipOptions, { perSecond, kib }: (typeof loads)[number]): Promise<Outcome> {
  const trial = new TrialNetwork();
  const peers: Peer[] = [];
  const endpoints: string[] = [];
  for (let index = 0; index < count; index++) {
    const { cert, key } = await authority.issue({ name: `peer${index}`, hosts: ["127.0.0.1"] });
    const { identity, privateKey } = trial.identity("Org1", `peer${index}`);
    const [genesisBlock = new Uint8Array()] = trial.blocks;
    const peer = new Peer();
    const listening = peer.next("listening");
    const tls = { cert, key, root: authority.cert };
    peer.tell({
      type: "setup",
      setup: { tls, identity, privateKey, genesisBlock, config, leads: index === 0 },
    });
    endpoints.push((await listening).endpoint);
    peers.push(peer);
  }
  const converged = peers.map((peer) => peer.next("converged"));
  for (const peer of peers) peer.tell({ type: "start", bootstrap: [endpoints[0] ?? ""], others: count - 1 });
  await Promise.all(converged);
  await delay(3_000);

  const [leader] = peers;
  const total = perSecond * seconds;
  const text = "x".repeat(kib * 1024);
  const blocks = Array.from({ length: total }, () => trial.nextBlock([text]));
  const from = performance.now();
  for (const [index, block] of blocks.entries()) {
    await delay(Math.max(0, from + (index * 1000) / perSecond - performance.now()));
    leader?.tell({ type: "block", blockNumber: BigInt(index + 1), block });
  }
  await delay(graceMs);
  const results = await Promise.all(
    peers.map(async (peer) => {
      const result = peer.next("result");
      peer.tell({ type: "result" });
      return (await result).result;
    }),
  );
  for (const peer of peers) peer.end();
  return outcomeOf(results, total);
}

function outcomeOf(results: readonly PeerResult[], total: number): Outcome {
  const published = new Map(results[0]?.publishedAt);
  const followers = results.slice(1);
  const lateMs = followers.flatMap(({ committedAt }) =>
    committedAt.flatMap(([blockNumber, at]) => {
      const since = published.get(blockNumber);
      return since === undefined ? [] : [at - since];
    }),
  );
  lateMs.sort((a, b) => a - b);
  const mean = (of: (result: PeerResult) => number) =>
    followers.reduce((sum, one) => sum + of(one), 0) / followers.length;
  return {
    lateMs,
    lost: followers.length * total - lateMs.length,
    cpuMsPerBlock: mean(({ cpuMs }) => cpuMs) / total,
    rssMib: mean(({ rssBytes }) => rssBytes) / 2 ** 20,
  };
}

const quantile = (sorted: readonly number[], q: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN);

process.stdout.write(
  `Node ${process.version} on ${cpus().length} × ${cpus()[0]?.model}; ${count} peers, ${seconds} s each; ` +
    `load average before: ${loadavg()[0]?.toFixed(2)}\n`,
);
const rows = [];
for (const load of loads) {
  for (const name of given.profiles.split(",")) {
    const config = profiles.get(name);
    if (config === undefined) throw new Error(`expected profiles of ${[...profiles.keys()]}, got ${name}`);
    const { lateMs, lost, cpuMsPerBlock, rssMib } = await runLoad(config, load);
    const row = {
      "blocks/s": load.perSecond,
      KiB: load.kib,
      profile: name,
      "p50, ms": quantile(lateMs, 0.5),
      "p99, ms": quantile(lateMs, 0.99),
      "worst, ms": quantile(lateMs, 1),
      lost,
      "CPU ms/block": Number(cpuMsPerBlock.toFixed(2)),
      "RSS, MiB": Math.round(rssMib),
    };
    rows.push(row);
    process.stderr.write(`${JSON.stringify(row)}\n`);
  }
}
console.table(rows);
process.exit(0);
