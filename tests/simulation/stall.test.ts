import { describe, expect, test } from "vitest";
import { playStalls } from "./stalls.js";

/**
 * The full hour of a hundred members is a command (see CONTRIBUTING); here are its first minutes, with fewer of them, which
 * is enough for the rule to show when it is off.
 */
const short = { nodes: 25, stalled: 5, durationMs: 150_000 };

describe("4.48, 4.49, 4.52: members that stall for 20 to 60 s, again and again", () => {
  test("declare nobody dead who was running", async () => {
    const first = await playStalls({ ...short, seed: 42, selfHealth: true });
    expect(first.stalls).toBeGreaterThan(10);
    expect(first.examples).toEqual([]);
    expect(first.falseDeaths).toEqual({ afterStall: 0, byOthers: 0 });
    expect(first.otherDeaths, "those that stall are noticed").toBeGreaterThan(0);
  }, 120_000);

  test("declare the running dead when they do not take their own health into account", async () => {
    const { falseDeaths } = await playStalls({ ...short, seed: 42, selfHealth: false });
    expect(falseDeaths.afterStall).toBeGreaterThan(20);
  }, 120_000);
});
