import fc from "fast-check";
import { expect, test } from "vitest";
import { harmlessTime } from "./harmless.js";

const marginMs = 500;
const at = fc.integer({ min: 10_000, max: 20_000 });

test("8.9: a declaration that is due goes a margin before somebody may win, or a margin after it", () => {
  const harmless = (due: number, earliest: number, ...wins: number[]) =>
    harmlessTime({ due, earliest, wins, marginMs });
  expect(harmless(10_000, 9_000)).toBe(10_000);
  expect(harmless(10_000, 9_000, 10_500)).toBe(10_000);
  expect(harmless(10_000, 9_000, 10_200)).toBe(9_700);
  expect(harmless(10_000, 9_800, 10_200)).toBe(10_700);
  expect(harmless(10_000, 9_000, 10_200, 9_600)).toBe(9_100);
  expect(harmless(10_000, 10_000, 10_200, 11_000)).toBe(11_500);
});

test("8.9: however many may win, it goes within four margins; beside two, it always harms nobody", () => {
  fc.assert(
    fc.property(at, fc.integer({ min: 0, max: 2_000 }), fc.array(at, { maxLength: 40 }), (due, early, wins) => {
      const time = harmlessTime({ due, earliest: due - early, wins, marginMs });
      expect(time).toBeGreaterThanOrEqual(due - early);
      expect(time).toBeLessThanOrEqual(due + 4 * marginMs);
      if (wins.length > 2) return;
      for (const win of wins) expect(Math.abs(time - win)).toBeGreaterThanOrEqual(marginMs - 0.01);
    }),
  );
});
