/** Programs on three nodes that talk to each other: to all, to one, and to as many as it takes. */

import { createMemoryNetwork } from "@gossip/comm/testing";
import { createFakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { createNode, isApplication, type JoinOptions, noLedger } from "@gossip/node";
import { orgId } from "@gossip/proto";
import { createMemoryLedger } from "@gossip/state/testing";

const network = createMemoryNetwork();
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

const alice = await open("alice");
const bob = await open("bob");
// Carol keeps no blocks: she says herself how far a ledger elsewhere is.
const carol = await open("carol", { ledger: noLedger() });
const everybody = [alice, bob, carol];
await until(() => everybody.every(({ channel }) => channel.members.length === 2));

// accept, gossip: all members of the channel hear of it, once, and know whose word it is.
const prices = bob.node.accept(isApplication("prices"));
await alice.node.gossip({ channel: "demo", topic: "prices", data: bytes("wheat 7") });
for await (const { message, author } of prices) {
  console.log(`bob hears of alice: ${author === alice.node.pkiId && text(message.data)}`);
  break;
}

// accept with direct, send: straight to one, who answers.
const answers = alice.node.accept(isApplication("answer"), { direct: true });
const questions = bob.node.accept(isApplication("question"), { direct: true });
alice.node.send({ topic: "question", data: bytes("how much is rye?") }, [bob.node.pkiId]);
for await (const received of questions) {
  if (received.how === "direct") received.respond({ topic: "answer", data: bytes("rye is 5") });
  break;
}
for await (const { message } of answers) {
  if (message.type === "application") console.log(`alice is told: ${text(message.data)}`);
  break;
}

// sendByCriteria: resolves when as many as it takes have said that they have it.
for (const { node, name } of [bob, carol]) keepSafe(node, name);
const criteria = { channel: "demo", maxPeers: 2, minAcks: 2, timeoutMs: 5_000 };
const kept = await alice.node.sendByCriteria(criteria, { channel: "demo", topic: "keep", data: bytes("a secret") });
console.log(`${kept.acknowledged.length} keep it`);
await alice.node
  .sendByCriteria({ ...criteria, minAcks: 2, organization: orgId("org2") }, { topic: "keep", data: bytes("x") })
  .catch((error: Error) => console.log(`nobody does: ${error.message}`));

// add: a block that came another way, e.g. in a file; verified, and committed in order.
const block = makeFakeBlock({ channel: "demo", number: 0n, data: [bytes("tx")] });
console.log(`alice adds block 0: ${await alice.channel.add(block)}, and again: ${await alice.channel.add(block)}`);

// setHeight, setChaincodes: what the others are told of a member.
carol.channel.setHeight(42n);
carol.channel.setChaincodes([{ name: "assets", version: "1.0", metadata: bytes("") }]);
const ofCarol = () => bob.channel.members.find(({ pkiId }) => pkiId === carol.node.pkiId)?.properties;
await until(() => ofCarol()?.ledgerHeight === 42n && ofCarol()?.chaincodes.length === 1);
console.log(`bob knows of carol: height ${ofCarol()?.ledgerHeight}, chaincode ${ofCarol()?.chaincodes[0]?.name}`);

await Promise.all(everybody.map(({ node }) => node.close()));

async function keepSafe(node: (typeof alice)["node"], name: string): Promise<void> {
  for await (const received of node.accept(isApplication("keep"), { direct: true })) {
    // Only when it is safe: here a program would write it to its disk.
    if (received.how === "direct") received.acknowledge();
    console.log(`${name} keeps ${received.message.type === "application" && text(received.message.data)}`);
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function open(name: string, options: Partial<JoinOptions> = {}) {
  const crypto = createFakeCrypto({ org: "org1", name });
  const endpoint = `${name}:7051`;
  const node = await createNode({
    identity: crypto.identity,
    crypto,
    advisor: crypto,
    transport: network.transport(endpoint),
    endpoint,
    bootstrap: ["alice:7051"],
  });
  const organizations = [orgId("org1")];
  const channel = await node.join("demo", { ledger: createMemoryLedger(), organizations, ...options });
  return { name, node, channel };
}
