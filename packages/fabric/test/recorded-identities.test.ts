/** The identities in the recorded conversations are valid under their own PKI-IDs, and no others that look like them. */

import { X509Certificate } from "node:crypto";
import { IdentityStore, type RejectReason } from "@gossip/crypto";
import { makeOrganization } from "@gossip/fabric/testing";
import type { Envelope, PkiId } from "@gossip/proto";
import { encodeSerializedIdentity, readSerializedIdentity, type SerializedIdentity } from "@gossip/proto/fabric";
import { wallMillis } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { writePem } from "../src/x509/pem.js";
import {
  authorOf,
  conversationNames,
  expiredWall,
  fail,
  readConversation,
  recordedCrypto,
  recordedFolder,
  recordedIdentities,
  recordedWall,
  statementsIn,
} from "./recorded-conversations.js";
import { flipped, flippedId, joined } from "./recorded-corruptions.js";

const statements = conversationNames.flatMap((name) => statementsIn(readConversation(name)));
const all = [...recordedIdentities(statements)];
const folder = await recordedFolder("peer2.org1");
const crypto = await recordedCrypto();

describe("Every recorded identity", () => {
  test("13.23: is valid, of its organization, and has the PKI-ID of protocol page 13 §1.3", () => {
    const orgs = all.map(([pkiId, identity]) => {
      expect(crypto.pkiIdOf(identity)).toBe(pkiId);
      expect(crypto.validateIdentity(identity)).toEqual({ ok: true });
      expect(crypto.expirationOf(identity)).toBe(Date.UTC(2036, 10, 17, 22, 18));
      return crypto.orgOf(identity);
    });
    expect(orgs.sort()).toEqual(["Org1MSP", "Org1MSP", "Org1MSP", "Org2MSP"]);
  });

  test("goes into the store under its own PKI-ID alone, and not after its end", () => {
    const store = new IdentityStore({ crypto, advisor: crypto, self: folder.identity });
    const wallMs = wallMillis(recordedWall);
    for (const [pkiId, identity] of all) {
      const [other = fail("another")] = all.map(([id]) => id).filter((id) => id !== pkiId);
      const unknown = flippedId(pkiId);
      expect(store.put(unknown, identity, 0, wallMs)).toMatchObject({ reason: "pki-id-mismatch" });
      expect(store.put(other, identity, 0, wallMs)).toMatchObject({ reason: "pki-id-mismatch" });
      expect(store.put(pkiId, identity, 0, wallMillis(expiredWall))).toMatchObject({
        reason: "expired-identity",
      });
    }
    // What was refused is remembered for five seconds.
    for (const [pkiId, identity] of all) expect(store.put(pkiId, identity, 5_000, wallMs)).toEqual({ ok: true });
    expect(store.all).toHaveLength(all.length);
  });

  const cases: readonly [string, (identity: SerializedIdentity) => Uint8Array, RejectReason][] = [
    ["a byte behind its PEM", withPem((pem) => joined(pem, [0x0a])), "malformed-identity"],
    ["a second certificate behind it", withPem((pem) => joined(pem, [...pem])), "malformed-identity"],
    ["DER in place of PEM", withPem((pem) => new Uint8Array(new X509Certificate(pem).raw)), "malformed-identity"],
    ["a field that nobody knows", (one) => joined(encodeSerializedIdentity(one), [0x1a, 1, 0]), "malformed-identity"],
    ["its last byte cut off", (one) => encodeSerializedIdentity(one).slice(0, -1), "malformed-identity"],
    ["no bytes", () => new Uint8Array(0), "malformed-identity"],
    ["a bit of its certificate's signature flipped", withPem(certificateWith(-1)), "untrusted-identity"],
    ["a bit of its certificate's serial number flipped", withPem(certificateWith(20)), "untrusted-identity"],
    ["the name of the other organization", renamed(otherOrganization), "untrusted-identity"],
    ["the name of the orderer's organization", renamed(() => "OrdererMSP"), "untrusted-identity"],
    ["the name of an organization that nobody knows", renamed(() => "Org9MSP"), "unknown-organization"],
    ["a certificate of an authority with the same name", issuedElsewhere, "untrusted-identity"],
  ];

  test.each(cases)("is refused with %s", (_, change, reason) => {
    for (const [pkiId, identity] of all) {
      const changed = change(parts(identity));
      expect(crypto.validateIdentity(changed)).toMatchObject({ ok: false, reason });
      const { payload, signature } = signedBy(pkiId);
      expect(crypto.verify(changed, signature, payload)).toMatchObject({ ok: false, reason });
    }
  });

  test("is refused from the first millisecond after its end, and not before", async () => {
    for (const [, identity] of all) {
      const end = BigInt(crypto.expirationOf(identity) ?? fail("an end")) * 1_000_000n;
      expect((await recordedCrypto({ nowNanos: () => end })).validateIdentity(identity)).toEqual({ ok: true });
      expect((await recordedCrypto({ nowNanos: () => end + 1_000_000n })).validateIdentity(identity)).toMatchObject({
        reason: "expired-identity",
      });
    }
  });
});

function signedBy(pkiId: PkiId): Envelope {
  return statements.find(({ message }) => authorOf(message) === pkiId)?.envelope ?? fail("a statement");
}

function parts(identity: Uint8Array): SerializedIdentity {
  const read = readSerializedIdentity(identity);
  return read.ok ? read.value : fail("an identity");
}

function withPem(change: (pem: Uint8Array) => Uint8Array) {
  return ({ mspId, idBytes }: SerializedIdentity) => encodeSerializedIdentity({ mspId, idBytes: change(idBytes) });
}

function renamed(rename: (mspId: string) => string) {
  return ({ mspId, idBytes }: SerializedIdentity) => encodeSerializedIdentity({ mspId: rename(mspId), idBytes });
}

function otherOrganization(mspId: string): string {
  return mspId === "Org1MSP" ? "Org2MSP" : "Org1MSP";
}

/** Changes the certificate at a byte, from its end when it is negative. */
function certificateWith(at: number) {
  return (pem: Uint8Array): Uint8Array => {
    const der = new Uint8Array(new X509Certificate(pem).raw);
    return writePem("CERTIFICATE", flipped(der, at < 0 ? der.length + at : at));
  };
}

function issuedElsewhere({ mspId }: SerializedIdentity): Uint8Array {
  return makeOrganization(mspId).issue("peer0").identity;
}
