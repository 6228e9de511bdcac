import { constants, verify } from "node:crypto";
import { type DerElement, DerError, type DerReader, integerValue, objectIdentifier, readerOf, tags } from "./der.js";
import type { PublicKey } from "./public-key.js";

/** How an authority signed a certificate or a revocation list. */
export type SignatureAlgorithm =
  | { readonly type: "ecdsa" | "rsa-pkcs1" | "rsa-pss"; readonly hash: SignatureHash }
  | { readonly type: "ed25519" }
  /** One that verifies nothing here, MD5 and DSA among them. */
  | { readonly type: "other"; readonly oid: string };

/** Hashes in signatures of authorities; SHA-1 counts for revocation lists only. */
export type SignatureHash = "sha1" | "sha256" | "sha384" | "sha512";

/** Smallest RSA key that verifies anything, as in Go. */
export const minRsaKeyBits = 1_024;

const pssOid = "1.2.840.113549.1.1.10";
const mgf1Oid = "1.2.840.113549.1.1.8";
const ed25519Oid = "1.3.101.112";

const byOid: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ["1.2.840.10045.4.1", { type: "ecdsa", hash: "sha1" }],
  ["1.2.840.10045.4.3.2", { type: "ecdsa", hash: "sha256" }],
  ["1.2.840.10045.4.3.3", { type: "ecdsa", hash: "sha384" }],
  ["1.2.840.10045.4.3.4", { type: "ecdsa", hash: "sha512" }],
  ["1.2.840.113549.1.1.5", { type: "rsa-pkcs1", hash: "sha1" }],
  ["1.3.14.3.2.29", { type: "rsa-pkcs1", hash: "sha1" }],
  ["1.2.840.113549.1.1.11", { type: "rsa-pkcs1", hash: "sha256" }],
  ["1.2.840.113549.1.1.12", { type: "rsa-pkcs1", hash: "sha384" }],
  ["1.2.840.113549.1.1.13", { type: "rsa-pkcs1", hash: "sha512" }],
]);

const pssHashes: ReadonlyMap<string, { readonly hash: SignatureHash; readonly saltBytes: bigint }> = new Map([
  ["2.16.840.1.101.3.4.2.1", { hash: "sha256", saltBytes: 32n }],
  ["2.16.840.1.101.3.4.2.2", { hash: "sha384", saltBytes: 48n }],
  ["2.16.840.1.101.3.4.2.3", { hash: "sha512", saltBytes: 64n }],
]);

/**
 * Reads an AlgorithmIdentifier of a signature.
 *
 * @throws DerError when it is not one; an algorithm that is not known is `other`.
 */
export function readSignatureAlgorithm(element: DerElement): SignatureAlgorithm {
  const fields = readerOf(element);
  const oid = objectIdentifier(fields.read("a signature algorithm", tags.objectIdentifier), "a signature algorithm");
  const parameters = fields.isEmpty ? undefined : fields.read("parameters of a signature algorithm");
  const other: SignatureAlgorithm = { type: "other", oid };
  if (oid === ed25519Oid) return parameters === undefined ? { type: "ed25519" } : other;
  if (oid === pssOid) return (parameters && readPssParameters(parameters)) ?? other;
  return byOid.get(oid) ?? other;
}

/**
 * Whether `signature` over `signed` is by the key.
 *
 * @param options.allowsSha1 SHA-1 never vouches for a certificate (page 13 §3.3), but Go still takes it on revocation lists
 */
export function isSignedBy(
  key: PublicKey,
  algorithm: SignatureAlgorithm,
  signed: Uint8Array,
  signature: Uint8Array,
  options: { readonly allowsSha1: boolean },
): boolean {
  if (algorithm.type === "other" || key.type === "other") return false;
  if (algorithm.type === "ed25519") return key.type === "ed25519" && verify(null, signed, key.key, signature);
  if (algorithm.hash === "sha1" && !options.allowsSha1) return false;
  if (algorithm.type === "ecdsa") return key.type === "ecdsa" && verify(algorithm.hash, signed, key.key, signature);
  if (key.type !== "rsa" || (key.key.asymmetricKeyDetails?.modulusLength ?? 0) < minRsaKeyBits) return false;
  const padding =
    algorithm.type === "rsa-pss"
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { padding: constants.RSA_PKCS1_PADDING };
  return verify(algorithm.hash, signed, { key: key.key, ...padding }, signature);
}

/** Only the three forms in common use: one hash throughout, salt as long as the hash. */
function readPssParameters(element: DerElement): SignatureAlgorithm | undefined {
  try {
    const fields = readerOf(element);
    const hash = readerOf(explicit(fields, 0)).read("the hash of PSS", tags.sequence);
    const mask = readerOf(readerOf(explicit(fields, 1)).read("the mask of PSS", tags.sequence));
    const maskOid = objectIdentifier(mask.read("the mask of PSS", tags.objectIdentifier), "the mask of PSS");
    const maskHash = mask.read("the hash of the mask", tags.sequence);
    const salt = integerValue(readerOf(explicit(fields, 2)).read("the salt of PSS", tags.integer), "the salt of PSS");
    const trailer = fields.readOptional("the trailer of PSS", contextTag(3));
    const trailerField = trailer && integerValue(readerOf(trailer).read("the trailer", tags.integer), "the trailer");
    const known = pssHashes.get(hashOid(hash));
    const isUsual = maskOid === mgf1Oid && hashOid(maskHash) === hashOid(hash) && (trailerField ?? 1n) === 1n;
    return known !== undefined && isUsual && known.saltBytes === salt
      ? { type: "rsa-pss", hash: known.hash }
      : undefined;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function explicit(fields: DerReader, number: number): DerElement {
  return fields.read("parameters of PSS", contextTag(number));
}

function contextTag(number: number): number {
  return 0xa0 | number;
}

/** The object identifier of a hash whose parameters are absent or NULL. */
function hashOid(element: DerElement): string {
  const fields = readerOf(element);
  const oid = objectIdentifier(fields.read("a hash", tags.objectIdentifier), "a hash");
  if (!fields.isEmpty && fields.read("parameters of a hash").tag !== tags.null) {
    throw new DerError("expected a hash without parameters, got some");
  }
  return oid;
}
