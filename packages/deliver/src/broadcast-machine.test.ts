import { type Random, seededRandom, wake } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BroadcastInput, BroadcastMachine, type BroadcastOutput } from "./broadcast-machine.js";
import { type BroadcastConfig, broadcastDefaults } from "./config.js";

const steady: Random = { ...seededRandom(1), below: () => 0 };

class Driver {
  readonly machine: BroadcastMachine;
  now = 0;
  #attempt = 0;

  constructor(config: Partial<BroadcastConfig> = {}) {
    this.machine = new BroadcastMachine({
      endpoint: "orderer:7050",
      config: { ...broadcastDefaults, ...config },
      random: steady,
    });
  }

  step(input: BroadcastInput | typeof wake): readonly BroadcastOutput[] {
    const outputs = this.machine.step(input, this.now);
    for (const output of outputs) if (output.type === "dial") this.#attempt = output.attempt;
    return outputs;
  }

  submit(id: number, bytes = 10): readonly BroadcastOutput[] {
    return this.step({ type: "submit", id, bytes });
  }

  connect(): readonly BroadcastOutput[] {
    return this.step({ type: "connected", attempt: this.#attempt });
  }

  respond(status: number, info = ""): readonly BroadcastOutput[] {
    return this.step({ type: "response", attempt: this.#attempt, status, info });
  }

  fail(detail = "reset"): readonly BroadcastOutput[] {
    return this.step({ type: "failed", attempt: this.#attempt, detail });
  }

  sleep(): readonly BroadcastOutput[] {
    this.now = this.machine.deadline;
    return this.step(wake);
  }
}

function sentIn(outputs: readonly BroadcastOutput[]): number[] {
  return outputs.flatMap((output) => (output.type === "send" ? [output.id] : []));
}

describe("BroadcastMachine", () => {
  it("dials with the first transaction and sends all that wait once connected", () => {
    const driver = new Driver();
    expect(driver.submit(1)).toEqual([{ type: "dial", attempt: 1 }]);
    expect(driver.submit(2)).toEqual([]);
    expect(sentIn(driver.connect())).toEqual([1, 2]);
    expect(sentIn(driver.submit(3))).toEqual([3]);
  });

  it("9.16: matches answers to transactions in order", () => {
    const driver = new Driver();
    for (const id of [1, 2]) driver.submit(id);
    driver.connect();
    expect(driver.respond(200)).toEqual([{ type: "acknowledged", id: 1 }]);
    expect(driver.respond(200)).toEqual([{ type: "acknowledged", id: 2 }]);
    expect(driver.machine).toMatchObject({ pending: 0, deadline: Number.POSITIVE_INFINITY });
  });

  it("9.19: keeps at most maxInFlight transactions under way and has room below it", () => {
    const driver = new Driver({ maxInFlight: 2 });
    for (const id of [1, 2, 3]) driver.submit(id);
    expect(sentIn(driver.connect())).toEqual([1, 2]);
    expect(driver.machine.hasRoom).toBe(false);
    expect(sentIn(driver.respond(200))).toEqual([3]);
    driver.respond(200);
    expect(driver.machine.hasRoom).toBe(true);
  });

  it("9.19: keeps at most maxInFlightBytes under way, but sends a larger transaction alone", () => {
    const driver = new Driver({ maxInFlightBytes: 100 });
    for (const [id, bytes] of [
      [1, 60],
      [2, 60],
      [3, 500],
      [4, 1],
    ] as const) {
      driver.submit(id, bytes);
    }
    expect(sentIn(driver.connect())).toEqual([1]);
    expect(sentIn(driver.respond(200))).toEqual([2]);
    expect(sentIn(driver.respond(200))).toEqual([3]);
    expect(sentIn(driver.respond(200))).toEqual([4]);
  });

  it("9.17: sends what was not acknowledged again after a lost connection, in order, and nothing else", () => {
    const driver = new Driver();
    for (const id of [1, 2, 3]) driver.submit(id);
    driver.connect();
    driver.respond(200);
    expect(driver.fail("reset")).toEqual([
      { type: "disconnect", attempt: 1 },
      { type: "retry", failures: 1, waitMs: 100, detail: "reset" },
    ]);
    driver.submit(4);
    expect(driver.sleep()).toEqual([{ type: "dial", attempt: 2 }]);
    expect(driver.now).toBe(100);
    expect(sentIn(driver.connect())).toEqual([2, 3, 4]);
  });

  it("9.18: leaves the stream on 503, so that later transactions cannot overtake", () => {
    const driver = new Driver();
    for (const id of [1, 2]) driver.submit(id);
    driver.connect();
    expect(driver.respond(503, "disk full")).toMatchObject([
      { type: "disconnect" },
      { type: "retry", detail: "503 SERVICE_UNAVAILABLE: disk full" },
    ]);
    expect(driver.respond(200)).toEqual([{ type: "dropped", reason: "stale-attempt", input: "response" }]);
    driver.sleep();
    expect(sentIn(driver.connect())).toEqual([1, 2]);
  });

  const refusals = [
    [400, "malformed", "400 BAD_REQUEST"],
    [403, "untrusted", "403 FORBIDDEN"],
    [404, "not-found", "404 NOT_FOUND"],
    [413, "too-large", "413 REQUEST_ENTITY_TOO_LARGE"],
    [501, "malformed", "501 NOT_IMPLEMENTED"],
  ] as const;
  for (const [status, code, text] of refusals) {
    it(`9.18: rejects as ${code} on ${text} and goes on`, () => {
      const driver = new Driver();
      for (const id of [1, 2]) driver.submit(id);
      driver.connect();
      expect(driver.respond(status, "why")).toEqual([
        { type: "rejected", id: 1, code, detail: `orderer orderer:7050 answered ${text}: why` },
      ]);
      expect(driver.respond(200)).toEqual([{ type: "acknowledged", id: 2 }]);
    });
  }

  it("9.19: gives up all it holds when no answer came for giveUpAfterMs, and says why", () => {
    const driver = new Driver({ giveUpAfterMs: 1_000 });
    for (const id of [1, 2]) driver.submit(id);
    driver.fail("connection refused");
    const outputs: BroadcastOutput[] = [];
    while (driver.machine.pending > 0) {
      outputs.push(...driver.sleep());
      if (driver.machine.pending > 0) outputs.push(...driver.fail("connection refused"));
    }
    expect(driver.now).toBe(1_000);
    const detail = "expected orderer orderer:7050 to acknowledge within 1000 ms, got connection refused";
    expect(outputs.slice(-2)).toEqual([
      { type: "rejected", id: 1, code: "unavailable", detail },
      { type: "rejected", id: 2, code: "unavailable", detail },
    ]);
    expect(driver.submit(3)).toMatchObject([{ type: "dial" }]);
  });

  it("does not give up while answers come", () => {
    const driver = new Driver({ giveUpAfterMs: 1_000 });
    for (let id = 1; id <= 5; id++) driver.submit(id);
    driver.connect();
    for (let id = 1; id <= 5; id++) {
      driver.now += 900;
      expect(driver.respond(200)).toMatchObject([{ type: "acknowledged", id }]);
    }
  });

  it("9.19: refuses more than maxQueued transactions or maxQueuedBytes", () => {
    const byCount = new Driver({ maxInFlight: 1, maxQueued: 2 });
    for (const id of [1, 2]) byCount.submit(id);
    expect(byCount.submit(3)).toMatchObject([{ type: "rejected", id: 3, code: "unavailable" }]);
    const byBytes = new Driver({ maxInFlightBytes: 10, maxQueuedBytes: 15 });
    byBytes.submit(1, 10);
    expect(byBytes.submit(2, 10)).toMatchObject([{ type: "rejected", id: 2, code: "unavailable" }]);
  });

  it("stays at rest after losing a connection with nothing held", () => {
    const driver = new Driver();
    driver.submit(1);
    driver.connect();
    driver.respond(200);
    driver.fail();
    expect(driver.machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("takes an answer to nothing for a failure", () => {
    const driver = new Driver();
    driver.submit(1);
    driver.connect();
    driver.respond(200);
    expect(driver.respond(200)).toMatchObject([
      { type: "disconnect" },
      { type: "retry", detail: "an answer to nothing" },
    ]);
  });

  it("rejects what it holds as closed, and drops what follows", () => {
    const driver = new Driver();
    driver.submit(1);
    expect(driver.step({ type: "close" })).toMatchObject([
      { type: "disconnect" },
      { type: "rejected", id: 1, code: "closed" },
    ]);
    expect(driver.connect()).toEqual([{ type: "dropped", reason: "closed", input: "connected" }]);
    expect(driver.machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("answers every transaction once, in order of submission, whatever comes", () => {
    const attempt = fc.integer({ min: 1, max: 8 });
    const event = fc.oneof(
      fc.constant("submit" as const),
      attempt.map((at): BroadcastInput => ({ type: "connected", attempt: at })),
      fc
        .tuple(attempt, fc.constantFrom(200, 200, 200, 400, 503))
        .map(([at, status]): BroadcastInput => ({ type: "response", attempt: at, status, info: "" })),
      attempt.map((at): BroadcastInput => ({ type: "failed", attempt: at, detail: "x" })),
    );
    const script = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), event }), { maxLength: 80 });
    fc.assert(
      fc.property(script, (events) => {
        const config = { ...broadcastDefaults, maxInFlight: 3, maxQueued: 1_000, giveUpAfterMs: 5_000 };
        let nextId = 0;
        const inputs = events.map((entry) => ({
          afterMs: entry.afterMs,
          input: entry.event === "submit" ? { type: "submit" as const, id: ++nextId, bytes: 10 } : entry.event,
        }));
        const create = () => new BroadcastMachine({ endpoint: "o", config, random: seededRandom(3) });
        checkMachineLaws<BroadcastInput, BroadcastOutput>({ create, script: inputs, maxOutputs: 100 });

        const machine = create();
        const answered: number[] = [];
        let now = 0;
        for (const { afterMs, input } of [...inputs, { afterMs: 0, input: { type: "close" as const } }]) {
          now += afterMs;
          for (const step of machine.deadline <= now ? [wake, input] : [input]) {
            for (const output of machine.step(step, now)) {
              if (output.type === "acknowledged" || output.type === "rejected") answered.push(output.id);
            }
          }
        }
        expect(answered).toEqual(Array.from({ length: nextId }, (_, at) => at + 1));
      }),
    );
  });
});
