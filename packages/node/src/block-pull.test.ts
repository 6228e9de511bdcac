import { unsigned } from "@gossip/crypto";
import type { Envelope } from "@gossip/proto";
import { blockDigest, readMessage } from "@gossip/proto";
import { dataMessage, helloMessage, peerIdentity, requestMessage, updateMessage } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, info } from "../test/support/befriend.js";
import { befriendPuller, chain, itemOf, ledgerOf, numbersIn, pullOnly } from "../test/support/pulling.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

const blocks = chain(40);

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

describe("A node that lacks blocks", () => {
  test("05/22, 5.38, 5.40: pulls them, commits them in order, and pushes them to nobody", async () => {
    const { channel, offer, update, ledger } = await befriendPuller(scene);
    const other = scene.stranger("other");
    const [victim] = scene.opened as [Awaited<ReturnType<Scene["node"]>>["node"]];
    for (const envelope of [
      sealed(alive(other.crypto, 1n), other.crypto),
      sealed(info(other.crypto, 1n), other.crypto),
    ]) {
      other.comm.send({ pkiId: victim.pkiId, endpoint: victim.endpoint }, envelope);
      await scene.run(50);
    }
    const read: bigint[] = [];
    void (async () => {
      for await (const { number } of channel.blocks({ from: 0n })) read.push(number);
    })();
    const request = await offer([1, 0]);
    expect(request && numbersIn(request)).toEqual([0, 1]);
    await update(request?.pullNonce ?? 0n, [itemOf(blocks, 1), itemOf(blocks, 0)]);
    await scene.run(1_000);
    expect([channel.height, read]).toEqual([2n, [0n, 1n]]);
    expect(await ledger.read(1n)).toEqual(blocks[1]);
    expect(channel.members).toHaveLength(2);
    expect(other.heard.map(({ type }) => type)).not.toContain("data");
  });

  test("05/23, 5.35: requests none below its height, none too far above it, and nothing that is no number", async () => {
    const { offer, node } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 11)) });
    const request = await offer([10, 11, 30, 31, "x", "012", "-1", ""]);
    expect(request && numbersIn(request)).toEqual([11, 30]);
    expect(node.drops.get("pull/malformed-digest")).toBe(4);
  });

  test("5.35: requests none that it holds already", async () => {
    const { offer, say } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 5)) });
    await say(itemOf(blocks, 7));
    const request = await offer([5, 6, 7]);
    expect(request && numbersIn(request)).toEqual([5, 6]);
  });

  test("05/24, 5.36: asks members of its organization that told of themselves and did not leave", async () => {
    const { node, nextHello, to, say, crypto } = await befriendPuller(scene);
    const foreign = scene.stranger("foreign", "org2");
    const silent = scene.stranger("silent");
    for (const { comm, crypto: other } of [foreign, silent]) comm.send(to, sealed(alive(other, 1n), other));
    foreign.comm.send(to, sealed(info(foreign.crypto, 1n, 30n), foreign.crypto));
    await scene.run(100);
    expect(node.members).toHaveLength(3);
    expect(await nextHello()).toMatchObject({
      tag: "chan-and-org",
      channel: channelName,
      nonce: 0n,
      pullType: "block",
    });
    await scene.run(20_000);
    const asked = [foreign, silent].map(({ heard }) =>
      heard.filter((message) => message.type === "hello" && message.pullType === "block"),
    );
    expect(asked).toEqual([[], []]);
    const { properties, ...rest } = info(crypto, 100n, 20n);
    await say(sealed({ ...rest, properties: { ...properties, leftChannel: true } }, crypto));
    expect(await nextHello(10_000)).toBeUndefined();
  });

  test("5.36: asks those with a greater height first", async () => {
    const {
      to,
      nextHello,
      offer,
      say,
      crypto: self,
    } = await befriendPuller(scene, {
      config: { ...pullOnly, pullPeerNum: 1, maxPullIntervalMs: 4_000 },
      ledger: ledgerOf(blocks.slice(0, 3)),
    });
    const low = Array.from({ length: 5 }, (_, index) => scene.stranger(`low${index}`));
    for (const { comm, crypto } of low) {
      for (const message of [alive(crypto, 1n), info(crypto, 1n, 3n)]) comm.send(to, sealed(message, crypto));
    }
    await scene.run(100);
    await offer([0]);
    const asked = () =>
      low.flatMap(({ heard }) => heard.filter((message) => message.type === "hello" && message.pullType === "block"));
    const before = asked().length;
    for (let round = 0n; round < 10n; round++) {
      for (const { comm, crypto } of low) comm.send(to, sealed(alive(crypto, 2n + round), crypto));
      await say(sealed(alive(self, 2n + round), self));
      const hello = await nextHello();
      expect(hello).toBeDefined();
      // Who is silent would pass its turn.
      await offer([0], hello);
    }
    expect(asked().length).toBe(before);
  });

  test("05/N7, 5.33: requests again what comes too late, and offers it when it is here", async () => {
    const { channel, offer, update, sayHello, ofBlocks } = await befriendPuller(scene);
    const late = await offer([0]);
    await scene.run(3_100);
    expect(await update(late?.pullNonce ?? 0n, [itemOf(blocks, 0)])).toEqual(["gate/unsolicited"]);
    expect(channel.height).toBe(0n);
    const again = await offer([0]);
    expect(again && numbersIn(again)).toEqual([0]);
    await update(again?.pullNonce ?? 0n, [itemOf(blocks, 0)]);
    await sayHello(7n);
    expect(ofBlocks("digest").map(numbersIn)).toEqual([[0]]);
    expect(await offer([0]), "and not once more").toBeUndefined();
  });

  test("05/N9, 5.38: takes no update that it did not ask for, and looks at nothing in it", async () => {
    const { channel, update, offer, checks } = await befriendPuller(scene);
    expect(await update(99n, [itemOf(blocks, 0)])).toEqual(["gate/unsolicited"]);
    const request = await offer([1]);
    expect(await update((request?.pullNonce ?? 0n) + 1n, [itemOf(blocks, 1)])).toEqual(["gate/unsolicited"]);
    expect([checks.blocks, channel.height, channel.buffered.blocks]).toEqual([0, 0n, 0]);
  });
});

describe("An update", () => {
  const good = itemOf(blocks, 0);
  const forged = (number: number) => {
    const bytes = Uint8Array.from(blocks[number] as Uint8Array);
    // The last octet of the signature stands before tag, length and octets of the channel's name.
    const at = Buffer.from(bytes).lastIndexOf(channelName) - 3;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return itemOf([...blocks.slice(0, number), bytes], number);
  };
  /** GossipMessage { channel, tag: CHAN_AND_ORG, data_msg: {} } */
  const withoutPayload: Envelope = {
    payload: Buffer.concat([
      Buffer.from([0x12, channelName.length]),
      Buffer.from(channelName),
      Buffer.from("18044200", "hex"),
    ]),
    signature: new Uint8Array(0),
  };
  const mislabelled = unsigned(
    dataMessage({ channel: channelName, payload: { blockNumber: 1n, data: blocks[2] as Uint8Array, privateData: [] } }),
  );
  const padded = unsigned(
    dataMessage({
      channel: channelName,
      payload: { blockNumber: 1n, data: blocks[1] as Uint8Array, privateData: [new Uint8Array(10_000)] },
    }),
  );

  test.each<[string, Envelope, readonly string[]]>([
    ["a block of another channel", itemOf(blocks, 1, "other"), ["gate/no-such-channel"]],
    ["a block that was not requested", itemOf(blocks, 9), ["gate/unsolicited"]],
    ["no block", unsigned(peerIdentity()), ["gate/unexpected-type"]],
    ["garbage", { payload: Uint8Array.of(0xff, 0xff), signature: new Uint8Array(0) }, ["gate/undecodable"]],
    ["the same block once more", good, ["gate/repeated"]],
    ["a block with much beside it", padded, ["gate/padded"]],
  ])("05/26, 5.38: with %s costs that alone", async (_, bad, reasons) => {
    const { channel, offer, update, node } = await befriendPuller(scene);
    const request = await offer([0, 1]);
    expect(await update(request?.pullNonce ?? 0n, [bad, good])).toEqual(reasons);
    expect([channel.height, channel.buffered.blocks]).toEqual([1n, 0]);
    expect(node.refusals).toEqual([]);
  });

  test("05/N10, 5.38: with a block message without payload costs that alone", async () => {
    const { channel, offer, update } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 1)) });
    const request = await offer([1, 2]);
    expect(await update(request?.pullNonce ?? 0n, [withoutPayload, itemOf(blocks, 1)])).toEqual(["gate/missing-field"]);
    expect(channel.height).toBe(2n);
  });

  test.each<[string, Envelope, string]>([
    ["a forged block", forged(0), "bad-block-signature"],
    ["a block under another number", mislabelled, "wrong-block-number"],
  ])(
    "05/26, 5.38: with %s is read no further, and names its sender, of whom it is not asked again",
    async (_, bad, reason) => {
      const { node, channel, crypto, offer, update, checks } = await befriendPuller(scene);
      const request = await offer([0, 1, 2]);
      const first = bad === mislabelled ? [good] : [];
      await update(request?.pullNonce ?? 0n, [...first, bad, itemOf(blocks, 2)]);
      expect(node.refusals).toMatchObject([{ what: "block", from: crypto.pkiId, reason }]);
      expect([channel.height, channel.buffered.blocks, checks.blocks]).toEqual([
        BigInt(first.length),
        0,
        first.length + 1,
      ]);
      expect(node.drops.get("gate/after-forgery")).toBe(1);
      expect(node.drops.get("pull/refused-item")).toBe(1);
      await scene.run(3_000);
      const next = await offer([0, 1, 2]);
      expect(next && numbersIn(next)).toEqual(bad === mislabelled ? [2] : [1, 2]);
    },
  );

  test("5.38: with a block that came by push meanwhile costs no look at that", async () => {
    const { offer, update, say, checks } = await befriendPuller(scene);
    const request = await offer([0, 1]);
    await say(itemOf(blocks, 1));
    const before = checks.blocks;
    expect(await update(request?.pullNonce ?? 0n, [itemOf(blocks, 1), good])).toEqual(["gate/not-news"]);
    expect(checks.blocks).toBe(before + 1);
  });

  test("5.38, 7.37: of who pushed too many refused blocks is not looked at", async () => {
    const { offer, update, comm, to, channel } = await befriendPuller(scene);
    const request = await offer([0, 1]);
    for (let index = 0; index < 20; index++) comm.send(to, forged(0));
    await scene.run(0);
    expect(await update(request?.pullNonce ?? 0n, [good])).toContain("gate/too-often");
    expect(channel.height).toBe(0n);
  });

  test("5.38: is read as far as blocks can have been requested", async () => {
    const { offer, update, node } = await befriendPuller(scene);
    const request = await offer([0, 1]);
    const many = Array.from({ length: 500 }, () => itemOf(blocks, 9));
    await update(request?.pullNonce ?? 0n, many);
    expect(node.drops.get("gate/too-many-parts")).toBe(480);
  });
});

describe("A block that needs the configuration of one before it", () => {
  /** Blocks from `from` on are good once the block before is in force, which is a config block. */
  const withConfigBefore = (from: number) => {
    let isInForce = false;
    let judged = 0;
    const onCommitted = (number: bigint) => {
      if (number !== BigInt(from - 1)) return undefined;
      isInForce = true;
      return "trust-changed" as const;
    };
    const wrap: NonNullable<Parameters<typeof befriend>[1]>["wrap"] = (fake) => ({
      ...fake,
      verifyBlock: (channel, number, block) => {
        judged++;
        return number < BigInt(from) || isInForce
          ? fake.verifyBlock(channel, number, block)
          : { ok: false, reason: "bad-block-signature", detail: "expected other orderers" };
      },
    });
    return { wrap, join: { onCommitted }, judged: () => judged };
  };

  test("5.39: is dropped while blocks below it are lacking, blames nobody, and is asked for again", async () => {
    const { node, channel, offer, update } = await befriendPuller(scene, withConfigBefore(2));
    const request = await offer([2]);
    expect(await update(request?.pullNonce ?? 0n, [itemOf(blocks, 2)])).toEqual(["gate/behind-config"]);
    expect([node.refusals, channel.buffered.blocks]).toEqual([[], 0]);
    await scene.run(3_000);
    const again = await offer([0, 1, 2]);
    expect(again && numbersIn(again)).toEqual([0, 1, 2]);
    await update(
      again?.pullNonce ?? 0n,
      [2, 1, 0].map((number) => itemOf(blocks, number)),
    );
    await scene.run(100);
    expect([node.refusals, channel.height]).toEqual([[], 2n]);
  });

  test("5.39: costs one look for each update, and few for each peer", async () => {
    const { judged, ...before } = withConfigBefore(2);
    const { node, offer, update } = await befriendPuller(scene, before);
    const request = await offer([0, 2, 3, 4]);
    const nonce = request?.pullNonce ?? 0n;
    const early = [2, 3, 4].map((number) => itemOf(blocks, number));
    await update(nonce, early);
    expect([judged(), node.drops.get("gate/behind-config")]).toEqual([1, 3]);
    for (let again = 0; again < 30; again++) await update(nonce, early);
    expect(judged()).toBeLessThan(25);
    expect(node.drops.get("gate/too-often")).toBeGreaterThan(0);
    expect(await update(nonce, [itemOf(blocks, 0)]), "what is needed next is looked at all the same").toEqual([]);
    expect(node.refusals).toEqual([]);
  });

  test("5.39, 5.42: comes by pull without state transfer, when its push came before that configuration", async () => {
    const { channel, say, offer, update, nextHello, ofBlocks } = await befriendPuller(scene, {
      ...withConfigBefore(2),
      ledger: ledgerOf(blocks.slice(0, 1)),
      height: 3n,
    });
    // The round for the height that it was told of.
    await nextHello();
    await scene.run(1_000);
    const before = ofBlocks("hello").length;
    await say(itemOf(blocks, 2));
    await say(itemOf(blocks, 1));
    await scene.run(300);
    expect([channel.height, channel.buffered.blocks]).toEqual([2n, 0]);
    expect(ofBlocks("hello")).toHaveLength(before + 1);
    const hello = ofBlocks("hello").at(-1);
    const request = await offer([1, 2], hello);
    expect(request && numbersIn(request)).toEqual([2]);
    await update(request?.pullNonce ?? 0n, [itemOf(blocks, 2)]);
    expect(channel.height).toBe(3n);
  });
});

describe("A node that has blocks", () => {
  test("5.33, 5.41, 5.43: offers and gives the newest that its ledger has from an earlier life", async () => {
    const { ofBlocks, sayHello, request } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 15)) });
    await sayHello(7n);
    const [digest] = ofBlocks("digest");
    expect(digest).toMatchObject({ pullNonce: 7n, tag: "chan-and-org", channel: channelName, nonce: 0n });
    expect(digest && numbersIn(digest)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
    await request(7n, [0, 3, 4, 5, 14, 15]);
    const [update] = ofBlocks("update");
    expect(update).toMatchObject({ pullNonce: 7n, tag: "chan-and-org", channel: channelName });
    const given = update?.data.map(({ payload }) => readMessage(payload)).map((read) => read.ok && read.value);
    expect(given).toEqual(
      [4, 5, 14].map((number) =>
        expect.objectContaining({
          type: "data",
          channel: channelName,
          tag: "chan-and-org",
          payload: { blockNumber: BigInt(number), data: blocks[number], privateData: [] },
        }),
      ),
    );
  });

  test("5.33: offers what it has committed, by whatever way it came, and not what waits", async () => {
    const { say, sayHello, ofBlocks } = await befriendPuller(scene);
    for (const number of [0, 1, 3]) await say(itemOf(blocks, number));
    await sayHello(7n);
    expect(ofBlocks("digest").map(numbersIn)).toEqual([[0, 1]]);
  });

  test("5.34: does not offer them for ever", async () => {
    const { sayHello, ofBlocks } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 3)) });
    await scene.run(390_000);
    await sayHello(7n);
    await scene.run(20_000);
    await sayHello(8n);
    expect(ofBlocks("digest").map(({ pullNonce }) => pullNonce)).toEqual([7n]);
  });

  test("05/28, 5.37: answers nobody who told nothing of itself in the channel", async () => {
    const { say, heardOf } = await befriend(scene, { ledger: ledgerOf(blocks.slice(0, 3)) });
    const hello = unsigned(helloMessage({ channel: channelName, pullNonce: 7n }));
    expect(await say(hello)).toEqual(["gate/unknown-member"]);
    expect(heardOf("digest")).toEqual([]);
  });

  test("05/24, 05/28, 5.37: answers nobody of another organization, whatever it sends", async () => {
    const ledger = ledgerOf(blocks.slice(0, 3));
    const { say, crypto, heardOf, channel } = await befriend(scene, { ledger, strangerOrg: "org2" });
    await say(sealed(info(crypto, 1n), crypto));
    expect(channel.members).toHaveLength(1);
    for (const message of [helloMessage, updateMessage]) {
      const envelope = unsigned(message({ channel: channelName, pullNonce: 7n }));
      expect(await say(envelope)).toEqual(["gate/not-own-organization"]);
    }
    expect(heardOf("digest").filter(({ pullType }) => pullType === "block")).toEqual([]);
  });

  test("05/28, 5.37: answers nobody who left the channel, and nobody when it left itself", async () => {
    const { say, crypto, channel, ofBlocks, sayHello } = await befriendPuller(scene, {
      ledger: ledgerOf(blocks.slice(0, 3)),
      height: 3n,
    });
    const { properties, ...rest } = info(crypto, 100n, 3n);
    await say(sealed({ ...rest, properties: { ...properties, leftChannel: true } }, crypto));
    expect(await sayHello(7n)).toEqual(["gate/unknown-member"]);
    await say(sealed(info(crypto, 101n, 3n), crypto));
    expect(await sayHello(8n)).toEqual([]);
    await Promise.all([channel.leave(), scene.run(100)]);
    expect(await sayHello(9n)).toEqual(["gate/no-such-channel"]);
    expect(ofBlocks("digest").map(({ pullNonce }) => pullNonce)).toEqual([8n]);
  });

  test("5.37: answers requests up to a rate", async () => {
    const { comm, to, node, ofBlocks } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 3)) });
    const digests = [blockDigest(0n)];
    for (let nonce = 1n; nonce <= 80n; nonce++) {
      comm.send(to, unsigned(helloMessage({ channel: channelName, pullNonce: nonce })));
      comm.send(to, unsigned(requestMessage({ channel: channelName, pullNonce: nonce, digests })));
      await scene.run(60);
    }
    // Fifty, and those of the five seconds that it took.
    expect(ofBlocks("update").length).toBeLessThan(75);
    expect(node.drops.get("gate/too-often")).toBe(80 - ofBlocks("update").length);
    expect(ofBlocks("update").length).toBeGreaterThan(50);
  });

  test("5.33: offers nothing where blocks are not to be told on", async () => {
    const ledger = ledgerOf(blocks.slice(0, 3));
    const { say, sayHello, ofBlocks, channel } = await befriendPuller(scene, { ledger, join: { blockGossip: false } });
    await say(itemOf(blocks, 3));
    await sayHello(7n);
    expect([channel.height, ofBlocks("digest")]).toEqual([4n, []]);
  });

  test("5.13: answers hellos up to a rate", async () => {
    const { comm, to, node, ofBlocks } = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 3)) });
    for (let nonce = 1n; nonce <= 50n; nonce++) {
      comm.send(to, unsigned(helloMessage({ channel: channelName, pullNonce: nonce })));
    }
    await scene.run(10);
    expect(ofBlocks("digest")).toHaveLength(20);
    expect(node.drops.get("gate/too-often")).toBe(30);
  });
});

describe("News of a greater height", () => {
  const grown = async (config: Parameters<typeof befriendPuller>[1]) => {
    const met = await befriendPuller(scene, { ledger: ledgerOf(blocks.slice(0, 3)), height: 3n, ...config });
    // Past the first round, and in the midst of a pause.
    await met.nextHello();
    await scene.run(1_000);
    return met;
  };

  test("5.42: starts a round without state transfer, unless the block is pushed meanwhile", async () => {
    const { tell, say, nextHello } = await grown({ config: pullOnly });
    await tell(4n);
    expect(await nextHello(300)).toBeDefined();
    await say(itemOf(blocks, 3));
    await scene.run(1_000);
    await tell(5n);
    await say(itemOf(blocks, 4));
    expect(await nextHello(300)).toBeUndefined();
  });

  test("5.42: starts none while state transfer brings what is missing", async () => {
    const { tell, nextHello, heardOf } = await grown({ config: {} });
    await tell(4n);
    expect(await nextHello(1_000)).toBeUndefined();
    expect(heardOf("state-request")).toHaveLength(1);
  });
});
