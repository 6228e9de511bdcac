import { accepted, reject } from "@gossip/crypto";
import type { PrivateDataDigest, PrivatePayload } from "@gossip/proto";
import { afterEach, describe, expect, it } from "vitest";
import type { PrivateData, PrivateDataOptions } from "./private-data.js";
import {
  collectionConfigs,
  createTemporaryPrivateData,
  digestOf,
  memberPolicy,
  namesOrganization,
  privateDataPeer,
  privatePayload,
} from "./testing/index.js";

const org1 = privateDataPeer("Org1");
const org2 = privateDataPeer("Org2");
const mallory = privateDataPeer("Mallory");
const opened: PrivateData[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** Opens private data that counts what is left out of answers. */
async function open(options: Partial<Omit<PrivateDataOptions, "dir">> = {}) {
  const leftOut: Record<string, number> = {};
  const privateData = await createTemporaryPrivateData({
    metrics: {
      counter: ({ name }) => ({
        add(amount, { reason = "" } = {}) {
          if (name === "gossip_privdata_digests_left_out") leftOut[reason] = (leftOut[reason] ?? 0) + amount;
        },
      }),
      gauge: () => ({ set() {} }),
      histogram: () => ({ observe() {} }),
    },
    ...options,
  });
  opened.push(privateData);
  const ask = async (digests: readonly PrivateDataDigest[], peer = org1) => {
    const elements = await privateData.answer(digests, peer);
    return elements.map(({ payload }) => payload.map((set) => Buffer.from(set).toString()));
  };
  return { privateData, leftOut, ask };
}

const set = (text: string, overrides: Partial<PrivatePayload> = {}) =>
  privatePayload({ rwset: new TextEncoder().encode(text), ...overrides });
const readableBy = (...organizations: string[]) =>
  collectionConfigs({ memberOrgsPolicy: memberPolicy(...organizations) });

describe("Who gets private data", () => {
  it("gives a set to whom the member policy beside it accepts, whoever pushed it", async () => {
    const { privateData, ask, leftOut } = await open();
    const payload = set("a", { collectionConfigs: readableBy("Org1", "Org3") });
    await privateData.store(payload, org2);
    expect(await ask([digestOf(payload)], org1)).toEqual([["a"]]);
    expect(await ask([digestOf(payload)], privateDataPeer("Org3"))).toEqual([["a"]]);
    expect(await ask([digestOf(payload)], org2)).toEqual([]);
    expect(leftOut).toEqual({ "not-authorized": 1 });
  });

  it("evaluates the policy's very bytes on the requester's handshake", async () => {
    const asked: unknown[] = [];
    const policy = memberPolicy("Org1", "Org2");
    const { privateData, ask } = await open({
      mayRead: async (bytes, peer) => {
        asked.push(Uint8Array.from(bytes), peer);
        return accepted;
      },
    });
    const payload = set("a", { collectionConfigs: collectionConfigs({ memberOrgsPolicy: policy }) });
    await privateData.store(payload, org1);
    expect(await ask([digestOf(payload)], mallory)).toEqual([["a"]]);
    expect(asked).toEqual([policy, mallory]);
  });

  it("judges a policy once in a request", async () => {
    let count = 0;
    const { privateData, ask } = await open({
      mayRead: () => (count++ === 0 ? accepted : reject("bad-signature", "")),
    });
    const payloads = ["a", "b", "c"].map((txId) => set(txId, { txId }));
    for (const payload of payloads) await privateData.store(payload, org1);
    expect((await ask(payloads.map((payload) => digestOf(payload)))).flat().sort()).toEqual(["a", "b", "c"]);
    expect(await ask(payloads.map((payload) => digestOf(payload)))).toEqual([]);
  });

  it("does not give sets to one who pushes another with a policy that names himself", async () => {
    const { privateData, ask } = await open();
    await privateData.store(set("secret"), org1);
    const bait = set("bait", { collectionConfigs: readableBy("Mallory"), simulationHeight: 2n ** 60n });
    await privateData.store(bait, mallory);
    expect(await ask([digestOf(bait)], mallory)).toEqual([["bait"]]);
    // And he does not shut the others out.
    expect(await ask([digestOf(bait)], org1)).toEqual([["secret"]]);
  });

  it("goes by the newest configuration that came with a set", async () => {
    const { privateData, ask } = await open();
    await privateData.store(set("a", { collectionConfigs: readableBy("Org1"), simulationHeight: 7n }), org1);
    await privateData.store(set("a", { collectionConfigs: readableBy("Org2"), simulationHeight: 6n }), org1);
    expect(await ask([digestOf(set("a"))], org1)).toEqual([["a"]]);
    expect(await ask([digestOf(set("a"))], org2)).toEqual([]);
    // Of two that are equally new, the later one.
    await privateData.store(set("a", { collectionConfigs: readableBy("Org3"), simulationHeight: 7n }), org1);
    expect(await ask([digestOf(set("a"))], org1)).toEqual([]);
    expect(await ask([digestOf(set("a"))], privateDataPeer("Org3"))).toEqual([["a"]]);
  });

  it("passes over configurations without the collection, without a policy, and what is none", async () => {
    const { privateData, ask, leftOut } = await open();
    const unusable = [
      collectionConfigs({ name: "another" }),
      collectionConfigs({ memberOrgsPolicy: new Uint8Array(0) }),
      Uint8Array.of(0xff, 0xff),
      new Uint8Array(0),
    ];
    for (const [at, configs] of unusable.entries()) {
      await privateData.store(set(`${at}`, { collectionConfigs: configs, txId: `${at}` }), org1);
      expect(await ask([digestOf(set("", { txId: `${at}` }))])).toEqual([]);
    }
    expect(leftOut).toEqual({ "no-config": 4 });
    await privateData.store(set("a", { simulationHeight: 1n }), org1);
    for (const configs of unusable)
      await privateData.store(set("a", { collectionConfigs: configs, simulationHeight: 9n }), org1);
    expect(await ask([digestOf(set("a"))])).toEqual([["a"]]);
  });

  it("takes a policy that throws or rejects for a no, and answers the other digests", async () => {
    const failing = memberPolicy("Broken");
    const { privateData, ask, leftOut } = await open({
      mayRead: (policy, peer) => {
        if (Buffer.compare(policy, failing) === 0) throw new Error("no such rule");
        return namesOrganization(policy, peer);
      },
    });
    const broken = set("a", { txId: "a", collectionConfigs: collectionConfigs({ memberOrgsPolicy: failing }) });
    const sound = set("b", { txId: "b" });
    await privateData.store(broken, org1);
    await privateData.store(sound, org1);
    expect(await ask([digestOf(broken), digestOf(sound)])).toEqual([["b"]]);
    expect(leftOut).toEqual({ unreadable: 1 });
  });
});

describe("What is in an answer", () => {
  it("has each different set of a digest once, the earliest first", async () => {
    const { privateData, ask } = await open();
    await privateData.store(set("first"), org1);
    await privateData.store(set("second", { simulationHeight: 1n }), org2);
    await privateData.store(set("first", { collectionConfigs: readableBy("Org1", "Org2") }), org2);
    await privateData.store(set("third", { simulationHeight: 90n }), org2);
    expect(await ask([digestOf(set(""))])).toEqual([["first", "second", "third"]]);
  });

  it("leaves out what is not held", async () => {
    const { ask, leftOut } = await open();
    expect(await ask([digestOf(set(""))])).toEqual([]);
    expect(await ask([])).toEqual([]);
    expect(leftOut).toEqual({ "not-held": 1 });
  });

  it("finds the transaction of a reconciliation request in the ledger, and puts the earliest set last", async () => {
    const places: string[] = [];
    const { privateData, ask, leftOut } = await open({
      txIdAt: async (blockNumber, seqInBlock) => {
        places.push(`${blockNumber}:${seqInBlock}`);
        if (blockNumber === 9n) throw new Error("the disk is gone");
        return blockNumber === 3n ? `tx${seqInBlock}` : undefined;
      },
    });
    await privateData.store(set("a", { txId: "tx1" }), org1);
    await privateData.store(set("b", { txId: "tx1" }), org1);
    const digest = (blockNumber: bigint, seqInBlock: bigint) => ({
      ...digestOf(set("", { txId: "" })),
      ...{ blockNumber, seqInBlock },
    });
    const digests = [digest(3n, 1n), digest(4n, 1n), digest(3n, 0n), digest(9n, 0n)];
    const elements = await privateData.answer(digests, org1);
    expect(elements.map(({ digest }) => digest)).toEqual([digests[0]]);
    expect(await ask(digests)).toEqual([["b", "a"]]);
    // One block after the other.
    expect(places.slice(0, 4)).toEqual(["3:1", "3:0", "4:1", "9:0"]);
    expect(leftOut).toEqual({ "unknown-transaction": 2, "not-held": 2, unreadable: 2 });
  });

  it("has no data that has outlived its collection's block to live", async () => {
    let height = 0n;
    const { privateData, ask, leftOut } = await open({ height: () => height });
    const payload = set("a", { collectionConfigs: collectionConfigs({ blockToLive: 2n }) });
    await privateData.store(payload, org1);
    // Data of block 5 is to be gone once block 8 is in the ledger.
    height = 8n;
    expect(await ask([digestOf(payload, { blockNumber: 5n })])).toEqual([["a"]]);
    height = 9n;
    expect(await ask([digestOf(payload, { blockNumber: 5n })])).toEqual([]);
    expect(leftOut).toEqual({ expired: 1 });
  });

  it("ends where it is full, with what fits", async () => {
    const limits = { maxAnswerBytes: 10, maxRecordBytes: 10_000, maxBytes: 100_000 };
    await expect(open({ limits })).rejects.toMatchObject({ code: "invalid-config" });
    const { privateData, ask, leftOut } = await open({ limits: { ...limits, maxAnswerBytes: 10_000 } });
    const payloads = ["a", "b", "c"].map((txId) => set(txId.repeat(4000), { txId }));
    for (const payload of payloads) await privateData.store(payload, org1);
    await privateData.store(set("d", { txId: "d" }), org1);
    const answer = await ask([...payloads, set("", { txId: "d" })].map((payload) => digestOf(payload)));
    expect(answer.map(([first = ""]) => `${first[0]}${first.length}`)).toEqual(["a4000", "b4000", "d1"]);
    expect(leftOut).toEqual({ "too-large": 1 });
  });

  it("looks at so many digests and blocks, and at each digest once", async () => {
    const limits = { maxDigests: 5, maxBlocks: 2 };
    const { ask, leftOut } = await open({ limits });
    const digest = digestOf(set(""));
    await ask([digest, { ...digest }, { ...digest, seqInBlock: 1n }, digest, digest, digest, digest]);
    expect(leftOut).toEqual({ repeated: 3, "not-held": 2, "too-many": 2 });
    const places = [1n, 2n, 3n, 1n].map((blockNumber, at) => ({
      ...digest,
      ...{ txId: "", blockNumber, seqInBlock: BigInt(at) },
    }));
    await ask(places);
    expect(leftOut).toMatchObject({ "too-many": 3, "unknown-transaction": 3 });
  });

  it("judges so many configurations", async () => {
    const { privateData, ask, leftOut } = await open();
    const payloads = Array.from({ length: 130 }, (_, at) =>
      set(`${at}`, { txId: `${at}`, collectionConfigs: readableBy("Org1", `Other${at}`) }),
    );
    await Promise.all(payloads.map((payload) => privateData.store(payload, org1)));
    expect(await ask(payloads.map((payload) => digestOf(payload)))).toHaveLength(128);
    expect(leftOut).toEqual({ "too-many": 2 });
  });

  it("is empty for requests above what may wait, in all and of one peer", async () => {
    const { privateData, ask, leftOut } = await open({ limits: { maxRequests: 3, maxRequestsPerPeer: 2 } });
    const payload = set("a", { collectionConfigs: readableBy("Org1", "Org2", "Mallory") });
    await privateData.store(payload, org1);
    const requesters = [org1, org1, org1, org2, mallory];
    const answers = await Promise.all(requesters.map((peer) => ask([digestOf(payload)], peer)));
    expect(answers).toEqual([[["a"]], [["a"]], [], [["a"]], []]);
    expect(leftOut).toEqual({ busy: 2 });
    expect(await ask([digestOf(payload)], mallory)).toEqual([["a"]]);
  });
});
