/** What the members of a channel keep in common, beside the ledger: a flag, who serves what, and how loaded each is. */

import { createMemoryNetwork } from "@gossip/comm/testing";
import { Ed25519Crypto, generateKeyPair, issueIdentity } from "@gossip/crypto";
import { testChannelConfig } from "@gossip/crypto/testing";
import { type Channel, createNode } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { systemWallClock } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";

const channelId = "demo";
const root = generateKeyPair();
const organizations = [{ id: orgId("org1"), rootPublicKey: root.publicKey }];
const network = createMemoryNetwork();
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (value?: Uint8Array) => new TextDecoder().decode(value);

const [alice, bob] = [await open("alice"), await open("bob")];

// A write is in the own map when it resolves, and comes to the others by itself.
await alice.channel.shared.set("flags/dark-mode", encode("on"));
await seen(bob.channel, "flags/dark-mode");
await bob.channel.shared.set("endpoints/api", encode("https://bob.example:8443"));
await seen(alice.channel, "endpoints/api");

// Whoever comes later learns all of it at once.
const carol = await open("carol");
await seen(carol.channel, "flags/dark-mode");
await seen(carol.channel, "endpoints/api");
for (const { key, value, author } of carol.channel.shared.entries()) {
  console.log(`carol knows ${key} = ${decode(value)}, of ${author === alice.node.pkiId ? "alice" : "bob"}`);
}

// Anybody of the channel may change or delete it; listeners are told of each change.
const told = new Promise<void>((resolve) => {
  alice.channel.shared.on("change", ({ key, entry, cause }) => {
    console.log(`alice is told: ${key} is ${entry === undefined ? cause : decode(entry.value)}`);
    if (cause === "deleted") resolve();
  });
});
await carol.channel.shared.set("flags/dark-mode", encode("off"));
await carol.channel.shared.delete("endpoints/api");
await told;

// Keys can be kept for some: here each node is the only one who may write its own load.
await bob.channel.shared.set(`load/${bob.node.pkiId}`, encode("0.4"));
await alice.channel.shared.set(`load/${bob.node.pkiId}`, encode("9.9")).catch((error: Error) => {
  console.log(`alice may not: ${error.message.replace(bob.node.pkiId, "bob")}`);
});
await Promise.all([alice, bob, carol].map(({ node }) => node.close()));

/** Resolves when the key has a value there. */
async function seen({ shared }: Channel, key: string): Promise<void> {
  if (shared.get(key) !== undefined) return;
  for await (const change of shared.changes()) if (change.key === key) return;
}

async function open(name: string) {
  const { privateKey, publicKey } = generateKeyPair();
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 86_400_000 };
  const holder = { org: "org1", name, role: "peer", publicKey, ...validity } as const;
  const identity = issueIdentity({ ...holder, rootPrivateKey: root.privateKey });
  const crypto = new Ed25519Crypto({ identity, privateKey, organizations, wall: systemWallClock });
  crypto.setChannel(testChannelConfig(channelId, organizations, organizations));
  const endpoint = `${name}:7051`;
  // For a real network: await createGrpcTransport({ listen: "0.0.0.0:7051", tls }) of @gossip/comm/grpc.
  const transport = network.transport(endpoint);
  const node = await createNode({ identity, crypto, advisor: crypto, transport, endpoint, bootstrap: ["alice:7051"] });
  const channel = await node.join(channelId, {
    ledger: createMemoryLedger(),
    organizations: organizations.map(({ id }) => id),
    mayWriteShared: ({ key, author }) => !key.startsWith("load/") || key === `load/${author}`,
  });
  return { node, channel };
}
