import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { systemRandom } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { planNetwork } from "../src/network/layout.js";
import { networkFileOf } from "../src/network/make.js";
import { writeNetworkFile } from "../src/network/network-file.js";
import { findFreePorts } from "../src/network/ports.js";
import { inTemporaryFolder } from "../src/testing/index.js";
import { gossip } from "./command.js";

const shape = { orgs: 1, peers: 1, channel: "demo", election: "dynamic" } as const;

async function withListener<T>(port: number, action: () => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  try {
    return await action();
  } finally {
    server.close();
  }
}

describe("gossip network up", () => {
  it("names a taken port and what to do, and makes nothing", () =>
    inTemporaryFolder(async (dir) => {
      const basePort = await findFreePorts(3, systemRandom);
      const folder = join(dir, "net");
      const args = ["network", "up", "--orgs", "1", "--peers", "1", "--base-port", String(basePort), "--dir", folder];
      const { exitCode, stderr } = await withListener(basePort + 1, () => gossip(args));
      expect(exitCode).toBe(1);
      expect(stderr.split("\n").at(-1)).toBe(
        `gossip: port ${basePort + 1} (peer0.org1) is taken: stop what uses it, or give another --base-port`,
      );
      expect(await readdir(dir)).toEqual([]);
    }));

  it("refuses another shape for a network that was made already", () =>
    inTemporaryFolder(async (dir) => {
      await writeNetworkFile(dir, networkFileOf(planNetwork(shape, 7050), dir));
      const { exitCode, stderr } = await gossip(["network", "up", "--dir", dir, "--orgs", "3"]);
      expect(exitCode).toBe(1);
      expect(stderr.split("\n").at(-1)).toBe(
        `gossip: expected --orgs 1, with which the network in ${dir} was made, got 3: give another --dir, or remove that folder`,
      );
    }));

  it("leaves a folder alone that holds something else", () =>
    inTemporaryFolder(async (dir) => {
      await mkdir(join(dir, "photos"));
      const basePort = await findFreePorts(3, systemRandom);
      const args = ["network", "up", "--orgs", "1", "--peers", "1", "--base-port", String(basePort), "--dir", dir];
      const { exitCode, stderr } = await gossip(args);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("it holds photos and no network.json");
      expect(await readdir(dir)).toEqual(["photos"]);
    }));
});

describe("gossip peer start and gossip orderer start", () => {
  it.each(["peer", "orderer"])("say on one line that the configuration of a %s is not there", async (kind) => {
    const { exitCode, stderr } = await gossip([kind, "start", "--config", "/nonexistent/file.yaml"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^gossip: .*\/nonexistent\/file\.yaml.*$/);
  });

  it.each([
    ["peer", "listenAddress: [\n", "expected YAML, got"],
    ["peer", "peer: {}\n---\npeer: {}\n", "expected YAML, got several documents in one file"],
    ["orderer", "listenAddress: [\n", "expected YAML, got"],
    ["orderer", "a: 1\n---\nb: 2\n", "expected YAML, got several documents in one file"],
    ["orderer", "name: !!js/function x\n", "expected identity to be a mapping with file, keyFile, got nothing"],
    ["orderer", "\u0007\n", 'got "\\\\u0007"'],
  ])("say on one line what is wrong in the configuration of a %s that holds %j", (kind, content, text) =>
    inTemporaryFolder(async (dir) => {
      const config = join(dir, "file.yaml");
      await writeFile(config, content);
      const { exitCode, stderr } = await gossip([kind, "start", "--config", config]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(new RegExp(`^gossip: .*file\\.yaml: .*${text}.*$`));
    }),
  );

  it.each(["peer", "orderer"])("say that the configuration of a %s is a folder", (kind) =>
    inTemporaryFolder(async (dir) => {
      const { exitCode, stderr } = await gossip([kind, "start", "--config", dir]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(new RegExp(`^gossip: expected a readable ${kind} configuration at ${dir}, got EISDIR.*$`));
    }),
  );
});
