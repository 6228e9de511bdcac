import { unsigned } from "@gossip/crypto";
import type { PrivateDataDigest, PrivateDataElement } from "@gossip/proto";
import { acknowledgement, privateDataMessage, privateDataRequest, privateDataResponse } from "@gossip/proto/testing";
import { GossipError } from "@gossip/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend } from "../test/support/befriend.js";
import { channelName, Scene } from "../test/support/scene.js";
import type { PrivateDataHandler, PrivateDataPeer } from "./api.js";
import type { GossipOptions } from "./config.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const digest = (index: number): PrivateDataDigest => ({
  txId: `tx ${index}`,
  namespace: "chaincode",
  collection: "collection",
  blockNumber: 7n,
  seqInBlock: BigInt(index),
});
const element = (index: number, bytes = 1): PrivateDataElement => ({
  digest: digest(index),
  payload: [new Uint8Array(bytes)],
});
const push = (nonce: bigint, channel = channelName) => unsigned(privateDataMessage({ nonce, channel }));
const ask = (nonce: bigint, digests = [digest(1)], channel = channelName) =>
  unsigned(privateDataRequest({ nonce, channel, digests }));

async function met(handler: Partial<PrivateDataHandler> | undefined, config: GossipOptions = {}, strangerOrg = "org1") {
  const privateData: PrivateDataHandler = { store: async () => {}, answer: async () => [], ...handler };
  return befriend(scene, { config, strangerOrg, ...(handler && { join: { privateData } }) });
}

/** Lets promises settle that wait for nothing, and what was sent arrive. */
async function settle(): Promise<void> {
  await scene.run(50);
  await new Promise((resolve) => setImmediate(resolve));
  await scene.run(50);
}

describe("private data that is pushed", () => {
  test("11.3: is acknowledged with its nonce when it is stored, and not before", async () => {
    const seen: PrivateDataPeer[] = [];
    let stored = () => {};
    const store = (_: unknown, from: PrivateDataPeer) => {
      seen.push(from);
      return new Promise<void>((resolve) => {
        stored = resolve;
      });
    };
    const { say, heardOf, crypto, node } = await met({ store });
    expect(await say(push(41n))).toEqual([]);
    await settle();
    expect(heardOf("ack")).toEqual([]);
    stored();
    await settle();
    expect(heardOf("ack")).toEqual([{ type: "ack", nonce: 41n, channel: "", tag: "undefined", error: "" }]);
    const { pkiId, org, identity, payload, signature } = seen[0] as PrivateDataPeer;
    expect({ pkiId, org, identity: Buffer.from(identity) }).toEqual({
      pkiId: crypto.pkiId,
      org: "org1",
      identity: Buffer.from(crypto.identity),
    });
    expect(crypto.verify(identity, signature, payload)).toEqual({ ok: true });
    expect(node.drops.get("gate/not-stored")).toBeUndefined();
  });

  test("11/P14, 11.3: P14: is acknowledged with the reason when it is not stored, and strangers learn nothing of this machine", async () => {
    const failures = [new GossipError("storage", "the store is full"), new Error("ENOSPC: /var/secret")];
    const { say, heardOf } = await met({ store: () => Promise.reject(failures.shift()) });
    expect(await say(push(1n))).toEqual(["gate/not-stored"]);
    await say(push(2n));
    await settle();
    expect(heardOf("ack").map(({ nonce, error }) => [nonce, error])).toEqual([
      [1n, "the store is full"],
      [2n, "it could not be stored"],
    ]);
  });

  test("11/P14, 11.4: P14: is acknowledged with an error where none is kept", async () => {
    const { say, heardOf } = await met(undefined);
    await say(push(1n));
    await settle();
    expect(heardOf("ack").map(({ error }) => error)).toEqual(["this peer keeps no private data"]);
  });

  test("11/P14, 11.2: P14: gets no answer when it has no set, is of another channel, or its sender may not read the channel", async () => {
    const stored: unknown[] = [];
    const { say, heardOf } = await met({ store: async (payload) => void stored.push(payload) });
    const empty = privateDataMessage({ channel: channelName });
    const rwset = new Uint8Array(0);
    expect(await say(unsigned({ ...empty, payload: { ...empty.payload, rwset } }))).toEqual(["gate/missing-field"]);
    expect(await say(push(1n, "other"))).toEqual(["gate/no-such-channel"]);
    scene.trust.setChannel(channelName, ["org2"]);
    expect(await say(push(1n))).toEqual(["gate/policy-not-satisfied"]);
    await settle();
    expect([heardOf("ack"), stored]).toEqual([[], []]);
  });

  test("11.2: is taken of another organization of the channel, and not of one outside", async () => {
    const inside = await met({}, {}, "org2");
    await inside.say(push(1n));
    await settle();
    expect(inside.heardOf("ack")).toHaveLength(1);
    await scene.close();
    scene = new Scene();
    const outside = await met({}, {}, "org3");
    expect(await outside.say(push(1n))).toEqual(["gate/sender-not-in-channel"]);
  });

  test("11.5: holds up nothing else of its sender, until too much of it is under way; then nothing is lost", async () => {
    const waiting: (() => void)[] = [];
    const store = () => new Promise<void>((resolve) => waiting.push(resolve));
    const { comm, to, heardOf } = await met({ store }, { maxPrivateDataTasks: 3 });
    for (let nonce = 1n; nonce <= 2n; nonce++) comm.send(to, push(nonce));
    comm.send(to, ask(100n));
    await settle();
    expect([waiting.length, heardOf("private-data-response").length]).toEqual([2, 1]);
    for (let nonce = 3n; nonce <= 8n; nonce++) comm.send(to, push(nonce));
    await settle();
    expect(waiting).toHaveLength(3);
    for (let round = 0; round < 10; round++) {
      for (const resume of waiting.splice(0)) resume();
      await settle();
    }
    expect(heardOf("ack").map(({ nonce }) => nonce)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  });
});

describe("questions for private data", () => {
  test("11.1, 11.6: get exactly one response, with the nonce, of our channel, and what there is", async () => {
    const asked: unknown[] = [];
    const answer: PrivateDataHandler["answer"] = async (digests, { pkiId }) => {
      asked.push([digests, pkiId]);
      return [element(2)];
    };
    const { say, heardOf, crypto } = await met({ answer });
    await say(ask(9n, [digest(1), digest(2)]));
    await settle();
    expect(asked).toEqual([[[digest(1), digest(2)], crypto.pkiId]]);
    expect(heardOf("private-data-response")).toMatchObject([
      { nonce: 9n, channel: channelName, tag: "chan-only", elements: [{ digest: digest(2) }] },
    ]);
  });

  test("11.6: get an empty response where none is kept, and where looking it up fails", async () => {
    const nowhere = await met(undefined);
    await nowhere.say(ask(1n));
    await settle();
    expect(nowhere.heardOf("private-data-response")).toMatchObject([{ nonce: 1n, elements: [] }]);
    await scene.close();
    scene = new Scene();
    const failing = await met({ answer: () => Promise.reject(new Error("broken")) });
    await failing.say(ask(2n));
    await settle();
    expect(failing.heardOf("private-data-response")).toMatchObject([{ nonce: 2n, elements: [] }]);
    expect(failing.node.drops.get("gate/not-answered")).toBe(1);
  });

  test("11.6: of who may not read the channel get none", async () => {
    const { say, heardOf } = await met({});
    scene.trust.setChannel(channelName, ["org2"]);
    expect(await say(ask(1n))).toEqual(["gate/policy-not-satisfied"]);
    await settle();
    expect(heardOf("private-data-response")).toEqual([]);
  });

  test("11.7: are answered up to a number of digests, and of bytes", async () => {
    const asked: number[] = [];
    const answer: PrivateDataHandler["answer"] = async (digests) => {
      asked.push(digests.length);
      return digests.map((_, index) => element(index, index === 1 ? 9_000 : 1_000));
    };
    const limits = { maxPrivateDataDigests: 5, maxPrivateDataBytes: 6_000 };
    const { say, heardOf, node } = await met({ answer }, limits);
    await say(
      ask(
        1n,
        Array.from({ length: 12 }, (_, index) => digest(index)),
      ),
    );
    await settle();
    expect([asked, node.drops.get("gate/too-many-parts")]).toEqual([[5], 7]);
    const { elements = [] } = heardOf("private-data-response")[0] ?? {};
    expect(elements.map(({ digest: one }) => one.seqInBlock)).toEqual([0n, 2n, 3n]);
    expect(node.drops.get("gate/answer-too-large")).toBe(2);
  });
});

test("11.8: responses and acks that nobody asked for are dropped and counted", async () => {
  const { say } = await met({});
  expect(await say(unsigned(privateDataResponse({ channel: channelName })))).toEqual(["gate/unsolicited"]);
  expect(await say(unsigned(acknowledgement()))).toEqual(["gate/unsolicited"]);
});
