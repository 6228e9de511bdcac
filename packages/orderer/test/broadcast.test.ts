import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { blockHash } from "@gossip/crypto";
import { createTestCrypto, createTestOrganization, testChannelConfig } from "@gossip/crypto/testing";
import { encodePayload, encodeSignedEnvelope, type HeaderType } from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import { createTestOrdering } from "../src/testing/index.js";
import { atEnd, broadcast, openScene, readChain, textsOf, until } from "./scene.js";

const none = new Uint8Array(0);

describe("Broadcast orders", () => {
  it("transactions into a chain of blocks that verify, in the order in which they came", async () => {
    const { ordering, client, orderer } = await openScene({ batch: { maxMessageCount: 4 } });
    const texts = Array.from({ length: 10 }, (_, at) => `transaction ${at}`);
    const statuses = await broadcast(
      client,
      texts.map((text) => ordering.transaction(text)),
    );
    expect(statuses).toEqual(Array(10).fill(200));
    const blocks = await readChain(client, ordering);
    expect(textsOf(blocks)).toEqual(texts);
    expect(orderer.channels.get("demo")).toMatchObject({
      height: BigInt(blocks.length),
      pending: 0,
      health: { ok: true },
    });

    const org1 = createTestOrganization("Org1MSP");
    const crypto = createTestCrypto(org1.issue("peer0"), { organizations: [org1] });
    crypto.setChannel(testChannelConfig("demo", [org1], [createTestOrganization("OrdererMSP")]));
    for (const [at, block] of blocks.entries()) {
      if (at === 0) continue;
      expect(crypto.verifyBlock("demo", BigInt(at), block)).toEqual({ ok: true });
      const before = blocks[at - 1];
      if (before !== undefined) expect(Buffer.compare(block.header.previousHash, blockHash(before.header))).toBe(0);
    }
  });

  it("9.24: the same transaction once, however often it is submitted", async () => {
    const { ordering, client } = await openScene();
    const [a, b] = [ordering.transaction("a"), ordering.transaction("b")];
    expect(await broadcast(client, [a, b, a, a])).toEqual([200, 200, 200, 200]);
    expect(await broadcast(client, [b, a])).toEqual([200, 200]);
    expect(textsOf(await readChain(client, ordering))).toEqual(["a", "b"]);
  });

  it("several channels through one stream, each for itself", async () => {
    const ordering = createTestOrdering(["one", "two"]);
    const { client, orderer } = await openScene({ ordering });
    const transactions = ["one", "two", "one"].map((channelId) =>
      ordering.transaction(`for ${channelId}`, { channelId }),
    );
    expect(await broadcast(client, transactions)).toEqual([200, 200, 200]);
    expect([...orderer.channels.keys()]).toEqual(["one", "two"]);
    for (const channelId of ["one", "two"]) {
      const stream = client.deliver();
      stream.send(ordering.seek({ channelId, start: { type: "specified", number: 1n } }));
      const response = await stream.next();
      expect(response?.type).toBe("block");
      stream.cancel();
    }
  });

  it("what many streams submit at once, each in its order, without a warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    atEnd(() => process.off("warning", onWarning));
    const { ordering, client } = await openScene();
    const names = Array.from({ length: 20 }, (_, at) => `stream ${at}`);
    await Promise.all(
      names.map((name) =>
        broadcast(
          client,
          ["a", "b", "c"].map((text) => ordering.transaction(`${name} ${text}`)),
        ),
      ),
    );
    const texts = textsOf(await readChain(client, ordering));
    expect(texts).toHaveLength(60);
    for (const name of names) {
      const own = texts.filter((text) => text.startsWith(`${name} `));
      expect(own).toEqual(["a", "b", "c"].map((text) => `${name} ${text}`));
    }
    expect(warnings).toEqual([]);
  });

  it("a full channel slowly: streams wait, and nothing is refused", async () => {
    const { ordering, client } = await openScene({ limits: { maxPending: 3 }, batch: { maxMessageCount: 2 } });
    const texts = Array.from({ length: 40 }, (_, at) => `${at}`);
    const statuses = await broadcast(
      client,
      texts.map((text) => ordering.transaction(text)),
    );
    expect(statuses).toEqual(Array(40).fill(200));
    expect(textsOf(await readChain(client, ordering))).toEqual(texts);
  });

  it("20,000 transactions through one stream, pipelined", { timeout: 60_000 }, async () => {
    const { ordering, client } = await openScene({ batch: { batchTimeoutMs: 200 } });
    const count = 20_000;
    const transactions = Array.from({ length: count }, (_, at) => ordering.transaction(`line ${at}`));
    const stream = client.broadcast();
    for (const transaction of transactions) stream.send(transaction);
    for (let at = 0; at < count; at++) expect((await stream.next())?.status).toBe(200);
    const texts = textsOf(await readChain(client, ordering));
    expect(texts).toHaveLength(count);
    expect(texts.every((text, at) => text === `line ${at}`)).toBe(true);
  });

  it("what it accepted before it closes, and acknowledges it", async () => {
    const { ordering, client, orderer, folder } = await openScene({ batch: { batchTimeoutMs: 60_000 } });
    const stream = client.broadcast();
    stream.send(ordering.transaction("last words"));
    await until(() => orderer.channels.get("demo")?.pending === 1);
    const closing = orderer.close();
    expect(await stream.next()).toEqual({ status: 200, info: "" });
    await closing;
    const again = await openScene({ ordering, fileSystemPath: folder });
    expect(textsOf(await readChain(again.client, ordering))).toEqual(["last words"]);
  });
});

describe("9.22: Broadcast refuses", () => {
  const ordering = createTestOrdering();
  const envelope = (options: {
    readonly type?: HeaderType;
    readonly timestampNanos?: bigint;
    readonly data?: Uint8Array;
  }) => {
    const { type = "message", timestampNanos } = options;
    const channelHeader = {
      type,
      version: 0,
      channelId: "demo",
      txId: "",
      epoch: 0n,
      extension: none,
      tlsCertHash: none,
    };
    const payload = encodePayload({
      channelHeader: { ...channelHeader, timestampNanos },
      signatureHeader: { creator: ordering.client.identity, nonce: none },
      data: options.data ?? none,
    });
    return encodeSignedEnvelope({ payload, signature: ordering.client.sign(payload) });
  };
  const good = ordering.transaction("good");
  const padded = new Uint8Array([...good, 0x1a, 0x00]);
  const tampered = new Uint8Array(good);
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;

  const cases: readonly (readonly [string, number, Uint8Array, RegExp])[] = [
    ["bytes that are no envelope", 400, new Uint8Array([0xff, 0xff]), /canonical form/],
    ["no bytes at all", 400, none, /canonical form/],
    ["an envelope that is not in canonical form", 400, padded, /canonical form/],
    [
      "an envelope without a signature",
      400,
      encodeSignedEnvelope({ payload: good, signature: none }),
      /canonical form/,
    ],
    ["a payload that is none", 400, encodeSignedEnvelope({ payload: new Uint8Array([7]), signature: good }), /headers/],
    ["a transaction without a timestamp", 400, envelope({}), /timestamp/],
    ["a request for blocks", 400, envelope({ type: "deliver-seek-info", timestampNanos: 1n }), /deliver-seek-info/],
    ["a configuration", 501, envelope({ type: "config", timestampNanos: 1n }), /configuration/],
    ["a configuration update", 501, envelope({ type: "config-update", timestampNanos: 1n }), /configuration/],
    ["an unknown channel", 404, ordering.transaction("x", { channelId: "other" }), /"other"/],
    ["a transaction above absoluteMaxBytes", 413, ordering.transaction("x".repeat(5_000)), /at most 4096 bytes/],
    ["a bad signature", 403, tampered, /signature/],
    ["an author of an unknown organization", 403, ordering.transaction("x", { by: ordering.stranger }), /NobodyMSP/],
  ];
  for (const [what, status, transaction, info] of cases) {
    it(`${what} with ${status}, and goes on with the next`, async () => {
      const batch = { absoluteMaxBytes: 4_096, preferredMaxBytes: 1_024 };
      const { client } = await openScene({ ordering, batch });
      const stream = client.broadcast();
      stream.send(transaction);
      stream.send(good);
      expect(await stream.next()).toEqual({ status, info: expect.stringMatching(info) });
      expect(await stream.next()).toEqual({ status: 200, info: "" });
      stream.halfClose();
      expect(await stream.next()).toBeUndefined();
      expect(await stream.ended).toMatchObject({ code: 0 });
      expect(textsOf(await readChain(client, ordering))).toEqual(["good"]);
    });
  }

  it("garbage on its port without harm to others", async () => {
    const { client, orderer } = await openScene({ ordering });
    const port = Number(orderer.endpoint.split(":").at(-1));
    for (const garbage of [randomBytes(10_000), Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.alloc(0)]) {
      const socket = connectSocket({ port, host: "127.0.0.1" });
      // Its end may come as a reset.
      socket.on("error", () => {});
      socket.end(garbage);
      socket.resume();
      await once(socket, "close");
    }
    expect(await broadcast(client, [good])).toEqual([200]);
  });

  it("more than maxStreams streams", async () => {
    const { client } = await openScene({ ordering, limits: { maxStreams: 1 } });
    const first = client.broadcast();
    first.send(good);
    expect((await first.next())?.status).toBe(200);
    expect(await client.broadcast().ended).toMatchObject({ code: 8, details: "expected at most 1 streams" });
    first.cancel();
    await first.ended;
  });
});
