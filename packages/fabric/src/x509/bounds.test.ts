import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { maxAuthorities } from "../msp/authorities.js";
import { createMsp } from "../msp/msp.js";
import { issueCertificate, makeAuthority, type TestCertificate } from "../testing/certificates.js";
import { makeMspConfig } from "../testing/organizations.js";
import { maxCertificateBytes, parseCertificate } from "./certificate.js";
import { createPool, maxChainSignatureChecks, uniqueChain } from "./chain.js";
import { encodeElement, tags } from "./der.js";
import { minRsaKeyBits } from "./signature-algorithm.js";

const root = makeAuthority({ subject: "ca" });
const subject = { commonName: "peer0", organizationalUnits: ["peer"] };

function parsed({ der }: TestCertificate) {
  const result = parseCertificate(der);
  if (!result.ok) throw new Error(result.detail);
  return result.certificate;
}

describe("The bounds of certificates", () => {
  it("are their size", () => {
    const value = new Uint8Array(maxCertificateBytes);
    const { der } = issueCertificate(root, { subject, extensions: [{ oid: "1.2.3", value }] });
    expect(parseCertificate(der)).toMatchObject({ ok: false, detail: expect.stringContaining("at most 32768 bytes") });
  });

  it("are the number of signatures tried for one of them, which authorities of one name could make any", () => {
    // Without a key identifier there is no telling whom to try first.
    const extensions = [{ oid: "2.5.29.35", value: encodeElement(tags.sequence) }];
    const peer = parsed(issueCertificate(root, { subject, extensions }));
    const namesakes = Array.from({ length: maxChainSignatureChecks }, () => parsed(makeAuthority({ subject: "ca" })));
    const refused = uniqueChain(peer, createPool([...namesakes, parsed(root)], []));
    expect(refused).toMatchObject({ ok: false });
    expect(uniqueChain(peer, createPool([...namesakes.slice(1), parsed(root)], []))).toMatchObject({ ok: true });
    const named = parsed(issueCertificate(root, { subject }));
    expect(uniqueChain(named, createPool([...namesakes, parsed(root)], []))).toMatchObject({ ok: true });
  });

  it("are the number of authorities of one kind", () => {
    const config = makeMspConfig(
      "Org1MSP",
      Array.from({ length: maxAuthorities + 1 }, () => root),
    );
    expect(() => createMsp(config)).toThrow(`at most ${maxAuthorities} root certificates, got: ${maxAuthorities + 1}`);
  });

  it("are the length of RSA keys from below", () => {
    const authorityOf = (modulusLength: number) => {
      const key = generateKeyPairSync("rsa", { modulusLength }).privateKey;
      const issuer = makeAuthority({ subject: "ca", key });
      return uniqueChain(parsed(issueCertificate(issuer, { subject })), createPool([parsed(issuer)], []));
    };
    expect(authorityOf(minRsaKeyBits)).toMatchObject({ ok: true });
    expect(authorityOf(minRsaKeyBits - 8)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("no signature"),
    });
  });
});
