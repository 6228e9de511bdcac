import { type PkiId, pkiId } from "@gossip/proto";
import { seededRandom } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import { describe, expect, it } from "vitest";
import { ConnectionTable } from "./connection-table.js";
import type { ConnectionInfo } from "./handshake.js";
import type { Lane } from "./send-queue.js";
import {
  type ConnectionTableConfig,
  type RemotePeer,
  type TableInput,
  type TableOutput,
  tableTimes,
} from "./table-types.js";

const config: ConnectionTableConfig = {
  ...tableTimes,
  maxConnections: 3,
  maxDials: 2,
  sendBufferSize: 4,
  sendBufferBytes: 100,
  maxQueuedBytes: 1000,
  maxMessageBytes: 60,
};
const self = pkiId("55");
const small: RemotePeer = { pkiId: pkiId("11"), endpoint: "small:7051" };
const large: RemotePeer = { pkiId: pkiId("99"), endpoint: "large:7051" };
const { graceMs, holdMs, confirmMs, closeMs } = tableTimes;

function info(id: PkiId, direction: "outbound" | "inbound", features: ConnectionInfo["features"] = []): ConnectionInfo {
  const none = new Uint8Array(0);
  return {
    pkiId: id,
    identity: none,
    remoteAddress: `${id}:1`,
    handshake: { payload: none, signature: none },
    direction,
    features,
  };
}

/** A table with its time, its outputs in short form, and streams that take each message at once unless told otherwise. */
class Driven {
  readonly table: ConnectionTable;
  now = 0;
  #nextStream = 1;
  /** Streams that do not answer `written`. */
  readonly stuck = new Set<number>();

  constructor(changes: Partial<ConnectionTableConfig> = {}) {
    this.table = new ConnectionTable({ self, config: { ...config, ...changes }, random: seededRandom(1) });
  }

  step(input: TableInput): string[] {
    const said: string[] = [];
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      for (const output of this.table.step(next, this.now)) {
        said.push(render(output));
        if (output.type === "write" && !this.stuck.has(output.stream)) {
          inputs.push({ type: "written", stream: output.stream, more: true });
        }
      }
    }
    return said;
  }

  /** Lets time pass, with each wake on the way. */
  pass(ms: number): string[] {
    const end = this.now + ms;
    const said: string[] = [];
    while (this.table.deadline <= end) {
      this.now = this.table.deadline;
      for (const output of this.table.step({ type: "wake" }, this.now)) {
        said.push(render(output));
        if (output.type === "write") said.push(...this.step({ type: "written", stream: output.stream, more: true }));
      }
    }
    this.now = end;
    return said;
  }

  send(peer: RemotePeer, message: string, lane: Lane = "control"): string[] {
    return this.step({ type: "send", peer, bytes: bytesOf(message), lane });
  }

  sendFeature(peer: RemotePeer, message: string): string[] {
    return this.step({ type: "send", peer, bytes: bytesOf(message), lane: "control", feature: "shared-map" });
  }

  respond(to: RemotePeer, message: string): string[] {
    return this.step({ type: "respond", pkiId: to.pkiId, bytes: bytesOf(message), lane: "control" });
  }

  dialled(dial: number, id: PkiId, features?: ConnectionInfo["features"]): string[] {
    return this.step({ type: "dialled", dial, stream: this.#nextStream++, info: info(id, "outbound", features) });
  }

  accepted(id: PkiId): string[] {
    return this.step({ type: "accepted", stream: this.#nextStream++, info: info(id, "inbound") });
  }

  ended(stream: number, ok = false): string[] {
    return this.step({ type: "ended", stream, ok, detail: ok ? "closed" : "reset" });
  }

  /** A confirmed connection that we dialled, and its stream. */
  connect(peer: RemotePeer, dial: number): number {
    const stream = this.#nextStream;
    this.send(peer, "first");
    this.dialled(dial, peer.pkiId);
    this.pass(confirmMs);
    return stream;
  }
}

function render(output: TableOutput): string {
  switch (output.type) {
    case "dial":
      return `dial ${output.dial} ${output.endpoint} for ${output.expected || "anybody"}`;
    case "abandon":
      return `abandon ${output.dial}`;
    case "write":
      return `write ${output.stream} ${new TextDecoder().decode(output.bytes)}`;
    case "close":
      return `close ${output.stream}${output.deaf ? " deaf" : ""}`;
    case "abort":
      return `abort ${output.stream}: ${output.detail}`;
    case "connected":
      return `connected ${output.info.pkiId}`;
    case "disconnected":
      return `disconnected ${output.pkiId}: ${output.detail}`;
    case "presumed-dead":
      return `presumed-dead ${output.pkiId || "somebody"} at ${output.endpoint}: ${output.detail}`;
    case "identity-switch":
      return `identity-switch ${output.old} to ${output.current}`;
    case "dropped":
      return `dropped ${output.reason}`;
  }
}

function bytesOf(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}

describe("ConnectionTable", () => {
  describe("sending to a peer that is not connected", () => {
    it("3.14: dials once, and writes what waited in order when the peer has answered", () => {
      const driven = new Driven();
      expect(driven.send(large, "one")).toEqual(["dial 1 large:7051 for 99"]);
      expect(driven.send(large, "two")).toEqual([]);
      expect(driven.dialled(1, large.pkiId)).toEqual(["connected 99", "write 1 one", "write 1 two"]);
      expect(driven.send(large, "three")).toEqual(["write 1 three"]);
    });

    it("3.14, 3.22: drops everything that waited when the dial fails, and presumes the peer dead once", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.send(large, "two");
      expect(driven.step({ type: "dial-failed", dial: 1, detail: "refused" })).toEqual([
        "dropped dial-failed",
        "dropped dial-failed",
        "presumed-dead 99 at large:7051: refused",
      ]);
    });

    it("3.20: leaves an unreachable peer alone for longer and longer, and does not report it again", () => {
      const driven = new Driven();
      const { backOffMinMs, backOffMaxMs } = tableTimes;
      expect(driven.send(large, "try")).toEqual(["dial 1 large:7051 for 99"]);
      for (let failures = 1; failures <= 8; failures++) {
        const said = driven.step({ type: "dial-failed", dial: failures, detail: "refused" });
        expect(said.includes("presumed-dead 99 at large:7051: refused")).toBe(failures === 1);
        const failedAt = driven.now;
        while (driven.send(large, "try")[0] === "dropped backing-off") driven.now++;
        const longest = Math.min(backOffMaxMs, backOffMinMs * 2 ** (failures - 1));
        expect(driven.now - failedAt).toBeGreaterThanOrEqual(longest / 2);
        expect(driven.now - failedAt).toBeLessThanOrEqual(longest + 1);
      }
    });

    it("reports an unreachable peer anew when it was left alone for a long while", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.step({ type: "dial-failed", dial: 1, detail: "refused" });
      driven.now += 120_000;
      driven.send(large, "two");
      expect(driven.step({ type: "dial-failed", dial: 2, detail: "refused" })).toContain(
        "presumed-dead 99 at large:7051: refused",
      );
    });

    it("3.22: drops what can never be sent, with the reason", () => {
      const driven = new Driven();
      expect(driven.send({ pkiId: large.pkiId, endpoint: "" }, "where?")).toEqual(["dropped not-connected"]);
      expect(driven.send({ pkiId: self, endpoint: "self:7051" }, "me")).toEqual(["dropped not-connected"]);
      expect(driven.send(large, "x".repeat(61))).toEqual(["dropped too-large"]);
      expect(driven.respond(large, "x")).toEqual(["dropped not-connected"]);
    });

    it("3.10: dials no more peers at one time than allowed, the others in turn", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.send(small, "two");
      expect(driven.send({ pkiId: pkiId("77"), endpoint: "third:7051" }, "three")).toEqual([]);
      expect(driven.step({ type: "dial-failed", dial: 1, detail: "refused" })[0]).toBe("dial 3 third:7051 for 77");
    });

    it("refuses to hold queues for an unbounded number of peers", () => {
      const driven = new Driven();
      for (let at = 0; at < 6; at++) driven.send({ pkiId: pkiId(`a${at}`), endpoint: `peer${at}:7051` }, "x");
      expect(driven.send({ pkiId: pkiId("b0"), endpoint: "one-more:7051" }, "x")).toEqual(["dropped queue-full"]);
    });
  });

  describe("a peer whose PKI-ID is unknown", () => {
    const unknown: RemotePeer = { pkiId: pkiId(""), endpoint: "large:7051" };

    it("3.13: is dialled by endpoint, and known by its PKI-ID from then on", () => {
      const driven = new Driven();
      expect(driven.send(unknown, "hello")).toEqual(["dial 1 large:7051 for anybody"]);
      expect(driven.send(unknown, "again")).toEqual([]);
      expect(driven.dialled(1, large.pkiId)).toEqual(["connected 99", "write 1 hello", "write 1 again"]);
      expect(driven.send(large, "by name")).toEqual(["write 1 by name"]);
      expect(driven.send(unknown, "by endpoint")).toEqual(["write 1 by endpoint"]);
    });

    it("is dialled anew by endpoint after its connection has gone", () => {
      const driven = new Driven();
      driven.send(unknown, "hello");
      driven.dialled(1, large.pkiId);
      driven.step({ type: "received", stream: 1 });
      driven.ended(1, true);
      expect(driven.send(unknown, "back?")).toEqual(["dial 2 large:7051 for anybody"]);
    });

    it("3.13: replaces an older outbound connection to the same peer, and waits for its end before it writes", () => {
      const driven = new Driven();
      driven.connect(large, 1);
      const other = { pkiId: pkiId(""), endpoint: "other-name:7051" };
      driven.send(other, "hello");
      expect(driven.dialled(2, large.pkiId)).toEqual(["close 1"]);
      expect(driven.ended(1, true)).toEqual(["write 2 hello"]);
    });
  });

  describe("lanes", () => {
    it("3.25: send control before blocks before bulk, each in order", () => {
      const driven = new Driven();
      for (const lane of ["bulk", "block", "control", "bulk", "block", "control"] as const)
        driven.send(large, lane, lane);
      expect(driven.dialled(1, large.pkiId).slice(1)).toEqual(
        ["control", "control", "block", "block", "bulk", "bulk"].map((lane) => `write 1 ${lane}`),
      );
    });

    it("3.25: are bounded in messages one by one", () => {
      const driven = new Driven();
      for (let at = 0; at < 4; at++) driven.send(large, "b", "block");
      expect(driven.send(large, "b", "block")).toEqual(["dropped queue-full"]);
      expect(driven.send(large, "c", "control")).toEqual([]);
    });

    it("3.34: leave their places to others than messages whose acknowledgements are awaited", () => {
      const driven = new Driven();
      for (let at = 0; at < 8; at++) {
        driven.step({ type: "send", peer: large, bytes: bytesOf("a"), lane: "control", awaited: BigInt(at + 1) });
      }
      for (let at = 0; at < 4; at++) expect(driven.send(large, "c")).toEqual([]);
      expect(driven.send(large, "c")).toEqual(["dropped queue-full"]);
      expect(driven.dialled(1, large.pkiId)).toHaveLength(13);
      expect(driven.send(large, "c")).toEqual(["write 1 c"]);
    });

    it("3.25: keep their order, and what is urgent first, when a connection is lost", () => {
      const driven = new Driven();
      driven.stuck.add(driven.connect(large, 1));
      driven.send(large, "stuck");
      for (const lane of ["bulk", "block"] as const) driven.send(large, lane, lane);
      driven.ended(1);
      driven.pass(tableTimes.redialMaxMs);
      driven.send(large, "control");
      expect(driven.dialled(2, large.pkiId).slice(1)).toEqual(["write 2 control", "write 2 block", "write 2 bulk"]);
    });

    it("3.25: give way to a more urgent message when bytes are short, the least urgent and oldest first", () => {
      const driven = new Driven();
      driven.send(large, "k".repeat(30), "block");
      driven.send(large, "u".repeat(40), "bulk");
      driven.send(large, "v".repeat(30), "bulk");
      expect(driven.send(large, "w".repeat(10), "bulk")).toEqual(["dropped queue-full"]);
      expect(driven.send(large, "c".repeat(50), "control")).toEqual(["dropped queue-full", "dropped queue-full"]);
      expect(driven.dialled(1, large.pkiId).slice(1)).toEqual([
        `write 1 ${"c".repeat(50)}`,
        `write 1 ${"k".repeat(30)}`,
      ]);
    });
  });

  describe("the bound on what waits for all peers", () => {
    const fill = (driven: Driven, to: RemotePeer, lanes: readonly Lane[]) =>
      lanes.flatMap((lane) => driven.send(to, lane.padEnd(20), lane));

    it("3.35: is kept at the cost of the peer that most waits for, its least urgent and oldest first", () => {
      const driven = new Driven({ maxQueuedBytes: 130 });
      fill(driven, large, ["control", "block", "bulk", "bulk", "bulk"]);
      expect(fill(driven, small, ["control"])).toEqual(["dial 2 small:7051 for 11"]);
      expect(fill(driven, small, ["bulk", "control"])).toEqual(["dropped over-budget", "dropped over-budget"]);
      expect(driven.table.queuedBytes).toBe(120);
      const written = (lanes: readonly Lane[], stream: number) =>
        lanes.map((lane) => `write ${stream} ${lane.padEnd(20)}`);
      expect(driven.dialled(1, large.pkiId)).toEqual(["connected 99", ...written(["control", "block", "bulk"], 1)]);
      expect(driven.dialled(2, small.pkiId)).toEqual(["connected 11", ...written(["control", "control", "bulk"], 2)]);
    });

    it("3.35: holds though the peer that most waits for was given back all of it", () => {
      const driven = new Driven({ maxQueuedBytes: 100, sendBufferBytes: 100 });
      driven.send(large, "one".padEnd(30));
      driven.dialled(1, large.pkiId);
      driven.send(large, "two".padEnd(30));
      driven.ended(1);
      expect(driven.table.queuedBytes).toBe(60);
      for (const lane of ["bulk", "bulk"] as const) fill(driven, small, [lane]);
      expect(fill(driven, small, ["control"])).toEqual(["dropped over-budget"]);
      expect(driven.table.queuedBytes).toBe(90);
    });

    it("3.35: drops of a peer that alone has too much what it has too much of", () => {
      const driven = new Driven({ maxQueuedBytes: 100, sendBufferBytes: 100 });
      fill(driven, large, ["bulk", "bulk", "bulk", "bulk"]);
      expect(fill(driven, large, ["control", "control"])).toEqual(["dropped queue-full"]);
      expect(driven.table.queuedBytes).toBe(100);
    });
  });

  describe("a stream that is slow", () => {
    it("3.25: gets one message at a time, and the next when it has drained", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      driven.stuck.add(stream);
      expect(driven.send(large, "one")).toEqual(["write 1 one"]);
      expect(driven.send(large, "two")).toEqual([]);
      expect(driven.step({ type: "written", stream, more: false })).toEqual([]);
      expect(driven.table.connections).toMatchObject([{ pkiId: "99", queuedMessages: 1, queuedBytes: 3 }]);
      expect(driven.table.queuedBytes).toBe(3);
      expect(driven.step({ type: "drained", stream })).toEqual(["write 1 two"]);
      expect(driven.table.queuedBytes).toBe(0);
    });
  });

  describe("a connection that came to us", () => {
    it("3.13, 3.27: is written to without a dial", () => {
      const driven = new Driven();
      expect(driven.accepted(large.pkiId)).toEqual(["connected 99"]);
      expect(driven.send(large, "hello")).toEqual(["write 1 hello"]);
      expect(driven.respond(large, "answer")).toEqual(["write 1 answer"]);
    });

    it("3.20: ends the back-off of a peer that could not be reached", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.step({ type: "dial-failed", dial: 1, detail: "refused" });
      driven.accepted(large.pkiId);
      expect(driven.send(large, "two")).toEqual(["write 1 two"]);
    });

    it("3.17: is replaced by a newer one, read on for the grace time, and then closed", () => {
      const driven = new Driven();
      driven.accepted(large.pkiId);
      driven.pass(graceMs);
      expect(driven.accepted(large.pkiId)).toEqual([]);
      expect(driven.send(large, "held until the old one has ended")).toEqual([]);
      expect(driven.pass(holdMs)).toEqual(["write 2 held until the old one has ended"]);
      expect(driven.pass(graceMs - holdMs)).toEqual(["close 1"]);
      expect(driven.ended(1, true)).toEqual([]);
      expect(driven.send(large, "still there")).toEqual(["write 2 still there"]);
    });

    it("3.23: is not reported as dead by the end of the one it replaced", () => {
      const driven = new Driven();
      driven.accepted(large.pkiId);
      driven.accepted(large.pkiId);
      expect(driven.ended(1)).toEqual([]);
      expect(driven.table.connections).toHaveLength(1);
    });

    it("3.36: is cut when it was replaced twice, so that one peer holds few streams", () => {
      const driven = new Driven();
      for (let at = 0; at < 2; at++) driven.accepted(large.pkiId);
      expect(driven.accepted(large.pkiId)).toEqual(["abort 1: replaced twice by a new connection"]);
    });
  });

  describe("a connection that is lost", () => {
    it("3.21: leaves nothing but the news when nothing waits", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      expect(driven.ended(stream)).toEqual(["disconnected 99: reset"]);
      expect(driven.table.connections).toEqual([]);
      expect(driven.table.deadline).toBe(Number.POSITIVE_INFINITY);
    });

    it("3.19: is dialled again once, after a short random wait, for what waits", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      driven.stuck.add(stream);
      driven.send(large, "with the stream");
      driven.send(large, "waiting");
      expect(driven.ended(stream)).toEqual(["disconnected 99: reset"]);
      const wait = driven.table.deadline - driven.now;
      expect(wait).toBeGreaterThanOrEqual(tableTimes.redialMinMs);
      expect(wait).toBeLessThanOrEqual(tableTimes.redialMaxMs);
      expect(driven.pass(wait)).toEqual(["dial 2 large:7051 for 99"]);
      expect(driven.dialled(2, large.pkiId)).toEqual(["connected 99", "write 2 waiting"]);
    });

    it("3.19: makes the peer presumed dead when the redial fails too", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      driven.stuck.add(stream);
      driven.send(large, "with the stream");
      driven.send(large, "waiting");
      driven.ended(stream);
      driven.pass(tableTimes.redialMaxMs);
      expect(driven.step({ type: "dial-failed", dial: 2, detail: "refused" })).toEqual([
        "dropped dial-failed",
        "presumed-dead 99 at large:7051: refused",
      ]);
    });

    it("3.27: does not dial for responses", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      driven.stuck.add(stream);
      driven.send(large, "with the stream");
      driven.respond(large, "answer");
      expect(driven.ended(stream)).toEqual(["disconnected 99: reset", "dropped connection-lost"]);
    });

    it("3.19, 3.21: makes a peer presumed dead at once when nobody knows where it is, unless it closed in order", () => {
      for (const ok of [false, true]) {
        const driven = new Driven();
        driven.accepted(large.pkiId);
        driven.pass(confirmMs);
        driven.stuck.add(1);
        driven.send({ ...large, endpoint: "" }, "with the stream");
        driven.send({ ...large, endpoint: "" }, "waiting");
        const said = driven.ended(1, ok);
        expect(said).toContain("dropped connection-lost");
        expect(said.includes("presumed-dead 99 at : reset")).toBe(!ok);
      }
    });
  });

  describe("a provisional connection", () => {
    it("3.18: keeps what it wrote, and writes it again in order on the next one when it ends early", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.dialled(1, large.pkiId);
      driven.send(large, "two");
      expect(driven.ended(1, true)).toEqual(["disconnected 99: closed"]);
      expect(driven.pass(tableTimes.redialMaxMs)).toEqual(["dial 2 large:7051 for 99"]);
      driven.send(large, "three");
      expect(driven.dialled(2, large.pkiId).slice(1)).toEqual(["write 2 one", "write 2 two", "write 2 three"]);
    });

    it.each<[string, (driven: Driven) => void]>([
      ["the first message of the other side", (driven) => driven.step({ type: "received", stream: 1 })],
      ["a short time", (driven) => driven.pass(confirmMs)],
    ])("is confirmed by %s", (_name, confirm) => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.dialled(1, large.pkiId);
      confirm(driven);
      expect(driven.ended(1)).toEqual(["disconnected 99: reset"]);
      expect(driven.pass(60_000)).toEqual([]);
    });

    it("3.18, 3.19: makes the peer presumed dead when it is refused twice in a row", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.dialled(1, large.pkiId);
      driven.ended(1);
      driven.pass(tableTimes.redialMaxMs);
      driven.dialled(2, large.pkiId);
      expect(driven.ended(2)).toEqual([
        "disconnected 99: reset",
        "dropped connection-lost",
        "presumed-dead 99 at large:7051: reset",
      ]);
      expect(driven.send(large, "two")).toEqual(["dropped backing-off"]);
    });

    it("3.18: keeps no more than the bounds of the queue", () => {
      const driven = new Driven();
      driven.send(large, "x");
      driven.dialled(1, large.pkiId);
      for (let at = 0; at < 10; at++) driven.send(large, "x");
      driven.ended(1);
      expect(driven.pass(60_000)).toEqual([]);
    });
  });

  describe("two peers that dial each other", () => {
    /** We have dialled and sent our conn message; then theirs comes in, and our own dial succeeds. */
    function dual(peer: RemotePeer): Driven {
      const driven = new Driven();
      driven.send(peer, "one");
      driven.step({ type: "establish-sent", dial: 1 });
      expect(driven.accepted(peer.pkiId)).toEqual([`connected ${peer.pkiId}`]);
      expect(driven.send(peer, "two")).toEqual([]);
      expect(driven.dialled(1, peer.pkiId)).toEqual(["write 2 one", "write 2 two"]);
      return driven;
    }

    it("3.15: give up the own dial for theirs before the own conn message is sent", () => {
      const driven = new Driven();
      driven.send(large, "one");
      expect(driven.accepted(large.pkiId)).toEqual(["abandon 1", "connected 99", "write 1 one"]);
      expect(driven.dialled(1, large.pkiId)).toEqual(["abort 2: no longer wanted"]);
    });

    it("3.15: use theirs when the own dial fails after its conn message was sent", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.step({ type: "establish-sent", dial: 1 });
      driven.accepted(large.pkiId);
      expect(driven.step({ type: "dial-failed", dial: 1, detail: "refused" })).toEqual(["write 1 one"]);
    });

    it("3.15: each write on the stream they dialled, and a stock peer then closes its own", () => {
      const driven = dual(large);
      expect(driven.ended(1, true)).toEqual([]);
      expect(driven.pass(graceMs)).toEqual([]);
      expect(driven.send(large, "three")).toEqual(["write 2 three"]);
    });

    it("3.16: keep after the grace time the one dialled by the smaller: ours towards a larger", () => {
      const driven = dual(large);
      expect(driven.pass(2 * graceMs)).toEqual([]);
      expect(driven.send(large, "three")).toEqual(["write 2 three"]);
    });

    it("3.16: keep after the grace time the one dialled by the smaller: theirs towards a smaller", () => {
      const driven = dual(small);
      expect(driven.pass(graceMs)).toEqual(["close 2"]);
      expect(driven.send(small, "held until ours has ended")).toEqual([]);
      expect(driven.ended(2, true)).toEqual(["write 1 held until ours has ended"]);
    });

    it("3.16: do not wait for ever for the end of a stream that was given up", () => {
      const driven = dual(small);
      driven.pass(graceMs);
      driven.send(small, "held");
      expect(driven.pass(holdMs)).toEqual(["write 1 held"]);
      expect(driven.pass(closeMs)).toEqual(["abort 2: did not end in time after it was closed"]);
    });

    it("3.17: switch to theirs at once when ours is old: the other side has evidently lost it", () => {
      const driven = new Driven();
      driven.connect(large, 1);
      driven.pass(graceMs);
      expect(driven.accepted(large.pkiId)).toEqual(["close 1"]);
      driven.send(large, "on theirs");
      expect(driven.ended(1, true)).toEqual(["write 2 on theirs"]);
    });
  });

  describe("a peer that now proves another PKI-ID", () => {
    const renewed = { pkiId: pkiId("98"), endpoint: "large:7051" };

    it("3.7: gets what was meant for the old one, and what is still sent to it", () => {
      const driven = new Driven();
      driven.send(large, "one");
      expect(driven.dialled(1, renewed.pkiId)).toEqual(["identity-switch 99 to 98", "connected 98", "write 1 one"]);
      expect(driven.send(large, "two")).toEqual(["write 1 two"]);
      expect(driven.send(renewed, "three")).toEqual(["write 1 three"]);
    });

    it("is itself again when it comes back under the old one", () => {
      const driven = new Driven();
      driven.send(large, "one");
      driven.dialled(1, renewed.pkiId);
      driven.accepted(large.pkiId);
      expect(driven.send(large, "two")).toEqual(["write 2 two"]);
    });
  });

  it("a peer is linked while it is dialled or connected", () => {
    const driven = new Driven();
    const isLinked = () => driven.table.isLinked(large.pkiId);
    expect(isLinked()).toBe(false);
    driven.send(large, "one");
    expect(isLinked()).toBe(true);
    driven.dialled(1, large.pkiId);
    expect(isLinked()).toBe(true);
    driven.step({ type: "disconnect", pkiId: large.pkiId, detail: "enough" });
    driven.step({ type: "ended", stream: 1, ok: true, detail: "closed" });
    expect(isLinked()).toBe(false);
  });

  describe("the bound on connections", () => {
    const peers = ["a1", "a2", "a3"].map((id) => pkiId(id));

    it("3.24: closes the least recently used idle one for a new one", () => {
      const driven = new Driven();
      for (const id of peers) {
        driven.now++;
        driven.accepted(id);
      }
      driven.now++;
      driven.step({ type: "received", stream: 1 });
      expect(driven.accepted(large.pkiId)).toEqual([
        "close 2 deaf",
        "disconnected a2: least recently used of 3 connections",
        "connected 99",
      ]);
      expect(driven.table.connectedPeers).toBe(3);
    });

    it("3.24: refuses a new one while all are busy", () => {
      const driven = new Driven();
      for (const [at, id] of peers.entries()) {
        driven.accepted(id);
        driven.stuck.add(at + 1);
        driven.send({ pkiId: id, endpoint: "" }, "slow");
        driven.send({ pkiId: id, endpoint: "" }, "waiting");
      }
      expect(driven.accepted(large.pkiId)).toEqual(["abort 4: too many connections"]);
      driven.send(small, "hello");
      expect(driven.dialled(1, small.pkiId)).toEqual([
        "abort 5: too many connections",
        "dropped dial-failed",
        "presumed-dead 11 at small:7051: too many busy connections",
      ]);
    });
  });

  describe("at our own wish", () => {
    it("3.30: disconnects a peer in order, and dials it again for a later send", () => {
      const driven = new Driven();
      const stream = driven.connect(large, 1);
      expect(driven.step({ type: "disconnect", pkiId: large.pkiId, detail: "expired" })).toEqual([
        `close ${stream} deaf`,
        "disconnected 99: expired",
      ]);
      expect(driven.send(large, "again")).toEqual(["dial 2 large:7051 for 99"]);
      expect(driven.ended(stream, true)).toEqual([]);
      expect(driven.dialled(2, large.pkiId)).toEqual(["connected 99", "write 2 again"]);
    });

    it("3.31: closes everything, and takes nothing more", () => {
      const driven = new Driven({ maxDials: 1 });
      driven.connect(large, 1);
      driven.send(small, "dialling");
      driven.send({ pkiId: pkiId("77"), endpoint: "third:7051" }, "in the queue");
      expect(driven.step({ type: "close" })).toEqual([
        "close 1 deaf",
        "disconnected 99: this node is closing",
        "abandon 2",
        "dropped closing",
        "dropped closing",
      ]);
      expect(driven.send(large, "late")).toEqual(["dropped closing"]);
      expect(driven.respond(large, "late")).toEqual(["dropped closing"]);
      expect(driven.accepted(small.pkiId)).toEqual(["abort 2: shutting down"]);
      expect(driven.dialled(2, small.pkiId)).toEqual(["abort 3: no longer wanted"]);
      expect(driven.ended(1, true)).toEqual([]);
      expect(driven.table.queuedBytes).toBe(0);
    });
  });

  describe("a message that only some builds understand", () => {
    it("14.2: is written to a connection whose other side named the feature", () => {
      const driven = new Driven();
      driven.sendFeature(large, "ours");
      expect(driven.dialled(1, large.pkiId, ["shared-map"])).toEqual(["connected 99", "write 1 ours"]);
    });

    it("14.2: is dropped where it did not, and holds up nothing behind it", () => {
      const driven = new Driven();
      driven.sendFeature(large, "ours");
      driven.send(large, "everybody's");
      expect(driven.dialled(1, large.pkiId)).toEqual(["connected 99", "dropped not-understood", "write 1 everybody's"]);
      expect(driven.sendFeature(large, "ours")).toEqual(["dropped not-understood"]);
    });

    it("14.2: is not repeated to a peer that comes back as another build", () => {
      const driven = new Driven();
      driven.sendFeature(large, "ours");
      driven.dialled(1, large.pkiId, ["shared-map"]);
      driven.ended(1);
      driven.pass(tableTimes.redialMaxMs);
      expect(driven.dialled(2, large.pkiId)).toEqual(["connected 99", "dropped not-understood"]);
    });
  });

  it("obeys the laws of machines", () => {
    const send = (peer: RemotePeer, lane: Lane = "control"): TableInput => ({
      type: "send",
      peer,
      bytes: bytesOf("message"),
      lane,
    });
    checkMachineLaws({
      create: () => new ConnectionTable({ self, config, random: seededRandom(3) }),
      maxOutputs: 3 * config.sendBufferSize + 8,
      script: [
        { afterMs: 0, input: send(large) },
        { afterMs: 10, input: send(small, "bulk") },
        { afterMs: 10, input: { type: "establish-sent", dial: 1 } },
        { afterMs: 10, input: { type: "accepted", stream: 1, info: info(large.pkiId, "inbound") } },
        { afterMs: 10, input: { type: "dialled", dial: 1, stream: 2, info: info(large.pkiId, "outbound") } },
        { afterMs: 10, input: { type: "written", stream: 2, more: false } },
        { afterMs: 10, input: { type: "dial-failed", dial: 2, detail: "refused" } },
        { afterMs: 10, input: send(small) },
        { afterMs: 10, input: { type: "received", stream: 1 } },
        { afterMs: 10, input: { type: "accepted", stream: 3, info: info(large.pkiId, "inbound") } },
        { afterMs: 9000, input: send(large) },
        { afterMs: 10, input: { type: "ended", stream: 2, ok: false, detail: "reset" } },
        { afterMs: 10, input: { type: "ended", stream: 3, ok: true, detail: "closed" } },
        { afterMs: 1000, input: { type: "dial-failed", dial: 3, detail: "refused" } },
        { afterMs: 30_000, input: { type: "close" } },
      ],
    });
  });
});
