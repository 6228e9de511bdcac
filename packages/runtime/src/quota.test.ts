import { describe, expect, test } from "vitest";
import { Quota } from "./index.js";

const times = (quota: Quota, key: string, now: number, count: number) =>
  Array.from({ length: count }, () => quota.take(key, now)).filter((taken) => taken).length;

describe("Quota", () => {
  test("allows a burst, and then one for each time of refill, however often it was asked in vain", () => {
    const quota = new Quota({ burst: 3, refillMs: 100, maxKeys: 10 });
    expect(times(quota, "a", 0, 10)).toBe(3);
    expect(times(quota, "a", 99, 10)).toBe(0);
    expect(times(quota, "a", 100, 10)).toBe(1);
    expect(times(quota, "a", 350, 10)).toBe(2);
  });

  test("saves up no more than a burst", () => {
    const quota = new Quota({ burst: 3, refillMs: 100, maxKeys: 10 });
    times(quota, "a", 0, 3);
    expect(times(quota, "a", 1_000_000, 10)).toBe(3);
  });

  test("counts keys apart, and forgets the one used longest ago when there are too many", () => {
    const quota = new Quota({ burst: 1, refillMs: 100, maxKeys: 2 });
    expect([quota.take("a", 0), quota.take("b", 0), quota.take("a", 0)]).toEqual([true, true, false]);
    quota.take("c", 0);
    expect([quota.take("b", 0), quota.take("a", 0)]).toEqual([false, true]);
  });
});
