import type { Feature } from "@gossip/comm";
import { unsigned } from "@gossip/crypto";
import { type FakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import type { ApplicationMessage, Envelope, PkiId } from "@gossip/proto";
import { applicationMessage, leadershipMessage } from "@gossip/proto/testing";
import { GossipError } from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { info } from "../test/support/befriend.js";
import { listen, network, settle, topics } from "../test/support/programs.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";
import type { GossipNode } from "./api.js";
import type { GossipOptions } from "./config.js";
import { isApplication } from "./service.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const inChannel = { channel: channelName, topic: "topic", data: bytes("hello") };

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

interface MemberOptions {
  readonly org?: string;
  readonly features?: readonly Feature[];
  readonly config?: GossipOptions;
  /** What the node's program accepts; by default everything that programs say. */
  readonly topic?: string;
}

async function withMember({ org = "org1", features = ["application"], config = {}, topic }: MemberOptions = {}) {
  const { node, channel } = await scene.node("victim", { config });
  const member = scene.stranger("member", org, { features });
  const to = { pkiId: node.pkiId, endpoint: node.endpoint };
  const heard = listen(node, isApplication(topic));
  const say = async (envelope: Envelope, ms = 50) => {
    const before = new Map(node.drops);
    member.comm.send(to, envelope);
    await scene.run(ms);
    return [...node.drops].filter(([reason, count]) => count !== (before.get(reason) ?? 0)).map(([reason]) => reason);
  };
  await say(sealed(alive(member.crypto, 1n), member.crypto));
  await say(sealed(info(member.crypto, 1n), member.crypto));
  const acks = () => member.heard.flatMap((message) => (message.type === "ack" ? [message.error] : []));
  return { node, channel, crypto: member.crypto, told: () => member.heard, heard, say, acks };
}

function gossiped(crypto: FakeCrypto, sequence: bigint, overrides: Partial<Omit<ApplicationMessage, "type">> = {}) {
  const { incarnation } = alive(crypto, 1n).time;
  const time = { incarnation, sequence };
  return applicationMessage({ channel: channelName, pkiId: crypto.pkiId, time, ...overrides });
}

describe("what programs gossip", () => {
  test("7.42, 7.45: comes once to each program that accepts it, with its author, and not to the author's own", async () => {
    const nodes = await network(scene, ["a", "b", "c"]);
    const heard = nodes.map(({ node }) => listen(node, isApplication("topic")));
    const [a] = nodes;
    await settle(scene, a?.node.gossip(inChannel));
    await settle(scene, a?.node.gossip({ ...inChannel, topic: "other" }));
    await scene.run(1_000);
    expect(heard.map(topics)).toEqual([[], ["topic"], ["topic"]]);
    expect(heard[1]?.[0]).toMatchObject({
      how: "gossiped",
      channel: channelName,
      author: a?.node.pkiId,
      org: "org1",
      message: { data: bytes("hello") },
    });
  });

  test("7.44: all of a large network hear of it, each passing it on once", async () => {
    const names = Array.from({ length: 24 }, (_, index) => `n${index}`);
    const nodes = await network(scene, names);
    await scene.run(10_000);
    const heard = nodes.slice(1).map(({ node }) => listen(node));
    for (let count = 0; count < 5; count++) await settle(scene, nodes[0]?.node.gossip(inChannel));
    await scene.run(2_000);
    expect(heard.map(({ length }) => length)).toEqual(heard.map(() => 5));
    const copies = nodes.reduce((sum, { node }) => sum + (node.drops.get("gate/not-news") ?? 0), 0);
    expect(copies).toBeGreaterThan(0);
  });

  test("7.41, 7.44: its tag says whom it concerns: the channel, our organization in it, or our organization", async () => {
    const nodes = await network(scene, ["a", "b", "c", "d"], (name) => ({ org: name === "c" ? "org2" : "org1" }));
    const [a, b, c, d] = nodes;
    await settle(scene, d?.channel.leave());
    await scene.run(6_000);
    const heard = [b, c, d].map((one) => (one === undefined ? [] : listen(one.node)));
    await settle(scene, a?.node.gossip({ ...inChannel, topic: "all" }));
    await settle(scene, a?.node.gossip({ ...inChannel, topic: "ours", tag: "chan-and-org" }));
    await settle(scene, a?.node.gossip({ topic: "org", data: bytes("x") }));
    await scene.run(1_000);
    expect(heard.map(topics)).toEqual([["all", "ours", "org"], ["all"], ["org"]]);
  });

  test("7.44: who hides from other organizations says nothing to them", async () => {
    const hiding = (name: string) =>
      name === "a" ? { externalEndpoint: "" } : { org: name === "c" ? "org2" : "org1" };
    const [b, a, c] = await network(scene, ["b", "a", "c"], hiding);
    const heard = [b, c].map((one) => (one === undefined ? [] : listen(one.node)));
    expect(c?.node.members.map(({ internalEndpoint, endpoint }) => internalEndpoint || endpoint)).toEqual(["b:7051"]);
    await settle(scene, a?.node.gossip(inChannel));
    await settle(scene, b?.node.gossip({ ...inChannel, topic: "seen" }));
    await scene.run(1_000);
    expect(heard.map(topics)).toEqual([["topic"], ["seen"]]);
  });

  test("7.41: what no node would take is refused to the caller", async () => {
    const [a] = await network(scene, ["a"], () => ({ config: { maxNewsPerSecond: 1 } }));
    const gossip = (content: Parameters<GossipNode["gossip"]>[0]) => settle(scene, a?.node.gossip(content));
    const wrong = [
      [{ ...inChannel, topic: "t".repeat(257) }, "invalid-argument"],
      [{ ...inChannel, tag: "org-only" }, "invalid-argument"],
      [{ topic: "t", data: bytes("x"), tag: "chan-only" }, "invalid-argument"],
      [{ ...inChannel, channel: "nowhere" }, "not-found"],
      [{ ...inChannel, data: new Uint8Array(65_536) }, "too-large"],
    ] as const;
    for (const [content, code] of wrong) expect(await gossip(content)).toMatch(new RegExp(`^${code}: expected`));
    for (let count = 0; count < 10; count++) expect(await gossip(inChannel)).toBeUndefined();
    expect(await gossip(inChannel)).toMatch(/^unavailable: expected at most 1/);
    const off = await scene.node("off", { config: { applicationMessages: false } });
    expect(await settle(scene, off.node.gossip(inChannel))).toMatch(/^unavailable/);
    const closing = off.node.close();
    await scene.run(1_000);
    await closing;
    expect(await settle(scene, off.node.gossip(inChannel))).toMatch(/^closed/);
    expect(() => off.node.accept(() => true)).toThrow(GossipError);
  });
});

describe("application messages at the gate", () => {
  test("7.42: signed by its author, once, however it comes", async () => {
    const { say, heard, crypto } = await withMember();
    const envelope = sealed(gossiped(crypto, 1n), crypto);
    expect(await say({ ...envelope, signature: new Uint8Array(16) })).toEqual(["gate/bad-signature"]);
    expect(await say(envelope)).toEqual([]);
    expect(await say(envelope)).toEqual(["gate/not-news"]);
    expect(heard).toHaveLength(1);
  });

  test("7.43: one of an earlier life of its author is no news, to a node that heard nothing of it either", async () => {
    const { say, crypto } = await withMember();
    const time = { incarnation: alive(crypto, 1n).time.incarnation - 1n, sequence: 7n };
    expect(await say(sealed(gossiped(crypto, 1n, { time }), crypto))).toEqual(["gate/not-news"]);
  });

  test("7.42: not beyond its scope: channel, organization of sender and author, size", async () => {
    const { say, crypto, heard } = await withMember({ org: "org2" });
    const tell = (overrides: Parameters<typeof gossiped>[2]) => say(sealed(gossiped(crypto, 1n, overrides), crypto));
    expect(await tell({ channel: "other" })).toEqual(["gate/no-such-channel"]);
    expect(await tell({ tag: "chan-and-org" })).toEqual(["gate/not-own-organization"]);
    expect(await tell({ channel: "", tag: "org-only" })).toEqual(["gate/not-own-organization"]);
    expect(await tell({ pkiId: "0102" as PkiId })).toEqual(["gate/unknown-identity"]);
    expect(await tell({ topic: "t".repeat(257) })).toEqual(["gate/invalid-field"]);
    expect(await tell({ data: new Uint8Array(65_536) })).toEqual(["gate/too-large"]);
    expect(await tell({ tag: "chan-or-org" })).toEqual(["gate/illegal-tag"]);
    expect(heard).toEqual([]);
    expect(await tell({})).toEqual([]);
    expect(heard).toHaveLength(1);
  });

  test("7.42: of an organization that is not in the channel", async () => {
    const { say, crypto } = await withMember({ org: "org3" });
    expect(await say(sealed(gossiped(crypto, 1n), crypto))).toEqual(["gate/sender-not-in-channel"]);
  });

  test("7.42: of one author no more than it may say", async () => {
    const { say, crypto, heard } = await withMember({ config: { maxNewsPerSecond: 1 } });
    const drops = [];
    for (let number = 1n; number <= 12n; number++) drops.push(...(await say(sealed(gossiped(crypto, number), crypto))));
    expect([heard.length, drops]).toEqual([10, ["gate/too-often", "gate/too-often"]]);
  });

  test("7.41, 14.3: nothing of it from whoever did not name it, nor where it is off", async () => {
    const stranger = await withMember({ features: [] });
    expect(await stranger.say(unsigned(applicationMessage({ channel: channelName })))).toEqual([
      "gate/feature-not-announced",
    ]);
    await scene.close();
    scene = new Scene();
    const off = await withMember({ config: { applicationMessages: false } });
    expect(await off.say(unsigned(applicationMessage({ channel: channelName })))).toEqual([
      "gate/feature-not-announced",
    ]);
  });

  test("7.41, 14.2: a peer that did not name it, as a stock peer does not, is told nothing", async () => {
    const { node, channel, crypto, ...stranger } = await withMember({ features: [] });
    expect(channel.members.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId]);
    await settle(scene, node.gossip(inChannel));
    node.send(inChannel, [crypto.pkiId]);
    expect(
      await settle(
        scene,
        node.sendByCriteria({ channel: channelName, maxPeers: 1, minAcks: 1, timeoutMs: 100 }, inChannel),
      ),
    ).toMatch(/^unavailable: expected at least 1 members that qualify, got 0/);
    await scene.run(1_000);
    expect(node.drops.get("comm/not-understood")).toBe(1);
    expect(stranger.told().filter(({ type }) => type === "application")).toEqual([]);
  });
});

describe("what goes straight from one to another", () => {
  test("7.46: comes to programs that accept it, with who said it, and can be answered", async () => {
    const [a, b] = await network(scene, ["a", "b"]);
    const atB = listen(b?.node as GossipNode, isApplication("question"), (received) =>
      received.respond({ topic: "answer", data: bytes("42") }),
    );
    const atA = listen(a?.node as GossipNode, isApplication("answer"));
    a?.node.send({ ...inChannel, topic: "question" }, [b?.node.pkiId as PkiId]);
    await scene.run(100);
    expect(atB[0]).toMatchObject({ how: "direct", channel: channelName, from: a?.node.pkiId, org: "org1" });
    expect(atA[0]).toMatchObject({
      how: "direct",
      channel: channelName,
      from: b?.node.pkiId,
      message: { data: bytes("42") },
    });
    a?.node.send({ topic: "question", data: bytes("outside of all channels") }, [b?.node.pkiId as PkiId]);
    await scene.run(100);
    expect(atA[1]).toMatchObject({ how: "direct", channel: "" });
  });

  test("7.46: is acknowledged by the program that takes it, once, and by the node if there is none", async () => {
    const { say, acks, heard } = await withMember();
    const direct = (topic: string, nonce: bigint) =>
      unsigned(applicationMessage({ channel: channelName, topic, nonce }));
    await say(direct("one", 1n));
    await say(direct("without a nonce", 0n));
    expect([heard.length, acks()]).toEqual([2, [""]]);
    await scene.close();
    scene = new Scene();
    const alone = await withMember({ topic: "nothing" });
    expect(await alone.say(direct("one", 1n))).toEqual(["accept/not-accepted"]);
    const refusing = alone.acks();
    listen(alone.node, isApplication("no"), (received) => {
      received.acknowledge("no".repeat(200));
      received.acknowledge();
    });
    await alone.say(direct("no", 2n));
    expect([refusing, alone.acks().slice(1)]).toEqual([["nobody accepts it"], ["no".repeat(100)]]);
  });

  test("7.46: is taken of one peer no more often than anybody needs to", async () => {
    const { say, acks, heard } = await withMember();
    const drops = new Set<string>();
    for (let count = 0n; count < 1_100n; count++) {
      const envelope = unsigned(applicationMessage({ channel: channelName, nonce: count + 1n }));
      for (const drop of await say(envelope, 0)) drops.add(drop);
    }
    expect([...drops]).toEqual(["gate/too-often"]);
    expect([heard.length, acks().at(-1)]).toEqual([1_000, "too often"]);
  });

  test("7.47: is sent to nobody whose organization is not in the channel, or is not known", async () => {
    const { node, crypto } = await withMember({ org: "org3" });
    const send = (content: Parameters<GossipNode["send"]>[0], peer: string) => () =>
      node.send(content, [peer as PkiId]);
    expect(send(inChannel, crypto.pkiId)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(send({ topic: "t", data: bytes("x") }, "0102")).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
    expect(send({ ...inChannel, channel: "nowhere" }, crypto.pkiId)).toThrow(
      expect.objectContaining({ code: "not-found" }),
    );
  });
});

describe("what a program may accept of the protocol", () => {
  test("7.45: new blocks, state infos and words about leadership, each once and verified", async () => {
    const { node, say, crypto, heard } = await withMember();
    const all = listen(node, () => true);
    const data = makeFakeBlock({ channel: channelName, number: 0n, data: [bytes("tx")] });
    const pushed = unsigned({
      nonce: 0n,
      channel: channelName,
      tag: "chan-and-org",
      type: "data",
      payload: { blockNumber: 0n, data, privateData: [] },
    });
    await say(pushed);
    await say(pushed);
    const grown = sealed(info(crypto, 2n, 5n), crypto);
    await say({ ...grown, signature: new Uint8Array(16) });
    await say(grown);
    await say(grown);
    const leads = sealed(leadershipMessage({ channel: channelName, pkiId: crypto.pkiId, isDeclaration: true }), crypto);
    await say(leads);
    await say(leads);
    expect(topics(all)).toEqual(["data", "state-info", "leadership"]);
    expect(all[0]).toMatchObject({ channel: channelName, author: undefined, from: crypto.pkiId, org: "org1" });
    expect(all[1]).toMatchObject({ channel: channelName, author: crypto.pkiId });
    expect(heard).toEqual([]);
  });
});
