import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { showBlock } from "./show-block.js";

/** A block as an orderer of Fabric v3.1.5 served it. */
const recorded = (number: number) =>
  new Uint8Array(readFileSync(new URL(`../../proto/test/fixtures/blocks/${number}.block`, import.meta.url)));

describe("showBlock", () => {
  it("shows a Fabric transaction by its id, and no text of it", () => {
    const block = showBlock(3n, recorded(3));
    expect(block.transactions).toEqual([
      {
        type: "endorser-transaction",
        txId: expect.stringMatching(/^[0-9a-f]{64}$/),
        size: expect.any(Number),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect(block.previousHash).toBe(showBlock(2n, recorded(2)).hash);
  });

  it("shows no transaction of a configuration", () => {
    expect(showBlock(0n, recorded(0))).toMatchObject({ number: "0", previousHash: "", transactions: [] });
  });

  it("refuses bytes that are no block", () => {
    expect(() => showBlock(7n, Uint8Array.of(1))).toThrow(/^expected block 7 in the ledger, got bytes that are none/);
  });
});
