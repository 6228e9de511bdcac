import { blockHash, pkiIdOfParts } from "@gossip/crypto";
import { messageCryptoServiceCases, securityAdvisorCases } from "@gossip/crypto/testing";
import { orgId } from "@gossip/proto";
import { encodeSerializedIdentity, readBlock } from "@gossip/proto/fabric";
import type { WallClock } from "@gossip/runtime";
import { describe, expect, it, test } from "vitest";
import type { ChannelBundle, MspFolder } from "./api.js";
import { createChannelBundle } from "./channel/bundle.js";
import { FabricCrypto } from "./fabric-crypto.js";
import { createMsp } from "./msp/msp.js";
import { makeBlock, makeTransaction } from "./testing/blocks.js";
import type { TestKeyType } from "./testing/certificates.js";
import { anyOf, makeChannelConfig, role, type TestChannelOrganization } from "./testing/channels.js";
import { makeOrganization, type TestMember, type TestOrganization } from "./testing/organizations.js";
import { makeRevocationList } from "./testing/revocation-lists.js";

const org1 = makeOrganization("Org1MSP");
const org2 = makeOrganization("Org2MSP");
const org3 = makeOrganization("Org3MSP");
const ordererOrg = makeOrganization("OrdererMSP");
const self = org1.issue("peer0.org1");
const orderer = ordererOrg.issue("orderer0", "orderer");
const payload = new TextEncoder().encode("a payload to sign");
const year2026: WallClock = { nowNanos: () => 1_767_225_600_000_000_000n };
const lastYear = { notBeforeMs: 1_704_067_200_000, notAfterMs: 1_735_689_600_000 };

describe("FabricCrypto as a MessageCryptoService", () => {
  for (const { name, run } of messageCryptoServiceCases) {
    it(name, () =>
      run(() => {
        const data = [makeTransaction({ channelId: "payments", creator: self, data: payload })];
        const revoked = org2.issue("gone.org2");
        const previousHash = blockHash({ number: 6n, previousHash: none(), dataHash: none() });
        return {
          crypto: cryptoOf(channel("payments", [org1, revoking(org2, revoked)]), channel("bonds", [org1, org3])),
          identity: self.identity,
          member: org2.issue("peer0.org2"),
          outsider: org3.issue("peer0.org3"),
          stranger: makeOrganization("Org9MSP").issue("peer0"),
          expired: org2.issue("old", "peer", lastYear),
          revoked,
          impostor: makeOrganization("Org2MSP").issue("peer0.org2"),
          channel: "payments",
          block: makeBlock({ number: 7n, previousHash, data, signers: [{ member: orderer }] }),
          blockNumber: 7n,
        };
      }),
    );
  }

  it.each<TestKeyType>(["P-224", "P-384", "P-521", "Ed25519"])("signs and verifies with a key %s", (keyType) => {
    const member = org1.issue("peer7", "peer", { keyType });
    const crypto = new FabricCrypto({ folder: folderOf(org1, member), mspId: "Org1MSP", wall: year2026 });
    expect(crypto.verify(member.identity, crypto.sign(payload), payload)).toEqual({ ok: true });
  });
});

describe("FabricCrypto as a SecurityAdvisor", () => {
  for (const { name, run } of securityAdvisorCases) {
    it(name, () =>
      run(() => {
        const revoked = org1.issue("gone.org1");
        return {
          advisor: cryptoOf(channel("payments", [revoking(org1, revoked)])),
          identity: self.identity,
          org: orgId("Org1MSP"),
          expired: org1.issue("old", "peer", lastYear).identity,
          revoked: revoked.identity,
          stranger: makeOrganization("Org9MSP").issue("peer0").identity,
        };
      }),
    );
  }

  it("13.34: tells the organization of who was revoked, and of foreign organizations only in a channel", () => {
    const member = org2.issue("peer0.org2");
    const crypto = cryptoOf();
    expect(crypto.orgOf(member.identity)).toBeUndefined();
    crypto.setChannel(channel("payments", [org1, revoking(org2, member)]));
    expect(crypto.orgOf(member.identity)).toBe("Org2MSP");
    expect(crypto.orgOf(makeOrganization("Org2MSP").issue("peer0.org2").identity)).toBeUndefined();
  });

  it("13.34: tells no organization of who only claims it, where the authority signs with RSA", () => {
    const rsa = makeOrganization("Org1MSP", { keyType: "RSA" });
    const crypto = new FabricCrypto({ folder: folderOf(rsa, rsa.issue("peer0")), mspId: "Org1MSP", wall: year2026 });
    expect(crypto.orgOf(rsa.issue("peer1").identity)).toBe("Org1MSP");
    const other = makeOrganization("Org1MSP", { keyType: "RSA" });
    expect(crypto.orgOf(other.issue("peer1").identity)).toBeUndefined();
  });
});

describe("FabricCrypto", () => {
  test("makes the PKI-ID of protocol page 13 §10", () => {
    const identity = new Uint8Array(Buffer.from("0a074f7267314d53501203616263", "hex"));
    const pkiId = "1c32c238dd9fc1a16374f5e99f6e5abab990090f0a853ff0835215974c133724";
    expect(cryptoOf().pkiIdOf(identity)).toBe(pkiId);
    expect(cryptoOf().pkiIdOf(self.identity)).toBe(pkiIdOfParts("Org1MSP", self.pem));
  });

  test("13.25: is not created with an identity that other peers would refuse", () => {
    const create = (folder: MspFolder, mspId = "Org1MSP") => new FabricCrypto({ folder, mspId, wall: year2026 });
    const refused = (folder: MspFolder, detail: RegExp, mspId?: string) =>
      expect(() => create(folder, mspId)).toThrow(
        expect.objectContaining({ code: "invalid-config", message: expect.stringMatching(detail) }),
      );
    refused(folderOf(org1, makeOrganization("Org1MSP").issue("peer0")), /own identity, which other peers would refuse/);
    refused(folderOf(org1, org1.issue("peer0", "peer", { subject: "no unit" })), /exactly one unit/);
    refused(folderOf(revoking(org1, self), self), /own identity/);
    refused(folderOf(org1, self), /the MSP folder of Org2MSP/, "Org2MSP");
  });

  test("knows other organizations through channels alone, and forgets them with the last channel", () => {
    const member = org2.issue("peer0.org2");
    const crypto = cryptoOf();
    expect(crypto.validateIdentity(member.identity)).toMatchObject({ reason: "unknown-organization" });
    crypto.setChannel(channel("payments", [org1, org2]));
    crypto.setChannel(channel("bonds", [org1, org2]));
    expect([...crypto.channels.keys()]).toEqual(["bonds", "payments"]);
    crypto.removeChannel("payments");
    expect(crypto.validateIdentity(member.identity)).toEqual({ ok: true });
    crypto.removeChannel("bonds");
    expect(crypto.validateIdentity(member.identity)).toMatchObject({ reason: "unknown-organization" });
    expect(crypto.verifyByChannel("bonds", member.identity, member.sign(payload), payload)).toMatchObject({
      reason: "unknown-channel",
    });
  });

  test("13.35: judges anew after a config block: who was revoked is refused at once", () => {
    const member = org2.issue("peer0.org2");
    const crypto = cryptoOf(channel("payments", [org1, org2]));
    const verdict = () => crypto.verify(member.identity, member.sign(payload), payload);
    expect(verdict()).toEqual({ ok: true });
    crypto.setChannel(channel("payments", [org1, revoking(org2, member)]));
    expect(verdict()).toMatchObject({ reason: "revoked-identity" });
    expect(crypto.verifyByChannel("payments", member.identity, member.sign(payload), payload)).toMatchObject({
      reason: "revoked-identity",
    });
  });

  test("13.29: takes a foreign identity that one channel revoked as long as another vouches for it, but not in the first", () => {
    const member = org2.issue("peer0.org2");
    const crypto = cryptoOf(channel("payments", [org1, revoking(org2, member)]), channel("bonds", [org1, org2]));
    const signature = member.sign(payload);
    expect(crypto.validateIdentity(member.identity)).toEqual({ ok: true });
    expect(crypto.verify(member.identity, signature, payload)).toEqual({ ok: true });
    expect(crypto.verifyByChannel("bonds", member.identity, signature, payload)).toEqual({ ok: true });
    expect(crypto.verifyByChannel("payments", member.identity, signature, payload)).toMatchObject({
      reason: "revoked-identity",
    });
  });

  test("13.32: refuses an identity of its own organization that a channel revoked, though the folder does not know yet", () => {
    const member = org1.issue("peer1.org1");
    const crypto = cryptoOf(channel("bonds", [org1]), channel("payments", [revoking(org1, member)]));
    expect(crypto.validateIdentity(member.identity)).toMatchObject({ reason: "revoked-identity" });
    expect(crypto.validateIdentity(self.identity)).toEqual({ ok: true });
    crypto.removeChannel("payments");
    expect(crypto.validateIdentity(member.identity)).toEqual({ ok: true });
  });

  test("takes over what came into its MSP folder, unless that has another identity", () => {
    const member = org1.issue("peer1.org1");
    const crypto = cryptoOf();
    expect(crypto.validateIdentity(member.identity)).toEqual({ ok: true });
    crypto.setLocalMsp(folderOf(revoking(org1, member), self));
    expect(crypto.validateIdentity(member.identity)).toMatchObject({ reason: "revoked-identity" });
    expect(() => crypto.setLocalMsp(folderOf(org1, member))).toThrow(/keep its identity.*restart/);
    expect(() => crypto.setLocalMsp(folderOf(revoking(org1, self), self))).toThrow(/own identity/);
    expect(crypto.validateIdentity(self.identity)).toEqual({ ok: true });
  });

  test("13.28: asks channels for an identity of its own organization that the folder cannot tell of", () => {
    const renewed = makeOrganization("Org1MSP");
    const member = renewed.issue("peer1.org1");
    const crypto = cryptoOf();
    expect(crypto.validateIdentity(member.identity)).toMatchObject({ reason: "untrusted-identity" });
    const rootCerts = [...org1.config.rootCerts, ...renewed.config.rootCerts];
    crypto.setChannel(channel("payments", [{ mspId: "Org1MSP", config: { ...org1.config, rootCerts } }]));
    expect(crypto.verify(member.identity, member.sign(payload), payload)).toEqual({ ok: true });
  });

  test("13.30, 13.31: lets an orderer be who he is, and not read: verify asks for the readers of a channel", () => {
    const crypto = cryptoOf(channel("payments", [org1, org2]));
    expect(crypto.validateIdentity(orderer.identity)).toEqual({ ok: true });
    const signature = orderer.sign(payload);
    expect(crypto.verify(orderer.identity, signature, payload)).toMatchObject({ reason: "policy-not-satisfied" });
    expect(crypto.verifyByChannel("payments", orderer.identity, signature, payload)).toMatchObject({
      reason: "policy-not-satisfied",
    });
  });

  test("13.29, 13.30: takes who reads one channel of those that vouch for him, in whatever order they are", () => {
    const ordering = (name: string) =>
      createChannelBundle(name, makeChannelConfig({ organizations: [org1], ordererOrganizations: [org2] }));
    const member = org2.issue("peer0.org2");
    for (const channels of [
      [ordering("aaa"), channel("bbb", [org1, org2])],
      [channel("aaa", [org1, org2]), ordering("bbb")],
    ]) {
      const crypto = cryptoOf(...channels);
      expect(crypto.verify(member.identity, member.sign(payload), payload)).toEqual({ ok: true });
    }
  });

  test("judges by policies that came with other data", () => {
    const crypto = cryptoOf(channel("payments", [org1, org2]));
    const member = org2.issue("peer0.org2");
    const signed = { identity: member.identity, signature: member.sign(payload), payload };
    const policy = (mspId: string) => anyOf([role(mspId, "peer")]).policy?.value ?? none();
    expect(crypto.judge("payments", policy("Org2MSP"), signed)).toEqual({ ok: true });
    expect(crypto.judge("payments", policy("Org1MSP"), signed)).toMatchObject({ reason: "policy-not-satisfied" });
    expect(crypto.judge("payments", none(), signed)).toMatchObject({ reason: "policy-not-satisfied" });
    expect(crypto.judge("bonds", policy("Org2MSP"), signed)).toMatchObject({ reason: "unknown-channel" });
    const forged = { ...signed, payload: new Uint8Array(1) };
    expect(crypto.judge("payments", policy("Org2MSP"), forged)).toMatchObject({ reason: "bad-signature" });
  });

  test.each<readonly [string, (pem: string) => string]>([
    ["bytes behind the certificate", (pem) => `${pem}\n`],
    ["another kind of PEM", (pem) => pem.replaceAll("CERTIFICATE", "X509 CERTIFICATE")],
    ["no PEM", () => "no certificate"],
  ])("refuses an identity with %s as malformed", (_, change) => {
    for (const organization of [org1, org2]) {
      const { mspId } = organization;
      const pem = change(Buffer.from(organization.issue("peer1").pem).toString());
      const identity = encodeSerializedIdentity({ mspId, idBytes: new TextEncoder().encode(pem) });
      const verdict = cryptoOf(channel("payments", [org1, org2])).validateIdentity(identity);
      expect(verdict).toMatchObject({ ok: false, reason: "malformed-identity" });
    }
  });

  test("13.33: accepts a certificate that is not valid yet, as Fabric does", () => {
    const member = org1.issue("peer1", "peer", { notBeforeMs: 1_900_000_000_000 });
    expect(cryptoOf().validateIdentity(member.identity)).toEqual({ ok: true });
  });

  test("13.36: accepts Ed25519 of another organization only in a channel with capability V3_0", () => {
    const member = org2.issue("peer0", "peer", { keyType: "Ed25519" });
    const verdict = (...capabilities: readonly string[]) =>
      cryptoOf(channel("payments", [org1, org2], capabilities)).validateIdentity(member.identity);
    expect(verdict("V2_0")).toMatchObject({ ok: false, reason: "untrusted-identity" });
    expect(verdict("V3_0")).toEqual({ ok: true });
  });

  test("says of a block which channel it does not know, once all else is right", () => {
    const data = [makeTransaction({ channelId: "bonds", creator: self, data: payload })];
    const block = readBlock(makeBlock({ number: 7n, previousHash: none(), data, signers: [{ member: orderer }] }));
    if (!block.ok) throw new Error(block.detail);
    expect(cryptoOf().verifyBlock("bonds", 7n, block.value)).toMatchObject({ reason: "unknown-channel" });
    expect(cryptoOf().verifyBlock("bonds", 8n, block.value)).toMatchObject({ reason: "wrong-block-number" });
  });
});

function cryptoOf(...channels: readonly ChannelBundle[]): FabricCrypto {
  const crypto = new FabricCrypto({ folder: folderOf(org1, self), mspId: "Org1MSP", wall: year2026 });
  for (const bundle of channels) crypto.setChannel(bundle);
  return crypto;
}

function folderOf({ config }: Pick<TestOrganization, "config">, member: TestMember): MspFolder {
  return { config, msp: createMsp(config), identity: member.identity, sign: member.sign, warnings: [] };
}

function channel(
  channelId: string,
  organizations: readonly TestChannelOrganization[],
  capabilities: readonly string[] = ["V2_0"],
): ChannelBundle {
  const config = makeChannelConfig({ organizations, ordererOrganizations: [ordererOrg], capabilities });
  return createChannelBundle(channelId, config);
}

function revoking(organization: TestOrganization, member: TestMember): TestOrganization {
  const revocationList = [makeRevocationList(organization.root, { serials: [member.serial] })];
  return { ...organization, config: { ...organization.config, revocationList } };
}

function none(): Uint8Array {
  return new Uint8Array(0);
}
