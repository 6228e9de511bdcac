import { channelMac, sealSecret, unsigned } from "@gossip/crypto";
import { createFakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { type Envelope, orgId } from "@gossip/proto";
import {
  dataMessage,
  leadershipMessage,
  membershipRequest,
  membershipResponse,
  stateInfo,
  stateInfoPullRequest,
  stateRequest,
  stateResponse,
  updateMessage,
} from "@gossip/proto/testing";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, describe, expect, test } from "vitest";
import { info } from "../test/support/befriend.js";
import { alive, channelName, meet, Scene, sealed } from "../test/support/scene.js";
import type { Channel, GossipNode } from "./api.js";
import { gossipDefaults } from "./config.js";
import { createNode } from "./node.js";

const utf8 = new TextEncoder();
const block = (number: bigint, previousHash: Uint8Array) =>
  makeFakeBlock({ channel: channelName, number, previousHash, data: [utf8.encode("x")] });

let scene: Scene;
afterEach(() => scene.close());

/** A node and a stranger that is connected to it. */
async function setUp(strangerOrg = "org1") {
  scene = new Scene();
  return meet(scene, { strangerOrg });
}

describe("a node among honest peers", () => {
  async function network() {
    scene = new Scene();
    const first = await scene.node("peer0", { leader: true });
    const others = [
      await scene.node("peer1", { bootstrap: ["peer0:7051"] }),
      await scene.node("peer2", { bootstrap: ["peer0:7051"] }),
    ];
    await scene.run(3_000);
    return [first, ...others];
  }
  const views = (nodes: readonly { node: GossipNode; channel: Channel }[]) =>
    nodes.map(({ node, channel }) => [node.members.length, channel.members.length]);

  test("meets them all, in membership and in the channel", async () => {
    expect(views(await network())).toEqual([
      [2, 2],
      [2, 2],
      [2, 2],
    ]);
  });

  test("07/N5, 07/N6, 7.24: each gets every block exactly once and in order, and the heights become known", async () => {
    const nodes = await network();
    for (let number = 0n; number < 20n; number++) {
      const previousHash = nodes[0]?.ledger.lastHash ?? new Uint8Array(0);
      await nodes[0]?.channel.publish(
        number,
        makeFakeBlock({ channel: channelName, number, previousHash, data: [utf8.encode(`tx ${number}`)] }),
      );
      await scene.run(20);
    }
    await scene.run(1_000);
    expect(nodes.map(({ channel }) => channel.height)).toEqual([20n, 20n, 20n]);
    for (const { channel } of nodes)
      expect(channel.members.map(({ properties }) => properties.ledgerHeight)).toEqual([20n, 20n]);
  });

  test("a peer that comes late gets all blocks by state transfer", async () => {
    const nodes = await network();
    let previousHash = new Uint8Array(0) as Uint8Array;
    for (let number = 0n; number < 50n; number++) {
      await nodes[0]?.channel.publish(
        number,
        makeFakeBlock({ channel: channelName, number, previousHash, data: [utf8.encode("x")] }),
      );
      await scene.run(5);
      previousHash = nodes[0]?.ledger.lastHash ?? previousHash;
    }
    const late = await scene.node("late", { bootstrap: ["peer1:7051"] });
    await scene.run(5_000);
    expect(late.channel.height).toBe(50n);
  });

  test("a peer that falls silent is reported dead after the configured time, and alive again after its return", async () => {
    const [first, , third] = await network();
    const events: string[] = [];
    first?.node.on("member-down", (member) => events.push(`down ${member.internalEndpoint}`));
    first?.node.on("member-up", (member) => events.push(`up ${member.internalEndpoint}`));
    scene.network.crash("peer2:7051");
    await scene.run(gossipDefaults.aliveExpirationTimeoutMs + 5_000);
    expect(events).toEqual(["down peer2:7051"]);
    expect(first?.node.deadMembers.map(({ internalEndpoint }) => internalEndpoint)).toEqual(["peer2:7051"]);
    await third?.node.close();
    await scene.node("peer2", { bootstrap: ["peer0:7051"], lastIncarnation: third?.node.incarnation ?? 0n });
    await scene.run(3_000);
    expect(events).toEqual(["down peer2:7051", "up peer2:7051"]);
    expect(first?.node.deadMembers).toEqual([]);
    expect(first?.channel.members).toHaveLength(2);
  });

  test("7.21: a peer whose clock was set back is heard of in its channels after its restart", async () => {
    scene = new Scene();
    const { node: witness } = await scene.node("peer0");
    const joinLate = async (node: GossipNode, height: bigint) => {
      await scene.run(10_000);
      const ledger = createMemoryLedger();
      for (let number = 0n; number < height; number++) await ledger.commit(number, block(number, ledger.lastHash));
      await node.join("late", { ledger, organizations: [orgId("org1")] });
      await scene.run(3_000);
    };
    const late = await witness.join("late", { ledger: createMemoryLedger(), organizations: [orgId("org1")] });
    const heights = () => late.members.map(({ properties }) => properties.ledgerHeight);

    const before = await scene.node("peer1", { bootstrap: ["peer0:7051"] });
    await joinLate(before.node, 0n);
    expect(heights()).toEqual([0n]);
    await Promise.all([before.node.close(), scene.run(1_000)]);

    const wall = { nowNanos: () => scene.clock.nowNanos() - 3_600_000_000_000n };
    const { incarnation: lastIncarnation } = before.node;
    const after = await scene.node("peer1", { bootstrap: ["peer0:7051"], lastIncarnation, wall });
    await joinLate(after.node, 2n);
    expect(heights()).toEqual([2n]);
  });

  test("a listener that throws harms nobody", async () => {
    scene = new Scene();
    const { node } = await scene.node("peer0");
    node.on("member-up", () => {
      throw new Error("a careless listener");
    });
    await scene.node("peer1", { bootstrap: ["peer0:7051"] });
    await scene.run(3_000);
    expect(node.members).toHaveLength(1);
  });
});

describe("the gate refuses, counts and goes on", () => {
  test("1.31: bytes that are no message", async () => {
    const { say } = await setUp();
    const empty = new Uint8Array(0);
    expect(await say({ payload: new Uint8Array([0xff, 0xff]), signature: empty })).toEqual(["gate/undecodable"]);
    expect(await say({ payload: new Uint8Array([0x18, 0x01]), signature: empty })).toEqual(["gate/no-content"]);
  });

  test("04/N5, 07/V3, 1.28: a membership request whose alive message lacks its member, and one that holds none", async () => {
    const { say } = await setUp();
    // GossipMessage { tag: EMPTY, alive_msg: {} }
    const bare = { payload: new Uint8Array([0x18, 0x01, 0x2a, 0x00]), signature: new Uint8Array([1]) };
    expect(await say(unsigned(membershipRequest({ self: bare })))).toEqual(["gate/missing-field"]);
    expect(await say(unsigned(membershipRequest({ self: unsigned(leadershipMessage()) })))).toEqual([
      "gate/unexpected-type",
    ]);
  });

  test("1.12: a message with a tag that its kind must not have", async () => {
    const { say, crypto } = await setUp();
    expect(await say(sealed(alive(crypto, 1n, { tag: "org-only" }), crypto))).toEqual(["gate/illegal-tag"]);
  });

  test("04/28, 07/N8, 7.6: a membership request that shows somebody else's alive message, and gives no answer", async () => {
    const { node, say, heard } = await setUp();
    const other = createFakeCrypto({ org: "org1", name: "other", trust: scene.trust });
    const self = sealed(alive(other, 1n), other);
    expect(await say(unsigned(membershipRequest({ nonce: 7n, self })))).toEqual(["gate/not-about-sender"]);
    expect(heard.filter(({ type }) => type === "membership-response")).toEqual([]);
    expect(node.members).toEqual([]);
  });

  test("7.11: an alive message with a broken signature; its author is named and never becomes a member", async () => {
    const { node, say, crypto } = await setUp();
    const envelope = sealed(alive(crypto, 1n), crypto);
    expect(await say({ ...envelope, signature: new Uint8Array(16) })).toEqual(["gate/bad-signature"]);
    expect(node.members).toEqual([]);
    expect(node.refusals.at(-1)).toMatchObject({
      what: "message",
      reason: "bad-signature",
      org: "org1",
      from: crypto.pkiId,
    });
  });

  test("1.10: an alive message whose secret is broken, as a whole", async () => {
    const { node, say, crypto } = await setUp();
    const envelope = sealed(alive(crypto, 1n), crypto);
    const secret = sealSecret("10.0.0.1:1", crypto) as NonNullable<Envelope["secret"]>;
    expect(await say({ ...envelope, secret: { ...secret, signature: new Uint8Array(16) } })).toEqual([
      "gate/bad-signature",
    ]);
    expect(node.members).toEqual([]);
  });

  test("02/10.1d, 2.14: an alive message of an unknown author without its identity", async () => {
    const { say } = await setUp();
    const other = createFakeCrypto({ org: "org1", name: "other", trust: scene.trust });
    expect(await say(sealed(alive(other, 1n, { identity: new Uint8Array(0) }), other))).toEqual([
      "gate/unknown-identity",
    ]);
  });

  test("an alive message whose identity was revoked, by that name", async () => {
    const { node, say } = await setUp();
    const other = createFakeCrypto({ org: "org1", name: "other", trust: scene.trust });
    scene.trust.revoke(other.identity);
    expect(await say(sealed(alive(other, 1n), other))).toEqual(["gate/revoked-identity"]);
    expect(node.members).toEqual([]);
  });

  test("6.1, 1.27: an alive message that is no news, before its signature is looked at", async () => {
    const { say, crypto } = await setUp();
    const envelope = sealed(alive(crypto, 1n), crypto);
    await say(envelope);
    expect(await say({ ...envelope, signature: new Uint8Array(16) })).toContain("gate/not-news");
  });

  test("7.9: answers that nobody asked for", async () => {
    const { say } = await setUp();
    expect(await say(unsigned(membershipResponse({ nonce: 4n })))).toEqual(["gate/unsolicited"]);
    expect(
      await say(unsigned(updateMessage({ tag: "empty", channel: "", pullType: "identity", pullNonce: 4n }))),
    ).toEqual(["gate/unsolicited"]);
    expect(await say(unsigned(stateResponse({ channel: channelName, nonce: 4n })))).toEqual(["gate/unsolicited"]);
  });

  test("7.4, 7.12: messages of channels we are not in, by name and by MAC", async () => {
    const { say, crypto } = await setUp();
    expect(await say(unsigned(dataMessage({ channel: "other" })))).toEqual(["gate/no-such-channel"]);
    expect(await say(unsigned(stateInfoPullRequest({ channelMac: channelMac(crypto.pkiId, "other") })))).toEqual([
      "gate/no-such-channel",
    ]);
  });

  test("07/C12, 7.4: a state-info request from an organization outside the channel; one from inside is answered", async () => {
    const inside = await setUp();
    await inside.say(unsigned(stateInfoPullRequest({ channelMac: channelMac(inside.crypto.pkiId, channelName) })));
    expect(inside.heard.map(({ type }) => type)).toContain("state-info-snapshot");
    await scene.close();
    const outside = await setUp("org3");
    const request = unsigned(stateInfoPullRequest({ channelMac: channelMac(outside.crypto.pkiId, channelName) }));
    expect(await outside.say(request)).toEqual(["gate/sender-not-in-channel"]);
    expect(outside.heard.map(({ type }) => type)).not.toContain("state-info-snapshot");
  });

  test("7.5: a state info signed by another than its subject", async () => {
    const { channel, say, crypto } = await setUp();
    await say(sealed(alive(crypto, 1n), crypto));
    const info = stateInfo({ pkiId: crypto.pkiId, channelMac: channelMac(crypto.pkiId, channelName) });
    const forged = { ...sealed(info, crypto), signature: new Uint8Array(16) };
    expect(await say(forged)).toEqual(["gate/bad-signature"]);
    expect(channel.members).toEqual([]);
    await say(sealed(info, crypto));
    expect(channel.members).toHaveLength(1);
  });

  test("07/C15, 10/S17, 7.7: blocks that are forged, of another channel, or numbered falsely; the good one is committed", async () => {
    const { node, ledger, say } = await setUp();
    const block = makeFakeBlock({ channel: channelName, number: 0n, data: [utf8.encode("x")] });
    const push = (data: Uint8Array, blockNumber = 0n) =>
      say(unsigned(dataMessage({ channel: channelName, payload: { blockNumber, data, privateData: [] } })));
    const forged = block.slice();
    forged[forged.length - 20] = (forged[forged.length - 20] as number) ^ 1;

    expect(await push(new Uint8Array([0xff]))).toEqual(["gate/malformed-block"]);
    expect(await push(block, 1n)).toEqual(["gate/wrong-block-number"]);
    expect(await push(makeFakeBlock({ channel: "other", number: 0n, data: [utf8.encode("x")] }))).toEqual([
      "gate/wrong-channel",
    ]);
    expect((await push(forged))[0]).toMatch(/^gate\/(bad-block-signature|bad-data-hash|wrong-channel)$/);
    expect(ledger.height).toBe(0n);
    expect(await push(block)).toEqual([]);
    expect(ledger.height).toBe(1n);
    expect(node.refusals.map(({ what, reason }) => `${what} ${reason}`)).toContain("block wrong-block-number");
  });

  test("07/V8, 7.26: a block pushed by a peer of another organization of the channel is taken", async () => {
    const { ledger, say } = await setUp("org2");
    const data = makeFakeBlock({ channel: channelName, number: 0n, data: [utf8.encode("x")] });
    await say(unsigned(dataMessage({ channel: channelName, payload: { blockNumber: 0n, data, privateData: [] } })));
    expect(ledger.height).toBe(1n);
  });

  test("7.11: a block that does not link to our ledger is refused by it, and another copy is taken", async () => {
    const { node, crypto, ledger, say } = await setUp();
    const push = (number: bigint, previousHash: Uint8Array) =>
      say(
        unsigned(
          dataMessage({
            channel: channelName,
            payload: {
              blockNumber: number,
              data: makeFakeBlock({ channel: channelName, number, previousHash, data: [utf8.encode("x")] }),
              privateData: [],
            },
          }),
        ),
      );
    await push(0n, new Uint8Array(0));
    expect(await push(1n, new Uint8Array(32))).toContain("state/refused-by-ledger");
    expect(node.refusals.at(-1)).toMatchObject({
      what: "block",
      reason: "broken-chain",
      from: crypto.pkiId,
      org: "org1",
    });
    await push(1n, ledger.lastHash);
    expect(ledger.height).toBe(2n);
  });

  test("7.25: a block is not pushed on before it is certain that it follows on the chain", async () => {
    const { say, node, to } = await setUp();
    const member = scene.stranger("member");
    const tell = async (envelope: Envelope) => {
      member.comm.send(to, envelope);
      await scene.run(50);
    };
    await tell(sealed(alive(member.crypto, 1n), member.crypto));
    const { pkiId } = member.crypto;
    const properties = { ledgerHeight: 0n, leftChannel: false, chaincodes: [] };
    const info = stateInfo({ pkiId, channelMac: channelMac(pkiId, channelName), properties });
    await tell(sealed(info, member.crypto));
    const push = (number: bigint, data: Uint8Array) =>
      say(unsigned(dataMessage({ channel: channelName, payload: { blockNumber: number, data, privateData: [] } })));
    const pushedOn = () =>
      member.heard.flatMap((message) => (message.type === "data" ? [Number(message.payload.blockNumber)] : []));
    const chain = createMemoryLedger();
    const blocks = [0n, 1n, 2n, 3n].map((number) => {
      const data = block(number, chain.lastHash);
      chain.commit(number, data);
      return data;
    });

    await push(0n, blocks[0] as Uint8Array);
    expect(pushedOn()).toEqual([0]);
    await push(1n, block(1n, new Uint8Array(32)));
    expect(node.refusals.at(-1)?.reason).toBe("broken-chain");
    expect(pushedOn()).toEqual([0]);
    // Ahead of its turn: one that breaks the chain and one that does not.
    await push(3n, block(3n, new Uint8Array(32)));
    await push(2n, blocks[2] as Uint8Array);
    expect(pushedOn()).toEqual([0]);
    await push(1n, blocks[1] as Uint8Array);
    expect(pushedOn()).toEqual([0, 1, 2]);
    await push(3n, blocks[3] as Uint8Array);
    expect(pushedOn()).toEqual([0, 1, 2, 3]);
  });

  test("a request for blocks is answered with those we have", async () => {
    const { ledger, say, heard } = await setUp();
    await ledger.commit(0n, makeFakeBlock({ channel: channelName, number: 0n, data: [utf8.encode("x")] }));
    await say(unsigned(stateRequest({ channel: channelName, nonce: 5n, start: 0n, end: 10n })));
    const answer = heard.find(({ type }) => type === "state-response");
    expect(answer).toMatchObject({ nonce: 5n, channel: channelName, tag: "chan-or-org" });
  });

  test("10/S19, 10.15: a request for blocks of a peer that may not read the channel, by what its handshake signed", async () => {
    const { ledger, say, heard } = await setUp();
    await ledger.commit(0n, makeFakeBlock({ channel: channelName, number: 0n, data: [utf8.encode("x")] }));
    const request = unsigned(stateRequest({ channel: channelName, nonce: 5n, start: 0n, end: 0n }));
    scene.trust.setChannel(channelName, ["org2"]);
    expect(await say(request)).toEqual(["gate/policy-not-satisfied"]);
    expect(heard.map(({ type }) => type)).not.toContain("state-response");
    scene.trust.setChannel(channelName, ["org1"]);
    await say(request);
    expect(heard.map(({ type }) => type)).toContain("state-response");
  });

  test("7.8: blocks that nobody asked for by pull", async () => {
    const { crypto, say } = await setUp();
    await say(sealed(alive(crypto, 1n), crypto));
    await say(sealed(info(crypto, 1n), crypto));
    expect(await say(unsigned(updateMessage({ channel: channelName, pullType: "block" })))).toEqual([
      "gate/unsolicited",
    ]);
  });
});

describe("refusals", () => {
  test("7.11: of nameless handshakes are one per host, or a flood of them would push out those that have a name", async () => {
    scene = new Scene();
    const { node } = await scene.node("victim");
    const loud: number[] = [];
    node.on("refused", ({ count }) => loud.push(count));
    const transport = scene.network.transport("garbage:1");
    for (let index = 0; index < 5; index++) {
      transport.dial("victim:7051", 1_000, (dialled) => {
        if (!dialled.ok) return;
        dialled.stream.start({ onMessage() {}, onDrain() {}, onEnd() {} });
        dialled.stream.send(Uint8Array.of(0xff));
      });
      await scene.run(100);
    }
    expect(node.refusals).toMatchObject([{ what: "handshake", from: "garbage", count: 5 }]);
    expect(loud).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("misuse by the program", () => {
  test.each([
    ["no port", "peer0"],
    ["a port out of range", "peer0:70000"],
    ["nothing", ""],
  ])("an endpoint with %s is refused by name", async (_, endpoint) => {
    scene = new Scene();
    const crypto = createFakeCrypto({ org: "org1", name: "x", trust: scene.trust });
    const transport = scene.network.transport("x:1");
    await expect(
      createNode({ identity: crypto.identity, crypto, advisor: crypto, transport, endpoint }),
    ).rejects.toThrow("expected endpoint to be host:port with a port from 1 to 65535");
  });

  test("an endpoint to reach that is none is refused before anything is opened", async () => {
    scene = new Scene();
    const crypto = createFakeCrypto({ org: "org1", name: "x", trust: scene.trust });
    const listened: unknown[] = [];
    const transport = scene.network.transport("x:1");
    transport.listen = (onStream) => void listened.push(onStream);
    const options = {
      identity: crypto.identity,
      crypto,
      advisor: crypto,
      transport,
      endpoint: "x:1",
      clock: scene.clock,
    };
    await expect(createNode({ ...options, bootstrap: ["peer0:7051", "nowhere"] })).rejects.toThrow(
      'expected a bootstrap peer to be host:port with a port from 1 to 65535, got "nowhere"',
    );
    expect(listened).toEqual([]);
    expect(scene.clock.nextAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("an anchor that is no endpoint is refused, and the channel is not joined", async () => {
    scene = new Scene();
    const { node, ledger } = await scene.node("peer0");
    const organizations = [orgId("org1")];
    const anchors = [{ org: orgId("org1"), endpoint: "nowhere" }];
    await expect(node.join("other", { ledger, organizations, anchors })).rejects.toThrow(
      "expected an anchor to be host:port",
    );
    expect([...node.channels.keys()]).toEqual([channelName]);
    await expect(node.join("other", { ledger, organizations })).resolves.toMatchObject({ id: "other" });
  });

  test("7.14: joining twice, or a channel without our organization, is refused", async () => {
    scene = new Scene();
    const { node, ledger } = await scene.node("peer0");
    await expect(node.join(channelName, { ledger, organizations: [orgId("org1")] })).rejects.toThrow(
      "expected a channel that is not joined yet",
    );
    await expect(node.join("other", { ledger, organizations: [orgId("org2")] })).rejects.toThrow(
      "expected own organization org1 among those of other, got org2",
    );
  });

  test("a closed node takes no channel, and closing twice is the same", async () => {
    scene = new Scene();
    const { node, ledger } = await scene.node("peer0");
    await Promise.all([node.close(), node.close(), scene.run(1_000)]);
    await expect(node.join("other", { ledger, organizations: [orgId("org1")] })).rejects.toMatchObject({
      code: "closed",
    });
  });
});
