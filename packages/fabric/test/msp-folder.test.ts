import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMsp, type MspFolder, readMspFolder, readVerifyingMspFolder } from "@gossip/fabric";
import {
  makeAuthority,
  makeOrganization,
  privateKeyPem,
  type TestKeyType,
  type TestMember,
} from "@gossip/fabric/testing";
import { readSerializedIdentity } from "@gossip/proto/fabric";
import { afterAll, describe, expect, it } from "vitest";

const recorded = fileURLToPath(new URL("fixtures/msp", import.meta.url));
const folders: string[] = [];
const payload = new TextEncoder().encode("payload");

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "msp-"));
  folders.push(folder);
  return folder;
}

/** Writes files by their paths, and answers with the folder. */
async function write(files: Readonly<Record<string, string | Uint8Array>>, folder?: string): Promise<string> {
  const root = folder ?? (await emptyFolder());
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

const org1 = makeOrganization("Org1MSP");
const peer0 = org1.issue("peer0", "peer");
const roleYaml = `
NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {OrganizationalUnitIdentifier: ""}
`;
const filesOf = (member: TestMember) => ({
  "cacerts/ca.pem": org1.root.pem,
  "signcerts/cert.pem": member.pem,
  "keystore/priv_sk": privateKeyPem(member.privateKey),
  "config.yaml": roleYaml,
});

function ownIdentity({ identity, msp }: MspFolder) {
  const serialized = readSerializedIdentity(identity);
  if (!serialized.ok) throw new Error(serialized.detail);
  const own = msp.deserialize(serialized.value.idBytes);
  if ("reason" in own) throw new Error(own.detail);
  return { own, idBytes: serialized.value.idBytes };
}

describe("An MSP folder of cryptogen", () => {
  it.each([
    ["peer0.org1", "Org1MSP", "peer"],
    ["admin.org1", "Org1MSP", "admin"],
    ["orderer", "OrdererMSP", "orderer"],
  ] as const)("gives the identity and key of %s", async (name, mspId, role) => {
    const folder = await readMspFolder(join(recorded, name), mspId);
    const { own } = ownIdentity(folder);
    expect(folder.warnings).toEqual([]);
    expect(own.wellFormed).toEqual({ ok: true });
    expect(own.validate()).toEqual({ ok: true });
    expect(own.verify(folder.sign(payload), payload)).toEqual({ ok: true });
    expect(own.satisfies({ type: "role", mspId, role })).toEqual({ ok: true });
    expect(own.satisfies({ type: "role", mspId, role: "client" }).ok).toBe(false);
  });

  it("13.21, 13.23: makes the identity that a Go peer made of it, byte for byte", async () => {
    const folder = await readMspFolder(join(recorded, "peer0.org1"), "Org1MSP");
    const name = "../../proto/test/fixtures/conversations/peer0-org1.jsonl";
    const conversation = await readFile(new URL(name, import.meta.url), "utf8");
    const envelopes = conversation.split("\n").filter((line) => line.includes('"dir":"in"'));
    const identity = Buffer.from(folder.identity).toString("hex");
    expect(envelopes.some((line) => line.includes(identity))).toBe(true);
  });

  it("gives the configuration of an organization, which has no signer", async () => {
    const config = await readVerifyingMspFolder(join(recorded, "org2"), "Org2MSP");
    expect(createMsp(config, { version: "v1.4.3" })).toMatchObject({ id: "Org2MSP", version: "v1.4.3" });
    await expect(readMspFolder(join(recorded, "org2"), "Org2MSP")).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("readMspFolder", () => {
  const keys: readonly [TestKeyType, "pkcs8" | "sec1"][] = [
    ["P-224", "pkcs8"],
    ["P-256", "sec1"],
    ["P-384", "sec1"],
    ["P-521", "pkcs8"],
    ["Ed25519", "pkcs8"],
  ];
  it.each(keys)("reads a key on %s as %s, under any name, among other files", async (keyType, form) => {
    const member = org1.issue("peer0", "peer", { keyType });
    const folder = await readMspFolder(
      await write({
        ...filesOf(member),
        "keystore/priv_sk": privateKeyPem(peer0.privateKey),
        "keystore/README": "no key",
        "keystore/zzz": privateKeyPem(member.privateKey, form),
        "keystore/huge": new Uint8Array(65_537),
        "keystore/folder/key": "no key either",
      }),
      "Org1MSP",
    );
    const { own } = ownIdentity(folder);
    expect(own.verify(folder.sign(payload), payload)).toEqual({ ok: true });
    expect(folder.warnings).toEqual([
      expect.stringMatching(/huge: expected at most 65536 bytes/),
      expect.stringMatching(/README: expected a private key/),
    ]);
  });

  it("takes the first certificate by name, and of it the first block, and sends that anew in its one form", async () => {
    const text = Buffer.from(peer0.pem).toString();
    const dir = await write({
      ...filesOf(peer0),
      "signcerts/a.txt": "no certificate",
      "signcerts/b.pem": `peer0\r\n${text.replaceAll("\n", "\r\n")}${Buffer.from(org1.root.pem)}`,
      "signcerts/cert.pem": org1.issue("peer1", "peer").pem,
    });
    const folder = await readMspFolder(dir, "Org1MSP");
    expect(Buffer.from(ownIdentity(folder).idBytes).toString()).toBe(text);
    expect(folder.warnings).toEqual([expect.stringMatching(/a\.txt: expected PEM, got none/)]);
  });

  it("13.21: sends its certificate with a low S, as a Go peer does", async () => {
    const high = org1.issue("peer0", "peer", { s: "high" });
    const { own, idBytes } = ownIdentity(await readMspFolder(await write(filesOf(high)), "Org1MSP"));
    expect(Buffer.compare(idBytes, high.pem)).not.toBe(0);
    expect(own.validate()).toEqual({ ok: true });
  });

  it("13.24: follows links, as secrets of Kubernetes are made of", async () => {
    const data = await write(filesOf(peer0));
    const dir = await emptyFolder();
    for (const folder of ["cacerts", "keystore"]) await symlink(join(data, folder), join(dir, folder));
    await mkdir(join(dir, "signcerts"));
    await symlink(join(data, "signcerts/cert.pem"), join(dir, "signcerts/tls.crt"));
    await symlink(join(data, "config.yaml"), join(dir, "config.yaml"));
    await symlink(join(data, "nowhere"), join(dir, "signcerts/broken.pem"));
    const folder = await readMspFolder(dir, "Org1MSP");
    expect(ownIdentity(folder).own.validate()).toEqual({ ok: true });
    expect(folder.warnings).toEqual([expect.stringMatching(/broken\.pem: expected a readable file/)]);
  });

  it("13.24: reads what a folder may have besides", async () => {
    const inner = makeAuthority({ subject: "inner" }, org1.tlsRoot);
    const dir = await write({
      ...filesOf(peer0),
      "admincerts/admin.pem": org1.issue("admin", "client").pem,
      "tlscacerts/tls.pem": org1.tlsRoot.pem,
      "tlsintermediatecerts/inner.pem": inner.pem,
      "user/IssuerPublicKey": "ignored",
    });
    const { config } = await readMspFolder(dir, "Org1MSP");
    expect(config.admins).toHaveLength(1);
    expect(config.tlsIntermediateCerts).toEqual([new Uint8Array(inner.pem)]);
    await rm(join(dir, "tlscacerts"), { recursive: true });
    expect((await readMspFolder(dir, "Org1MSP")).config.tlsIntermediateCerts).toEqual([]);
  });

  it("reads config.yaml: roles with a name, their authorities, and no block that is not enabled", async () => {
    const dir = await write(filesOf(peer0));
    const { config } = await readMspFolder(dir, "Org1MSP");
    const rootPem = new Uint8Array(org1.root.pem);
    expect(config.nodeOus).toEqual({
      enable: true,
      client: { certificate: rootPem, organizationalUnitIdentifier: "client" },
      peer: { certificate: rootPem, organizationalUnitIdentifier: "peer" },
      admin: { certificate: new Uint8Array(0), organizationalUnitIdentifier: "admin" },
    });
    await write({ "config.yaml": roleYaml.replace("true", "false") }, dir);
    expect((await readVerifyingMspFolder(dir, "Org1MSP")).nodeOus).toBeUndefined();
  });

  it("gives a role to any authority, with a warning, when its certificate cannot be read", async () => {
    const dir = await write({
      ...filesOf(peer0),
      "config.yaml": roleYaml.replace("cacerts/ca.pem", "cacerts/gone.pem"),
    });
    const { config, warnings } = await readMspFolder(dir, "Org1MSP");
    expect(config.nodeOus?.client?.certificate).toEqual(new Uint8Array(0));
    expect(warnings).toEqual([expect.stringMatching(/ClientOUIdentifier: .*gone\.pem.*any authority/)]);
  });

  it("reads units that members must be in, as they are written", async () => {
    const unit = (name: string) => `{Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: ${name}}`;
    const yaml = `${roleYaml}\nOrganizationalUnitIdentifiers: [${unit("peer")}, ${unit("007")}, ${unit("no")}]`;
    const { config } = await readMspFolder(await write({ ...filesOf(peer0), "config.yaml": yaml }), "Org1MSP");
    const names = config.organizationalUnitIdentifiers.map((one) => one.organizationalUnitIdentifier);
    expect(names).toEqual(["peer", "007", "no"]);
  });

  const late = { nowNanos: () => BigInt(Date.UTC(2_045, 0, 1)) * 1_000_000n };
  it("13.25: refuses an own certificate that has expired, and takes one that is not valid yet", async () => {
    const dir = await write(filesOf(peer0));
    await expect(readMspFolder(dir, "Org1MSP", { wallClock: late })).rejects.toThrow(/valid still, got one until 2045/);
    const early = { nowNanos: () => 0n };
    await expect(readMspFolder(dir, "Org1MSP", { wallClock: early })).resolves.toBeDefined();
  });

  const other = makeOrganization("Org1MSP").issue("peer0", "peer");
  const refused: readonly [string, Readonly<Record<string, string | Uint8Array>>, string, RegExp][] = [
    ["no signer", { "signcerts/cert.pem": "" }, "not-found", /the node's certificate in .*signcerts/],
    ["no root", { "cacerts/ca.pem": "" }, "not-found", /a root certificate in .*cacerts/],
    [
      "another's key",
      { "keystore/priv_sk": privateKeyPem(other.privateKey) },
      "invalid-config",
      /1 files with other keys/,
    ],
    ["a key that is none", { "keystore/priv_sk": "none" }, "invalid-config", /private key of certificate "peer0"/],
    [
      "another's certificate",
      { "signcerts/cert.pem": other.pem, "keystore/priv_sk": privateKeyPem(other.privateKey) },
      "invalid-config",
      /valid in its own MSP/,
    ],
    [
      "a signer that is none",
      { "signcerts/cert.pem": "-----BEGIN X-----\nAAAA\n-----END X-----\n" },
      "invalid-config",
      /certificate in .*cert\.pem/,
    ],
    [
      "a member without a role",
      filesOf(org1.issue("peer0", "peer", { subject: "peer0" })),
      "invalid-config",
      /exactly one unit/,
    ],
    ["YAML that is none", { "config.yaml": "{" }, "invalid-config", /YAML in .*config\.yaml/],
    ["a list for config.yaml", { "config.yaml": "[1]" }, "invalid-config", /a mapping in .*config\.yaml/],
    [
      "roles enabled by another word",
      { "config.yaml": roleYaml.replace("true", "1") },
      "invalid-config",
      /true or false as NodeOUs\.Enable/,
    ],
    ["units that are no list", { "config.yaml": "OrganizationalUnitIdentifiers: x" }, "invalid-config", /a list/],
    [
      "a unit without its certificate",
      { "config.yaml": "OrganizationalUnitIdentifiers: [{Certificate: cacerts/gone.pem}]" },
      "invalid-config",
      /gone\.pem/,
    ],
    ["an authority that is none", { "cacerts/b.pem": peer0.pem }, "invalid-config", /^MSP "Org1MSP"/],
  ];
  it.each(refused)("13.24: refuses a folder with %s", async (_, files, code, text) => {
    const reading = readMspFolder(await write({ ...filesOf(peer0), ...files }), "Org1MSP");
    await expect(reading).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
  });

  it("refuses an empty key store with the cure, and never shows a key", async () => {
    const dir = await write(filesOf(peer0));
    await rm(join(dir, "keystore/priv_sk"));
    await expect(readMspFolder(dir, "Org1MSP")).rejects.toThrow(/PKCS#11.*key in a file/);
    await rm(join(dir, "keystore"), { recursive: true });
    await expect(readMspFolder(dir, "Org1MSP")).rejects.toThrow(/PKCS#11/);
    await write(
      { "keystore/encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n" },
      dir,
    );
    await expect(readMspFolder(dir, "Org1MSP")).rejects.not.toThrow(/AAAA/);
  });

  it("refuses a folder that is not there", async () => {
    await expect(readMspFolder(join(await emptyFolder(), "gone"), "Org1MSP")).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("does not change what it reads", async () => {
    const dir = await emptyFolder();
    await cp(join(recorded, "peer0.org1"), dir, { recursive: true });
    const before = await readFile(join(dir, "signcerts/peer0.org1.example.com-cert.pem"));
    await readMspFolder(dir, "Org1MSP");
    expect(await readFile(join(dir, "signcerts/peer0.org1.example.com-cert.pem"))).toEqual(before);
  });
});
