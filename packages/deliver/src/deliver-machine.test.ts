import type { Verdict } from "@gossip/crypto";
import { type Random, seededRandom, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deliverDefaults } from "./config.js";
import { type DeliverInput, DeliverMachine, type DeliverOutput, type ReceivedBlock } from "./deliver-machine.js";

/** No jitter, and the first orderer begins. */
const steady: Random = { ...seededRandom(1), below: () => 0 };
const none = new Uint8Array(0);

function hashOf(blockNumber: number): Uint8Array {
  return blockNumber < 0 ? none : new Uint8Array(32).fill(blockNumber + 1);
}

function receivedBlock(blockNumber: number, previousHash = hashOf(blockNumber - 1)): ReceivedBlock {
  const header = { number: BigInt(blockNumber), previousHash, dataHash: none };
  const block = { header, data: [], metadata: [none, none, none, none, none] };
  return { bytes: none, block, hash: hashOf(blockNumber) };
}

interface CreateOptions {
  readonly endpoints?: readonly string[];
  readonly height?: number;
  readonly random?: Random;
}

function create({ endpoints = ["a"], height = 7, random = steady }: CreateOptions = {}): DeliverMachine {
  const position = { next: BigInt(height), lastHash: hashOf(height - 1) };
  return new DeliverMachine({ endpoints, position, config: deliverDefaults, random });
}

/** A machine with a hand on its clock and a record of its attempts. */
class Driver {
  readonly machine: DeliverMachine;
  now = 0;

  constructor(options: CreateOptions = {}) {
    this.machine = create(options);
  }

  get attempt(): number {
    return this.#attempt;
  }

  #attempt = 0;

  step(input: DeliverInput | typeof wake): readonly DeliverOutput[] {
    const outputs = this.machine.step(input, this.now);
    for (const output of outputs) if (output.type === "dial") this.#attempt = output.attempt;
    return outputs;
  }

  /** Moves to the deadline and wakes the machine; returns how long that took. */
  sleep(): number {
    const { deadline } = this.machine;
    const waited = deadline - this.now;
    this.now = deadline;
    this.step(wake);
    return waited;
  }

  connect(): readonly DeliverOutput[] {
    return this.step({ type: "connected", attempt: this.attempt });
  }

  open(): this {
    this.step({ type: "start" });
    this.connect();
    return this;
  }

  block(blockNumber: number): readonly DeliverOutput[] {
    return this.step({ type: "block", attempt: this.attempt, received: receivedBlock(blockNumber) });
  }

  verdict(verdict: Verdict = { ok: true }): readonly DeliverOutput[] {
    return this.step({ type: "verdict", attempt: this.attempt, verdict });
  }

  fail(detail = "reset"): readonly DeliverOutput[] {
    return this.step({ type: "failed", attempt: this.attempt, detail });
  }

  handedOver(blockNumber: number): readonly DeliverOutput[] {
    return this.step({ type: "handed-over", blockNumber: BigInt(blockNumber) });
  }

  handOverFailed(blockNumber: number): readonly DeliverOutput[] {
    return this.step({ type: "hand-over-failed", blockNumber: BigInt(blockNumber), detail: "buffer full" });
  }

  deliver(blockNumber: number): void {
    this.block(blockNumber);
    this.verdict();
    this.handedOver(blockNumber);
  }
}

describe("DeliverMachine connects and asks", () => {
  it("09/C1, 09/D1, 9.4: it dials one orderer, asks once from its height, and waits without a timer", () => {
    const driver = new Driver({ height: 7 });
    expect(driver.step({ type: "start" })).toEqual([{ type: "dial", attempt: 1, endpoint: "a" }]);
    expect(driver.connect()).toEqual([
      { type: "seek", attempt: 1, from: 7n },
      { type: "read", attempt: 1 },
    ]);
    expect(driver.machine.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(driver.machine).toMatchObject({ state: "streaming", endpoint: "a", failures: 0, lastFailure: undefined });
  });

  it("9.8, 9.11: takes a block through verify and hand-over before it reads the next", () => {
    const driver = new Driver({ height: 7 }).open();
    const received = receivedBlock(7);
    expect(driver.block(7)).toEqual([{ type: "verify", attempt: 1, blockNumber: 7n, block: received.block }]);
    expect(driver.verdict()).toEqual([{ type: "hand-over", blockNumber: 7n, received }]);
    expect(driver.machine.position.next).toBe(7n);
    expect(driver.handedOver(7)).toEqual([{ type: "read", attempt: 1 }]);
    expect(driver.machine.position).toEqual({ next: 8n, lastHash: hashOf(7) });
  });

  it("gives up an orderer that does not accept in connTimeoutMs", () => {
    const driver = new Driver();
    driver.step({ type: "start" });
    expect(driver.machine.deadline).toBe(3_000);
    driver.sleep();
    expect(driver.machine).toMatchObject({ state: "waiting", lastFailure: "no connection within 3000 ms" });
    expect(driver.machine.step({ type: "connected", attempt: 1 }, driver.now)).toEqual([
      { type: "dropped", reason: "stale-attempt", input: "connected" },
    ]);
  });
});

describe("DeliverMachine backs off", () => {
  it("09/C2, 09/C3, 9.12: a failed dial, signature or stream costs one sleep of 100 ms and a closed connection", () => {
    for (const isConnected of [false, true]) {
      const driver = new Driver();
      driver.step({ type: "start" });
      if (isConnected) driver.connect();
      expect(driver.fail("could not sign")).toEqual([
        { type: "close", attempt: 1 },
        { type: "retry", endpoint: "a", failures: 1, waitMs: 100, detail: "could not sign" },
      ]);
      expect(driver.sleep()).toBe(100);
      expect(driver.machine.state).toBe("connecting");
    }
  });

  it("09/C5: three errors wait 100, 120 and 144 ms", () => {
    const driver = new Driver();
    driver.step({ type: "start" });
    const slept: number[] = [];
    for (let errors = 0; errors < 3; errors++) {
      driver.fail();
      slept.push(Math.round(driver.sleep()));
    }
    expect(slept).toEqual([100, 120, 144]);
  });

  it("09/C6, 09/C7, 9.12: endless errors wait 30 s at most, with jitter, and never end it", () => {
    const driver = new Driver({ random: seededRandom(42) });
    driver.step({ type: "start" });
    const slept: number[] = [];
    for (let errors = 0; errors < 500; errors++) {
      driver.fail();
      slept.push(driver.sleep());
    }
    const late = slept.slice(40);
    expect(Math.max(...late)).toBeLessThanOrEqual(30_000);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(15_000);
    expect(new Set(late.map(Math.round)).size).toBeGreaterThan(400);
    expect(driver.machine.state).toBe("connecting");
  });

  it("09/C8, 09/C9, 9.14: a block lets the back-off begin anew", () => {
    const driver = new Driver({ height: 0 });
    driver.step({ type: "start" });
    driver.fail();
    expect(driver.sleep()).toBe(100);
    driver.fail();
    expect(Math.round(driver.sleep())).toBe(120);
    driver.connect();
    driver.deliver(0);
    expect(driver.machine).toMatchObject({ failures: 0, lastFailure: undefined });
    driver.fail();
    expect(driver.sleep()).toBe(100);
  });

  it("9.14: lets the back-off begin anew after a stream that lasted long without a block", () => {
    const driver = new Driver();
    driver.step({ type: "start" });
    for (let errors = 0; errors < 10; errors++) {
      driver.fail();
      driver.sleep();
    }
    driver.connect();
    driver.now += 30_000;
    driver.fail();
    expect(driver.sleep()).toBe(100);
  });

  it("09/C12, 9.7: a status ends the stream, SUCCESS as well as FORBIDDEN", () => {
    for (const [status, text] of [
      [200, "status 200 SUCCESS"],
      [403, "status 403 FORBIDDEN"],
    ] as const) {
      const driver = new Driver().open();
      expect(driver.step({ type: "status", attempt: 1, status })).toEqual([
        { type: "close", attempt: 1 },
        { type: "retry", endpoint: "a", failures: 1, waitMs: 100, detail: text },
      ]);
    }
  });
});

describe("DeliverMachine takes orderers in turn", () => {
  it("9.5: goes to the next orderer at once, and sleeps only when all have failed", () => {
    const driver = new Driver({ endpoints: ["a", "b", "c"] });
    driver.step({ type: "start" });
    expect(driver.machine.endpoint).toBe("a");
    driver.fail();
    expect(driver.machine.endpoint).toBe("b");
    driver.fail();
    expect(driver.machine.endpoint).toBe("c");
    driver.fail();
    expect(driver.machine).toMatchObject({ endpoint: undefined, failures: 3, state: "waiting" });
    expect(driver.sleep()).toBe(100);
    expect(driver.machine.endpoint).toBe("a");
  });

  it("9.5: counts failures per orderer: a dead one does not slow a live one down", () => {
    const driver = new Driver({ endpoints: ["dead", "live"], height: 0 });
    driver.step({ type: "start" });
    for (let blockNumber = 0; blockNumber < 20; blockNumber++) {
      const since = driver.now;
      while (driver.machine.endpoint !== "live") {
        if (driver.machine.endpoint === "dead") driver.fail();
        else driver.sleep();
      }
      expect(driver.now - since).toBeLessThanOrEqual(100);
      driver.connect();
      driver.deliver(blockNumber);
      driver.fail();
    }
    expect(driver.machine.position.next).toBe(20n);
  });

  it("9.5: begins with any of them", () => {
    const first = new Set<string | undefined>();
    for (let seed = 0; seed < 50; seed++) {
      const driver = new Driver({ endpoints: ["a", "b", "c"], random: seededRandom(seed) });
      driver.step({ type: "start" });
      first.add(driver.machine.endpoint);
    }
    expect(first).toEqual(new Set(["a", "b", "c"]));
  });

  it("09/C4, 09/C11, 9.15: leaves an orderer that new endpoints omit, without a sleep", () => {
    const driver = new Driver().open();
    expect(driver.step({ type: "endpoints", endpoints: ["b"] })).toEqual([
      { type: "close", attempt: 1 },
      { type: "dial", attempt: 2, endpoint: "b" },
    ]);
  });

  it("9.15: keeps the connection to an orderer that new endpoints keep", () => {
    const driver = new Driver().open();
    expect(driver.step({ type: "endpoints", endpoints: ["b", "a"] })).toEqual([]);
    expect(driver.machine).toMatchObject({ endpoint: "a", state: "streaming" });
  });

  it("waits for endpoints when there are none, and goes on with the next", () => {
    const driver = new Driver().open();
    expect(driver.step({ type: "endpoints", endpoints: [] })).toEqual([{ type: "close", attempt: 1 }]);
    expect(driver.machine).toMatchObject({ state: "waiting", deadline: Number.POSITIVE_INFINITY });
    expect(driver.step({ type: "endpoints", endpoints: ["c"] })).toEqual([{ type: "dial", attempt: 2, endpoint: "c" }]);
  });
});

describe("DeliverMachine refuses blocks", () => {
  const cases: readonly (readonly [string, ReceivedBlock, string])[] = [
    ["V7: the block before again", receivedBlock(6), "wrong-block-number"],
    ["V3: a later block", receivedBlock(8), "wrong-block-number"],
    ["V3: another previous hash", receivedBlock(7, hashOf(3)), "wrong-previous-hash"],
    ["V3: no previous hash", receivedBlock(7, none), "wrong-previous-hash"],
    [
      "V3: four metadata entries",
      { ...receivedBlock(7), block: { ...receivedBlock(7).block, metadata: [none, none, none, none] } },
      "malformed-block",
    ],
  ];
  for (const [what, received, reason] of cases) {
    it(`${what}: ${reason}, by name, and backs off`, () => {
      const driver = new Driver().open();
      const outputs = driver.step({ type: "block", attempt: 1, received });
      expect(outputs).toMatchObject([
        { type: "refused", endpoint: "a", blockNumber: 7n, reason },
        { type: "close", attempt: 1 },
        { type: "retry", endpoint: "a", failures: 1, waitMs: 100 },
      ]);
      expect(driver.machine.position.next).toBe(7n);
    });
  }

  it("09/C10, 9.9: one whose verdict is negative", () => {
    const driver = new Driver().open();
    driver.block(7);
    expect(driver.verdict({ ok: false, reason: "bad-block-signature", detail: "no" })).toMatchObject([
      { type: "refused", endpoint: "a", blockNumber: 7n, reason: "bad-block-signature", detail: "no" },
      { type: "close" },
      { type: "retry" },
    ]);
  });

  it("09/X3, 9.9: one that does not decode, for example without a header", () => {
    const driver = new Driver().open();
    expect(driver.step({ type: "undecodable", attempt: 1, detail: "no header" })).toMatchObject([
      { type: "refused", reason: "malformed-block", detail: "no header" },
      { type: "close" },
      { type: "retry" },
    ]);
  });
});

describe("DeliverMachine hands over", () => {
  it("09/C10, 9.10: tries a failed hand-over again, on the same stream, with the same block", () => {
    const driver = new Driver().open();
    driver.block(7);
    driver.verdict();
    expect(driver.handOverFailed(7)).toEqual([
      { type: "retry", endpoint: undefined, failures: 1, waitMs: 100, detail: "buffer full" },
    ]);
    expect(driver.machine).toMatchObject({ state: "streaming", position: { next: 7n } });
    driver.now = driver.machine.deadline;
    expect(driver.step(wake)).toEqual([{ type: "hand-over", blockNumber: 7n, received: receivedBlock(7) }]);
    expect(driver.handOverFailed(7)).toMatchObject([{ failures: 2, waitMs: 120 }]);
    driver.sleep();
    expect(driver.handedOver(7)).toEqual([{ type: "read", attempt: 1 }]);
  });

  it("09/X2, 9.10: a stream that breaks during a hand-over is asked again from the block after it", () => {
    const driver = new Driver().open();
    driver.block(7);
    driver.verdict();
    driver.fail();
    expect(driver.machine).toMatchObject({ state: "waiting", deadline: Number.POSITIVE_INFINITY });
    expect(driver.handedOver(7)).toEqual([]);
    driver.sleep();
    expect(driver.connect()).toMatchObject([{ type: "seek", from: 8n }, { type: "read" }]);
    expect(driver.block(8)).toMatchObject([{ type: "verify", blockNumber: 8n }]);
  });

  it("9.13: a verdict or a block of a connection that was given up delivers nothing", () => {
    const driver = new Driver().open();
    driver.block(7);
    driver.fail();
    driver.sleep();
    driver.connect();
    const stale: DeliverInput[] = [
      { type: "verdict", attempt: 1, verdict: { ok: true } },
      { type: "block", attempt: 1, received: receivedBlock(7) },
      { type: "failed", attempt: 1, detail: "late" },
    ];
    for (const input of stale) {
      expect(driver.step(input)).toEqual([{ type: "dropped", reason: "stale-attempt", input: input.type }]);
    }
  });

  it("drops what nobody asked for", () => {
    const driver = new Driver().open();
    expect(driver.verdict()).toEqual([{ type: "dropped", reason: "unexpected", input: "verdict" }]);
    expect(driver.handedOver(7)).toEqual([{ type: "dropped", reason: "unexpected", input: "handed-over" }]);
    driver.block(7);
    expect(driver.block(8)).toEqual([{ type: "dropped", reason: "unexpected", input: "block" }]);
  });
});

describe("DeliverMachine stops", () => {
  it("09/D2, 09/D4: closes its connection at once, sets no timer and drops all that follows", () => {
    const driver = new Driver().open();
    driver.block(7);
    driver.verdict();
    expect(driver.step({ type: "stop" })).toEqual([{ type: "close", attempt: 1 }]);
    expect(driver.machine).toMatchObject({ state: "stopped", deadline: Number.POSITIVE_INFINITY });
    expect(driver.handedOver(7)).toEqual([{ type: "dropped", reason: "stopped", input: "handed-over" }]);
    expect(driver.step({ type: "start" })).toEqual([{ type: "dropped", reason: "stopped", input: "start" }]);
    expect(driver.step({ type: "stop" })).toEqual([]);
  });

  it("while it waits for a back-off", () => {
    const driver = new Driver();
    driver.step({ type: "start" });
    driver.fail();
    expect(driver.step({ type: "stop" })).toEqual([]);
    expect(driver.machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("DeliverMachine rewound", () => {
  const at7 = { next: 7n, lastHash: hashOf(6) };

  it("9.10: asks again for what was lost after its hand-over, after a pause", () => {
    const driver = new Driver({ height: 7 }).open();
    driver.deliver(7);
    driver.deliver(8);
    expect(driver.step({ type: "rewind", position: at7 })).toMatchObject([
      { type: "close", attempt: 1 },
      { type: "retry", endpoint: "a", failures: 1, waitMs: 100 },
    ]);
    expect(driver.machine.position).toEqual(at7);
    expect(driver.sleep()).toBe(100);
    expect(driver.connect()).toContainEqual({ type: "seek", attempt: 2, from: 7n });
    driver.deliver(7);
    expect(driver.machine.position.next).toBe(8n);
  });

  it("waits longer each time that the same block is lost", () => {
    const driver = new Driver({ height: 7 }).open();
    const waits = [1, 2, 3].map(() => {
      driver.deliver(7);
      driver.step({ type: "rewind", position: at7 });
      const waited = driver.sleep();
      driver.connect();
      return waited;
    });
    expect(waits).toEqual([100, 120, 144]);
    driver.deliver(7);
    driver.deliver(8);
    driver.step({ type: "rewind", position: { next: 8n, lastHash: hashOf(7) } });
    expect(driver.sleep()).toBe(100);
  });

  it("gives up a hand-over under way, whose end then means nothing", () => {
    const driver = new Driver({ height: 7 }).open();
    driver.block(7);
    driver.verdict();
    driver.step({ type: "rewind", position: at7 });
    expect(driver.handedOver(7)).toMatchObject([{ type: "dropped", reason: "unexpected" }]);
    expect(driver.machine.position).toEqual(at7);
  });

  it("does nothing to what is not behind what was handed over, nor before its start", () => {
    const driver = new Driver({ height: 7 });
    expect(driver.step({ type: "rewind", position: at7 })).toEqual([]);
    driver.open();
    expect(driver.step({ type: "rewind", position: at7 })).toEqual([]);
    expect(driver.step({ type: "rewind", position: { next: 9n, lastHash: hashOf(8) } })).toEqual([]);
    expect(driver.machine).toMatchObject({ state: "streaming", position: at7 });
  });
});

describe("DeliverMachine whatever comes", () => {
  const attempt = fc.integer({ min: 1, max: 6 });
  const blockNumber = fc.integer({ min: 0, max: 4 });
  const input: fc.Arbitrary<DeliverInput> = fc.oneof(
    attempt.map((at): DeliverInput => ({ type: "connected", attempt: at })),
    fc
      .tuple(attempt, blockNumber)
      .map(([at, number]): DeliverInput => ({ type: "block", attempt: at, received: receivedBlock(number) })),
    attempt.map((at): DeliverInput => ({ type: "verdict", attempt: at, verdict: { ok: true } })),
    attempt.map(
      (at): DeliverInput => ({
        type: "verdict",
        attempt: at,
        verdict: { ok: false, reason: "bad-data-hash", detail: "x" },
      }),
    ),
    attempt.map((at): DeliverInput => ({ type: "failed", attempt: at, detail: "x" })),
    attempt.map((at): DeliverInput => ({ type: "status", attempt: at, status: 503 })),
    blockNumber.map((number): DeliverInput => ({ type: "handed-over", blockNumber: BigInt(number) })),
    blockNumber.map((number): DeliverInput => ({ type: "hand-over-failed", blockNumber: BigInt(number), detail: "x" })),
    fc.subarray(["a", "b", "c"]).map((endpoints): DeliverInput => ({ type: "endpoints", endpoints })),
  );
  const script = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), input }), { maxLength: 60 });
  const start = { afterMs: 0, input: { type: "start" } as const };

  it("keeps the laws of a machine", () => {
    const rewind = blockNumber.map(
      (next): DeliverInput => ({ type: "rewind", position: { next: BigInt(next), lastHash: hashOf(next - 1) } }),
    );
    const event = fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), input: fc.oneof(input, rewind) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        checkMachineLaws({
          create: () => create({ endpoints: ["a", "b"], height: 0, random: seededRandom(7) }),
          script: [start, ...events],
          maxOutputs: 6,
        });
      }),
    );
  });

  it("hands over consecutive blocks only, and holds one connection at most", () => {
    fc.assert(
      fc.property(script, (events) => {
        const machine = create({ endpoints: ["a", "b"], height: 0, random: seededRandom(7) });
        let next = 0n;
        let open: number | undefined;
        let now = 0;
        for (const event of [start, ...events]) {
          now += event.afterMs;
          const steps = machine.deadline <= now ? [wake, event.input] : [event.input];
          for (const step of steps) {
            for (const output of machine.step(step, now)) {
              if (output.type === "hand-over") {
                expect(output.blockNumber).toBe(next);
                expect(output.received.block.header.number).toBe(next);
              }
              if (output.type === "dial") {
                expect(open).toBeUndefined();
                open = output.attempt;
              }
              if (output.type === "close") {
                expect(output.attempt).toBe(open);
                open = undefined;
              }
            }
            expect(machine.position.next === next || machine.position.next === next + 1n).toBe(true);
            next = machine.position.next;
          }
        }
      }),
    );
  });
});
