import { mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryNetwork } from "@gossip/comm/testing";
import { encodeRevocationLists } from "@gossip/crypto";
import {
  makeChannelConfig,
  makeGenesisBlock,
  makeOrganization,
  makeRevocationList,
  privateKeyPem,
} from "@gossip/fabric/testing";
import { orgId } from "@gossip/proto";
import { silentLogger, systemWallClock } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ed25519Trust, PeerConfig } from "./config.js";
import { FileWatch } from "./file-watch.js";
import { createPeer, type Peer } from "./peer.js";
import { TrialNetwork } from "./testing/trial-network.js";
import { openTrust, type Trust } from "./trust.js";
import { TrustWatch } from "./trust-watch.js";

let dir: string;
const peers: Peer[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gossip-trust-"));
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await rm(dir, { recursive: true, force: true });
});

describe("a watched file", () => {
  it("has changed when it is made, written, replaced by one of the same size and time, and removed", async () => {
    const path = join(dir, "file");
    const watch = new FileWatch(path);
    const time = new Date(1_000_000);
    const write = async (name: string, text: string) => {
      await writeFile(join(dir, name), text);
      await utimes(join(dir, name), time, time);
    };
    expect(await watch.hasChanged()).toBe(true);
    expect(await watch.hasChanged()).toBe(false);
    await write("file", "one");
    expect(await watch.hasChanged()).toBe(true);
    await write("new", "two");
    expect(await watch.hasChanged()).toBe(false);
    await rename(join(dir, "new"), path);
    expect(await watch.hasChanged()).toBe(true);
    expect(await watch.hasChanged()).toBe(false);
    await rm(path);
    expect(await watch.hasChanged()).toBe(true);
  });

  it("may be a folder: what comes and goes in it, at any depth, is a change", async () => {
    await mkdir(join(dir, "msp", "crls"), { recursive: true });
    const watch = new FileWatch(join(dir, "msp"));
    await watch.hasChanged();
    await writeFile(join(dir, "msp", "crls", "one.pem"), "one");
    expect(await watch.hasChanged()).toBe(true);
    expect(await watch.hasChanged()).toBe(false);
    await rm(join(dir, "msp", "crls", "one.pem"));
    expect(await watch.hasChanged()).toBe(true);
  });
});

describe("the watch over trust", () => {
  it("asks once per interval, never twice at once, and goes on when asking fails", async () => {
    const clock = new VirtualClock();
    const answers: (() => void)[] = [];
    const seen: unknown[] = [];
    let asked = 0;
    const watch = new TrustWatch({
      trust: {
        async refresh() {
          asked++;
          await new Promise<void>((resolve) => answers.push(resolve));
          if (asked === 2) throw new Error("no");
          return asked === 1 ? "changed" : "same";
        },
      },
      clock,
      intervalMs: 1_000,
      onNews: async (news) => void seen.push(news),
      onFault: (error) => seen.push(error),
    });
    const answer = async () => {
      answers.shift()?.();
      for (let turn = 0; turn < 10; turn++) await undefined;
    };
    clock.runUntil(5_000);
    expect(asked).toBe(1);
    await answer();
    clock.runUntil(6_000);
    await answer();
    clock.runUntil(7_000);
    expect([asked, seen]).toEqual([3, ["changed", new Error("no")]]);
    await Promise.all([watch.close(), answer()]);
    clock.runUntil(60_000);
    expect(asked).toBe(3);
  });
});

describe("revocation lists of Ed25519 organizations in a file", () => {
  const trial = new TrialNetwork();
  const path = () => join(dir, "revocations.pem");
  const save = async (...lists: readonly Uint8Array[]) => await writeFile(path(), encodeRevocationLists(lists));
  const open = async () => {
    const trust: Ed25519Trust = { ...trial.identity("Org1", "peer0"), revocationsFile: path() };
    const config = trial.peerConfig({ org: "Org1", name: "peer0", dir, listenAddress: "peer0:7051", trust });
    return await openTrust(config, systemWallClock);
  };
  const peer1 = trial.identity("Org1", "peer1");
  const isRevoked = async ({ crypto }: Trust) => {
    const verdict = await crypto.validateIdentity(peer1.identity);
    return !verdict.ok && verdict.reason === "revoked-identity";
  };

  it("2.32: are in force from the start, and again when the file changes", async () => {
    await save(trial.revocationList("Org1", 1n, [peer1]));
    const trust = await open();
    expect(await isRevoked(trust)).toBe(true);
    expect(await trust.refresh()).toBe("same");
    await save(trial.revocationList("Org1", 2n, []));
    expect(await trust.refresh()).toBe("changed");
    expect(await isRevoked(trust)).toBe(false);
    expect(trust.warnings).toEqual([]);
  });

  it("2.32: refuse the start when they cannot be read, or are not the organization's", async () => {
    const refusal = (text: string) => ({ code: "invalid-config", message: expect.stringContaining(text) });
    await expect(open()).rejects.toMatchObject(refusal("peer.revocations.file: expected a readable file"));
    await writeFile(path(), "-----BEGIN GOSSIP REVOCATION LIST-----");
    await expect(open()).rejects.toMatchObject(refusal("cut"));
    await save(trial.revocationList("Org1", 1n, [], "Org2"));
    await expect(open()).rejects.toMatchObject(refusal("expected the root key of Org1"));
  });

  it("2.32: stay in force while the file is unreadable, gone or older, and a warning says so", async () => {
    await save(trial.revocationList("Org1", 5n, [peer1]));
    const trust = await open();
    for (const [content, text] of [
      [encodeRevocationLists([trial.revocationList("Org1", 4n, [])]), "expected revocation list 5 of Org1"],
      ["-----BEGIN GOSSIP", "cut"],
      [undefined, "no such file"],
    ] as const) {
      if (content === undefined) await rm(path());
      else await writeFile(path(), content);
      expect(await trust.refresh()).toBe("refused");
      expect(await isRevoked(trust)).toBe(true);
      expect(trust.warnings).toEqual([expect.stringContaining(text)]);
    }
  });

  it("2.32: of organizations that nobody here knows are warned of, and keep no peer from starting", async () => {
    const stranger = new TrialNetwork();
    await save(trial.revocationList("Org1", 1n, [peer1]), stranger.revocationList("Org1", 1n, [], "Org1", "Org9"));
    const trust = await open();
    expect(await isRevoked(trust)).toBe(true);
    expect(trust.warnings).toEqual([expect.stringContaining("Org9")]);
  });

  it("2.24, 2.32: part a running peer from those they name, within seconds", async () => {
    await save(trial.revocationList("Org1", 1n, []));
    const network = createMemoryNetwork();
    const start = async (name: string, trust: Ed25519Trust, bootstrap: readonly string[]) => {
      const config = { org: "Org1", name, dir: join(dir, name), listenAddress: `${name}:7051`, trust, bootstrap };
      const ports = { log: silentLogger, transport: network.transport(config.listenAddress) };
      const peer = await createPeer(trial.peerConfig(config), ports);
      peers.push(peer);
      return peer;
    };
    const heedful = await start("peer0", { ...trial.identity("Org1", "peer0"), revocationsFile: path() }, []);
    const met = new Promise((resolve) => heedful.node.on("member-up", resolve));
    await start("peer1", peer1, ["peer0:7051"]);
    await met;
    await save(trial.revocationList("Org1", 2n, [peer1]));
    await expect.poll(() => heedful.node.members, { timeout: 10_000 }).toEqual([]);
    expect(heedful.node.deadMembers).toEqual([]);
    await expect
      .poll(() => heedful.node.refusals.map(({ reason }) => reason), { timeout: 10_000 })
      .toContain("revoked-identity");
  });
});

describe("an MSP folder that changes", () => {
  const org1 = makeOrganization("Org1MSP");
  const [self, other] = [org1.issue("peer0.org1", "peer"), org1.issue("peer1.org1", "peer")];
  const msp = (...names: readonly string[]) => join(dir, "msp", ...names);

  async function open(): Promise<Trust> {
    const files: Readonly<Record<string, string | Uint8Array>> = {
      "cacerts/ca.pem": org1.root.pem,
      "signcerts/peer0.pem": self.pem,
      "keystore/key": privateKeyPem(self.privateKey),
      "config.yaml": nodeOus,
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(msp(name), ".."), { recursive: true });
      await writeFile(msp(name), content);
    }
    const orderers = makeOrganization("OrdererMSP");
    const channel = makeChannelConfig({ organizations: [org1], ordererOrganizations: [orderers] });
    const config: PeerConfig = {
      id: "peer0.org1",
      localMspId: orgId("Org1MSP"),
      fileSystemPath: join(dir, "data"),
      listenAddress: "peer0:7051",
      trust: { type: "fabric", mspConfigPath: msp() },
      channels: [{ genesisBlock: makeGenesisBlock("shop", channel) }],
    };
    return await openTrust(config, systemWallClock);
  }

  it("2.33: has its revocation lists in force without a restart", async () => {
    const trust = await open();
    expect(await trust.refresh()).toBe("same");
    expect(await trust.crypto.validateIdentity(other.identity)).toEqual({ ok: true });
    await mkdir(msp("crls"));
    await writeFile(msp("crls", "org1.pem"), makeRevocationList(org1.root, { serials: [other.serial] }));
    expect(await trust.refresh()).toBe("changed");
    expect(await trust.crypto.validateIdentity(other.identity)).toMatchObject({ reason: "revoked-identity" });
    // A folder that revokes its own identity starts no peer, and ends none: the others refuse it.
    const both = makeRevocationList(org1.root, { serials: [other.serial, self.serial] });
    await writeFile(msp("crls", "org1.pem"), both);
    expect(await trust.refresh()).toBe("refused");
    expect(trust.warnings[0]).toMatch(/used as it was: .*revoke/);
    expect(await trust.crypto.validateIdentity(other.identity)).toMatchObject({ reason: "revoked-identity" });
  });

  it("2.33: is used as it was, with a warning, when it holds another identity or cannot be read", async () => {
    const trust = await open();
    const before = trust.warnings;
    const renewed = org1.issue("peer0.org1", "peer");
    await writeFile(msp("signcerts", "peer0.pem"), renewed.pem);
    await writeFile(msp("keystore", "key"), privateKeyPem(renewed.privateKey));
    expect(await trust.refresh()).toBe("refused");
    expect(trust.warnings).toEqual([expect.stringMatching(/used as it was: .*restart the peer/), ...before]);
    await writeFile(msp("signcerts", "peer0.pem"), "nothing");
    expect(await trust.refresh()).toBe("refused");
    expect(await trust.crypto.validateIdentity(self.identity)).toEqual({ ok: true });
    await writeFile(msp("signcerts", "peer0.pem"), await readFile(msp("cacerts", "ca.pem")));
    expect(await trust.refresh()).toBe("refused");
    await writeFile(msp("signcerts", "peer0.pem"), self.pem);
    await writeFile(msp("keystore", "key"), privateKeyPem(self.privateKey));
    expect(await trust.refresh()).toBe("changed");
    expect(trust.warnings).toEqual(before);
  });
});

const nodeOus = `
NodeOUs:
  Enable: true
  ClientOUIdentifier: { OrganizationalUnitIdentifier: client }
  PeerOUIdentifier: { OrganizationalUnitIdentifier: peer }
  AdminOUIdentifier: { OrganizationalUnitIdentifier: admin }
  OrdererOUIdentifier: { OrganizationalUnitIdentifier: orderer }
`;
