/** One peer of the convergence bench: listens, starts when told, and reports when it knows everybody. */

import { readFileSync } from "node:fs";
import { createGrpcTransport } from "@gossip/comm/grpc";
import { Ed25519Crypto, type MessageCryptoService, type SecurityAdvisor } from "@gossip/crypto";
import { createTestOrganization, testChannelConfig } from "@gossip/crypto/testing";
import { createChannelBundle, FabricCrypto, readMspFolder } from "@gossip/fabric";
import { makeChannelConfig } from "@gossip/fabric/testing";
import { type Channel, createNode, type GossipNode } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { systemWallClock } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";
import { type Command, channelId, type NodeSetup, type Report } from "./convergence-setup.js";

/** How often it is looked whether all members are in the channel. */
const lookMs = 20;

type Trust = { readonly identity: Uint8Array; readonly crypto: MessageCryptoService & SecurityAdvisor };

const now = () => performance.timeOrigin + performance.now();
const report = (message: Report) => process.send?.(message);

async function openTrust({ org, organizations, trust }: NodeSetup): Promise<Trust> {
  if (trust.type === "ed25519") {
    const trusted = organizations.map(createTestOrganization);
    const own = trusted.find(({ id }) => id === org);
    if (own === undefined) throw new Error(`expected ${org} among the organizations`);
    const { identity, privateKey } = own.issue(trust.name);
    const crypto = new Ed25519Crypto({ identity, privateKey, organizations: trusted, wall: systemWallClock });
    crypto.setChannel(testChannelConfig(channelId, trusted, trusted));
    return { identity, crypto };
  }
  const folder = await readMspFolder(trust.folder, org);
  const crypto = new FabricCrypto({ folder, mspId: org, wall: systemWallClock });
  const config = makeChannelConfig({ organizations: trust.organizations, ordererOrganizations: trust.organizations });
  crypto.setChannel(createChannelBundle(channelId, config));
  return { identity: folder.identity, crypto };
}

async function openTransport({ tls: { cert, key, root } }: NodeSetup) {
  return await createGrpcTransport({ listen: "127.0.0.1:0", tls: { cert, key, roots: [root] } });
}

/** When so many others are alive; said by events, for looking all the time would cost more than gossip. */
function allUp(others: number): Promise<number> {
  return new Promise((resolve) => {
    const look = () => node.members.length === others && resolve(now());
    node.on("member-up", look);
    look();
  });
}

/** When so many others are in the channel, of which there are no events. */
function allJoined(channel: Channel, others: number): Promise<number> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (channel.members.length < others) return;
      clearInterval(timer);
      resolve(now());
    }, lookMs);
  });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function usage(node: GossipNode): Report {
  const io = readFileSync("/proc/self/io", "utf8");
  return {
    type: "usage",
    cpuMs: cpuMs(),
    rssBytes: process.memoryUsage.rss(),
    readBytes: Number(/rchar: (\d+)/.exec(io)?.[1]),
    writtenBytes: Number(/wchar: (\d+)/.exec(io)?.[1]),
    drops: node.drops,
  };
}

let setup: NodeSetup;
let trust: Trust;
let transport: Awaited<ReturnType<typeof openTransport>>;
let node: GossipNode;

async function start({ at, peers, bootstrap, anchors }: Extract<Command, { type: "start" }>): Promise<void> {
  const before = cpuMs();
  const { identity, crypto } = trust;
  node = await createNode({
    identity,
    crypto,
    advisor: crypto,
    transport,
    endpoint: transport.endpoint,
    // Shown to others only where there are others.
    externalEndpoint: setup.organizations.length > 1 ? transport.endpoint : "",
    bootstrap,
    config: setup.config,
  });
  const others = peers - 1;
  const channel: Channel = await node.join(channelId, {
    ledger: createMemoryLedger(),
    organizations: setup.organizations.map(orgId),
    anchors: anchors.map(({ org, endpoint }) => ({ org: orgId(org), endpoint })),
  });
  // Nobody is a member of the channel before it is a member.
  const membersMs = (await allUp(others)) - at;
  const channelMs = (await allJoined(channel, others)) - at;
  report({ type: "converged", membersMs, channelMs, cpuMs: cpuMs() - before, connections: node.connections.length });
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
      trust = await openTrust(setup);
      transport = await openTransport(setup);
      report({ type: "listening", endpoint: transport.endpoint });
      return;
    case "start":
      return await start(command);
    case "usage":
      report(usage(node));
      return;
  }
}
