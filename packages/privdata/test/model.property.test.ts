import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PrivatePayload } from "@gossip/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPrivateData, type PrivateData } from "../src/index.js";
import { collectionConfigs, digestOf, memberPolicy, namesOrganization, privateDataPeer } from "../src/testing/index.js";

const organizations = ["Org1", "Org2", "Org3"] as const;
const txIds = ["tx0", "tx1", "tx2"] as const;
const collections = ["c0", "c1"] as const;
const retentionBlocks = 6;
const overhead = 1024;
const limits = {
  retentionBlocks,
  maxBytes: 40_000,
  maxBytesPerOrganization: 22_000,
  maxRecordBytes: 10_000,
  maxRecordsPerTransaction: 7,
};

const configsOf = (collection: string, readers: readonly string[]) =>
  collectionConfigs({ name: collection, memberOrgsPolicy: memberPolicy(...readers) });

const push = fc.record({
  type: fc.constant("push" as const),
  txId: fc.constantFrom(...txIds),
  collection: fc.constantFrom(...collections),
  rwset: fc.tuple(fc.nat(3), fc.constantFrom(1, 50, 3000)).map(([fill, size]) => new Uint8Array(size).fill(fill)),
  readers: fc.subarray([...organizations], { minLength: 1 }),
  simulationHeight: fc.oneof(fc.nat(30).map(BigInt), fc.constant(2n ** 64n - 1n)),
  from: fc.constantFrom(...organizations),
});

const happening = fc.oneof(
  // Several at once share one write.
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("pushes" as const),
      pushes: fc.array(push, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("ask" as const), by: fc.constantFrom(...organizations) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("blocks" as const), count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ type: "reopen" as const }) },
);

interface ModelRecord {
  readonly payload: PrivatePayload;
  readonly readers: readonly string[];
  readonly from: string;
  readonly arrival: number;
  height: bigint;
}

/** The same in memory, in the simplest way. */
class Model {
  height = 1n;
  readonly records: ModelRecord[] = [];
  #arrivals = 0;

  push(payload: PrivatePayload, readers: readonly string[], from: string): string {
    const most = this.height + BigInt(retentionBlocks);
    let height = payload.simulationHeight;
    if (height < this.height) height = this.height;
    if (height > most) height = most;
    const known = this.records.find((one) => isSame(one.payload, payload));
    if (known !== undefined) {
      if (height > known.height) known.height = height;
      return "kept";
    }
    const ofTransaction = this.records.filter((one) => one.payload.txId === payload.txId).length;
    if (ofTransaction >= limits.maxRecordsPerTransaction) return "too-large";
    const cost = costOf(payload);
    if (this.bytes + cost > limits.maxBytes) return "storage";
    if (this.bytesOf(from) + cost > limits.maxBytesPerOrganization) return "storage";
    this.records.push({ payload, readers, from, arrival: this.#arrivals++, height });
    return "kept";
  }

  purge(): number {
    const kept = this.records.filter(({ height }) => height >= this.height - BigInt(retentionBlocks));
    const removed = this.records.length - kept.length;
    this.records.splice(0, this.records.length, ...kept);
    return removed;
  }

  answer(txId: string, collection: string, by: string): string[] {
    const held = this.records.filter((one) => one.payload.txId === txId && one.payload.collection === collection);
    const sets = new Map<string, ModelRecord[]>();
    for (const one of held) sets.set(setOf(one), [...(sets.get(setOf(one)) ?? []), one]);
    return [...sets.values()]
      .filter((same) => same.reduce((a, b) => (isNewer(b, a) ? b : a)).readers.includes(by))
      .map((same) => same.reduce((a, b) => (b.arrival < a.arrival ? b : a)))
      .sort((a, b) => a.arrival - b.arrival)
      .map(setOf);
  }

  get bytes(): number {
    return this.records.reduce((sum, { payload }) => sum + costOf(payload), 0);
  }

  bytesOf(org: string): number {
    return this.records.filter(({ from }) => from === org).reduce((sum, { payload }) => sum + costOf(payload), 0);
  }
}

const setOf = ({ payload }: { readonly payload: PrivatePayload }) => Buffer.from(payload.rwset).toString("hex");
const costOf = ({ rwset, collectionConfigs: configs }: PrivatePayload) => rwset.length + configs.length + overhead;
const isNewer = (a: ModelRecord, b: ModelRecord) =>
  a.height > b.height || (a.height === b.height && a.arrival > b.arrival);

function isSame(a: PrivatePayload, b: PrivatePayload): boolean {
  return (
    a.txId === b.txId &&
    a.collection === b.collection &&
    Buffer.compare(a.rwset, b.rwset) === 0 &&
    Buffer.compare(a.collectionConfigs, b.collectionConfigs) === 0
  );
}

describe("Private data against a model of it", () => {
  it("keeps, refuses, gives, purges and remembers the same", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 40 }), async (happenings) => {
        const dir = mkdtempSync(join(tmpdir(), "gossip-privdata-model-"));
        const model = new Model();
        const open = () =>
          createPrivateData({
            ...{ dir, channel: "demo", limits },
            mayRead: namesOrganization,
            height: () => model.height,
            txIdAt: (_, seqInBlock) => txIds[Number(seqInBlock)],
          });
        let privateData = await open();
        try {
          for (const event of happenings) {
            if (event.type === "pushes") {
              // A push purges first, so does the model; what is full until then is another test's business.
              model.purge();
              await privateData.purge();
              const wanted = event.pushes.map((one) => model.push(payloadOf(one), one.readers, one.from));
              expect(await Promise.all(event.pushes.map((one) => pushTo(privateData, one)))).toEqual(wanted);
            } else if (event.type === "blocks") {
              model.height += BigInt(event.count);
              const removed = model.purge();
              expect(await privateData.purge()).toBe(removed);
            } else if (event.type === "reopen") {
              await privateData.close();
              privateData = await open();
            } else await compareAnswers(privateData, model, event.by);
            expect(privateData.count).toBe(model.records.length);
            expect(privateData.bytes).toBe(model.bytes);
          }
          for (const org of organizations) await compareAnswers(privateData, model, org);
        } finally {
          await privateData.close();
          rmSync(dir, { recursive: true, force: true });
        }
      }),
      { numRuns: 60 },
    );
  });
});

type Push = typeof push extends fc.Arbitrary<infer T> ? T : never;

function payloadOf({ txId, collection, rwset, readers, simulationHeight }: Push): PrivatePayload {
  const configs = configsOf(collection, readers);
  return { txId, collection, namespace: "chaincode", rwset, simulationHeight, collectionConfigs: configs };
}

function pushTo(privateData: PrivateData, one: Push): Promise<string> {
  return privateData.store(payloadOf(one), privateDataPeer(one.from)).then(
    () => "kept",
    ({ code }) => code,
  );
}

/** Asks for everything, by the transactions' names and by their places. */
async function compareAnswers(privateData: PrivateData, model: Model, by: string): Promise<void> {
  for (const isByName of [true, false]) {
    const digests = txIds.flatMap((txId, at) =>
      collections.map((collection) => ({
        ...digestOf({ txId, collection, namespace: "chaincode" } as PrivatePayload, { seqInBlock: BigInt(at) }),
        ...(isByName ? {} : { txId: "" }),
      })),
    );
    const elements = await privateData.answer(digests, privateDataPeer(by));
    const given = new Map(
      elements.map(({ digest, payload }) => [
        `${digest.seqInBlock} ${digest.collection}`,
        payload.map((rwset) => setOf({ payload: { rwset } as PrivatePayload })),
      ]),
    );
    for (const [at, txId] of txIds.entries()) {
      for (const collection of collections) {
        const wanted = model.answer(txId, collection, by);
        if (!isByName) wanted.reverse();
        expect(given.get(`${at} ${collection}`) ?? []).toEqual(wanted);
      }
    }
  }
}
