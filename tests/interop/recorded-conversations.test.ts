/** Real nodes in the place of recorded peers hear what those heard, from the same mouths: what comes out must be the same. */

import { blockHash } from "@gossip/crypto";
import type { Channel, GossipNode } from "@gossip/node";
import { type BlockPayload, type PkiId, readMessage } from "@gossip/proto";
import { encodeBlock, readBlock } from "@gossip/proto/fabric";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  fail,
  readConversation,
  recordedBlock,
  recordedChannel,
  type Statement,
  statementsIn,
} from "../../packages/fabric/test/recorded-conversations.js";
import { corruptions, lastBitFlipped } from "../../packages/fabric/test/recorded-corruptions.js";
import { withBlocks, withStatements } from "./alter.js";
import { endpoints, refusedBy, Stage } from "./stage.js";

const withPeer0 = readConversation("peer0-org1");
const withLeader = readConversation("peer1-org1-leader");

/** Everybody that was there. */
const peer0 = member("Org1MSP", "127.0.0.1:17151");
const peer1 = member("Org1MSP", "127.0.0.1:17152");
/** The recorder tells its internal endpoint to nobody. */
const recorder = { org: "Org1MSP", endpoint: "127.0.0.1:17153", internalEndpoint: "" };
const peer0OfOrg2 = { org: "Org2MSP", endpoint: "127.0.0.1:17251", internalEndpoint: "" };

/** What may be dropped of what honest peers say: old news, what is about ourselves, and blocks that are not for pulling. */
const expectedDrops = [
  "comm/backing-off",
  "comm/dial-failed",
  "discovery/own-message",
  "gate/not-news",
  "gate/unknown-identity",
  "gate/unknown-member",
];

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.close());

describe("A node in the recorder's place", () => {
  test("learns from peer0.org1 of members, heights and blocks, and takes private data", async () => {
    const ghost = stage.ghost("peer0.org1", withPeer0, "in");
    ghost.listen();
    const bootstrap = [endpoints["peer0.org1"]];
    const { node, channel, crypto, privateData } = await stage.cast("peer2.org1", { bootstrap });
    await stage.run(46_000);

    expect(seenBy(node)).toEqual([peer0, peer1, peer0OfOrg2]);
    expect(heightsIn(channel)).toEqual([6n, 6n, 6n]);
    expect(channel.leaders).toEqual([]);
    await expectRecordedBlocks(channel, 7);
    expect(node.refusals).toEqual([]);
    expect([...node.drops.keys()].filter((reason) => !expectedDrops.includes(reason))).toEqual([]);

    expect(privateData.map(({ payload }) => payload.collection)).toEqual(Array(4).fill("_implicit_org_Org1MSP"));
    for (const { from } of privateData) {
      const { identity, signature, payload } = from;
      expect(crypto.verifyByChannel(recordedChannel, identity, signature, payload)).toEqual({ ok: true });
    }
    expect(ghost.heardOf("ack").map(({ error }) => error)).toEqual(["", "", "", ""]);
  });

  test("learns from peer1.org1 also that it leads", async () => {
    stage.ghost("peer1.org1", withLeader, "in").listen();
    const { node, channel } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer1.org1"]] });
    await stage.run(24_000);

    expect(seenBy(node)).toEqual([peer0, peer1, peer0OfOrg2]);
    expect(heightsIn(channel)).toEqual([8n, 8n, 8n]);
    const [leader] = channel.leaders;
    expect(channel.leaders).toHaveLength(1);
    expect(node.members.find(({ pkiId }) => pkiId === leader?.pkiId)).toMatchObject(peer1);
    await expectRecordedBlocks(channel, 8);
    expect(node.refusals).toEqual([]);
    expect([...node.drops.keys()].filter((reason) => !expectedDrops.includes(reason))).toEqual([]);
  });

  test("offers the identities that it learned, each as its owner signed it", async () => {
    const ghost = stage.ghost("peer0.org1", withPeer0, "in");
    ghost.listen();
    const { node } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer0.org1"]] });
    await stage.run(10_000);
    const everybody = [...recordedPkiIds(withPeer0)].sort();
    const digests = ghost.heardOf("digest").filter(({ pullType }) => pullType === "identity");
    expect(digests.length).toBeGreaterThan(0);
    for (const { digests: ids } of digests) {
      expect(ids.map((id) => Buffer.from(id).toString("hex")).sort()).toEqual(everybody);
    }
    expect(everybody).toContain(node.pkiId);
  });

  test("offers its newest blocks to be pulled, and gives them as they are", async () => {
    const ghost = stage.ghost("peer0.org1", withPeer0, "in");
    ghost.listen();
    const { channel } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer0.org1"]] });
    await stage.run(46_000);
    const digests = ghost.heardOf("digest").filter(({ pullType }) => pullType === "block");
    const updates = ghost.heardOf("update").filter(({ pullType }) => pullType === "block");
    for (const { tag, channel: name } of [...digests, ...updates])
      expect([tag, name]).toEqual(["chan-and-org", channel.id]);
    const offered = digests.at(-1)?.digests.map((digest) => new TextDecoder().decode(digest));
    expect(offered).toEqual(["0", "1", "2", "3", "4", "5"]);
    const given = updates.flatMap(({ data }) => data.map(({ payload }) => readMessage(payload)));
    expect(given.length).toBeGreaterThan(0);
    for (const read of given) {
      const message = read.ok ? read.value : undefined;
      if (message?.type !== "data") throw new Error(`expected a block, got ${message?.type}`);
      expect(message.payload.data).toEqual(await channel.block(message.payload.blockNumber));
    }
  });
});

describe("A node in the place of peer0.org1", () => {
  test("knows the recorder as a member, and answers its questions", async () => {
    const { node, channel, crypto } = await stage.cast("peer0.org1", { height: 8 });
    const ghost = stage.ghost("peer2.org1", withPeer0, "out");
    ghost.dial(endpoints["peer0.org1"]);
    await stage.run(46_000);

    expect(seenBy(node)).toEqual([recorder]);
    expect(heightsIn(channel)).toEqual([1n]);
    expect(node.refusals).toEqual([]);
    const responses = ghost.heardOf("state-response");
    expect(responses).toHaveLength(12);
    for (const { payloads } of responses) {
      expect(payloads.map(({ blockNumber }) => blockNumber)).toEqual([0n, 1n, 2n, 3n]);
      for (const payload of payloads) expectRecordedBlock(payload.blockNumber, payload.data);
    }
    const [own] = ghost.heardOf("update").flatMap(({ data }) => data);
    expect(own && crypto.verify(crypto.identity, own.signature, own.payload)).toEqual({ ok: true });
    expect(ghost.heardOf("state-info-snapshot").length).toBeGreaterThan(0);
  });
});

/** What is corrupted in all that the leader says and passes on, and what the node must be without then. */
const siblings: readonly {
  readonly kind: Statement["message"]["type"];
  readonly members: readonly object[];
  readonly heights: readonly bigint[];
  readonly leaders: number;
  readonly height: bigint;
}[] = [
  { kind: "alive", members: [], heights: [], leaders: 1, height: 1n },
  { kind: "peer-identity", members: [peer1], heights: [8n], leaders: 1, height: 8n },
  { kind: "state-info", members: [peer0, peer1, peer0OfOrg2], heights: [], leaders: 1, height: 1n },
  { kind: "leadership", members: [peer0, peer1, peer0OfOrg2], heights: [8n, 8n, 8n], leaders: 0, height: 8n },
];

const ofSignatures = corruptions.filter(({ name }) => /signature/.test(name));

describe.each(siblings)("A node that hears only corrupted $kind messages", (sibling) => {
  test.each(ofSignatures)("with $name keeps nothing of them, and says why", async ({ corrupt, reason, detail }) => {
    stage.ghost("peer1.org1", withStatements(withLeader, sibling.kind, corrupt), "in").listen();
    const { node, channel } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer1.org1"]] });
    await stage.run(8_000);

    expect(seenBy(node)).toEqual(sibling.members);
    expect(heightsIn(channel)).toEqual(sibling.heights);
    expect(channel.leaders).toHaveLength(sibling.leaders);
    expect(channel.height).toBe(sibling.height);
    expect(refusedBy(node)).toEqual([{ what: "message", reason }]);
    expect(node.refusals[0]?.detail).toMatch(detail ?? /expected/);
  });
});

describe("A node that hears only corrupted blocks", () => {
  const cases = [
    ["a bit of their signatures flipped", withMetadata(lastBitFlipped), "bad-block-signature"],
    ["a bit of their last transaction flipped", withTransaction(lastBitFlipped), "bad-data-hash"],
    ["another number", (payload: BlockPayload) => renumbered(payload), "wrong-block-number"],
    ["bytes that are none", (payload: BlockPayload) => ({ ...payload, data: Uint8Array.of(0xff) }), "malformed-block"],
  ] as const;

  test.each(cases)("with %s commits none of them, and says why", async (_, change, reason) => {
    stage.ghost("peer0.org1", withBlocks(withPeer0, change), "in").listen();
    const { node, channel } = await stage.cast("peer2.org1", { bootstrap: [endpoints["peer0.org1"]] });
    await stage.run(46_000);
    expect(channel.height).toBe(1n);
    expect(refusedBy(node)).toEqual([{ what: "block", reason }]);
    expect(seenBy(node)).toEqual([peer0, peer1, peer0OfOrg2]);
  });
});

function member(org: string, endpoint: string) {
  return { org, endpoint, internalEndpoint: endpoint };
}

/** By endpoint. */
function seenBy({ members }: GossipNode): readonly object[] {
  return members
    .map(({ org, endpoint, internalEndpoint }) => ({ org, endpoint, internalEndpoint }))
    .sort((one, other) => (one.endpoint < other.endpoint ? -1 : 1));
}

function heightsIn({ members }: Channel): readonly bigint[] {
  return members.map(({ properties }) => properties.ledgerHeight);
}

async function expectRecordedBlocks(channel: Channel, height: number): Promise<void> {
  expect(channel.height).toBe(BigInt(height));
  for (let number = 0n; number < channel.height; number++) {
    expectRecordedBlock(number, (await channel.block(number)) ?? fail(`block ${number}`));
  }
}

/** The orderer's header and transactions; of the metadata, what the orderer signed (protocol page 13 §4.1). */
function expectRecordedBlock(number: bigint, bytes: Uint8Array): void {
  const block = decodeBlock(bytes);
  const ordered = recordedBlock(Number(number));
  expect(Buffer.compare(blockHash(block.header), blockHash(ordered.header))).toBe(0);
  expect(Buffer.compare(Buffer.concat(block.data), Buffer.concat(ordered.data))).toBe(0);
  expect(block.metadata[0]).toEqual(ordered.metadata[0]);
}

function recordedPkiIds(conversation: Parameters<typeof statementsIn>[0]): ReadonlySet<PkiId> {
  return new Set(
    statementsIn(conversation).flatMap(({ message }) => {
      return message.type === "peer-identity" || message.type === "conn" ? [message.pkiId] : [];
    }),
  );
}

function withMetadata(change: (slot: Uint8Array) => Uint8Array) {
  return (payload: BlockPayload): BlockPayload => {
    const block = decodeBlock(payload.data);
    const [slot = fail("signatures"), ...rest] = block.metadata;
    return { ...payload, data: encodeBlock({ ...block, metadata: [change(slot), ...rest] }) };
  };
}

function withTransaction(change: (transaction: Uint8Array) => Uint8Array) {
  return (payload: BlockPayload): BlockPayload => {
    const block = decodeBlock(payload.data);
    return { ...payload, data: encodeBlock({ ...block, data: block.data.map(change) }) };
  };
}

function renumbered(payload: BlockPayload): BlockPayload {
  const block = decodeBlock(payload.data);
  const header = { ...block.header, number: block.header.number + 1n };
  return { ...payload, data: encodeBlock({ ...block, header }) };
}

function decodeBlock(bytes: Uint8Array) {
  const block = readBlock(bytes);
  return block.ok ? block.value : fail(block.detail);
}
