import { encodeSerializedIdentity, type FabricMspConfig, type MspPrincipal } from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import type { MspIdentity } from "../api.js";
import { encodeEcdsaSignature, readEcdsaSignature, toLowS } from "../signature/ecdsa.js";
import { issueCertificate, makeAuthority, type TestCertificate } from "../testing/certificates.js";
import { makeMember, makeMspConfig, makeOrganization } from "../testing/organizations.js";
import { makeRevocationList } from "../testing/revocation-lists.js";
import { parseCertificate, withSignature } from "../x509/certificate.js";
import { createMsp, createMspManager, maxIdentityPemBytes, maxRememberedIdentities } from "./msp.js";
import { certifiersIdentifier } from "./organizational-units.js";

const org1 = makeOrganization("Org1MSP", { s: "low" });
const peer0 = org1.issue("peer0", "peer");
const msp = createMsp(org1.config);

function identityOf(certificate: { readonly pem: Uint8Array }, config: FabricMspConfig = org1.config): MspIdentity {
  const identity = createMsp(config).deserialize(certificate.pem);
  if ("reason" in identity) throw new Error(identity.detail);
  return identity;
}

function parsed({ der }: TestCertificate) {
  const result = parseCertificate(der);
  if (!result.ok) throw new Error(result.detail);
  return result.certificate;
}

describe("An identity", () => {
  const identity = identityOf(peer0);

  it("tells its MSP, its end and the hash of its certificate", () => {
    expect(identity).toMatchObject({
      mspId: "Org1MSP",
      id: parsed(peer0).fingerprint,
      notAfterMs: Date.UTC(2045, 0, 1),
      wellFormed: { ok: true },
    });
  });

  it("verifies what its holder signed", () => {
    const payload = new TextEncoder().encode("payload");
    expect(identity.verify(peer0.sign(payload), payload)).toEqual({ ok: true });
    expect(identity.verify(org1.issue("peer1").sign(payload), payload)).toMatchObject({ reason: "bad-signature" });
  });

  it("13.37: is one and the same with either form of its authority's signature, but not on the wire", () => {
    const high = issueCertificate(org1.root, {
      subject: { commonName: "peer1", organizationalUnits: ["peer"] },
      key: peer0.privateKey,
      s: "high",
    });
    expect(parsed(high).fingerprint).not.toBe(identityOf(high).id);
    expect(identityOf(high).wellFormed).toEqual({ ok: true });
    const principal: MspPrincipal = { type: "identity", identity: makeMember("Org1MSP", high).identity };
    expect(identityOf(high).satisfies(principal)).toEqual({ ok: true });
  });

  it("is read from bytes that may change later", () => {
    const bytes = peer0.pem.slice();
    const read = msp.deserialize(bytes);
    bytes.fill(0);
    if ("reason" in read) throw new Error(read.detail);
    expect(read.validate()).toEqual({ ok: true });
    expect(read.id).toBe(identity.id);
  });
});

describe("An MSP", () => {
  it("gives the same object for the same bytes, and forgets who was unused longest", () => {
    const small = createMsp(org1.config);
    const first = small.deserialize(peer0.pem);
    expect(small.deserialize(peer0.pem.slice())).toBe(first);
    const text = Buffer.from(peer0.pem).toString();
    for (let count = 0; count < maxRememberedIdentities; count++) {
      const other = small.deserialize(new TextEncoder().encode(`${count}\n${text}`));
      expect("reason" in other).toBe(false);
    }
    const again = small.deserialize(peer0.pem);
    expect(again).not.toBe(first);
    expect(again).toMatchObject({ id: identityOf(peer0).id });
  });

  it("reads no identity beyond its bound", () => {
    const long = Buffer.concat([Buffer.alloc(maxIdentityPemBytes, "x\n"), peer0.pem]);
    expect(msp.deserialize(long)).toMatchObject({
      reason: "malformed-identity",
      detail: expect.stringContaining(`at most ${maxIdentityPemBytes} bytes`),
    });
  });

  it("shows its roots and TLS authorities as they were configured", () => {
    expect(msp).toMatchObject({
      id: "Org1MSP",
      version: "v3",
      rootCerts: [org1.root.pem],
      tlsRoots: [org1.tlsRoot.pem],
    });
  });

  it("has a name", () => {
    expect(() => createMsp({ ...org1.config, name: "" })).toThrow(expect.objectContaining({ code: "invalid-config" }));
  });
});

describe("13.42: Roles", () => {
  const roles = ["member", "admin", "client", "peer", "orderer"] as const;
  const rolesOf = (identity: MspIdentity) =>
    roles.filter((role) => identity.satisfies({ type: "role", mspId: "Org1MSP", role }).ok);

  it.each(["client", "peer", "admin", "orderer"] as const)("of a %s are told by unit", (role) => {
    expect(new Set(rolesOf(identityOf(org1.issue("somebody", role))))).toEqual(new Set(["member", role]));
  });

  it("without units are member and, by certificate, administrator", () => {
    const admin = org1.issue("admin", "peer");
    const config = makeMspConfig("Org1MSP", [org1.root], { nodeOus: undefined, admins: [admin.pem] });
    expect(rolesOf(identityOf(admin, config))).toEqual(["member", "admin"]);
    expect(rolesOf(identityOf(peer0, config))).toEqual(["member"]);
  });

  it("of an administrator by certificate outlast his revocation, as in Fabric, and no other of his roles does", () => {
    const admin = org1.issue("admin", "client");
    const revocationList = [makeRevocationList(org1.root, { serials: [admin.serial] })];
    const config = makeMspConfig("Org1MSP", [org1.root], { admins: [admin.pem], revocationList });
    expect(rolesOf(identityOf(admin, config))).toEqual(["admin"]);
  });

  it("that an MSP does not define nobody has", () => {
    const nodeOus = { ...org1.config.nodeOus, enable: true };
    const { orderer: _, ...others } = nodeOus;
    const config = makeMspConfig("Org1MSP", [org1.root], { nodeOus: others });
    const verdict = identityOf(peer0, config).satisfies({ type: "role", mspId: "Org1MSP", role: "orderer" });
    expect(verdict).toMatchObject({ reason: "policy-not-satisfied", detail: expect.stringContaining("orderer") });
  });

  it("of who is not valid are none, for the reason that he is not", () => {
    const stranger = org1.issue("stranger", "peer", { subject: "stranger" });
    const verdict = identityOf(stranger).satisfies({ type: "role", mspId: "Org1MSP", role: "member" });
    expect(verdict).toMatchObject({ reason: "untrusted-identity" });
  });

  it("in another MSP are none", () => {
    const verdict = identityOf(peer0).satisfies({ type: "role", mspId: "Org2MSP", role: "member" });
    expect(verdict).toMatchObject({ reason: "policy-not-satisfied", detail: expect.stringContaining('"Org2MSP"') });
  });
});

describe("13.42: Other principals", () => {
  const identity = identityOf(peer0);
  const root = certifiersIdentifier([parsed(org1.root)], "sha256");
  const unit = (name: string, certifiers: Uint8Array, mspId = "Org1MSP"): MspPrincipal => ({
    type: "organization-unit",
    mspId,
    unit: name,
    certifiersIdentifier: certifiers,
  });
  const same = (bytes: Uint8Array, mspId = "Org1MSP"): MspPrincipal => ({
    type: "identity",
    identity: encodeSerializedIdentity({ mspId, idBytes: bytes }),
  });
  const all = (...principals: readonly MspPrincipal[]): MspPrincipal => ({ type: "combined", principals });
  const member: MspPrincipal = { type: "role", mspId: "Org1MSP", role: "member" };
  const admin: MspPrincipal = { type: "role", mspId: "Org1MSP", role: "admin" };
  const withText = Buffer.concat([Buffer.from("peer0\n"), peer0.pem]);
  const table: readonly [string, MspPrincipal, boolean][] = [
    ["its unit by its root", unit("peer", root), true],
    ["its unit by another root", unit("peer", new Uint8Array(32)), false],
    ["its unit by any root", unit("peer", new Uint8Array(0)), false],
    ["another unit", unit("client", root), false],
    ["its unit in another MSP", unit("peer", root, "Org2MSP"), false],
    ["itself", same(peer0.pem), true],
    ["itself, wrapped otherwise", same(withText), true],
    ["another identity", same(org1.issue("peer1").pem), false],
    ["itself in another MSP", same(peer0.pem, "Org2MSP"), false],
    ["no identity", { type: "identity", identity: Uint8Array.of(0xff) }, false],
    ["an identity without a certificate", same(Uint8Array.of(1)), false],
    ["somebody by name", { type: "anonymity", anonymity: "nominal" }, true],
    ["somebody without a name", { type: "anonymity", anonymity: "anonymous" }, false],
    ["two things that it is", all(member, unit("peer", root)), true],
    ["things in things that it is", all(member, all(member, same(peer0.pem))), true],
    ["one thing that it is and one that it is not", all(member, all(member, admin)), false],
    ["nothing at all", all(), false],
  ];
  it.each(table)("may be %s: satisfied %#", (_, principal, isSatisfied) => {
    const verdict = identity.satisfies(principal);
    expect(verdict.ok).toBe(isSatisfied);
    if (!verdict.ok) expect(verdict.detail).toMatch(/^expected .*got /);
  });

  it("are not satisfied by an identity that is named but not valid", () => {
    const revocationList = [makeRevocationList(org1.root, { serials: [peer0.serial] })];
    const revoked = identityOf(peer0, makeMspConfig("Org1MSP", [org1.root], { revocationList }));
    expect(revoked.satisfies(same(peer0.pem))).toMatchObject({ reason: "revoked-identity" });
    expect(revoked.satisfies(unit("peer", root))).toMatchObject({ reason: "revoked-identity" });
  });

  it("13.37: compare units by the sanitised form of the root", () => {
    const high = makeAuthority({ subject: "ca.org1", s: "high" });
    const given = parsed(high);
    const numbers = readEcdsaSignature(given.signature) ?? { r: 1n, s: 1n };
    const sanitized = withSignature(given, encodeEcdsaSignature(toLowS("P-256", numbers)));
    const peer = issueCertificate(high, { subject: { commonName: "peer0", organizationalUnits: ["peer"] } });
    const member = identityOf(peer, makeMspConfig("Org1MSP", [high]));
    expect(member.satisfies(unit("peer", certifiersIdentifier([sanitized], "sha256")))).toEqual({ ok: true });
    expect(member.satisfies(unit("peer", certifiersIdentifier([given], "sha256"))).ok).toBe(false);
  });
});

describe("The MSPs of a channel", () => {
  const org2 = makeOrganization("Org2MSP");
  const manager = createMspManager([msp, createMsp(org2.config)]);

  it("find the one that an identity names", () => {
    expect(manager.deserialize(peer0.identity)).toMatchObject({ mspId: "Org1MSP" });
    expect(manager.deserialize(org2.issue("peer0").identity)).toMatchObject({ mspId: "Org2MSP" });
  });

  it("do not look for an identity in other MSPs than it names", () => {
    expect(manager.deserialize(makeMember("Org2MSP", peer0).identity)).toMatchObject({ reason: "untrusted-identity" });
  });

  it("refuse an identity of an organization that is not there, and bytes that are none", () => {
    expect(manager.deserialize(makeMember("Org3MSP", peer0).identity)).toMatchObject({
      reason: "unknown-organization",
      detail: expect.stringContaining('"Org3MSP"'),
    });
    expect(manager.deserialize(Uint8Array.of(0xff))).toMatchObject({ reason: "malformed-identity" });
    expect(manager.deserialize(new Uint8Array(0))).toMatchObject({ reason: "unknown-organization" });
  });

  it("are there once each", () => {
    expect(() => createMspManager([msp, msp])).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
