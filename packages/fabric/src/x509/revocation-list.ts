import { id_ce_authorityKeyIdentifier } from "@peculiar/asn1-x509";
import { normalizeSignature } from "../signature/ecdsa.js";
import type { Certificate } from "./certificate.js";
import {
  bitStringOctets,
  type DerElement,
  DerError,
  integerValue,
  onlyElement,
  readerOf,
  requireDer,
  tags,
} from "./der.js";
import { authorityKeyIdentifier, type Extensions, readExtensions } from "./extensions.js";
import { readName } from "./name.js";
import { readPem } from "./pem.js";
import { isSignedBy, readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.js";
import { readTime } from "./time.js";

/** A certificate revocation list, parsed; its signature is checked when it is used. */
export interface RevocationList {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Whose key signed it, perhaps of no bytes; `undefined` when it does not say, which makes it useless and harmful (page 13 §3.6). */
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
  requireDer(der, "a revocation list");
  const outer = readerOf(onlyElement(der, "a revocation list", tags.sequence));
  const tbs = outer.read("the signed part of a revocation list", tags.sequence);
  const signatureAlgorithm = readSignatureAlgorithm(outer.read("the algorithm of a revocation list", tags.sequence));
  const bits = outer.read("the signature of a revocation list", tags.bitString);
  outer.end("a revocation list");
  const signature = bitStringOctets(bits, "the signature of a revocation list");

  const fields = readerOf(tbs);
  fields.readOptional("a version", tags.integer);
  readSignatureAlgorithm(fields.read("a signature algorithm", tags.sequence));
  readName(fields.read("an issuer", tags.sequence));
  readTime(fields.read("when the list was made"));
  if (fields.nextTag === tags.utcTime || fields.nextTag === tags.generalizedTime) readTime(fields.read("an update"));
  const serials = readSerials(fields.readOptional("revoked certificates", tags.sequence));
  const explicit = fields.readOptional("extensions", 0xa0);
  fields.end("the signed part of a revocation list");
  const extensions = explicit && readExtensions(readerOf(onlyElement(explicit.contents, "extensions", tags.sequence)));
  return {
    tbs: tbs.raw,
    signatureAlgorithm,
    signature: signatureAlgorithm.type === "ecdsa" ? canonical(signature) : signature,
    authorityKeyId: keyIdOf(extensions),
    serials,
  };
}

/** Set-up does not mind a malformed identifier, in Fabric: it shows when somebody is to be judged by the list. */
function keyIdOf(extensions: Extensions | undefined): Uint8Array | undefined {
  const extension = extensions?.get(id_ce_authorityKeyIdentifier);
  try {
    return extension && (authorityKeyIdentifier(extension.value) ?? new Uint8Array(0));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function readSerials(revoked: DerElement | undefined): ReadonlySet<bigint> {
  const serials = new Set<bigint>();
  const entries = revoked && readerOf(revoked);
  while (entries?.isEmpty === false) {
    const entry = readerOf(entries.read("a revoked certificate", tags.sequence));
    serials.add(integerValue(entry.read("a serial number", tags.integer), "a serial number"));
    readTime(entry.read("when a certificate was revoked"));
    const extensions = entry.readOptional("extensions", tags.sequence);
    if (extensions !== undefined) readExtensions(readerOf(extensions));
  }
  return serials;
}

/** Openssl's users may have lists with sloppy signatures; Fabric verifies them in their canonical form (page 13 §3.2). */
function canonical(signature: Uint8Array): Uint8Array {
  const normalized = normalizeSignature(signature);
  if (normalized === undefined) throw new DerError("expected an ECDSA signature on the revocation list, got none");
  return normalized;
}
