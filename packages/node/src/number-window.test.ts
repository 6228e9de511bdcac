import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NumberWindow } from "./number-window.js";

const at = (sequence: number | bigint, incarnation = 1n) => ({ incarnation, sequence: BigInt(sequence) });

describe("7.43: a window of numbers", () => {
  test("7.43: takes each number of each author once, in whatever order they come", () => {
    const window = new NumberWindow({ maxAuthors: 10 });
    expect([3, 1, 3, 2, 1, 5, 4].map((number) => window.add("a", at(number)))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
      true,
    ]);
    expect(window.add("b", at(3))).toBe(true);
  });

  test("7.43: refuses what is far below the newest, and what is of an earlier life", () => {
    const window = new NumberWindow({ maxAuthors: 10 });
    window.add("a", at(10_000));
    expect([10_000 - 1_023, 10_000 - 1_024].map((number) => window.wants("a", at(number)))).toEqual([true, false]);
    expect(window.add("a", at(1, 2n))).toBe(true);
    expect([window.wants("a", at(20_000, 1n)), window.wants("a", at(2, 2n))]).toEqual([false, true]);
  });

  test("keeps no more authors than it may, whatever number they begin with", () => {
    const window = new NumberWindow({ maxAuthors: 2 });
    for (const author of ["a", "b", "c"]) window.add(author, at(2n ** 64n - 1n));
    expect(["a", "b", "c"].map((author) => window.wants(author, at(2n ** 64n - 1n)))).toEqual([true, false, false]);
  });

  test("agrees with a set of all that it was given", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 3_000n }), { maxLength: 300 }), (numbers) => {
        const window = new NumberWindow({ maxAuthors: 1 });
        const taken = new Set<bigint>();
        let highest = 0n;
        for (const number of numbers) {
          const expected = !taken.has(number) && highest - number < 1_024n;
          expect(window.add("a", at(number))).toBe(expected);
          if (expected) taken.add(number);
          if (number > highest) highest = number;
        }
      }),
    );
  });
});
