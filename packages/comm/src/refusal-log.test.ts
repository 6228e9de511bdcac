import { expect, test } from "vitest";
import { RefusalLog } from "./refusal-log.js";

test("3.12: of refusals of one kind the first, second, fourth, eighth and so on is told, with its count", () => {
  const log = new RefusalLog();
  const told = Array.from({ length: 100 }, () => log.count("inbound mallory bad-signature", 0));
  expect(told.filter((count) => count !== undefined)).toEqual([1, 2, 4, 8, 16, 32, 64]);
  expect(log.count("inbound mallory expired-identity", 0)).toBe(1);
});

test("3.12: no more than twenty refusals are told in ten seconds, however different they are", () => {
  const log = new RefusalLog();
  const told = (now: number) =>
    Array.from({ length: 5000 }, (_, at) => log.count(`${at} ${now}`, now)).filter((count) => count !== undefined);
  expect([told(0).length, told(9_999).length, told(10_000).length]).toEqual([20, 0, 20]);
});
