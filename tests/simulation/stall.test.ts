import { describe, expect, test } from "vitest";
import { playStalls } from "./stalls.js";

/** The full hour of a hundred members is a command (see CONTRIBUTING); here are its first minutes, whole nodes being fewer. */
const nodes = { of: "nodes", nodes: 25, stalled: 5, durationMs: 150_000, seed: 42 } as const;
const machines = { of: "machines", nodes: 50, stalled: 10, durationMs: 150_000, seed: 42 } as const;

describe.each([nodes, machines])("4.48, 4.49, 4.52: $nodes $of of which $stalled stall at any time", (short) => {
  test("declare nobody dead who was running", async () => {
    const { stalls, examples, falseDeaths, otherDeaths } = await playStalls({ ...short, selfHealth: true });
    expect(stalls).toBeGreaterThan(10);
    expect(examples).toEqual([]);
    expect(falseDeaths).toEqual({ afterStall: 0, byOthers: 0 });
    expect(otherDeaths, "those that stall are noticed").toBeGreaterThan(0);
  }, 240_000);

  test("declare the running dead when they do not take their own health into account", async () => {
    const { falseDeaths } = await playStalls({ ...short, selfHealth: false });
    expect(falseDeaths.afterStall).toBeGreaterThan(20);
  }, 240_000);
});
