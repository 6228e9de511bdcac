import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { blockHash } from "@gossip/crypto";
import { encodeBlock, readBlock } from "@gossip/proto/fabric";
import { GossipError, type MaybePromise } from "@gossip/runtime";
import type { Ledger } from "../ledger.js";
import { makeChain } from "./chain.js";

/** One duty of the `Ledger` port. `run` rejects when the ledger does not meet it; any test runner will do. */
export interface LedgerCase {
  /** A sentence. */
  readonly name: string;
  /** `create` MUST give an empty ledger. */
  run(create: () => MaybePromise<Ledger>): Promise<void>;
}

/** What every `Ledger` must do, except to survive a crash, which only its own tests can arrange. */
export const ledgerCases: readonly LedgerCase[] = [
  onLedger("starts empty", async (ledger) => {
    strictEqual(ledger.height, 0n);
    strictEqual(ledger.lastHash.length, 0);
    strictEqual(await ledger.read(0n), undefined);
  }),
  onLedger("gives back the very bytes that were committed", async (ledger) => {
    const chain = makeChain(3);
    await commitAll(ledger, chain);
    for (const [number, block] of chain.entries()) deepStrictEqual(await bytesOf(ledger, number), [...block]);
  }),
  onLedger("has the hash of the newest header as its last hash", async (ledger) => {
    for (const block of makeChain(3)) {
      await ledger.commit(ledger.height, block);
      deepStrictEqual([...ledger.lastHash], [...hashOf(block)]);
    }
    strictEqual(ledger.height, 3n);
  }),
  onLedger("gives undefined for a block it does not hold", async (ledger) => {
    await commitAll(ledger, makeChain(2));
    strictEqual(await ledger.read(2n), undefined);
    strictEqual(await ledger.read(2n ** 64n - 1n), undefined);
  }),
  onLedger("refuses a block above its height", async (ledger) => {
    const [, second = fail()] = makeChain(2);
    await refuses(ledger, "invalid-argument", 1n, second);
  }),
  onLedger("refuses a block it has already", async (ledger) => {
    const [first = fail()] = makeChain(1);
    await ledger.commit(0n, first);
    await refuses(ledger, "invalid-argument", 0n, first);
  }),
  onLedger("refuses bytes that are no block", async (ledger) => {
    await refuses(ledger, "malformed", 0n, Uint8Array.of(0xff, 0xff, 0xff));
    await refuses(ledger, "malformed", 0n, new Uint8Array());
  }),
  onLedger("refuses a block that carries another number", async (ledger) => {
    const [, second = fail()] = makeChain(2);
    await refuses(ledger, "malformed", 0n, second);
  }),
  onLedger("refuses a block that does not link to the newest one", async (ledger) => {
    const [first = fail()] = makeChain(1);
    const [, foreign = fail()] = makeChain(2, { variant: 7 });
    await ledger.commit(0n, first);
    await refuses(ledger, "corrupt", 1n, foreign);
  }),
  onLedger("refuses a first block that claims a predecessor", async (ledger) => {
    const [first = fail()] = makeChain(1);
    const read = readBlock(first);
    ok(read.ok);
    const { header, data, metadata } = read.value;
    const claiming = encodeBlock({ header: { ...header, previousHash: hashOf(first) }, data, metadata });
    await refuses(ledger, "corrupt", 0n, claiming);
  }),
  onLedger("goes on after it refused a block", async (ledger) => {
    const [first = fail(), second = fail()] = makeChain(2);
    await refuses(ledger, "invalid-argument", 1n, second);
    await refuses(ledger, "malformed", 0n, Uint8Array.of(1));
    await commitAll(ledger, [first, second]);
    strictEqual(ledger.height, 2n);
  }),
  onLedger("keeps a block of a megabyte as it is", async (ledger) => {
    const chain = makeChain(2, { transactionBytes: 1024 * 1024 });
    await commitAll(ledger, chain);
    for (const [number, block] of chain.entries()) {
      ok(Buffer.from((await ledger.read(BigInt(number))) ?? fail()).equals(block));
    }
  }),
  onLedger("refuses to be used after it was closed", async (ledger) => {
    const [first = fail()] = makeChain(1);
    await ledger.close();
    await rejects(async () => ledger.commit(0n, first), hasCode("closed"));
    await rejects(async () => ledger.read(0n), hasCode("closed"));
  }),
  onLedger("may be closed twice", async (ledger) => {
    await ledger.close();
    await ledger.close();
  }),
];

function onLedger(name: string, body: (ledger: Ledger) => Promise<void>): LedgerCase {
  return {
    name,
    async run(create) {
      const ledger = await create();
      try {
        await body(ledger);
      } finally {
        await ledger.close();
      }
    },
  };
}

/** A refused block leaves no trace: neither in the height nor in the last hash nor where it would lie. */
async function refuses(ledger: Ledger, code: string, blockNumber: bigint, block: Uint8Array): Promise<void> {
  const before = { height: ledger.height, lastHash: [...ledger.lastHash] };
  await rejects(async () => ledger.commit(blockNumber, block), hasCode(code));
  deepStrictEqual({ height: ledger.height, lastHash: [...ledger.lastHash] }, before);
  strictEqual(await ledger.read(ledger.height), undefined);
}

function hasCode(code: string): (error: unknown) => true {
  return (error) => {
    ok(error instanceof GossipError, `expected a GossipError, got ${error}`);
    strictEqual(error.code, code, error.message);
    return true;
  };
}

async function commitAll(ledger: Ledger, blocks: readonly Uint8Array[]): Promise<void> {
  for (const block of blocks) await ledger.commit(ledger.height, block);
}

async function bytesOf(ledger: Ledger, blockNumber: number): Promise<number[]> {
  return [...((await ledger.read(BigInt(blockNumber))) ?? [])];
}

function hashOf(block: Uint8Array): Uint8Array {
  const read = readBlock(block);
  ok(read.ok, "expected a block");
  return blockHash(read.value.header);
}

function fail(): never {
  throw new Error("expected the chain to be as long as asked for");
}
