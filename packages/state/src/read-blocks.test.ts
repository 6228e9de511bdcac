import { describe, expect, it } from "vitest";
import { readBlocks } from "./read-blocks.js";
import { createMemoryLedger, makeChain } from "./testing/index.js";

const chain = makeChain(5);
const ledger = createMemoryLedger(chain);
const slow = { read: async (blockNumber: bigint) => ledger.read(blockNumber) };
const size = chain[1]?.length ?? 0;
const numbers = ({ payloads }: { readonly payloads: readonly { readonly blockNumber: bigint }[] }) =>
  payloads.map(({ blockNumber }) => Number(blockNumber));

describe("readBlocks", () => {
  for (const [kind, source] of [
    ["synchronous", ledger],
    ["asynchronous", slow],
  ] as const) {
    it(`reads a range from a ${kind} ledger`, async () => {
      const read = await readBlocks(source, { start: 1n, count: 3, maxBytes: 1_000_000 });
      expect(numbers(read)).toEqual([1, 2, 3]);
      expect(read.payloads[0]?.data).toEqual(chain[1]);
    });

    it(`ends where a ${kind} ledger ends`, async () => {
      expect(numbers(await readBlocks(source, { start: 3n, count: 9, maxBytes: 1_000_000 }))).toEqual([3, 4]);
      expect(numbers(await readBlocks(source, { start: 9n, count: 9, maxBytes: 1_000_000 }))).toEqual([]);
    });

    it(`stops before the bytes are exceeded, but not before the first block of a ${kind} ledger`, async () => {
      expect(numbers(await readBlocks(source, { start: 0n, count: 9, maxBytes: 3 * size }))).toEqual([0, 1, 2]);
      expect(numbers(await readBlocks(source, { start: 0n, count: 9, maxBytes: 1 }))).toEqual([0]);
    });
  }

  it("gives what came before a failure, and the failure", async () => {
    const failure = new Error("damaged");
    const read = (blockNumber: bigint) => {
      if (blockNumber === 2n) throw failure;
      return ledger.read(blockNumber);
    };
    for (const source of [{ read }, { read: async (number: bigint) => read(number) }]) {
      const result = await readBlocks(source, { start: 0n, count: 5, maxBytes: 1_000_000 });
      expect(numbers(result)).toEqual([0, 1]);
      expect(result.failure).toBe(failure);
    }
  });
});
