/** One node in a process of its own: keeps the shared map of one channel, writes when told, and tells what it sees. */

import { createGrpcTransport } from "@gossip/comm/grpc";
import { Ed25519Crypto } from "@gossip/crypto";
import { createTestOrganization, testChannelConfig } from "@gossip/crypto/testing";
import { type Channel, createNode } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { errorText, systemWallClock } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";

/** What a process is started with, as JSON in its first argument. */
export interface ProcessSetup {
  readonly name: string;
  readonly org: string;
  readonly organizations: readonly string[];
  readonly listen: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly root: string };
}

/** To a process. */
export type Order =
  | { readonly type: "start"; readonly peers: readonly { readonly org: string; readonly endpoint: string }[] }
  | { readonly type: "set"; readonly key: string; readonly value: string }
  | { readonly type: "delete"; readonly key: string };

/** From a process. */
export type Report =
  | { readonly type: "listening"; readonly endpoint: string }
  /** After each change of what it knows. */
  | { readonly type: "state"; readonly members: number; readonly map: Readonly<Record<string, string>> };

const channelId = "demo";
const setup = JSON.parse(process.argv[2] ?? "") as ProcessSetup;
const organizations = setup.organizations.map(createTestOrganization);
const report = (message: Report) => process.send?.(message);

const own = organizations.find(({ id }) => id === setup.org);
if (own === undefined) throw new Error(`expected ${setup.org} among the organizations`);
const { identity, privateKey } = own.issue(setup.name);
const crypto = new Ed25519Crypto({ identity, privateKey, organizations, wall: systemWallClock });
crypto.setChannel(testChannelConfig(channelId, organizations, organizations));
const { cert, key, root } = setup.tls;
const transport = await createGrpcTransport({ listen: setup.listen, tls: { cert, key, roots: [root] } });
let channel: Channel;

process.on("disconnect", () => process.exit(0));
process.on("message", (order: Order) => {
  void obey(order).catch((error) => {
    process.stderr.write(`${errorText(error)}\n`);
    process.exit(1);
  });
});
report({ type: "listening", endpoint: transport.endpoint });

async function obey(order: Order): Promise<void> {
  switch (order.type) {
    case "start":
      return await start(order.peers);
    case "set":
      return await channel.shared.set(order.key, new TextEncoder().encode(order.value));
    case "delete":
      await channel.shared.delete(order.key);
  }
}

async function start(peers: readonly { readonly org: string; readonly endpoint: string }[]): Promise<void> {
  const { endpoint } = transport;
  const node = await createNode({
    identity,
    crypto,
    advisor: crypto,
    transport,
    endpoint,
    externalEndpoint: endpoint,
    bootstrap: peers.filter(({ org }) => org === setup.org).map((peer) => peer.endpoint),
  });
  channel = await node.join(channelId, {
    ledger: createMemoryLedger(),
    organizations: organizations.map(({ id }) => id),
    anchors: peers.map(({ org, endpoint: at }) => ({ org: orgId(org), endpoint: at })),
  });
  const tell = () => {
    const map = channel.shared.entries().map(({ key, value }) => [key, new TextDecoder().decode(value)]);
    report({ type: "state", members: channel.members.length, map: Object.fromEntries(map) });
  };
  channel.shared.on("change", tell);
  setInterval(tell, 200);
}
