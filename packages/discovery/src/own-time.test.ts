import { expect, test } from "vitest";
import { OwnTime } from "./own-time.js";

test("1.18, 4.2: OwnTime counts from 1 within a fixed incarnation", () => {
  const time = new OwnTime(7n);
  expect(time.current).toEqual({ incarnation: 7n, sequence: 0n });
  expect(time.next()).toEqual({ incarnation: 7n, sequence: 1n });
  expect(time.next()).toEqual({ incarnation: 7n, sequence: 2n });
  expect(time.current).toEqual({ incarnation: 7n, sequence: 2n });
});

test("4.10: OwnTime takes for foreign what is newer than anything it made", () => {
  const time = new OwnTime(7n);
  time.next();
  expect(time.isForeign({ incarnation: 7n, sequence: 1n })).toBe(false);
  expect(time.isForeign({ incarnation: 7n, sequence: 2n })).toBe(true);
  expect(time.isForeign({ incarnation: 8n, sequence: 0n })).toBe(true);
});

test("4.10: OwnTime takes for foreign an older incarnation that goes on after it was remembered", () => {
  const time = new OwnTime(7n);
  const old = { incarnation: 3n, sequence: 9n };
  expect(time.isForeign(old)).toBe(false);
  time.remember(old);
  expect(time.isForeign(old)).toBe(false);
  expect(time.isForeign({ incarnation: 3n, sequence: 10n })).toBe(true);
  expect(time.isForeign({ incarnation: 4n, sequence: 1n }), "yet another earlier life").toBe(false);
});

test("4.10: OwnTime finds notable only what could be evidence", () => {
  const time = new OwnTime(7n);
  time.next();
  expect(time.isNotable({ incarnation: 7n, sequence: 1n })).toBe(false);
  expect(time.isNotable({ incarnation: 7n, sequence: 2n })).toBe(true);
  time.remember({ incarnation: 3n, sequence: 9n });
  expect(time.isNotable({ incarnation: 3n, sequence: 9n })).toBe(false);
  expect(time.isNotable({ incarnation: 3n, sequence: 10n })).toBe(true);
});
