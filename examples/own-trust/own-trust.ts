/** A trust of one's own: it passes the published conformance cases, then two nodes gossip with it and refuse an impostor. */

import { createMemoryNetwork } from "@gossip/comm/testing";
import { messageCryptoServiceCases, securityAdvisorCases } from "@gossip/crypto/testing";
import { createNode, type Refusal } from "@gossip/node";
import { type OrgId, orgId } from "@gossip/proto";
import { systemRandom } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";
import { HmacTrust, issueIdentity, makeBlock } from "./hmac-trust.js";

const [org1, org2, org3] = [orgId("org1"), orgId("org2"), orgId("org3")];
const [secret1, secret2] = [systemRandom.bytes(32), systemRandom.bytes(32)];
const known = new Map([
  [org1, secret1],
  [org2, secret2],
]);
const channel = "demo";
const channels = new Map([[channel, { readers: [org1], orderer: org2 }]]);
const data = [new TextEncoder().encode("hello")];
const block = makeBlock(secret2, { channel, number: 0n, previousHash: new Uint8Array(0), data });

/** Somebody of an organization, who knows its secret or believes so. */
function holder(org: OrgId, secret: Uint8Array, name: string, expiresMs = Date.now() + 86_400_000) {
  const identity = issueIdentity(secret, { org, name, expiresMs });
  const secrets = new Map(known).set(org, secret);
  const trust = new HmacTrust({ identity, secrets, channels });
  return { identity, trust, sign: (payload: Uint8Array) => trust.sign(payload) };
}

const [alice, bob] = [holder(org1, secret1, "alice"), holder(org1, secret1, "bob")];
const [outsider, expired] = [holder(org2, secret2, "carol"), holder(org1, secret1, "dave", 0)];
const stranger = holder(org3, systemRandom.bytes(32), "erin");
const impostor = holder(org1, systemRandom.bytes(32), "mallory");

// The cases are data, so any test runner will do; a duty that is not met rejects.
const { identity, trust: crypto } = alice;
for (const { name, run } of messageCryptoServiceCases) {
  const others = { member: bob, outsider, stranger, expired, revoked: undefined, impostor };
  await run(() => ({ crypto, identity, ...others, channel, block, blockNumber: 0n }));
  console.log(`ok: ${name}`);
}
for (const { name, run } of securityAdvisorCases) {
  const others = { expired: expired.identity, revoked: undefined, stranger: stranger.identity };
  await run(() => ({ advisor: crypto, identity, org: org1, ...others }));
  console.log(`ok: ${name}`);
}

const verdict = crypto.validateIdentity(impostor.identity);
console.log(`mallory, without the secret: ${verdict.ok ? "accepted" : `${verdict.reason}: ${verdict.detail}`}`);

const network = createMemoryNetwork();
function openNode({ identity, trust }: typeof alice, endpoint: string) {
  const transport = network.transport(endpoint);
  const bootstrap = ["alice:7051"];
  return createNode({ identity, crypto: trust, advisor: trust, transport, endpoint, bootstrap });
}

const node1 = await openNode(alice, "alice:7051");
const node2 = await openNode(bob, "bob:7051");
const refused = new Promise<Refusal>((resolve) => node1.on("refused", resolve));
const joined1 = await node1.join(channel, { ledger: createMemoryLedger(), organizations: [org1], leader: true });
const joined2 = await node2.join(channel, { ledger: createMemoryLedger(), organizations: [org1] });
await joined1.publish(0n, block);
for await (const { number, bytes } of joined2.blocks({ from: 0n })) {
  console.log(`bob has block ${number}, ${bytes.length} bytes, verified and committed`);
  break;
}

const node3 = await openNode(stranger, "erin:7051");
const { reason, detail } = await refused;
console.log(`alice refuses erin: ${reason}: ${detail}`);
await Promise.all([node1, node2, node3].map((node) => node.close()));
