/** One peer of the dissemination bench: meets the others, takes blocks, and tells when each was committed. */

import { createGrpcTransport } from "@gossip/comm/grpc";
import { Ed25519Crypto, readGenesisBlock } from "@gossip/crypto";
import { type Channel, createNode } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { systemWallClock } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";
import type { Command, PeerSetup, Report } from "./dissemination-setup.js";

const now = () => performance.timeOrigin + performance.now();
const report = (message: Report) => process.send?.(message);

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

let setup: PeerSetup;
let transport: Awaited<ReturnType<typeof createGrpcTransport>>;
let channel: Channel;
let startedCpuMs = 0;
const publishedAt: [bigint, number][] = [];
const committedAt: [bigint, number][] = [];

async function listen(): Promise<void> {
  const { cert, key, root } = setup.tls;
  transport = await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots: [root] } });
  report({ type: "listening", endpoint: transport.endpoint });
}

async function start(bootstrap: readonly string[], others: number): Promise<void> {
  startedCpuMs = cpuMs();
  const { identity, privateKey, genesisBlock, config, leads } = setup;
  const terms = readGenesisBlock(genesisBlock);
  const crypto = new Ed25519Crypto({ identity, privateKey, organizations: [], wall: systemWallClock });
  crypto.setChannel(terms);
  const { endpoint } = transport;
  const node = await createNode({ identity, crypto, advisor: crypto, transport, endpoint, bootstrap, config });
  const ledger = createMemoryLedger();
  await ledger.commit(0n, genesisBlock);
  channel = await node.join(terms.channelId, {
    ledger,
    organizations: terms.organizations.map(({ id }) => orgId(id)),
    leader: leads,
    onCommitted(blockNumber) {
      committedAt.push([blockNumber, now()]);
      return undefined;
    },
  });
  const timer = setInterval(() => {
    if (channel.members.length < others) return;
    clearInterval(timer);
    report({ type: "converged" });
  }, 50);
}

/** One after the other, as they come from a stream. */
let publishing: Promise<void> = Promise.resolve();

function publish(blockNumber: bigint, block: Uint8Array): void {
  publishedAt.push([blockNumber, now()]);
  publishing = publishing.then(() => channel.publish(blockNumber, block));
}

process.on("message", (command: Command) => {
  void handle(command).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
process.on("disconnect", () => process.exit(0));

async function handle(command: Command): Promise<void> {
  switch (command.type) {
    case "setup":
      setup = command.setup;
      return await listen();
    case "start":
      return await start(command.bootstrap, command.others);
    case "block":
      return publish(command.blockNumber, command.block);
    case "result": {
      const rssBytes = process.memoryUsage.rss();
      report({ type: "result", result: { publishedAt, committedAt, cpuMs: cpuMs() - startedCpuMs, rssBytes } });
      return;
    }
  }
}
