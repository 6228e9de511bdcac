import { expect, test } from "vitest";
import { blockDigest, parseBlockDigest } from "./block-digest.js";

const ascii = (text: string) => new TextEncoder().encode(text);

test.each([0n, 7n, 10n, 2n ** 53n + 1n, 2n ** 64n - 1n])(
  "the digest of block %d is its number in decimal",
  (number) => {
    expect(blockDigest(number)).toStrictEqual(ascii(number.toString()));
    expect(parseBlockDigest(blockDigest(number))).toBe(number);
  },
);

test.each([
  "",
  "-1",
  "+1",
  " 1",
  "1 ",
  "0x1",
  "1e3",
  "1_0",
  "١",
  "18446744073709551616",
  "9".repeat(21),
  "9".repeat(5000),
])("%j names no block", (text) => {
  expect(parseBlockDigest(ascii(text))).toBeUndefined();
});

test("1.5: a digest with leading zeros names the block that a Fabric peer would take it for", () => {
  expect(parseBlockDigest(ascii("007"))).toBe(7n);
});

test.each([-1n, 2n ** 64n])("%d is no block number", (number) => {
  expect(() => blockDigest(number)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
