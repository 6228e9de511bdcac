import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planNetwork } from "./layout.js";
import { networkFileOf } from "./make.js";
import {
  type NetworkFile,
  networkFilePath,
  readNetworkFile,
  updateNetworkFile,
  withProcess,
  writeNetworkFile,
} from "./network-file.js";

let dir: string;
let file: NetworkFile;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-test-"));
  file = networkFileOf(planNetwork({ orgs: 2, peers: 2, channel: "demo", election: "static" }, 7050), dir);
  await writeNetworkFile(dir, file);
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe("network.json", () => {
  it("reads what was written", async () => {
    expect(await readNetworkFile(dir)).toEqual(file);
  });

  it("has the fields that scripts rely on", async () => {
    const plain = JSON.parse(await readFile(networkFilePath(dir), "utf8"));
    expect(plain.orderers[0]).toMatchObject({ name: "orderer0", pid: null, endpoint: "127.0.0.1:7050" });
    expect(plain.peers[3]).toMatchObject({ name: "peer1.org2", org: "org2", pid: null, operations: "127.0.0.1:7058" });
    expect(plain.channels).toEqual(["demo"]);
  });

  it("keeps every change of many that come at once", async () => {
    const marks = file.peers.map(({ config }, index) => ({ config, mark: { pid: 100 + index, started: `s${index}` } }));
    await Promise.all(marks.map(({ config, mark }) => updateNetworkFile(dir, (now) => withProcess(now, config, mark))));
    expect((await readNetworkFile(dir)).peers.map(({ pid }) => pid)).toEqual([100, 101, 102, 103]);
  });

  it("is left as it is by a change that fails, and can be changed afterwards", async () => {
    const failing = updateNetworkFile(dir, () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    const config = file.orderers[0]?.config ?? "";
    await updateNetworkFile(dir, (now) => withProcess(now, config, { pid: 7, started: "s" }));
    expect((await readNetworkFile(dir)).orderers[0]?.pid).toBe(7);
  });

  it("takes over the lock of a process that is gone", async () => {
    await writeFile(`${networkFilePath(dir)}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, started: "long ago" }));
    await updateNetworkFile(dir, (now) => ({ ...now, channels: ["other"] }));
    expect((await readNetworkFile(dir)).channels).toEqual(["other"]);
  });

  it("names the folder that holds none, and what makes one", async () => {
    await expect(readNetworkFile(join(dir, "nowhere"))).rejects.toThrow("gossip network up makes one");
  });

  it.each([
    ["{"],
    ["[]"],
    ['{"orderers":[{}],"peers":[],"channels":[]}'],
    ['{"orderers":[],"peers":[],"channels":[1]}'],
  ])("refuses %s on one line", async (text) => {
    await writeFile(networkFilePath(dir), text);
    await expect(readNetworkFile(dir)).rejects.toMatchObject({ code: "invalid-config" });
  });
});
