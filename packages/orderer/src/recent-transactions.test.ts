import { describe, expect, it } from "vitest";
import { RecentTransactions, restoreRecent, transactionHash } from "./recent-transactions.js";

function transaction(id: number, bytes = 4): Uint8Array {
  return new Uint8Array(bytes).fill(id);
}

describe("9.24: RecentTransactions", () => {
  it("forgets the oldest beyond maxRecent or maxRecentBytes", () => {
    const recent = new RecentTransactions({ maxRecent: 3, maxRecentBytes: 100 });
    for (const hash of ["a", "b", "c", "d"]) recent.add(hash, 10);
    expect(["a", "b", "c", "d"].filter((hash) => recent.has(hash))).toEqual(["b", "c", "d"]);
    recent.add("e", 90);
    expect(["b", "c", "d", "e"].filter((hash) => recent.has(hash))).toEqual(["d", "e"]);
  });

  it("counts a transaction once", () => {
    const recent = new RecentTransactions({ maxRecent: 2, maxRecentBytes: 100 });
    for (const hash of ["a", "a", "b"]) recent.add(hash, 10);
    expect(recent.size).toBe(2);
    expect(recent.has("a")).toBe(true);
  });

  it("is the same after it was restored from the blocks", async () => {
    const limits = { maxRecent: 5, maxRecentBytes: 1_000 };
    const blocks = [[transaction(0)], [1, 2, 3], [4], [5, 6, 7]].map((block) =>
      block.map((id) => (typeof id === "number" ? transaction(id) : id)),
    );
    const read: bigint[] = [];
    const restored = new RecentTransactions(limits);
    await restoreRecent(restored, limits, 4n, async (number) => {
      read.push(number);
      return blocks[Number(number)] ?? [];
    });
    const known = [1, 2, 3, 4, 5, 6, 7].filter((id) => restored.has(transactionHash(transaction(id))));
    expect(known).toEqual([3, 4, 5, 6, 7]);
    expect(read).toEqual([3n, 2n, 1n]);
  });
});
