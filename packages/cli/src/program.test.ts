import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { runProgram } from "./program.js";
import type { Terminal } from "./terminal.js";

/** Runs a command line in this process with streams that remember. */
async function run(...args: string[]) {
  return await runIn({}, args);
}

async function runIn(env: Terminal["env"], args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  // Pass-through streams have all that a command uses of a terminal's streams when there is no terminal.
  const terminal = { stdout, stderr, stdin: new PassThrough(), env } as unknown as Terminal;
  const exitCode = await runProgram(args, terminal);
  const text = (stream: PassThrough) => (stream.read() ?? "").toString() as string;
  return { exitCode, stdout: text(stdout), stderr: text(stderr) };
}

describe("the command line", () => {
  it("prints its version", async () => {
    expect(await run("--version")).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: "",
    });
  });

  it.each([
    [["--help"]],
    [["network", "--help"]],
    [["network", "up", "--help"]],
    [["network", "run", "-h"]],
    [["network", "status", "--help"]],
    [["network", "down", "--help"]],
    [["submit", "--help"]],
    [["blocks", "--help"]],
    [["identity", "list", "--help"]],
    [["identity", "renew", "--help"]],
    [["identity", "revoke", "--help"]],
    [["peer", "start", "--help"]],
    [["orderer", "start", "--help"]],
  ])("explains %j on standard output", async (args) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("Usage: gossip");
  });

  it.each([
    [["network", "up", "--orgs", "two"], "--orgs"],
    [["network", "run"], "--input"],
    [["network", "fly"], "fly"],
    [["blocks"], "--peer"],
    [["blocks", "--peer", "peer0.org1", "--from", "-1"], "--from"],
    [["identity", "renew"], "name"],
    [["identity", "revoke"], "target"],
    [["orderer", "start"], "--config"],
    [["peer", "start", "one.yaml", "two.yaml"], "arguments"],
    [["network", "down", "--no-such-option"], "--no-such-option"],
    [["network", "down", "extra"], "extra|arguments"],
    [[], "Usage"],
    [["network"], "Usage"],
  ])("refuses %j with exit code 2 and says what is wrong", async (args, text) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(new RegExp(text));
    expect(stderr).not.toContain("    at ");
  });

  it.each([
    [["network", "status", "--dir", "/nonexistent/network"]],
    [["network", "down", "--dir", "/nonexistent/network"]],
    [["submit", "--dir", "/nonexistent/network"]],
    [["blocks", "--peer", "peer0.org1", "--dir", "/nonexistent/network"]],
    [["identity", "list", "--dir", "/nonexistent/network"]],
    [["identity", "renew", "peer0.org1", "--dir", "/nonexistent/network"]],
    [["identity", "revoke", "peer0.org1", "--dir", "/nonexistent/network"]],
    [["network", "run", "--input", "/nonexistent/input"]],
    [["peer", "start", "/nonexistent/core.yaml"]],
    [["peer", "start", "one.yaml", "--config", "two.yaml"]],
  ])("fails %j with exit code 1 and one line", async (args) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^gossip: expected .*\n$/);
  });

  it.each([
    [{}, "expected a configuration: name a file, or set FABRIC_CFG_PATH to the folder that holds core.yaml, got none"],
    [
      { FABRIC_CFG_PATH: "/nonexistent" },
      "expected core.yaml in the folder FABRIC_CFG_PATH names, /nonexistent, got none",
    ],
  ])("says what to set when there is no core.yaml with %j", async (env, text) => {
    expect(await runIn(env, ["peer", "start"])).toEqual({ exitCode: 1, stdout: "", stderr: `gossip: ${text}\n` });
  });

  it("shows where an error came from when asked to", async () => {
    const { stderr } = await run("network", "status", "--dir", "/nonexistent/network", "--verbose");
    expect(stderr).toContain("    at ");
  });
});
