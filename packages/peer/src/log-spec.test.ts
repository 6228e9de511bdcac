import { GossipError } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { formatLogSpec, isLogged, levelOf, parseLogSpec } from "./log-spec.js";

describe("12.12, 12.13, 12.14: parseLogSpec", () => {
  it.each([
    ["", "info"],
    ["debug", "debug"],
    ["chaincode=debug:info", "chaincode=debug:info"],
    ["info:chaincode=debug", "chaincode=debug:info"],
    ["gossip.state,gossip.comm=WARNING:ERROR", "gossip.comm=warn:gossip.state=warn:error"],
    ["a=debug:a=error", "a=error:info"],
    ["debug:warn", "warn"],
    ["a=notice:b=critical:c=payload", "a=info:b=error:c=payload:info"],
    ["a=dpanic:b=panic:fatal", "a=dpanic:b=panic:fatal"],
    ["gossip.=debug", "gossip.=debug:info"],
    ["a_b#c-d.e=debug", "a_b#c-d.e=debug:info"],
    ["warn:", "warn"],
  ])("normalises %j to %j", (text, expected) => {
    expect(formatLogSpec(parseLogSpec(text))).toBe(expected);
  });

  it.each([
    ["Info", 'expected a level such as debug, info, warning or error in logging specification "Info", got "Info"'],
    [
      "a=loud",
      'expected a level such as debug, info, warning or error in logging specification "a=loud", got "a=loud"',
    ],
    ["=debug", 'expected logger names such as gossip.comm in logging specification "=debug", got "=debug"'],
    ["a,=debug", 'expected logger names such as gossip.comm in logging specification "a,=debug", got "a,=debug"'],
    ["a..b=debug", 'expected logger names such as gossip.comm in logging specification "a..b=debug", got "a..b=debug"'],
    [".a=debug", 'expected logger names such as gossip.comm in logging specification ".a=debug", got ".a=debug"'],
    ["a=b=debug", `expected at most one '=' per segment in logging specification "a=b=debug", got "a=b=debug"`],
    ["a=", 'expected a level such as debug, info, warning or error in logging specification "a=", got "a="'],
  ])("refuses %j", (text, message) => {
    expect(() => parseLogSpec(text)).toThrow(new GossipError("invalid-argument", message));
  });
});

describe("levelOf", () => {
  const spec = parseLogSpec("gossip=warn:gossip.comm=debug:gossip.state.=error:info");
  it.each([
    ["gossip", "warn"],
    ["gossip.comm", "debug"],
    ["gossip.comm.grpc", "debug"],
    ["gossip.commotion", "warn"],
    ["gossip.state", "error"],
    ["gossip.state.buffer", "warn"],
    ["gossipy", "info"],
    ["orderer", "info"],
    ["", "info"],
  ])("gives logger %j the level %s", (logger, level) => {
    expect(levelOf(spec, logger)).toBe(level);
  });
});

describe("isLogged", () => {
  it.each([
    ["debug", "info", false],
    ["info", "info", true],
    ["error", "info", true],
    ["error", "fatal", false],
    ["debug", "payload", true],
  ] as const)("says of %s at %s: %s", (level, active, expected) => {
    expect(isLogged(level, active)).toBe(expected);
  });
});
