/** Scenarios and statements of protocol page 04 that need whole nodes: what reaches discovery, and what becomes of its word. */

import { fakeIdentity, makeFakeBlock } from "@gossip/crypto/testing";
import { type GossipMessage, orgId, type PkiId, readMessage } from "@gossip/proto";
import { dataMessage, membershipRequest } from "@gossip/proto/testing";
import type { Metrics } from "@gossip/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GossipNode } from "../src/api.js";
import { alive, channelName, meet, Scene, sealed } from "./support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const names = (node: GossipNode) => node.members.map(({ pkiId }) => Buffer.from(pkiId, "hex").toString()).sort();

/** The membership requests among what a stranger heard, and whether they show the internal endpoint. */
function requests({ heard }: { readonly heard: readonly GossipMessage[] }) {
  return heard.flatMap((message) =>
    message.type === "membership-request" ? [{ hasSecret: message.self.secret !== undefined }] : [],
  );
}

test("04/3: what is no message, or not for discovery, changes nothing", async () => {
  const { node, say, crypto } = await meet(scene);
  await say(sealed(alive(crypto, 1n), crypto));
  const before = names(node);
  const nothing = { payload: new Uint8Array(0), signature: new Uint8Array(0) };
  const block = makeFakeBlock({ channel: channelName, number: 7n, data: [] });
  expect(await say(nothing)).toHaveLength(1);
  await say(sealed(dataMessage({ payload: { blockNumber: 7n, data: block, privateData: [] } }), crypto));
  expect(names(node)).toEqual(before);
  expect(node.health).toEqual({ ok: true });
});

test("04/26, 4.38, 4.40, 4.45: anchors that start late are identified and asked, and only the own one sees the secret", async () => {
  const anchors = [
    { org: orgId("org1"), endpoint: "own:7051" },
    { org: orgId("org2"), endpoint: "foreign:7051" },
  ];
  const { node } = await scene.node("peer0", { join: { anchors } });
  await scene.run(5_000);
  const [own, foreign] = [scene.stranger("own"), scene.stranger("foreign", "org2")];
  await scene.run(20_000);
  expect(requests(own)[0]).toEqual({ hasSecret: true });
  expect(requests(foreign)[0]).toEqual({ hasSecret: false });
  expect(own.heard[0]?.type).toBe("membership-request");
  expect(node.connections.map(({ pkiId }) => pkiId).sort()).toEqual([own.crypto.pkiId, foreign.crypto.pkiId].sort());
});

test("04/30, 4.33: of five, one identity runs out and one is revoked: the others see two, and the revoked one nobody", async () => {
  const wallMs = Number(scene.clock.nowNanos() / 1_000_000n);
  scene.trust.expire(fakeIdentity("org1", "peer4"), wallMs + 20_000);
  const nodes = [await scene.node("peer0")];
  for (const name of ["peer1", "peer2", "peer3", "peer4"]) {
    nodes.push(await scene.node(name, { bootstrap: ["peer0:7051"] }));
  }
  await scene.run(10_000);
  expect(nodes.map(({ node }) => node.members.length)).toEqual([4, 4, 4, 4, 4]);
  await scene.run(20_000);
  scene.trust.revoke(fakeIdentity("org1", "peer3"));
  for (const { node } of nodes) await node.suspect(() => true);
  await scene.run(10_000);
  expect(nodes.slice(0, 3).map(({ node }) => names(node).length)).toEqual([2, 2, 2]);
  expect(nodes[3]?.node.members).toEqual([]);
});

test("04/33, 4.33: at the endpoint of a member another identity answers: within its organization it takes its place", async () => {
  const { node } = await scene.node("peer0");
  const first = await scene.node("peer1", { bootstrap: ["peer0:7051"] });
  await scene.run(5_000);
  await Promise.all([first.node.close(), scene.run(100)]);
  const renewed = await scene.node("peer1", { identity: "peer1.renewed" });
  await scene.run(60_000);
  expect([...node.members, ...node.deadMembers].map(({ pkiId }) => pkiId)).toEqual([renewed.node.pkiId]);
});

test("04/33: of another organization it gets nothing, and the member is dead", async () => {
  const { node } = await scene.node("peer0");
  const first = await scene.node("peer1", { bootstrap: ["peer0:7051"] });
  await scene.run(5_000);
  await Promise.all([first.node.close(), scene.run(100)]);
  const stranger = scene.stranger("peer1", "org2");
  await scene.run(60_000);
  expect(stranger.heard).toEqual([]);
  expect(node.deadMembers.map(({ pkiId }) => pkiId)).toEqual([first.node.pkiId]);
});

test("04/34: the gauge of known peers is 0 for who is alone, and follows who joins and stops", async () => {
  const gauges = new Map<string, number>();
  const metrics: Metrics = {
    counter: () => ({ add() {} }),
    gauge: ({ name }) => ({ set: (value) => gauges.set(name, value) }),
    histogram: () => ({ observe() {} }),
  };
  const known = () => gauges.get("gossip_membership_total_peers_known");
  await scene.node("peer0", { metrics });
  await scene.run(5_000);
  expect(known()).toBe(0);
  const { node } = await scene.node("peer1", { bootstrap: ["peer0:7051"] });
  await scene.run(6_000);
  expect(known()).toBe(1);
  await Promise.all([node.close(), scene.run(40_000)]);
  expect(known()).toBe(0);
});

test("4.1: neither an open connection nor other messages on it show a member alive", async () => {
  const { node, crypto, comm, to } = await meet(scene);
  const keepTalking = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      comm.send(to, sealed(membershipRequest({ self: sealed(alive(crypto, 1n), crypto) }), crypto));
      await scene.run(1_000);
    }
  };
  comm.send(to, sealed(alive(crypto, 1n), crypto));
  await scene.run(1_000);
  expect(node.members).toHaveLength(1);
  await keepTalking(40_000);
  expect(node.members).toEqual([]);
  expect(node.deadMembers.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId]);
});

test("4.4: the incarnation is above that of every earlier life, though the clock was set back", async () => {
  const hour = 3_600_000_000_000n;
  const first = await scene.node("peer0");
  await Promise.all([first.node.close(), scene.run(1_000)]);
  const wall = { nowNanos: () => scene.clock.nowNanos() - hour };
  const { incarnation: lastIncarnation } = first.node;
  const second = await scene.node("peer0", { lastIncarnation, wall });
  expect(second.node.incarnation).toBe(lastIncarnation + 1n);
});

test("4.6: an alive message is judged as news first, then by its identity, then by its signature", async () => {
  const { node, crypto, say } = await meet(scene);
  const unknown: PkiId = "00ff" as PkiId;
  const forged = (message: ReturnType<typeof alive>) => ({
    ...sealed(message, crypto),
    signature: new TextEncoder().encode("forged"),
  });
  await say(sealed(alive(crypto, 5n), crypto));
  expect(await say(forged(alive(crypto, 5n)))).toEqual(["gate/not-news"]);
  const stranger = alive(crypto, 6n, {
    member: { pkiId: unknown, endpoint: "x:1", metadata: new Uint8Array(0) },
    identity: new Uint8Array(0),
  });
  expect(await say(forged(stranger))).toEqual(["gate/unknown-identity"]);
  expect(await say(forged(alive(crypto, 6n)))).toEqual(["gate/bad-signature"]);
  expect(node.members).toMatchObject([{ sequence: 5n }]);
});

test("4.18: the answer to a request has the asker's nonce, and our own fresh record last", async () => {
  const { node, crypto, comm, to, heard } = await meet(scene);
  comm.send(to, sealed(membershipRequest({ nonce: 77n, self: sealed(alive(crypto, 1n), crypto) }), crypto));
  await scene.run(100);
  const [response] = heard.flatMap((message) => (message.type === "membership-response" ? [message] : []));
  expect(response?.nonce).toBe(77n);
  const authors = (response?.alive ?? []).map(({ payload }) => {
    const message = readMessage(payload);
    return message.ok && message.value.type === "alive" ? message.value.member.pkiId : "";
  });
  expect(authors.at(-1)).toBe(node.pkiId);
  expect(authors).toContain(crypto.pkiId);
});
