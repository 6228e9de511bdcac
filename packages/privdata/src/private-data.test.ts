import { mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Metrics, noMetrics } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrivateData, type PrivateData, type PrivateDataOptions } from "./private-data.js";
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
let dir: string;
let height = 1n;
const opened: PrivateData[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-privdata-"));
  height = 1n;
});

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(options: Partial<PrivateDataOptions> = {}): Promise<PrivateData> {
  const privateData = await createPrivateData({
    dir,
    channel: "demo",
    mayRead: namesOrganization,
    height: () => height,
    txIdAt: () => undefined,
    ...options,
  });
  opened.push(privateData);
  return privateData;
}

async function setsFor(privateData: PrivateData, payload = privatePayload(), peer = org1): Promise<string[]> {
  const elements = await privateData.answer([digestOf(payload)], peer);
  return elements.flatMap((element) => element.payload.map((set) => Buffer.from(set).toString()));
}

const text = (value: string) => new TextEncoder().encode(value);

describe("Private data", () => {
  it("gives back what was pushed, the digest with all its five fields", async () => {
    const privateData = await open();
    await privateData.store(privatePayload({ rwset: text("secret") }), org2);
    const digest = { ...digestOf(privatePayload()), blockNumber: 2n ** 64n - 1n, seqInBlock: 7n };
    expect(await privateData.answer([digest], org1)).toEqual([{ digest, payload: [text("secret")] }]);
    expect(privateData.count).toBe(1);
  });

  it("is there again after it was closed and opened", async () => {
    const first = await open();
    await first.store(privatePayload({ rwset: text("one") }), org1);
    await first.store(privatePayload({ rwset: text("two") }), org2);
    const { count, bytes } = first;
    await first.close();
    const second = await open();
    expect({ count: second.count, bytes: second.bytes }).toEqual({ count, bytes });
    expect(await setsFor(second)).toEqual(["one", "two"]);
  });

  it("is one record when the same set is pushed twice, by whoever and at once", async () => {
    const privateData = await open();
    await Promise.all([1, 2, 3].map(() => privateData.store(privatePayload(), org1)));
    await privateData.store(privatePayload(), org2);
    expect(privateData.count).toBe(1);
    expect(await setsFor(privateData)).toHaveLength(1);
  });

  it("keeps sets of different transactions, namespaces and collections apart", async () => {
    const privateData = await open();
    const some = [
      privatePayload({ rwset: text("a") }),
      privatePayload({ rwset: text("b"), txId: "other" }),
      privatePayload({ rwset: text("c"), namespace: "other" }),
      privatePayload({ rwset: text("d"), collection: "other" }),
      // Joined without a border, these would be the names of another set.
      privatePayload({ rwset: text("e"), namespace: "chaincodecollection", collection: "" }),
    ];
    for (const payload of some) await privateData.store(payload, org1);
    for (const payload of some) {
      expect(await setsFor(privateData, payload)).toEqual([Buffer.from(payload.rwset).toString()]);
    }
  });

  it("belongs to its owner alone on disk", async () => {
    const privateData = await open({ dir: join(dir, "private") });
    expect(statSync(join(dir, "private")).mode & 0o777).toBe(0o700);
    expect(statSync(privateData.dir).mode & 0o777).toBe(0o700);
  });

  it("refuses what names no transaction, has no set, or has a name longer than any", async () => {
    const privateData = await open();
    for (const payload of [
      privatePayload({ txId: "" }),
      privatePayload({ rwset: new Uint8Array(0) }),
      privatePayload({ namespace: "n".repeat(257) }),
      privatePayload({ txId: "ä".repeat(129) }),
    ]) {
      await expect(privateData.store(payload, org1)).rejects.toMatchObject({ code: "malformed" });
    }
    expect(privateData.count).toBe(0);
  });

  it("refuses a set or a configuration that is too large", async () => {
    const privateData = await open({ limits: { maxRecordBytes: 1000 } });
    const payload = (bytes: number) =>
      privatePayload({ rwset: new Uint8Array(bytes), collectionConfigs: new Uint8Array(0) });
    await privateData.store(payload(1000), org1);
    await expect(privateData.store(payload(1001), org1)).rejects.toMatchObject({ code: "too-large" });
    const wide = await createTemporaryPrivateData();
    const configs = new Uint8Array(256 * 1024 + 1);
    await expect(wide.store(privatePayload({ collectionConfigs: configs }), org1)).rejects.toMatchObject({
      code: "too-large",
    });
    await wide.close();
  });

  it("refuses more sets of one transaction than it may have, in one write or in several", async () => {
    const privateData = await open({ limits: { maxRecordsPerTransaction: 3 } });
    const push = (at: number, txId = "tx") =>
      privateData.store(privatePayload({ txId, collection: `c${at}`, rwset: Uint8Array.of(at) }), org1).then(
        () => "kept",
        ({ code }) => code,
      );
    expect(await push(0)).toBe("kept");
    expect(await Promise.all([1, 2, 3, 4].map((at) => push(at)))).toEqual(["kept", "kept", "too-large", "too-large"]);
    expect(await push(1)).toBe("kept");
    expect(await push(5, "other")).toBe("kept");
  });

  it("refuses an organization that has its share, and all when it is full, and evicts nothing", async () => {
    const limits = { maxBytes: 30_000, maxBytesPerOrganization: 15_000, maxRecordBytes: 10_000 };
    const privateData = await open({ limits });
    const push = (at: number, from = org1) =>
      privateData.store(privatePayload({ txId: `tx${at}`, rwset: new Uint8Array(3500).fill(at) }), from);
    for (const at of [0, 1, 2]) await push(at);
    await expect(push(3)).rejects.toThrow(/from one organization/);
    for (const at of [3, 4, 5]) await push(at, org2);
    await expect(push(6, privateDataPeer("Org3"))).rejects.toMatchObject({ code: "storage" });
    await expect(push(6, privateDataPeer("Org3"))).rejects.toThrow(/at most 30000 bytes/);
    expect(privateData.count).toBe(6);
    expect(privateData.bytes).toBeLessThanOrEqual(30_000);
    for (const at of [0, 1, 2, 3, 4, 5])
      expect(await setsFor(privateData, privatePayload({ txId: `tx${at}` }))).toHaveLength(1);
  });

  it("makes room for a push by purging what is due", async () => {
    const limits = { maxBytes: 4000, maxBytesPerOrganization: 4000, maxRecordBytes: 4000, retentionBlocks: 10 };
    const privateData = await open({ limits });
    await privateData.store(privatePayload({ txId: "old", rwset: new Uint8Array(2000) }), org1);
    const young = privatePayload({ txId: "young", rwset: new Uint8Array(2000) });
    await expect(privateData.store(young, org1)).rejects.toMatchObject({ code: "storage" });
    height = 12n;
    await privateData.store(young, org1);
    expect(privateData.count).toBe(1);
  });

  it("refuses pushes above what may wait, and keeps the others", async () => {
    const limits = { maxWaitingBytes: 3000, maxRecordBytes: 2000 };
    const privateData = await open({ limits });
    const pushes = [1, 2, 3, 4].map((at) =>
      privateData.store(privatePayload({ txId: `tx${at}`, rwset: new Uint8Array(900).fill(at) }), org1),
    );
    const settled = await Promise.allSettled(pushes);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    expect(settled[3]).toMatchObject({ reason: { code: "unavailable" } });
    await privateData.store(privatePayload({ txId: "tx4" }), org1);
  });

  it("is refused after it was closed, and answered with nothing", async () => {
    const privateData = await open();
    await privateData.store(privatePayload(), org1);
    const last = privateData.store(privatePayload({ txId: "last" }), org1);
    await Promise.all([privateData.close(), privateData.close(), last]);
    await expect(privateData.store(privatePayload(), org1)).rejects.toMatchObject({ code: "closed" });
    expect(await privateData.answer([digestOf(privatePayload())], org1)).toEqual([]);
    expect(await privateData.purge()).toBe(0);
  });

  it("refuses a bad channel name, a bad limit, and a store that is open already", async () => {
    await expect(open({ channel: "../demo" })).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(open({ limits: { maxBytes: 0 } })).rejects.toMatchObject({ code: "invalid-config" });
    await open();
    await expect(open()).rejects.toMatchObject({ code: "conflict" });
  });

  it("is refused as corrupt, and left as it is, where LevelDB's index is gone", async () => {
    const first = await open();
    await first.store(privatePayload(), org1);
    await first.close();
    const sets = join(first.dir, "sets");
    unlinkSync(join(sets, "CURRENT"));
    const files = readdirSync(sets);
    await expect(open()).rejects.toMatchObject({ code: "corrupt", message: expect.stringContaining("move") });
    expect(readdirSync(sets)).toEqual(files);
  });

  it("says that a file is in its way", async () => {
    writeFileSync(join(dir, "file"), "");
    await expect(open({ dir: join(dir, "file") })).rejects.toMatchObject({ code: "storage" });
  });
});

describe("The purge of private data", () => {
  const limits = { retentionBlocks: 10 };
  const heights = async (privateData: PrivateData, all: readonly bigint[]) => {
    const kept: bigint[] = [];
    for (const at of all) if ((await setsFor(privateData, privatePayload({ txId: `${at}` }))).length > 0) kept.push(at);
    return kept;
  };

  it("keeps a set for its retention from the height it was simulated at", async () => {
    const privateData = await open({ limits });
    const all = [1n, 2n, 3n, 5n, 8n];
    for (const at of all) await privateData.store(privatePayload({ txId: `${at}`, simulationHeight: at }), org1);
    height = 12n;
    expect(await privateData.purge()).toBe(1);
    expect(await heights(privateData, all)).toEqual([2n, 3n, 5n, 8n]);
    height = 15n;
    expect(await privateData.purge()).toBe(2);
    expect(await privateData.purge()).toBe(0);
    expect(await heights(privateData, all)).toEqual([5n, 8n]);
    height = 100n;
    expect(await privateData.purge()).toBe(2);
    expect({ count: privateData.count, bytes: privateData.bytes }).toEqual({ count: 0, bytes: 0 });
  });

  it("is not evaded by a height in the far future", async () => {
    const privateData = await open({ limits });
    await privateData.store(privatePayload({ simulationHeight: 2n ** 64n - 1n }), org1);
    height = 21n;
    expect(await privateData.purge()).toBe(0);
    height = 22n;
    expect(await privateData.purge()).toBe(1);
  });

  it("does not take at once what names a height long past", async () => {
    height = 1000n;
    const privateData = await open({ limits });
    await privateData.store(privatePayload({ simulationHeight: 0n }), org1);
    await privateData.purge();
    expect(privateData.count).toBe(1);
  });

  it("counts from the later of two pushes of a set, also within one write and after a restart", async () => {
    const first = await open({ limits });
    await first.store(privatePayload(), org1);
    await Promise.all([
      first.store(privatePayload({ simulationHeight: 5n }), org1),
      first.store(privatePayload({ simulationHeight: 3n }), org1),
      first.store(privatePayload({ txId: "new" }), org1),
      first.store(privatePayload({ txId: "new", simulationHeight: 6n }), org1),
    ]);
    await first.close();
    const second = await open({ limits });
    height = 15n;
    expect(await second.purge()).toBe(0);
    height = 16n;
    expect(await second.purge()).toBe(1);
    expect(await setsFor(second, privatePayload({ txId: "new" }))).toHaveLength(1);
    height = 17n;
    expect(await second.purge()).toBe(1);
    expect(second.count).toBe(0);
  });

  it("is started by a push, and takes thousands step by step while pushes go on", async () => {
    const privateData = await open({ limits });
    await Promise.all(
      Array.from({ length: 900 }, (_, at) => privateData.store(privatePayload({ txId: `a${at}` }), org1)),
    );
    await Promise.all(
      Array.from({ length: 900 }, (_, at) => privateData.store(privatePayload({ txId: `b${at}` }), org1)),
    );
    height = 50n;
    await Promise.all(
      Array.from({ length: 300 }, (_, at) => privateData.store(privatePayload({ txId: `c${at}` }), org1)),
    );
    height = 51n;
    await privateData.purge();
    expect(privateData.count).toBe(300);
    expect(await setsFor(privateData, privatePayload({ txId: "a0" }))).toEqual([]);
    expect(await setsFor(privateData, privatePayload({ txId: "c299" }))).toHaveLength(1);
  });

  it("can be cut short by closing", async () => {
    const first = await open({ limits });
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        Array.from({ length: 900 }, (_, at) => first.store(privatePayload({ txId: `${round} ${at}` }), org1)),
      );
    }
    height = 50n;
    const purging = first.purge();
    await first.close();
    const removed = await purging;
    const second = await open({ limits });
    expect(second.count).toBe(1800 - removed);
    height = 51n;
    expect(await second.purge()).toBe(1800 - removed);
  });
});

describe("What private data says of itself", () => {
  it("counts sets, refusals and digests, and says the same refusal once in a minute", async () => {
    const counted = new Map<string, number>();
    const add =
      (name: string) =>
      (amount: number, labels: Readonly<Record<string, string>> = {}) => {
        const key = [name, ...Object.values(labels)].join(" ");
        counted.set(key, (counted.get(key) ?? 0) + amount);
      };
    const metrics: Metrics = {
      counter: ({ name }) => ({ add: add(name) }),
      gauge: ({ name }) => ({ set: (value) => counted.set(name, value) }),
      histogram: ({ name }) => ({ observe: (_, labels) => add(name)(1, labels) }),
    };
    const said: unknown[] = [];
    const note = (_: string, fields: unknown) => void said.push(fields);
    const log = { debug: note, info: note, warn: note, error: note, child: () => log };
    const clock = new VirtualClock();
    const limits = { maxBytes: 3000, maxBytesPerOrganization: 3000, maxRecordBytes: 3000, retentionBlocks: 5 };
    const privateData = await open({ metrics, log, clock, limits });
    await privateData.store(privatePayload({ rwset: new Uint8Array(1000) }), org1);
    await privateData.store(privatePayload({ rwset: new Uint8Array(1000) }), org1);
    const refused = () => privateData.store(privatePayload({ rwset: new Uint8Array(1001) }), org1).catch(() => {});
    for (let round = 0; round < 3; round++) await refused();
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ channel: "demo", reason: "full", org: "Org1" });
    clock.runFor(60_000);
    await refused();
    expect(said).toHaveLength(2);
    expect(said[1]).toMatchObject({ andBefore: 2 });
    await privateData.answer([digestOf(privatePayload()), digestOf(privatePayload({ txId: "none" }))], org1);
    height = 10n;
    await privateData.purge();
    expect(Object.fromEntries(counted)).toEqual({
      "gossip_privdata_sets_stored demo false": 1,
      "gossip_privdata_sets_stored demo true": 1,
      "gossip_privdata_sets_refused demo full": 4,
      "gossip_privdata_sets_purged demo": 1,
      "gossip_privdata_digests_answered demo": 1,
      "gossip_privdata_digests_left_out demo not-held": 1,
      "gossip_privdata_retrieve_duration demo": 1,
      "gossip_privdata_purge_duration demo": 1,
      gossip_privdata_records: 0,
      gossip_privdata_bytes: 0,
    });
  });

  it("needs no metrics and no log", async () => {
    const privateData = await open({ metrics: noMetrics });
    await expect(privateData.store(privatePayload({ txId: "" }), org1)).rejects.toThrow("expected a transaction id");
  });

  it("tells a sender nothing of this machine", async () => {
    const policy = memberPolicy("Org1");
    const privateData = await open({ limits: { maxRecordBytes: 1 } });
    const payload = privatePayload({ collectionConfigs: collectionConfigs({ memberOrgsPolicy: policy }) });
    await expect(privateData.store(payload, org1)).rejects.not.toThrow(dir);
  });
});
