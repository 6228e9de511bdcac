import { readFile, rm, writeFile } from "node:fs/promises";
import { readOrdererFiles } from "@gossip/orderer";
import { readPeerConfig } from "@gossip/peer";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/index.js";
import { planNetwork } from "./layout.js";
import { makeNetwork } from "./make.js";
import { readOrdererConfig } from "./orderer-file.js";
import { networkPaths } from "./paths.js";

const layout = planNetwork({ orgs: 2, peers: 2, channel: "demo", election: "static" }, 7050);

describe("makeNetwork", () => {
  it("writes configurations that peers and orderers take without a warning", () =>
    inTemporaryFolder(async (dir) => {
      const file = await makeNetwork(dir, layout);
      for (const { name, org, endpoint, config } of file.peers) {
        const read = await readPeerConfig(config, {});
        expect(read).toMatchObject({ id: name, localMspId: org, listenAddress: endpoint, externalEndpoint: endpoint });
        expect(read.warnings).toEqual([]);
        expect(read.tls?.clientAuthRequired).toBe(true);
      }
      const { config } = await readOrdererConfig(file.orderers[0]?.config ?? "");
      const orderer = await readOrdererFiles(config);
      expect(orderer.listenAddress).toBe("127.0.0.1:7050");
      expect(orderer.tls?.clientRootCas).toHaveLength(1);
    }));

  it("makes the first peer of each organization its leader, and nobody else", () =>
    inTemporaryFolder(async (dir) => {
      const { peers } = await makeNetwork(dir, layout);
      const configs = await Promise.all(peers.map(({ config }) => readPeerConfig(config, {})));
      expect(configs.filter(({ orgLeader }) => orgLeader).map(({ id }) => id)).toEqual(["peer0.org1", "peer0.org2"]);
    }));

  it("gives every member keys of its own, and begins anew where it was interrupted", () =>
    inTemporaryFolder(async (dir) => {
      const paths = networkPaths(dir);
      const keys = () =>
        Promise.all(["peer0.org1", "peer1.org1"].map((name) => readFile(paths.member("peer", name).key, "utf8")));
      await makeNetwork(dir, layout);
      const [first, second] = await keys();
      expect(first).not.toBe(second);
      await expect(makeNetwork(dir, layout)).rejects.toThrow("to be a network folder or empty");
      expect(await keys()).toEqual([first, second]);
      await rm(`${dir}/network.json`);
      await writeFile(paths.unfinished, "");
      await makeNetwork(dir, layout);
      expect((await keys())[0]).not.toBe(first);
    }));
});
