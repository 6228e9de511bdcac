import { type PkiId, pkiId } from "@gossip/proto";
import { checkMachineLaws } from "@gossip/runtime/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Acks, type AcksInput, type AcksOutput } from "./acks.js";

const [two, three, four, renewed] = ["02", "03", "04", "44"].map((hex) => pkiId(hex)) as [PkiId, PkiId, PkiId, PkiId];
const nonce = 7n;

/** A request to some peers, and what came of it as `time: results`. */
class Asked {
  readonly acks: Acks;
  readonly told: string[] = [];
  now = 0;

  constructor(peers: readonly PkiId[], minAcks: number, timeoutMs = 3_000, maxPending = 100) {
    this.acks = new Acks(maxPending);
    this.step({ type: "await", nonce, peers, minAcks, timeoutMs });
  }

  step(input: AcksInput, at = this.now): this {
    this.#note(this.acks.step(input, at), at);
    this.now = at;
    return this;
  }

  ack(from: PkiId, error = "", at = this.now): this {
    return this.step({ type: "ack", nonce, from, error }, at);
  }

  passUntil(end: number): this {
    for (let at = this.acks.deadline; at <= end; at = this.acks.deadline) {
      this.#note(this.acks.step({ type: "wake" }, at), at);
    }
    this.now = end;
    return this;
  }

  #note(outputs: readonly AcksOutput[], at: number): void {
    for (const { outcome } of outputs) {
      const results = outcome.results.map((one) => `${one.pkiId}=${one.ok ? "ok" : one.reason}`);
      this.told.push(`${at}: ${outcome.acknowledged} ${results.join(" ")}`.trimEnd());
    }
  }
}

describe("Acks", () => {
  it("03/13.4.1, 3.29: settles when all have acknowledged", () => {
    expect(new Asked([two, three], 2).ack(two, "", 10).ack(three, "", 20).told).toEqual(["20: 2 02=ok 03=ok"]);
  });

  it("03/13.4.2, 3.29: settles as soon as enough have, without those that are silent", () => {
    const asked = new Asked([two, three, four], 2, 10_000).ack(two, "", 10).ack(three, "", 20).passUntil(20_000);
    expect(asked.told).toEqual(["20: 2 02=ok 03=ok"]);
  });

  it("03/13.4.3: with too few it waits for everybody, and tells of each failure what it was", () => {
    const asked = new Asked([two, three, four], 2).ack(two, "", 10).ack(three, "no room on the disk", 20);
    expect(asked.told).toEqual([]);
    expect(asked.passUntil(10_000).told).toEqual(["3000: 1 02=ok 03=refused 04=timed-out"]);
  });

  it("03/13.4.4: when nobody answers, all have timed out at the one deadline", () => {
    expect(new Asked([two, three], 2).passUntil(2_999).told).toEqual([]);
    expect(new Asked([two, three], 2).passUntil(3_000).told).toEqual(["3000: 0 02=timed-out 03=timed-out"]);
  });

  it("03/13.4.5: counts who acknowledged and who did not, and keeps the words of those who refused", () => {
    const acks = new Acks(10);
    acks.step({ type: "await", nonce, peers: [two, three, four], minAcks: 3, timeoutMs: 3_000 }, 0);
    acks.step({ type: "ack", nonce, from: two, error: "" }, 1);
    acks.step({ type: "ack", nonce, from: three, error: "no room on the disk" }, 2);
    expect(acks.step({ type: "wake" }, 3_000)).toEqual([
      {
        type: "settled",
        nonce,
        outcome: {
          acknowledged: 1,
          results: [
            { pkiId: two, ok: true },
            { pkiId: three, ok: false, reason: "refused", detail: "no room on the disk" },
            { pkiId: four, ok: false, reason: "timed-out", detail: "no acknowledgement in time" },
          ],
        },
      },
    ]);
  });

  it("03/13.4.6: to nobody settles at once, with nothing", () => {
    expect(new Asked([], 0).told).toEqual(["0: 0"]);
    expect(new Asked([], 2).told).toEqual(["0: 0"]);
  });

  it("03/13.4.7: closing ends every wait, one result per peer", () => {
    expect(new Asked([two, three], 1).step({ type: "close" }, 5).told).toEqual(["5: 0 02=closing 03=closing"]);
  });

  it("3.34: needs none, and then tells how it went when all have reported", () => {
    const asked = new Asked([two, three], 0).ack(two, "", 10);
    expect(asked.told).toEqual([]);
    expect(asked.ack(three, "no", 20).told).toEqual(["20: 1 02=ok 03=refused"]);
  });

  it("3.34: tells at once, and for what it is, that a copy was not sent or its peer presumed dead", () => {
    const asked = new Asked([two, three], 2)
      .step({ type: "not-sent", nonce, to: two, reason: "dial-failed" }, 10)
      .step({ type: "lost", pkiId: three, detail: "gone" }, 20);
    expect(asked.told).toEqual(["20: 0 02=dial-failed 03=presumed-dead"]);
  });

  it("3.34: takes the answer of a peer that was renewed meanwhile, under the name it was asked by", () => {
    const asked = new Asked([four], 1).step({ type: "renamed", old: four, current: renewed });
    expect(asked.ack(four).told).toEqual([]);
    expect(asked.ack(renewed, "", 9).told).toEqual(["9: 1 04=ok"]);
  });

  it("3.34: keeps no more than a thousand characters of what a peer complains of", () => {
    const acks = new Acks(10);
    acks.step({ type: "await", nonce, peers: [two], minAcks: 1, timeoutMs: 3_000 }, 0);
    const [settled] = acks.step({ type: "ack", nonce, from: two, error: "x".repeat(60_000) }, 1);
    expect(settled?.outcome.results).toMatchObject([{ reason: "refused", detail: "x".repeat(1_000) }]);
  });

  it("3.34: counts nobody twice, and nobody who was not asked", () => {
    const asked = new Asked([two, three], 2).ack(two).ack(two).ack(four);
    expect([asked.told, asked.acks.awaits(nonce, two), asked.acks.awaits(nonce, three)]).toEqual([[], false, true]);
    expect(asked.step({ type: "ack", nonce: 8n, from: three, error: "" }).told).toEqual([]);
  });

  it("3.34: knows answers that are not needed any more for what they are, until their time is over", () => {
    const asked = new Asked([two, three, four], 1).ack(two);
    expect([asked.told.length, asked.acks.awaits(nonce, three), asked.acks.pending]).toEqual([1, true, 2]);
    asked.ack(three).passUntil(3_000);
    expect([asked.told.length, asked.acks.has(nonce), asked.acks.pending]).toEqual([1, false, 0]);
    expect(asked.acks.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("3.34: refuses at once what is beyond its bound", () => {
    expect(new Asked([two, three], 1, 3_000, 1).told).toEqual(["0: 0 02=too-many-pending 03=too-many-pending"]);
  });

  it("settles every request exactly once, whatever comes", () => {
    const peer = fc.constantFrom(two, three, four, renewed);
    const input: fc.Arbitrary<AcksInput> = fc.oneof(
      fc.record({
        type: fc.constant("ack" as const),
        nonce: fc.bigInt(0n, 3n),
        from: peer,
        error: fc.constantFrom("", "no"),
      }),
      fc.record({
        type: fc.constant("not-sent" as const),
        nonce: fc.bigInt(0n, 3n),
        to: peer,
        reason: fc.constant("queue-full" as const),
      }),
      fc.record({ type: fc.constant("lost" as const), pkiId: peer, detail: fc.constant("") }),
      fc.record({ type: fc.constant("renamed" as const), old: peer, current: peer }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), input)), fc.array(fc.nat(3), { maxLength: 4 }), (inputs, needs) => {
        const acks = new Acks(9);
        const settled: bigint[] = [];
        let now = 0;
        const step = (one: AcksInput | { type: "wake" }) => {
          for (const output of acks.step(one, now)) settled.push(output.nonce);
        };
        needs.forEach((minAcks, at) => {
          step({ type: "await", nonce: BigInt(at), peers: [two, three, four], minAcks, timeoutMs: 1_000 + at });
        });
        for (const [after, one] of inputs) {
          now += after;
          if (acks.deadline <= now) step({ type: "wake" });
          step(one);
        }
        now += 2_000;
        step({ type: "wake" });
        expect([...settled].sort()).toEqual(needs.map((_, at) => BigInt(at)));
        expect([acks.pending, acks.deadline]).toEqual([0, Number.POSITIVE_INFINITY]);
      }),
    );
  });

  it("obeys the laws of machines", () => {
    checkMachineLaws({
      create: () => new Acks(10),
      maxOutputs: 1,
      script: [
        { afterMs: 0, input: { type: "await", nonce, peers: [two, three], minAcks: 2, timeoutMs: 100 } },
        { afterMs: 10, input: { type: "ack", nonce, from: two, error: "" } },
        { afterMs: 10, input: { type: "await", nonce: 8n, peers: [four], minAcks: 1, timeoutMs: 50 } },
        { afterMs: 200, input: { type: "ack", nonce, from: three, error: "" } },
      ],
    });
  });
});
