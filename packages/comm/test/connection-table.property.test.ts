import { pkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TablePair } from "./support/table-pair.js";

const send = fc.record({ type: fc.constant("send" as const), side: fc.nat(1) });
/** Which of several pending deliveries, or streams, it concerns is drawn from `pick`. */
const deliver = fc.record({ type: fc.constant("deliver" as const), pick: fc.nat(1000) });
const pass = fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 120 }) });
const cut = fc.record({ type: fc.constant("cut" as const), pick: fc.nat(1000) });

const calm = fc.array(
  fc.oneof({ weight: 5, arbitrary: send }, { weight: 5, arbitrary: deliver }, { weight: 3, arbitrary: pass }),
  { minLength: 1, maxLength: 150, size: "max" },
);
const rough = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: send },
    { weight: 8, arbitrary: deliver },
    { weight: 3, arbitrary: pass },
    { weight: 1, arbitrary: cut },
  ),
  { minLength: 1, maxLength: 150, size: "max" },
);

describe("Two connection tables that may dial each other", () => {
  it("3.13, 3.16: end with exactly one stream, and lose, double and reorder nothing, in whatever order things arrive", () => {
    fc.assert(
      fc.property(calm, fc.nat(), fc.boolean(), (script, seed, knowsPkiId) => {
        const pair = new TablePair({ random: seededRandom(seed), ids: [pkiId("11"), pkiId("99")], knowsPkiId });
        // Both at the same moment, or the case of interest would be rare.
        pair.send("left");
        pair.send("right");
        for (const one of script) {
          if (one.type === "send") pair.send(one.side === 0 ? "left" : "right");
          else if (one.type === "deliver") pair.deliverOne(one.pick);
          // What is on the way arrives well within the grace time, as it must between machines that can talk at all.
          else pair.pass(one.ms, { deliverBefore: 150 });
        }
        pair.settle();
        expect(pair.received("right")).toEqual(pair.sent("left"));
        expect(pair.received("left")).toEqual(pair.sent("right"));
        expect(pair.openStreams()).toBe(1);
        expect(pair.dropped).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  it("03/13.3.16, 3.22: account for every message however late things arrive and whatever breaks, and have one stream or none", () => {
    fc.assert(
      fc.property(rough, fc.nat(), (script, seed) => {
        const pair = new TablePair({ random: seededRandom(seed), ids: [pkiId("11"), pkiId("99")], knowsPkiId: true });
        for (const one of script) {
          if (one.type === "send") pair.send(one.side === 0 ? "left" : "right");
          else if (one.type === "deliver") pair.deliverOne(one.pick);
          else if (one.type === "cut") pair.cutOne(one.pick);
          else pair.pass(one.ms * 10, { deliverBefore: Number.POSITIVE_INFINITY });
        }
        pair.settle();
        for (const [from, to] of [
          ["left", "right"],
          ["right", "left"],
        ] as const) {
          // What was written on a stream that ended while provisional is written again, so it may have come twice.
          const arrived = new Set(pair.received(to));
          const gone = [...pair.dropped, ...pair.lostWithAStream(from)];
          expect(pair.sent(from).filter((message) => !arrived.has(message) && !gone.includes(message))).toEqual([]);
          expect([...arrived].filter((message) => !pair.sent(from).includes(message))).toEqual([]);
        }
        expect(pair.openStreams()).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1000 },
    );
  });
});
