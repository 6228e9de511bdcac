import { encodeEcdsaSignature, readEcdsaSignature, toLowS } from "../signature/ecdsa.js";
import { type Certificate, isIssuedBy, withSignature } from "../x509/certificate.js";
import { type CertificatePool, type Chain, createPool, uniqueChain } from "../x509/chain.js";

/** The certificate in the one form that an MSP compares and hashes, with what was learned on the way. */
export type Sanitized =
  | {
      readonly ok: true;
      readonly certificate: Certificate;
      /** Its chain, when one was built and the certificate is the one it was built for. */
      readonly chain: Chain | undefined;
      /** Whether it vouches for itself only, whatever the pool says. */
      readonly isSelfSigned: boolean;
    }
  | { readonly ok: false; readonly detail: string };

/**
 * Brings an authority's ECDSA signature on a certificate to low S (page 13 §3.4). To tell which curve that is takes the
 * chain, so a certificate signed with ECDSA and by nobody in the pool has no sanitised form. Other certificates stay as
 * they are, unchecked.
 */
export function sanitize(certificate: Certificate, pool: CertificatePool): Sanitized {
  if (certificate.signatureAlgorithm.type !== "ecdsa") {
    return { ok: true, certificate, chain: undefined, isSelfSigned: false };
  }
  if (certificate.isCa === true && isIssuedBy(certificate, certificate)) {
    const lowS = withLowS(certificate, certificate);
    const own = uniqueChain(lowS, createPool([lowS], pool.intermediates));
    return own.ok ? { ok: true, certificate: lowS, chain: undefined, isSelfSigned: true } : own;
  }
  const result = uniqueChain(certificate, pool);
  if (!result.ok) return result;
  const parent = result.chain[1];
  if (parent === undefined) {
    return { ok: false, detail: "expected a root to be signed by itself, got one signed by another authority" };
  }
  const lowS = withLowS(certificate, parent);
  return { ok: true, certificate: lowS, chain: lowS === certificate ? result.chain : undefined, isSelfSigned: false };
}

/** The same object when there is nothing to change, which is so for most. */
function withLowS(certificate: Certificate, parent: Certificate): Certificate {
  const signature = readEcdsaSignature(certificate.signature);
  // A signature of another kind did not verify, and did not get here.
  if (signature === undefined || parent.publicKey.type !== "ecdsa") return certificate;
  const lowS = encodeEcdsaSignature(toLowS(parent.publicKey.curve, signature));
  return Buffer.compare(lowS, certificate.signature) === 0 ? certificate : withSignature(certificate, lowS);
}
