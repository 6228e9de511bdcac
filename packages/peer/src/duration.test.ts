import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "./duration.js";

describe("12.2: parseDuration", () => {
  it.each([
    ["4s", 4000],
    ["300ms", 300],
    ["1m", 60_000],
    ["2h45m", 9_900_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1000],
    ["1us", 0.001],
    ["1\u00b5s", 0.001],
    ["1\u03bcs", 0.001],
    ["250ns", 0.00025],
    ["1m1s1ms", 61_001],
    ["0", 0],
    ["0s", 0],
    ["3600s", 3_600_000],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 9);
  });

  it.each(["", "4", "4000", "s", "4 s", "4S", "1d", "-1s", "+1s", "4s ", "4sx", ".s", "1e3s", "0x4s", "4s5", "NaNs"])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe("formatDuration", () => {
  it.each([
    [4000, "4s"],
    [1500, "1500ms"],
    [3_600_000, "1h"],
    [90_000, "90s"],
    [60_000, "1m"],
    [0, "0s"],
    [0.5, "0.5ms"],
  ])("writes %d ms as %s", (milliseconds, expected) => {
    expect(formatDuration(milliseconds)).toBe(expected);
    expect(parseDuration(expected)).toBe(milliseconds);
  });
});
