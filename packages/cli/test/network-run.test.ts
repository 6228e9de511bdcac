import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import type { RunResult } from "../src/index.js";
import { mixedLines } from "../src/testing/index.js";
import { gossip } from "./command.js";

const folders = async () => (await readdir(tmpdir())).filter((name) => /^gossip-[A-Za-z0-9]{6}$/.test(name));

describe("gossip network run", () => {
  it("brings every line, byte for byte and in order, to the disk of every peer", async () => {
    const input = mixedLines(1, 400);
    const before = await folders();
    const { exitCode, stdout, stderr } = await gossip(
      ["network", "run", "--input", "-", "--peers", "2", "--json"],
      input,
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const result = JSON.parse(stdout) as RunResult;
    const sha256 = createHash("sha256").update(input).update("\n").digest("hex");
    expect(result.input).toEqual({ transactions: 401, sha256 });
    expect(result.peers.map(({ name, org }) => `${name} of ${org}`)).toEqual([
      "peer0.org1 of org1",
      "peer1.org1 of org1",
      "peer0.org2 of org2",
      "peer1.org2 of org2",
    ]);
    for (const peer of result.peers) {
      expect(peer).toMatchObject({ height: result.blocks + 1, transactions: 401, sha256 });
    }
    expect(await folders()).toEqual(before);
  }, 60_000);

  it.each([
    ["--orgs", "0", "expected orgs to be an integer from 1 to 64, got 0"],
    ["--peers", "100000", "expected peers to be an integer from 1 to 64, got 100000"],
    ["--channel", "Demo", "expected a channel name of lower-case letters"],
  ])("refuses %s %s before it makes anything", async (option, value, text) => {
    const before = await folders();
    const { exitCode, stdout, stderr } = await gossip(
      ["network", "run", "--input", "-", option, value],
      new Uint8Array(),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain(`gossip: ${text}`);
    expect(stderr.split("\n")).toHaveLength(1);
    expect(await folders()).toEqual(before);
  });

  it("ends with a line for people when the input has one that no orderer takes, and leaves nothing behind", async () => {
    const before = await folders();
    const input = Buffer.concat([Buffer.from("first\n"), Buffer.alloc(11 * 1024 * 1024, "x")]);
    const { exitCode, stdout, stderr } = await gossip(
      ["network", "run", "--input", "-", "--orgs", "1", "--peers", "1"],
      input,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(
      /^gossip: expected line 2 to have at most \d+ bytes, which is what the orderer takes, got a longer one$/,
    );
    expect(await folders()).toEqual(before);
  }, 60_000);
});
