import { wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockCutter, type Cut, type CutterInput } from "./block-cutter.js";
import { type BatchConfig, batchDefaults } from "./config.js";

const config: BatchConfig = { ...batchDefaults, maxMessageCount: 3, preferredMaxBytes: 100, batchTimeoutMs: 200 };

/** Orders transactions of these sizes, at one moment; ids count from 1. */
function order(cutter: BlockCutter, sizes: readonly number[], now = 0): string[] {
  return sizes.flatMap((bytes, at) => cutter.step({ type: "order", id: at + 1, bytes }, now)).map(text);
}

function text({ ids, reason }: Cut): string {
  return `${ids.join(",")} by ${reason}`;
}

describe("9.21: BlockCutter cuts", () => {
  const cases: readonly (readonly [string, readonly number[], readonly string[], string])[] = [
    ["nothing before a limit", [10, 10], [], "1,2 by time"],
    ["by count at maxMessageCount", [10, 10, 10], ["1,2,3 by count"], ""],
    ["by bytes before the transaction that exceeds preferredMaxBytes", [60, 60], ["1 by bytes"], "2 by time"],
    ["nothing at exactly preferredMaxBytes", [60, 40], [], "1,2 by time"],
    ["a large transaction alone", [101], ["1 by alone"], ""],
    ["a large transaction alone, after what came before", [10, 101, 10], ["1 by bytes", "2 by alone"], "3 by time"],
    [
      "by bytes, and begins the next batch with the one that did not fit",
      [60, 60, 10, 10],
      ["1 by bytes", "2,3,4 by count"],
      "",
    ],
  ];
  for (const [what, sizes, cuts, rest] of cases) {
    it(what, () => {
      const cutter = new BlockCutter(config);
      expect(order(cutter, sizes)).toEqual(cuts);
      expect(cutter.step(wake, 200).map(text).join()).toBe(rest);
      expect(cutter.deadline).toBe(Number.POSITIVE_INFINITY);
    });
  }

  it("by time, counted from the oldest transaction of the batch", () => {
    const cutter = new BlockCutter(config);
    order(cutter, [10], 1_000);
    order(cutter, [10], 1_150);
    expect(cutter.deadline).toBe(1_200);
    expect(cutter.step(wake, 1_199)).toEqual([]);
    expect(cutter.step(wake, 1_200)).toHaveLength(1);
    order(cutter, [60], 2_000);
    order(cutter, [60], 2_100);
    expect(cutter.deadline).toBe(2_300);
  });

  it("what is there on flush, and nothing after discard", () => {
    const cutter = new BlockCutter(config);
    order(cutter, [10, 10]);
    expect(cutter.step({ type: "flush" }, 0).map(text)).toEqual(["1,2 by flush"]);
    expect(cutter.step({ type: "flush" }, 0)).toEqual([]);
    order(cutter, [10]);
    expect(cutter.step({ type: "discard" }, 0)).toEqual([]);
    expect(cutter.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("every transaction once, in order, in time, within the limits, whatever comes", () => {
    const event = fc.record({ afterMs: fc.integer({ min: 0, max: 300 }), bytes: fc.integer({ min: 1, max: 150 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        const script = events.map(({ afterMs, bytes }, at) => ({
          afterMs,
          input: { type: "order", id: at, bytes } satisfies CutterInput,
        }));
        checkMachineLaws<CutterInput, Cut>({ create: () => new BlockCutter(config), script, maxOutputs: 2 });

        const cutter = new BlockCutter(config);
        const arrived = new Map<number, number>();
        const cut: number[] = [];
        let now = 0;
        const check = (outputs: readonly Cut[]) => {
          for (const { ids, reason } of outputs) {
            const sizes = ids.map((id) => events[id]?.bytes ?? 0);
            expect(ids.length).toBeLessThanOrEqual(config.maxMessageCount);
            const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
            if (ids.length > 1) expect(total).toBeLessThanOrEqual(config.preferredMaxBytes);
            expect(reason === "alone").toBe(total > config.preferredMaxBytes);
            for (const id of ids) expect(now - (arrived.get(id) ?? 0)).toBeLessThanOrEqual(config.batchTimeoutMs);
            cut.push(...ids);
          }
        };
        for (const { afterMs, input } of script) {
          const next = now + afterMs;
          if (cutter.deadline <= next) {
            now = cutter.deadline;
            check(cutter.step(wake, now));
          }
          now = next;
          arrived.set(input.id, now);
          check(cutter.step(input, now));
        }
        now = Math.min(cutter.deadline, now + config.batchTimeoutMs);
        check(cutter.step(wake, now));
        expect(cut).toEqual(events.map((_, at) => at));
      }),
    );
  });
});
