import { existsSync } from "node:fs";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  decodePrivateKey,
  decodeRevocationLists,
  Ed25519Crypto,
  parseRevocationList,
  publicKeyOf,
} from "@gossip/crypto";
import { orgId, pkiId } from "@gossip/proto";
import { systemWallClock } from "@gossip/runtime";
import { expect, test } from "vitest";
import { inTemporaryFolder } from "../testing/index.js";
import { networkIdentities, renewIdentity, revokeIdentity } from "./identities.js";
import { planNetwork } from "./layout.js";
import { makeNetwork } from "./make.js";
import { networkPaths } from "./paths.js";

const someId = pkiId("ab".repeat(32));

async function inNetwork(use: (dir: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (temporary) => {
    const dir = join(temporary, "net");
    await makeNetwork(dir, planNetwork({ orgs: 2, peers: 1, channel: "demo", election: "static" }, 7050));
    await use(dir);
  });
}

async function listsOf(dir: string) {
  const text = await readFile(networkPaths(dir).revocations, "utf8");
  return new Map(decodeRevocationLists(text).map((list) => [parseRevocationList(list).org, list]));
}

async function cryptoOf(dir: string, org: string, name: string): Promise<Ed25519Crypto> {
  const own = networkPaths(dir).member("peer", name);
  const privateKey = decodePrivateKey(await readFile(own.key, "utf8"));
  const rootPublicKey = publicKeyOf(decodePrivateKey(await readFile(networkPaths(dir).rootKey(org), "utf8")));
  const identity = new Uint8Array(await readFile(own.identity));
  return new Ed25519Crypto({
    identity,
    privateKey,
    organizations: [{ id: orgId(org), rootPublicKey }],
    wall: systemWallClock,
  });
}

test("identities of all members are listed, none of them revoked at first", async () => {
  await inNetwork(async (dir) => {
    const all = await networkIdentities(dir);
    expect(all.map(({ name, kind, org, role, revoked }) => [name, kind, org, role, revoked])).toEqual([
      ["orderer0", "orderer", "orderer", "orderer", false],
      ["peer0.org1", "peer", "org1", "peer", false],
      ["peer0.org2", "peer", "org2", "peer", false],
      ["user0.org1", "client", "org1", "client", false],
      ["user0.org2", "client", "org2", "client", false],
    ]);
    expect(new Set(all.map((entry) => entry.pkiId)).size).toBe(5);
    expect([...(await listsOf(dir)).keys()].sort()).toEqual(["orderer", "org1", "org2"]);
  });
});

test("a renewed identity has another PKI-ID and key, and the same name, role and organization", async () => {
  await inNetwork(async (dir) => {
    const { before, after } = await renewIdentity(dir, "peer0.org1");
    expect(after).toMatchObject({ name: "peer0.org1", org: "org1", role: "peer", revoked: false });
    expect(after.pkiId).not.toBe(before.pkiId);
    expect((await networkIdentities(dir)).find(({ name }) => name === "peer0.org1")).toEqual(after);
    const own = networkPaths(dir).member("peer", "peer0.org1");
    const crypto = await cryptoOf(dir, "org1", "peer0.org1");
    expect(crypto.validateIdentity(new Uint8Array(await readFile(own.identity)))).toEqual({ ok: true });
    expect((await stat(own.key)).mode & 0o777).toBe(0o600);
    expect(existsSync(`${own.key}.new`)).toBe(false);
  });
});

test("renewals at once leave a key and the identity that belongs to it", async () => {
  await inNetwork(async (dir) => {
    await Promise.all(Array.from({ length: 4 }, () => renewIdentity(dir, "peer0.org1")));
    // Which refuses a key that is not that of the identity.
    await expect(cryptoOf(dir, "org1", "peer0.org1")).resolves.toBeInstanceOf(Ed25519Crypto);
  });
});

test("where the lists cannot be read, nobody is shown as not revoked", async () => {
  await inNetwork(async (dir) => {
    const path = networkPaths(dir).revocations;
    const text = await readFile(path, "utf8");
    await writeFile(path, text.slice(0, text.length / 2));
    await expect(networkIdentities(dir)).rejects.toMatchObject({ code: "malformed" });
  });
});

test("revocations add up, in lists that a peer takes one after the other", async () => {
  await inNetwork(async (dir) => {
    const crypto = await cryptoOf(dir, "org1", "peer0.org1");
    const takeList = async () => crypto.setRevocationList((await listsOf(dir)).get("org1") ?? new Uint8Array());
    expect(await takeList()).toBe(true);
    const before = (await networkIdentities(dir)).find(({ name }) => name === "peer0.org1")?.pkiId;
    await renewIdentity(dir, "peer0.org1");
    expect(await revokeIdentity(dir, before ?? "", "org1")).toEqual({
      pkiId: before,
      org: "org1",
      number: 2n,
      isNew: true,
    });
    expect(await takeList()).toBe(true);
    const user = await revokeIdentity(dir, "user0.org1");
    expect(user).toMatchObject({ org: "org1", number: 3n, isNew: true });
    expect(await takeList()).toBe(true);
    expect(await revokeIdentity(dir, "user0.org1")).toEqual({ ...user, isNew: false });
    expect(await takeList()).toBe(false);

    const revoked = (await networkIdentities(dir)).filter((entry) => entry.revoked).map(({ name }) => name);
    expect(revoked).toEqual(["user0.org1"]);
    const list = parseRevocationList((await listsOf(dir)).get("org1") ?? new Uint8Array());
    expect([...list.revoked].sort()).toEqual([before, user.pkiId].sort());
  });
});

test("a revocation leaves the lists of other organizations as they are", async () => {
  await inNetwork(async (dir) => {
    await revokeIdentity(dir, "peer0.org2");
    const before = await listsOf(dir);
    await revokeIdentity(dir, "peer0.org1");
    const after = await listsOf(dir);
    expect([after.get("org2"), after.get("orderer")]).toEqual([before.get("org2"), before.get("orderer")]);
    const revoked = (await networkIdentities(dir)).filter((entry) => entry.revoked).map(({ name }) => name);
    expect(revoked).toEqual(["peer0.org1", "peer0.org2"]);
  });
});

test("revocations at once are all in the list", async () => {
  await inNetwork(async (dir) => {
    const ids = Array.from({ length: 5 }, (_, at) => pkiId(`0${at}`.repeat(32)));
    await Promise.all(ids.map((id) => revokeIdentity(dir, id, "org2")));
    const list = parseRevocationList((await listsOf(dir)).get("org2") ?? new Uint8Array());
    expect([list.number, list.revoked]).toEqual([6n, ids]);
  });
});

test("who is not there cannot be renewed or revoked, and a network without lists says what to do", async () => {
  await inNetwork(async (dir) => {
    const unknown = { code: "not-found", message: expect.stringContaining("peer0.org1") };
    await expect(renewIdentity(dir, "peer9.org1")).rejects.toMatchObject(unknown);
    await expect(revokeIdentity(dir, "peer9.org1")).rejects.toMatchObject(unknown);
    await expect(revokeIdentity(dir, someId)).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(revokeIdentity(dir, someId, "org9")).rejects.toMatchObject({ code: "not-found" });
    await rm(networkPaths(dir).revocations);
    await expect(revokeIdentity(dir, "peer0.org1")).rejects.toMatchObject({
      message: expect.stringContaining("peer.revocations.file"),
    });
    expect(await networkIdentities(dir)).toHaveLength(5);
  });
});
