import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ed25519Crypto, readGenesisBlock } from "@gossip/crypto";
import { readPeerConfig } from "@gossip/peer";
import { orgId } from "@gossip/proto";
import { systemRandom, systemWallClock } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/index.js";
import { planNetwork } from "./layout.js";
import { makeNetwork, networkFileOf } from "./make.js";
import { writeNetworkFile } from "./network-file.js";
import { findNetworkOf, openNetwork } from "./open.js";
import { networkPaths } from "./paths.js";
import { findFreePorts } from "./ports.js";

const layout = planNetwork({ orgs: 2, peers: 1, channel: "demo", election: "dynamic" }, 7050);

describe("openNetwork", () => {
  it("makes a network where there is none, and opens the same one the next time", () =>
    inTemporaryFolder(async (dir) => {
      const folder = join(dir, "net");
      const basePort = await findFreePorts(3, systemRandom);
      const made = await openNetwork(folder, { orgs: 1, peers: 1, basePort });
      expect(await openNetwork(folder, {})).toEqual(made);
      expect(await openNetwork(folder, { orgs: 1, peers: 1, channel: "demo", basePort })).toEqual(made);
    }));

  it("makes one network where several look for it at once", () =>
    inTemporaryFolder(async (dir) => {
      const folder = join(dir, "net");
      const basePort = await findFreePorts(3, systemRandom);
      const wanted = { orgs: 1, peers: 1, basePort };
      await Promise.all([1, 2, 3].map(() => openNetwork(folder, wanted)));
      const [peer] = (await openNetwork(folder, {})).peers;
      // Certificates of two networks in one folder would not trust each other.
      const { tls, trust } = await readPeerConfig(peer?.config ?? "");
      if (trust.type !== "ed25519") throw new Error(`expected the trust of a development network, got ${trust.type}`);
      const [root] = tls?.rootCerts ?? [];
      const roots = new TextDecoder().decode(root).split(/(?<=-----END CERTIFICATE-----\n)/);
      const own = new X509Certificate(tls?.cert ?? "");
      expect(roots.some((one) => one !== "" && own.verify(new X509Certificate(one).publicKey))).toBe(true);
      const genesis = readGenesisBlock(await readFile(networkPaths(folder).genesisBlock("demo")));
      const organizations = genesis.organizations.map(({ id, rootPublicKey }) => ({ id: orgId(id), rootPublicKey }));
      const crypto = new Ed25519Crypto({ ...trust, organizations, wall: systemWallClock });
      expect(crypto.validateIdentity(trust.identity).ok).toBe(true);
      expect(await readdir(folder)).not.toContain("network.json.lock");
    }));

  it.each([
    [{ orgs: 3 }, "expected --orgs 2"],
    [{ peers: 3 }, "expected --peers 1"],
    [{ channel: "other" }, "expected --channel demo"],
    [{ basePort: 9000 }, "expected --base-port 7050"],
  ])("refuses %j for a network that was made otherwise", (wanted, text) =>
    inTemporaryFolder(async (dir) => {
      await writeNetworkFile(dir, networkFileOf(layout, dir));
      await expect(openNetwork(dir, wanted)).rejects.toThrow(text);
    }),
  );

  it("makes nothing of a shape it refuses", () =>
    inTemporaryFolder(async (dir) => {
      await expect(openNetwork(join(dir, "net"), { orgs: 0 })).rejects.toMatchObject({ code: "invalid-argument" });
      expect(await readdir(dir)).toEqual([]);
    }));

  it("finds the configurations of a folder that was moved", () =>
    inTemporaryFolder(async (dir) => {
      await writeNetworkFile(dir, networkFileOf(layout, "/where/it/was"));
      const { peers } = await openNetwork(dir, {});
      expect(peers.map(({ config }) => config)).toEqual([
        join(dir, "peers/peer0.org1/peer.yaml"),
        join(dir, "peers/peer0.org2/peer.yaml"),
      ]);
    }));
});

describe("findNetworkOf", () => {
  it("finds the network of a configuration, and none for one of its own", () =>
    inTemporaryFolder(async (dir) => {
      const { peers } = await makeNetwork(join(dir, "net"), layout);
      const config = peers[1]?.config ?? "";
      expect(await findNetworkOf(config)).toEqual({ dir: join(dir, "net"), config });
      expect(await findNetworkOf(join(dir, "net/peers/peer0.org1/identity"))).toBeUndefined();
      expect(await findNetworkOf(join(dir, "elsewhere.yaml"))).toBeUndefined();
    }));
});
