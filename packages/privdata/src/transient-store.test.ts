import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrivateData } from "./private-data.js";
import { idOf, keyOf } from "./records.js";
import { digestOf, namesOrganization, privateDataPeer, privatePayload } from "./testing/index.js";

const org1 = privateDataPeer("Org1");
const payload = privatePayload({ rwset: new Uint8Array(100).fill(7) });
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-privdata-"));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (height = 1n) =>
  createPrivateData({
    ...{ dir, channel: "demo", mayRead: namesOrganization },
    height: () => height,
    txIdAt: () => undefined,
    limits: { retentionBlocks: 10 },
  });

/** Stores the payload, then changes LevelDB's entries behind the store's back. */
async function damage(change: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>): Promise<void> {
  const privateData = await open();
  await privateData.store(payload, org1);
  await privateData.close();
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(privateData.dir, "sets"), {
    keyEncoding: "view",
    valueEncoding: "view",
  });
  await level.open();
  await change(level);
  await level.close();
}

describe("A damaged store of private data", () => {
  const id = idOf(payload);
  const damages = {
    "a set with a changed byte": (level: ClassicLevel<Uint8Array, Uint8Array>) =>
      level.put(keyOf("set", id), payload.rwset.with(50, 8)),
    "a set cut short": (level: ClassicLevel<Uint8Array, Uint8Array>) =>
      level.put(keyOf("set", id), payload.rwset.slice(1)),
    "a set that is gone": (level: ClassicLevel<Uint8Array, Uint8Array>) => level.del(keyOf("set", id)),
    "a configuration that is gone": (level: ClassicLevel<Uint8Array, Uint8Array>) => level.del(keyOf("config", id)),
    "a damaged description": (level: ClassicLevel<Uint8Array, Uint8Array>) =>
      level.put(keyOf("description", id), new Uint8Array(60).fill(1)),
    "a description that is gone": (level: ClassicLevel<Uint8Array, Uint8Array>) => level.del(keyOf("description", id)),
  };

  for (const [what, change] of Object.entries(damages)) {
    it(`gives nothing of ${what}, and is whole after the next push`, async () => {
      await damage(change);
      const privateData = await open();
      expect(await privateData.answer([digestOf(payload)], org1)).toEqual([]);
      await privateData.store(payload, org1);
      expect(privateData.count).toBe(1);
      expect(await privateData.answer([digestOf(payload)], org1)).toEqual([
        { digest: digestOf(payload), payload: [payload.rwset] },
      ]);
      await privateData.close();
    });

    it(`is purged of ${what}`, async () => {
      await damage(change);
      const privateData = await open(100n);
      await privateData.purge();
      expect({ count: privateData.count, bytes: privateData.bytes }).toEqual({ count: 0, bytes: 0 });
      await privateData.close();
      const level = new ClassicLevel(join(privateData.dir, "sets"));
      expect(await level.keys().all()).toEqual([]);
      await level.close();
    });
  }
});
