import { GossipError } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { createLogger, isLeveled, type LoggerOptions } from "./logger.js";
import { prometheusMetrics } from "./metrics.js";

function collect(options: Omit<LoggerOptions, "destination"> = {}) {
  const lines: string[] = [];
  return { lines, log: createLogger({ ...options, destination: { write: (line) => lines.push(line) } }) };
}

const json = (lines: readonly string[]): unknown[] => lines.map((line) => JSON.parse(line));

describe("createLogger", () => {
  it("12.14b: writes one JSON object per entry, with the logger's full name", () => {
    const { lines, log } = collect({ format: "json" });
    log.child("gossip").child("comm").warn("unresponsive peer", { endpoint: "peer0:7051" });
    expect(json(lines)).toEqual([
      {
        level: "warn",
        ts: expect.any(Number),
        name: "gossip.comm",
        endpoint: "peer0:7051",
        msg: "unresponsive peer",
      },
    ]);
    expect(lines[0]?.endsWith("}\n")).toBe(true);
    // Seconds since 1970, down to the millisecond.
    expect(lines[0]).toMatch(/"ts":\d{10}(\.\d{1,3})?,/);
  });

  it("writes a line for people", () => {
    const { lines, log } = collect({ format: "console" });
    const comm = log.child("gossip.comm");
    comm.info("connected", { endpoint: "peer0:7051", detail: "two words", height: 7n });
    comm.error("lost");
    expect(lines).toEqual([
      expect.stringMatching(
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC 0001 INFO \[gossip\.comm\] connected endpoint=peer0:7051 detail="two words" height=7\n$/,
      ),
      expect.stringMatching(/ 0002 ERRO \[gossip\.comm\] lost\n$/),
    ]);
  });

  it("obeys the level of the longest matching name, also after a change", () => {
    const { lines, log } = collect({ format: "json", spec: "gossip.comm=debug:warn" });
    const comm = log.child("gossip").child("comm");
    const state = log.child("gossip").child("state");
    comm.debug("1");
    state.info("2");
    state.warn("3");
    log.setSpec("gossip.state=debug:error");
    comm.warn("4");
    state.debug("5");
    expect(json(lines)).toMatchObject([{ msg: "1" }, { msg: "3" }, { msg: "5" }]);
    expect(log.spec).toBe("gossip.state=debug:error");
  });

  it("12.14: keeps its levels when a new specification is wrong", () => {
    const { log } = collect({ spec: "debug" });
    expect(() => log.setSpec("loud")).toThrow(GossipError);
    expect(log.spec).toBe("debug");
  });

  it("12.15: keeps what remote peers say on its own line, short, and under its own name", () => {
    const { lines, log } = collect();
    log.info("from\nelsewhere\u001b[31m", {
      detail: "x\n2020-01-01 ERRO [gossip] fake\u0085",
      long: "a".repeat(10_000),
    });
    const [line = ""] = lines;
    expect(line).toContain("from\\u000aelsewhere\\u001b[31m");
    expect(line).toContain('detail="x\\n2020-01-01 ERRO [gossip] fake\\u0085"');
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(line.length).toBeLessThan(2500);
  });

  it("writes values that JSON does not have, and fields that bear reserved names", () => {
    const { lines, log } = collect({ format: "json" });
    log.info("values", {
      big: 2n ** 64n - 1n,
      bytes: Uint8Array.of(0, 255),
      error: new GossipError("closed", "the node is closed"),
      map: new Map([["a", 1n]]),
      deep: { a: { b: { c: { d: { e: 1 } } } } },
      name: "n",
      msg: "m",
      level: "l",
      absent: undefined,
    });
    expect(json(lines)).toEqual([
      {
        level: "info",
        ts: expect.any(Number),
        name: "",
        big: "18446744073709551615",
        bytes: "00ff",
        error: "the node is closed",
        map: [["a", "1"]],
        deep: { a: { b: { c: { d: "…" } } } },
        name_: "n",
        msg_: "m",
        level_: "l",
        msg: "values",
      },
    ]);
  });

  it("counts what was asked and what was written", async () => {
    const metrics = prometheusMetrics();
    const { log } = collect();
    const part = log.child("gossip");
    log.countIn(metrics);
    part.debug("no");
    part.info("yes");
    const text = await metrics.expose();
    expect(text).toContain('logging_entries_checked{level="debug"} 1\n');
    expect(text).toContain('logging_entries_written{level="info"} 1\n');
    expect(text).not.toContain('logging_entries_written{level="debug"}');
  });

  it("refuses a wrong specification at once", () => {
    expect(() => createLogger({ spec: "a=b=c" })).toThrow(GossipError);
  });

  it("is told from a logger without levels", () => {
    const plain = { debug() {}, info() {}, warn() {}, error() {}, child: () => plain };
    expect([isLeveled(createLogger()), isLeveled(plain)]).toEqual([true, false]);
  });
});
