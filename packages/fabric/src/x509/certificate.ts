import { createHash } from "node:crypto";
import {
  bitStringOctets,
  type DerElement,
  DerError,
  type DerReader,
  encodeElement,
  integerValue,
  onlyElement,
  readerOf,
  requireDer,
  tags,
} from "./der.js";
import { type ExtensionFacts, type Extensions, extensionFacts, readExtensions } from "./extensions.js";
import { attributeTypes, type NameAttribute, readName } from "./name.js";
import { type PublicKey, readPublicKey } from "./public-key.js";
import { isSignedBy, readSignatureAlgorithm, type SignatureAlgorithm } from "./signature-algorithm.js";
import { readTime } from "./time.js";

/** An X.509 certificate, parsed; believed by nobody yet. Immutable. */
export interface Certificate extends ExtensionFacts {
  /** All of it as DER. */
  readonly raw: Uint8Array;
  /** Hex SHA-256 of `raw`. */
  readonly fingerprint: string;
  /** What the authority signed, and how. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** DER of the names, which are compared as bytes. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** 1 to 3. */
  readonly version: number;
  readonly serial: bigint;
  /** Milliseconds since 1970; both belong to the time of validity. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: PublicKey;
  readonly commonName: string;
  /** All of the subject's, in order (page 13 §3.5). */
  readonly organizationalUnits: readonly string[];
}

/** What parsing gave: the certificate, or what was expected and what came. */
export type ParsedCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly detail: string };

/** Most bytes of a certificate that are looked at; real ones have one or two thousand. */
export const maxCertificateBytes = 32_768;

/**
 * Parses one certificate from DER. Never throws.
 *
 * Takes what Go's parser takes, but for what Go passes over: elements after the last expected one are refused here.
 * Keeps no view into `der`.
 */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  if (der.length > maxCertificateBytes) {
    return { ok: false, detail: `expected a certificate of at most ${maxCertificateBytes} bytes, got ${der.length}` };
  }
  try {
    return { ok: true, certificate: readCertificate(der.slice()) };
  } catch (error) {
    if (error instanceof DerError) return { ok: false, detail: error.message };
    throw error;
  }
}

/** The same certificate with another signature; the signed bytes stay as they are (page 13 §3.4). */
export function withSignature(certificate: Certificate, signature: Uint8Array): Certificate {
  const [tbs, algorithm] = certificateParts(certificate.raw);
  const bits = encodeElement(tags.bitString, Uint8Array.of(0), signature);
  return readCertificate(encodeElement(tags.sequence, tbs.raw, algorithm.raw, bits));
}

/** Names a certificate in an error text by what its owner knows, in bounded length. */
export function describeCertificate({ commonName, serial }: Certificate): string {
  return `certificate ${JSON.stringify(commonName.slice(0, 64))} (serial ${serial.toString(16).slice(0, 64)})`;
}

/** Whether the parent may sign certificates and has signed this one (page 13 §3.3). */
export function isIssuedBy(child: Certificate, parent: Certificate): boolean {
  const isNoCa = parent.isCa === undefined ? parent.version === 3 : !parent.isCa;
  if (isNoCa || !parent.maySignCertificates) return false;
  return isSignedBy(parent.publicKey, child.signatureAlgorithm, child.tbs, child.signature, { allowsSha1: false });
}

function certificateParts(der: Uint8Array): readonly [DerElement, DerElement, DerElement] {
  const fields = readerOf(onlyElement(der, "a certificate", tags.sequence));
  const tbs = fields.read("the signed part of a certificate", tags.sequence);
  const algorithm = fields.read("the algorithm of a certificate's signature", tags.sequence);
  const signature = fields.read("the signature of a certificate", tags.bitString);
  fields.end("a certificate");
  return [tbs, algorithm, signature];
}

function readCertificate(raw: Uint8Array): Certificate {
  requireDer(raw, "a certificate");
  const [tbs, outerAlgorithm, signature] = certificateParts(raw);
  const fields = readerOf(tbs);
  const version = readVersion(fields);
  const serial = integerValue(fields.read("a serial number", tags.integer), "a serial number");
  if (serial < 0n) throw new DerError("expected a serial number of 0 or more, got a negative one");
  const algorithm = fields.read("a signature algorithm", tags.sequence);
  if (Buffer.compare(algorithm.raw, outerAlgorithm.raw) !== 0) {
    throw new DerError("expected the same signature algorithm inside and outside, got two");
  }
  const issuer = fields.read("an issuer", tags.sequence);
  readName(issuer);
  const validity = readerOf(fields.read("a time of validity", tags.sequence));
  const notBeforeMs = readTime(validity.read("the start of validity"));
  const notAfterMs = readTime(validity.read("the end of validity"));
  const subject = fields.read("a subject", tags.sequence);
  const attributes = readName(subject);
  const spki = fields.read("a public key", tags.sequence);
  const extensions = readRest(fields, version);
  return {
    raw,
    fingerprint: createHash("sha256").update(raw).digest("hex"),
    tbs: tbs.raw,
    signatureAlgorithm: readSignatureAlgorithm(outerAlgorithm),
    signature: bitStringOctets(signature, "the signature of a certificate"),
    issuer: issuer.raw,
    subject: subject.raw,
    version,
    serial,
    notBeforeMs,
    notAfterMs,
    spki: spki.raw,
    publicKey: readPublicKey(spki),
    commonName: valuesOf(attributes, attributeTypes.commonName).at(-1) ?? "",
    organizationalUnits: valuesOf(attributes, attributeTypes.organizationalUnit),
    ...extensionFacts(extensions),
  };
}

function readVersion(fields: DerReader): number {
  const explicit = fields.readOptional("a version", 0xa0);
  if (explicit === undefined) return 1;
  const version = integerValue(onlyElement(explicit.contents, "a version", tags.integer), "a version");
  if (version < 0n || version > 2n) throw new DerError(`expected a certificate of version 1 to 3, got ${version + 1n}`);
  return Number(version) + 1;
}

/** What follows the key: unique identifiers, which nobody reads, and extensions. */
function readRest(fields: DerReader, version: number): Extensions {
  if (version > 1) {
    fields.readOptional("an issuer's identifier", 0x81);
    fields.readOptional("a subject's identifier", 0x82);
  }
  const explicit = version === 3 ? fields.readOptional("extensions", 0xa3) : undefined;
  fields.end("the signed part of a certificate");
  if (explicit === undefined) return new Map();
  return readExtensions(readerOf(onlyElement(explicit.contents, "extensions", tags.sequence)));
}

function valuesOf(attributes: readonly NameAttribute[], type: string): readonly string[] {
  return attributes.filter((attribute) => attribute.type === type).map((attribute) => attribute.value);
}
