import { pullDefaults } from "@gossip/pull";
import { authorOf, entryOf } from "@gossip/shared-map/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sharedMapDefaults } from "./config.js";
import { decodeDigest, encodeDigest } from "./digest.js";

const nameOf = (key: string, counter: bigint, author: string, isDeleted: boolean) => {
  const { hash } = entryOf(author, key, "x", counter);
  return { key, counter, author: authorOf(author), hash, isDeleted };
};

describe("a digest", () => {
  test("14.16: names key and version, whatever they are", () => {
    const keys = fc.string({ minLength: 1, unit: "binary", maxLength: 40 });
    fc.assert(
      fc.property(
        keys,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.constantFrom("a", "an author with a name"),
        fc.boolean(),
        (...parts) => void expect(decodeDigest(encodeDigest(nameOf(...parts)))).toEqual(nameOf(...parts)),
      ),
    );
  });

  test("of the longest key and author fits what a pull takes", () => {
    const { hash } = entryOf("a", "k", "x", 1);
    const author = authorOf("a".repeat(64));
    const key = "k".repeat(sharedMapDefaults.maxKeyBytes);
    const digest = encodeDigest({ key, counter: 1n, author, hash, isDeleted: false });
    expect(digest.length).toBeLessThanOrEqual(pullDefaults.maxDigestBytes);
  });

  test("that is none is told as such, whatever the octets", () => {
    const digest = encodeDigest(nameOf("key", 1n, "a", false));
    for (let end = 0; end < digest.length - 2; end++) expect(decodeDigest(digest.subarray(0, end))).toBeUndefined();
    expect(decodeDigest(new Uint8Array(60))).toBeUndefined();
    expect(decodeDigest(Uint8Array.from([...digest, 0xff]))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => void decodeDigest(octets)));
  });
});
