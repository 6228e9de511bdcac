import { orgId } from "@gossip/proto";
import type { ChannelConfig } from "@gossip/proto/ed25519";
import { describe, expect, it } from "vitest";
import { messageCryptoServiceCases, securityAdvisorCases } from "../testing/cases.js";
import { createTestCrypto, createTestOrganization, testChannelConfig } from "../testing/organizations.js";
import { makeBlock, makeTransaction } from "./block.js";
import { Ed25519Crypto, type TrustedOrganization } from "./ed25519-crypto.js";
import { issueIdentity } from "./identity.js";
import { generateKeyPair, publicKeyOf } from "./keys.js";
import { makeRevocationList } from "./revocation.js";
import { Ed25519Verifier } from "./verifier.js";

const org1 = createTestOrganization("Org1MSP");
const org2 = createTestOrganization("Org2MSP");
const orderers = createTestOrganization("OrdererMSP");
const nobody = createTestOrganization("NobodyMSP");
const stranger = nobody.issue("peer0");
const peer0 = org1.issue("peer0");
const peer1 = org1.issue("peer1");
const expired = org1.issue("old", { notAfterMs: 1_000 });
const revoked = org1.issue("gone");
/** Peer 1 with the name of our organization, under the signature of another root. */
const impostor = { ...peer1, identity: forgedIdentity() };
const payload = new TextEncoder().encode("payload");

function channelConfig(organizations: readonly TrustedOrganization[], channelId = "demo"): ChannelConfig {
  return testChannelConfig(channelId, organizations, [orderers]);
}

function createDemo(options: { readonly verifier?: Ed25519Verifier; readonly wallMs?: () => number } = {}) {
  const { wallMs = () => 946_684_800_000 } = options;
  const crypto = createTestCrypto(peer0, {
    organizations: [org1, org2],
    wall: { nowNanos: () => BigInt(wallMs()) * 1_000_000n },
    ...(options.verifier && { verifier: options.verifier }),
  });
  crypto.setChannel(channelConfig([org1]));
  crypto.setRevocationList(listOf(1n, revoked));
  return crypto;
}

function listOf(number: bigint, ...members: readonly { readonly identity: Uint8Array }[]): Uint8Array {
  return makeRevocationList({
    org: org1.id,
    rootPrivateKey: org1.root.privateKey,
    number,
    revoked: members.flatMap(
      ({ identity }) => createTestCrypto(peer0, { organizations: [org1] }).pkiIdOf(identity) ?? [],
    ),
  });
}

function demoBlock(): Uint8Array {
  const orderer = orderers.issue("orderer0", { role: "orderer" });
  const nonce = new Uint8Array(24).fill(7);
  const client = org1.issue("user", { role: "client" });
  const data = [makeTransaction({ channelId: "demo", data: payload, nonce, timestampNanos: 5n, ...client })];
  return makeBlock({
    number: 4n,
    previousHash: new Uint8Array(32).fill(1),
    data,
    lastConfigIndex: 0n,
    nonce,
    ...orderer,
  });
}

function forgedIdentity(): Uint8Array {
  const publicKey = publicKeyOf(peer1.privateKey);
  const validity = { notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER };
  return issueIdentity({
    org: org1.id,
    rootPrivateKey: nobody.root.privateKey,
    name: "peer1",
    role: "peer",
    publicKey,
    ...validity,
  });
}

for (const backend of ["node", "noble"] as const) {
  describe(`Ed25519Crypto on ${backend} as a MessageCryptoService`, () => {
    const verifier = new Ed25519Verifier({ backend });
    for (const { name, run } of messageCryptoServiceCases) {
      it(name, () =>
        run(() => ({
          crypto: createDemo({ verifier }),
          identity: peer0.identity,
          member: peer1,
          outsider: org2.issue("peer0"),
          stranger,
          expired,
          revoked,
          impostor,
          channel: "demo",
          block: demoBlock(),
          blockNumber: 4n,
        })),
      );
    }
  });

  describe(`Ed25519Crypto on ${backend} as a SecurityAdvisor`, () => {
    const verifier = new Ed25519Verifier({ backend });
    for (const { name, run } of securityAdvisorCases) {
      it(name, () =>
        run(() => ({
          advisor: createDemo({ verifier }),
          identity: peer0.identity,
          org: org1.id,
          expired: expired.identity,
          revoked: revoked.identity,
          stranger: stranger.identity,
        })),
      );
    }
  });
}

describe("Ed25519Crypto", () => {
  it("refuses to be built with the private key of somebody else", () => {
    const options = { identity: peer0.identity, organizations: [org1], wall: { nowNanos: () => 0n } };
    const wrong = () => new Ed25519Crypto({ ...options, privateKey: peer1.privateKey });
    expect(wrong).toThrow(
      expect.objectContaining({ code: "invalid-config", message: expect.stringContaining("peer0") }),
    );
  });

  it("refuses to be built with bytes that are no identity", () => {
    const options = { identity: new Uint8Array([1, 2]), organizations: [org1], wall: { nowNanos: () => 0n } };
    expect(() => new Ed25519Crypto({ ...options, privateKey: peer1.privateKey })).toThrow("own identity: expected");
  });

  it("refuses a root key of small order", () => {
    const neutral = new Uint8Array(32);
    neutral[0] = 1;
    const organizations = [{ id: org1.id, rootPublicKey: neutral }];
    expect(() => createTestCrypto(peer0, { organizations })).toThrow(
      "expected an Ed25519 root key for organization Org1MSP",
    );
  });

  it("13.17: accepts an identity from the first to the last millisecond of its validity", () => {
    let wallMs = 999;
    const crypto = createDemo({ wallMs: () => wallMs });
    const { identity } = org1.issue("brief", { notBeforeMs: 1_000, notAfterMs: 2_000 });
    expect(crypto.validateIdentity(identity)).toMatchObject({ reason: "untrusted-identity" });
    for (wallMs of [1_000, 2_000]) expect(crypto.validateIdentity(identity)).toEqual({ ok: true });
    wallMs = 2_001;
    expect(crypto.validateIdentity(identity)).toMatchObject({ reason: "expired-identity" });
    expect(crypto.expirationOf(identity)).toBe(2_000);
  });

  it("does not verify by a remembered signature once the identity has expired", () => {
    let wallMs = 1_500;
    const crypto = createDemo({ wallMs: () => wallMs });
    const brief = org1.issue("brief", { notAfterMs: 2_000 });
    const signature = brief.sign(payload);
    expect(crypto.verify(brief.identity, signature, payload)).toEqual({ ok: true });
    wallMs = 2_001;
    expect(crypto.verify(brief.identity, signature, payload)).toMatchObject({ reason: "expired-identity" });
  });

  it("2.17: refuses a certificate that another organization's root key signed", () => {
    const { publicKey } = generateKeyPair();
    const forged = issueIdentity({
      org: "Org1MSP",
      rootPrivateKey: org2.root.privateKey,
      name: "peer0",
      role: "peer",
      publicKey,
      notBeforeMs: 0,
      notAfterMs: 4_102_444_800_000,
    });
    const crypto = createDemo();
    expect(crypto.validateIdentity(forged)).toMatchObject({ reason: "untrusted-identity" });
    expect(crypto.orgOf(forged)).toBeUndefined();
  });

  it("02/10.3b, 2.2, 13.19: gives the PKI-ID of page 02 §2 to any serialized identity", () => {
    const identity = new Uint8Array(Buffer.from("0a074f7267314d53501203616263", "hex"));
    expect(createDemo().pkiIdOf(identity)).toBe("1c32c238dd9fc1a16374f5e99f6e5abab990090f0a853ff0835215974c133724");
  });

  it("2.19: lets peers, clients and admins read a channel, but no orderer", () => {
    const crypto = createDemo();
    for (const role of ["peer", "client", "admin"] as const) {
      const { identity, sign } = org1.issue("someone", { role });
      expect(crypto.verifyByChannel("demo", identity, sign(payload), payload)).toEqual({ ok: true });
    }
    const { identity, sign } = org1.issue("someone", { role: "orderer" });
    expect(crypto.verify(identity, sign(payload), payload)).toEqual({ ok: true });
    const verdict = crypto.verifyByChannel("demo", identity, sign(payload), payload);
    expect(verdict).toMatchObject({ reason: "policy-not-satisfied" });
  });

  it("2.21: trusts the organizations of a channel, but not those of its orderers", () => {
    const crypto = createTestCrypto(peer0, { organizations: [org1] });
    const foreign = org2.issue("peer0").identity;
    expect(crypto.validateIdentity(foreign)).toMatchObject({ reason: "unknown-organization" });
    crypto.setChannel(channelConfig([org1, org2]));
    expect(crypto.validateIdentity(foreign)).toEqual({ ok: true });
    const orderer = orderers.issue("orderer0", { role: "orderer" }).identity;
    expect(crypto.validateIdentity(orderer)).toMatchObject({ reason: "unknown-organization" });
  });

  it("distrusts an organization that a channel's new configuration leaves out", () => {
    const crypto = createTestCrypto(peer0, { organizations: [org1] });
    crypto.setChannel(channelConfig([org1, org2]));
    const foreign = org2.issue("peer0");
    expect(crypto.verifyByChannel("demo", foreign.identity, foreign.sign(payload), payload)).toEqual({ ok: true });
    crypto.setChannel(channelConfig([org1]));
    expect(crypto.validateIdentity(foreign.identity)).toMatchObject({ reason: "unknown-organization" });
  });

  it("keeps trusting an organization that another channel still has", () => {
    const crypto = createTestCrypto(peer0, { organizations: [org1] });
    crypto.setChannel(channelConfig([org1, org2], "one"));
    crypto.setChannel(channelConfig([org1, org2], "two"));
    crypto.setChannel(channelConfig([org1], "two"));
    expect(crypto.validateIdentity(org2.issue("peer0").identity)).toEqual({ ok: true });
  });

  it("2.18: refuses a channel that gives a known organization another root key, and changes nothing", () => {
    const crypto = createDemo();
    const impostor = { ...org1, rootPublicKey: generateKeyPair().publicKey };
    const install = () => crypto.setChannel(channelConfig([impostor], "other"));
    expect(install).toThrow(expect.objectContaining({ code: "invalid-config" }));
    const known = crypto.verifyByChannel("other", peer1.identity, peer1.sign(payload), payload);
    expect(known).toMatchObject({ reason: "unknown-channel" });
    expect(crypto.validateIdentity(peer1.identity)).toEqual({ ok: true });
  });

  it("2.16: refuses an identity of more than 4096 bytes before decoding it", () => {
    const crypto = createDemo();
    const huge = new Uint8Array(5_000_000);
    expect(crypto.validateIdentity(huge)).toMatchObject({ reason: "malformed-identity" });
    expect(crypto.pkiIdOf(huge)).toBeUndefined();
    expect(crypto.orgOf(huge)).toBeUndefined();
  });

  it("2.4: names organization, channel and holder in its refusals", () => {
    const crypto = createDemo();
    expect(crypto.validateIdentity(stranger.identity)).toMatchObject({ detail: expect.stringContaining("NobodyMSP") });
    expect(crypto.verify(peer1.identity, peer0.sign(payload), payload)).toMatchObject({
      detail: "expected a signature of peer1 (Org1MSP), got another",
    });
    expect(orgId("Org1MSP")).toBe(crypto.orgOf(peer1.identity));
  });
});
