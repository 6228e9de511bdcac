import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GossipError } from "@gossip/runtime";
import { ledgerCases, makeChain } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BlockLedger, createLedger } from "./ledger.js";
import { createTemporaryLedger } from "./testing/index.js";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gossip-ledger-"));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (channel = "demo") => createLedger({ dir, channel });

async function commitAll(ledger: BlockLedger, blocks: readonly Uint8Array[]): Promise<void> {
  for (const block of blocks) await ledger.commit(ledger.height, block);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing thrown",
    (error: GossipError) => error.code,
  );
}

describe("The LevelDB ledger", () => {
  for (const { name, run } of ledgerCases) it(name, () => run(createTemporaryLedger));

  it("leaves nothing behind when it is temporary", async () => {
    const ledger = await createTemporaryLedger();
    await commitAll(ledger, makeChain(2));
    await ledger.close();
    expect(existsSync(ledger.dir)).toBe(false);
  });

  it("has its height, last hash and blocks again after it was closed and opened", async () => {
    const chain = makeChain(30);
    const first = await open();
    await commitAll(first, chain);
    const { lastHash } = first;
    await first.close();
    const second = await open();
    expect(second.height).toBe(30n);
    expect([...second.lastHash]).toEqual([...lastHash]);
    expect(second.healed).toEqual([]);
    for (const [number, block] of chain.entries()) expect(await second.read(BigInt(number))).toEqual(block);
    await second.close();
  });

  it("goes on where it ended after it was opened again", async () => {
    const chain = makeChain(4);
    const first = await open();
    await commitAll(first, chain.slice(0, 2));
    await first.close();
    const second = await open();
    await commitAll(second, chain.slice(2));
    expect(second.height).toBe(4n);
    await second.close();
  });

  it("gives its blocks in order from a number, with those committed meanwhile", async () => {
    const chain = makeChain(6);
    const ledger = await open();
    await commitAll(ledger, chain.slice(0, 4));
    const numbers: bigint[] = [];
    for await (const { number, bytes } of ledger.blocks({ from: 2n })) {
      numbers.push(number);
      expect(bytes).toEqual(chain[Number(number)]);
      if (number === 3n) await commitAll(ledger, chain.slice(4));
    }
    expect(numbers).toEqual([2n, 3n, 4n, 5n]);
    await ledger.close();
  });

  it("10.27: takes commits that overlap, in their order", async () => {
    const chain = makeChain(500);
    const ledger = await open();
    await Promise.all(chain.map((block, number) => ledger.commit(BigInt(number), block)));
    expect(ledger.height).toBe(500n);
    for (const [number, block] of chain.entries()) expect(await ledger.read(BigInt(number))).toEqual(block);
    await ledger.close();
  });

  it("10.28: refuses only the bad ones of commits that overlap, and those that build on them", async () => {
    const chain = makeChain(3);
    const [, foreign = new Uint8Array()] = makeChain(2, { variant: 1 });
    const ledger = await open();
    const blocks = [chain[0], foreign, chain[1], chain[2]] as const;
    const numbers = [0n, 1n, 1n, 2n];
    const outcomes = await Promise.allSettled(
      blocks.map((block, at) => ledger.commit(numbers[at] ?? 0n, block ?? new Uint8Array())),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(ledger.height).toBe(3n);
    await ledger.close();
  });

  it("finishes the commits under way when it is closed", async () => {
    const chain = makeChain(20);
    const ledger = await open();
    const commits = Promise.all(chain.map((block, number) => ledger.commit(BigInt(number), block)));
    await ledger.close();
    await commits;
    const again = await open();
    expect(again.height).toBe(20n);
    await again.close();
  });

  it("keeps the channels of one directory apart", async () => {
    const [one, two] = [await open("one"), await open("two")];
    await commitAll(one, makeChain(2));
    await commitAll(two, makeChain(3, { variant: 2 }));
    expect([one.height, two.height]).toEqual([2n, 3n]);
    expect(one.dir).not.toBe(two.dir);
    await one.close();
    await two.close();
  });

  it.each(["", "Demo", "../demo", "a/b", "9lives", "a".repeat(250)])("refuses the channel name %j", async (channel) => {
    expect(await codeOf(open(channel))).toBe("invalid-argument");
  });

  it("10.32: refuses to be opened twice, and is not harmed by the attempt", async () => {
    const ledger = await open();
    expect(await codeOf(open())).toBe("conflict");
    await commitAll(ledger, makeChain(1));
    await ledger.close();
  });

  it("says what it expected when its directory is a file", async () => {
    writeFileSync(join(dir, "demo"), "not a directory");
    await expect(open()).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining(join(dir, "demo")),
    });
  });

  it("appends twenty thousand blocks and finds them again", async () => {
    const chain = makeChain(20_000);
    const ledger = await open();
    await Promise.all(chain.map((block, number) => ledger.commit(BigInt(number), block)));
    await ledger.close();
    const again = await open();
    expect(again.height).toBe(20_000n);
    let expected = 0;
    for await (const { bytes } of again.blocks()) {
      if (Buffer.compare(bytes, chain[expected++] ?? new Uint8Array()) !== 0)
        throw new Error(`block ${expected - 1} differs`);
    }
    expect(expected).toBe(20_000);
    await again.close();
  });
});
