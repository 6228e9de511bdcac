import { type CertificateBody, encodeCertificate, encodeCertificateBody, readCertificate } from "@gossip/proto/ed25519";
import { encodeSerializedIdentity, readSerializedIdentity } from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import { pkiIdOfParts } from "../hash.js";
import { createTestOrganization } from "../testing/organizations.js";
import { type IssueOptions, issueIdentity, readIdentity } from "./identity.js";
import { createSigner } from "./keys.js";

const root = createTestOrganization("Org1MSP").root;
const { publicKey } = createTestOrganization("Org2MSP").root;
const options: IssueOptions = {
  org: "Org1MSP",
  rootPrivateKey: root.privateKey,
  name: "peer0.org1",
  role: "peer",
  publicKey,
  notBeforeMs: 1_000,
  notAfterMs: 2_000,
  serial: new Uint8Array([1, 2, 3]),
};
const concat = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
/** A protobuf field that no message of ours has: number 15, no bytes. */
const unknownField = new Uint8Array([0x7a, 0x00]);

function parts(identity: Uint8Array) {
  const serialized = readSerializedIdentity(identity);
  const certificate = serialized.ok ? readCertificate(serialized.value.idBytes) : serialized;
  if (!serialized.ok || !certificate.ok) throw new Error("expected an identity");
  return { ...serialized.value, certificate: certificate.value };
}

/** An identity as only the holder of the root key could make it, with any body. */
function forge(changes: Partial<CertificateBody>, mspId = "Org1MSP"): Uint8Array {
  const fields: CertificateBody = { version: 1, ...options, serial: new Uint8Array(1), ...changes };
  return aroundBody(encodeCertificateBody(fields), mspId);
}

function aroundBody(body: Uint8Array, mspId = "Org1MSP"): Uint8Array {
  const signature = createSigner(root.privateKey)(body);
  return encodeSerializedIdentity({ mspId, idBytes: encodeCertificate({ body, signature }) });
}

describe("issueIdentity", () => {
  it("2.1: makes an identity that says what was asked for", () => {
    const identity = issueIdentity(options);
    const { mspId, idBytes } = parts(identity);
    expect(readIdentity(identity)).toMatchObject({
      org: "Org1MSP",
      name: "peer0.org1",
      role: "peer",
      publicKey,
      notBeforeMs: 1_000,
      notAfterMs: 2_000,
      pkiId: pkiIdOfParts(mspId, idBytes),
    });
  });

  it("gives the same bytes for the same serial, and others without one", () => {
    const { serial: _, ...anySerial } = options;
    expect(issueIdentity(options)).toEqual(issueIdentity(options));
    expect(issueIdentity(anySerial)).not.toEqual(issueIdentity(anySerial));
  });

  const wrong: readonly [string, Partial<IssueOptions>][] = [
    ["no organization", { org: "" }],
    ["a public key that is no point of prime order", { publicKey: new Uint8Array(32) }],
    ["a public key of 31 bytes", { publicKey: publicKey.subarray(1) }],
    ["an end before the beginning", { notAfterMs: 999 }],
    ["a time that is no integer", { notBeforeMs: 0.5 }],
    ["a time before 1970", { notBeforeMs: -1 }],
    ["a root key of 33 bytes", { rootPrivateKey: new Uint8Array(33) }],
    ["a name of 5000 letters", { name: "x".repeat(5_000) }],
  ];
  for (const [what, change] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => issueIdentity({ ...options, ...change })).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    });
  }
});

describe("2.16, 2.17, 13.17, 13.18: readIdentity", () => {
  it("accepts, as a control, what the forge makes without changes", () => {
    expect(readIdentity(forge({}))).toMatchObject({ org: "Org1MSP" });
  });

  it("keeps no view into the bytes it read", () => {
    const identity = issueIdentity(options);
    const parsed = readIdentity(identity);
    const before = structuredClone(parsed);
    identity.fill(0xff);
    expect(parsed).toEqual(before);
  });

  const { mspId, idBytes, certificate } = parts(issueIdentity(options));
  const table: readonly [string, Uint8Array, string][] = [
    ["no bytes", new Uint8Array(0), "got no bytes"],
    ["too many bytes", new Uint8Array(4_097), "at most 4096 bytes"],
    ["an unknown field after the identity", concat(issueIdentity(options), unknownField), "in its one encoding"],
    [
      "an unknown field after the certificate",
      encodeSerializedIdentity({ mspId, idBytes: concat(idBytes, unknownField) }),
      "in its one encoding",
    ],
    [
      "a certificate with its fields in another order",
      encodeSerializedIdentity({
        mspId,
        idBytes: concat(
          encodeCertificate({ body: new Uint8Array(0), signature: certificate.signature }),
          encodeCertificate({ body: certificate.body, signature: new Uint8Array(0) }),
        ),
      }),
      "in its one encoding",
    ],
    [
      "an X.509 certificate",
      encodeSerializedIdentity({ mspId, idBytes: new TextEncoder().encode("-----BEGIN CERTIFICATE-----") }),
      "",
    ],
    ["an organization other than the certificate's", forge({}, "Org2MSP"), 'one of "Org1MSP"'],
    ["no organization", forge({ org: "" }, ""), 'one of ""'],
    ["a certificate of another version", forge({ version: 2 }), "got version 2"],
    ["a certificate with a body that is none", aroundBody(new Uint8Array([0xff])), "the body of a compact certificate"],
  ];
  for (const [what, identity, detail] of table) {
    it(`refuses ${what} as malformed`, () => {
      expect(readIdentity(identity)).toMatchObject({
        ok: false,
        reason: "malformed-identity",
        detail: expect.stringContaining(detail),
      });
    });
  }
});
