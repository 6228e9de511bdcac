import { CertificateList, id_ce_authorityKeyIdentifier } from "@peculiar/asn1-x509";
import { normalizeSignature } from "../signature/ecdsa.js";
import type { Certificate } from "./certificate.js";
import { bitStringOctets, DerError, onlyElement, parseDer, readerOf, tags } from "./der.js";
import { authorityKeyIdentifier } from "./extensions.js";
import { readPem } from "./pem.js";
import { isSignedBy, readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.js";

/** A certificate revocation list, parsed; its signature is checked when it is used. */
export interface RevocationList {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Whose key signed it; `undefined` when it does not say, which makes it useless and harmful (page 13 §3.6). */
  readonly authorityKeyId: Uint8Array | undefined;
  readonly serials: ReadonlySet<bigint>;
}

/** What parsing gave: the list, or what was expected and what came. */
export type ParsedRevocationList =
  | { readonly ok: true; readonly list: RevocationList }
  | { readonly ok: false; readonly detail: string };

const pemStart = "-----BEGIN X509 CRL";

/** Parses a revocation list from PEM, which must begin with the first byte, or from DER. Never throws. */
export function parseRevocationList(bytes: Uint8Array): ParsedRevocationList {
  const isPem = Buffer.from(bytes.subarray(0, pemStart.length)).toString("latin1") === pemStart;
  const block = isPem ? readPem(bytes) : undefined;
  const der = block?.type === "X509 CRL" ? block.der : bytes.slice();
  try {
    return { ok: true, list: readRevocationList(der) };
  } catch (error) {
    if (error instanceof DerError) return { ok: false, detail: error.message };
    throw error;
  }
}

/** Whether the issuer signed the list. SHA-1 is no objection here, as in Go. */
export function isListSignedBy(list: RevocationList, issuer: Certificate): boolean {
  return isSignedBy(issuer.publicKey, list.signatureAlgorithm, list.tbs, list.signature, { allowsSha1: true });
}

function readRevocationList(der: Uint8Array): RevocationList {
  const { tbsCertList } = parseDer(der, CertificateList, "a revocation list");
  const fields = readerOf(onlyElement(der, "a revocation list", tags.sequence));
  const tbs = fields.read("the signed part of a revocation list", tags.sequence);
  const signatureAlgorithm = readSignatureAlgorithm(fields.read("the algorithm of a revocation list", tags.sequence));
  const signature = bitStringOctets(fields.read("the signature of a revocation list"), "a signature");
  const keyId = tbsCertList.crlExtensions?.find(({ extnID }) => extnID === id_ce_authorityKeyIdentifier)?.extnValue;
  return {
    tbs: tbs.raw,
    signatureAlgorithm,
    signature: signatureAlgorithm.type === "ecdsa" ? canonical(signature) : signature,
    authorityKeyId: authorityKeyIdentifier(keyId && new Uint8Array(keyId.buffer)),
    serials: new Set((tbsCertList.revokedCertificates ?? []).map(({ userCertificate }) => serialOf(userCertificate))),
  };
}

/** Openssl's users may have lists with sloppy signatures; Fabric verifies them in their canonical form (page 13 §3.2). */
function canonical(signature: Uint8Array): Uint8Array {
  const normalized = normalizeSignature(signature);
  if (normalized === undefined) throw new DerError("expected an ECDSA signature on the revocation list, got none");
  return normalized;
}

function serialOf(octets: ArrayBuffer): bigint {
  const bytes = Buffer.from(octets);
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString("hex")}`));
}
