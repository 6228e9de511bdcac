import type { PkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { Discovery } from "./discovery.js";
import type { DiscoveryOutput } from "./io.js";
import { aliveOf, pkiIdOf } from "./testing/index.js";

const [old, bob] = ["old", "bob"].map(pkiIdOf) as [PkiId, PkiId];

interface PeerTime {
  readonly incarnation: bigint;
  readonly sequence?: bigint;
}

function setUp(incarnation = 100n) {
  const discovery = new Discovery({
    self: { pkiId: pkiIdOf("self"), internalEndpoint: "self:7051" },
    incarnation,
    random: seededRandom(1),
    disclosure: () => "all",
  });
  let now = 0;
  let heard = 10n;
  return {
    discovery,
    /** When it was asked who is there from now on; `each` is called every five seconds. */
    questions(ms: number, each: () => void = () => {}) {
      const asked: number[] = [];
      for (const until = now + ms; now < until; ) {
        const next = now + 5_000;
        while (discovery.deadline <= next) {
          now = Math.max(now, discovery.deadline);
          const outputs = discovery.step({ type: "wake" }, now);
          asked.push(...outputs.flatMap(({ type }) => (type === "verify-endpoint" ? [now] : [])));
        }
        now = next;
        each();
      }
      return asked;
    },
    /** At -1, now, as one more message. */
    push(name: string, when: number, { incarnation, sequence }: PeerTime, internalEndpoint: string) {
      const at = when < 0 ? now : when;
      now = at;
      const time = { incarnation, sequence: when < 0 ? heard++ : (sequence ?? 1n) };
      const outputs = discovery.step(
        { type: "alive", from: bob, alive: aliveOf(name, { ...time, internalEndpoint }) },
        at,
      );
      return outputs.filter((output): output is Extract<DiscoveryOutput, { type: "verify-endpoint" }> => {
        return output.type === "verify-endpoint";
      });
    },
  };
}

describe("two members at one endpoint (page 04 §13.3)", () => {
  test("4.56: the endpoint is asked at once who is there, and the older is named, whichever was heard of first", () => {
    const first = setUp();
    expect(first.push("old", 0, { incarnation: 1n }, "peer0:7051")).toEqual([]);
    expect(first.push("renewed", 1, { incarnation: 2n }, "PEER0:7051")).toMatchObject([{ older: [old] }]);
    const second = setUp();
    second.push("renewed", 0, { incarnation: 2n }, "peer0:7051");
    expect(second.push("old", 1, { incarnation: 1n }, "peer0:7051")).toMatchObject([{ older: [old] }]);
  });

  test("4.56: a dead member is asked for too", () => {
    const { push, discovery } = setUp();
    push("old", 0, { incarnation: 1n }, "peer0:7051");
    discovery.step({ type: "presumed-dead", pkiId: old }, 0);
    push("older", 0, { incarnation: 0n }, "elsewhere:7051");
    expect(push("older", 1, { incarnation: 0n, sequence: 2n }, "peer0:7051")).toHaveLength(1);
    discovery.step({ type: "identity-removed", pkiId: pkiIdOf("older") }, 1);
    expect(push("younger", 2, { incarnation: 5n }, "peer0:7051"), "once is enough for now").toEqual([]);
  });

  test("4.56: a claim costs the claimed ever fewer handshakes while nothing comes of it", () => {
    const { push, questions } = setUp();
    push("old", 0, { incarnation: 1n }, "peer0:7051");
    expect(push("a", 1, { incarnation: 2n }, "peer0:7051")).toHaveLength(1);
    expect(push("b", 2, { incarnation: 3n }, "peer0:7051")).toEqual([]);
    const asked = questions(600_000, () => {
      push("old", -1, { incarnation: 1n }, "peer0:7051");
      push("a", -1, { incarnation: 2n }, "peer0:7051");
    });
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.length).toBeLessThan(7);
    expect(asked[0]).toBeGreaterThanOrEqual(15_001);
    expect(asked[0]).toBeLessThan(18_000);
  });

  test("4.56: the question is over when one of them is gone, or all are dead", () => {
    for (const over of [
      { type: "identity-removed", pkiId: old },
      { type: "presumed-dead", pkiId: pkiIdOf("renewed") },
    ] as const) {
      const { push, questions, discovery } = setUp();
      push("old", 0, { incarnation: 1n }, "peer0:7051");
      discovery.step({ type: "presumed-dead", pkiId: old }, 0);
      push("renewed", 1, { incarnation: 2n }, "peer0:7051");
      discovery.step(over, 1);
      expect(questions(100_000)).toEqual([]);
    }
  });

  test("4.56: a heartbeat that changes nothing asks nothing, and neither do members without an endpoint", () => {
    const { push } = setUp();
    push("old", 0, { incarnation: 1n }, "peer0:7051");
    push("renewed", 0, { incarnation: 2n }, "peer0:7051");
    expect(push("renewed", 60_000, { incarnation: 2n, sequence: 2n }, "peer0:7051")).toEqual([]);
    push("nowhere", 0, { incarnation: 1n }, "");
    expect(push("nowhere else", 0, { incarnation: 2n }, "")).toEqual([]);
  });

  test("4.57: our own former life is found at our endpoint, and never dialled when it is dead", () => {
    const { push, discovery } = setUp();
    expect(push("old", 0, { incarnation: 1n }, "self:7051")).toMatchObject([{ endpoint: "self:7051", older: [old] }]);
    discovery.step({ type: "presumed-dead", pkiId: old }, 0);
    for (let at = 0; at < 120_000; at = discovery.deadline) {
      expect(discovery.step({ type: "wake" }, at).filter(({ type }) => type === "ping")).toEqual([]);
    }
  });

  test("4.57: a younger life that says to be where we are is another peer in need of an endpoint of its own", () => {
    const { push } = setUp(1n);
    expect(push("renewed", 0, { incarnation: 2n }, "self:7051")).toEqual([]);
  });
});
