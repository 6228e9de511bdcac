import { createPublicKey, type KeyObject } from "node:crypto";
import {
  bitStringOctets,
  type DerElement,
  DerError,
  integerValue,
  objectIdentifier,
  onlyElement,
  readerOf,
  tags,
} from "./der.js";

/** A curve that Fabric signs with (page 13 §1.5). */
export type Curve = "P-224" | "P-256" | "P-384" | "P-521";

/** What a certificate says of its subject's key. */
export type PublicKey =
  | { readonly type: "ecdsa"; readonly curve: Curve; readonly key: KeyObject }
  | { readonly type: "ed25519"; readonly key: KeyObject }
  | { readonly type: "rsa"; readonly key: KeyObject }
  /** Of an algorithm that signs nothing here; the certificate can still be read. */
  | { readonly type: "other"; readonly algorithm: string };

const ecdsaOid = "1.2.840.10045.2.1";
const rsaOid = "1.2.840.113549.1.1.1";
const ed25519Oid = "1.3.101.112";

const curves: ReadonlyMap<string, { readonly curve: Curve; readonly coordinateBytes: number }> = new Map([
  ["1.3.132.0.33", { curve: "P-224", coordinateBytes: 28 }],
  ["1.2.840.10045.3.1.7", { curve: "P-256", coordinateBytes: 32 }],
  ["1.3.132.0.34", { curve: "P-384", coordinateBytes: 48 }],
  ["1.3.132.0.35", { curve: "P-521", coordinateBytes: 66 }],
]);

const ed25519KeyBytes = 32;
const uncompressedPoint = 0x04;

/**
 * Reads a SubjectPublicKeyInfo. OpenSSL would take compressed points, explicit curves and other forms that Go does not,
 * so the form is settled here before it gets to see the key.
 *
 * @throws DerError unless Go takes the key.
 */
export function readPublicKey(spki: DerElement): PublicKey {
  const fields = readerOf(spki);
  const algorithm = readerOf(fields.read("the public key's algorithm", tags.sequence));
  const oid = objectIdentifier(algorithm.read("the public key's algorithm", tags.objectIdentifier), "an algorithm");
  const parameters = algorithm.isEmpty ? undefined : algorithm.read("the public key's parameters");
  const octets = bitStringOctets(fields.read("the public key", tags.bitString), "the public key");
  switch (oid) {
    case ecdsaOid:
      return readEcdsaKey(spki.raw, parameters, octets);
    case ed25519Oid:
      if (parameters !== undefined) throw new DerError("expected an Ed25519 key without parameters, got some");
      if (octets.length !== ed25519KeyBytes) {
        throw new DerError(`expected an Ed25519 key of ${ed25519KeyBytes} bytes, got ${octets.length}`);
      }
      return { type: "ed25519", key: importKey(spki.raw) };
    case rsaOid:
      return readRsaKey(spki.raw, parameters, octets);
    default:
      return { type: "other", algorithm: oid };
  }
}

function readEcdsaKey(spki: Uint8Array, parameters: DerElement | undefined, point: Uint8Array): PublicKey {
  if (parameters?.tag !== tags.objectIdentifier) throw new DerError("expected a named curve, got none");
  const oid = objectIdentifier(parameters, "a curve");
  const known = curves.get(oid);
  if (known === undefined) throw new DerError(`expected the curve P-224, P-256, P-384 or P-521, got ${oid}`);
  if (point[0] !== uncompressedPoint || point.length !== 1 + 2 * known.coordinateBytes) {
    throw new DerError(`expected an uncompressed point of ${known.curve}, got another form`);
  }
  return { type: "ecdsa", curve: known.curve, key: importKey(spki) };
}

function readRsaKey(spki: Uint8Array, parameters: DerElement | undefined, octets: Uint8Array): PublicKey {
  if (parameters?.tag !== tags.null || parameters.contents.length > 0) {
    throw new DerError("expected an RSA key with NULL as parameters, got others");
  }
  const numbers = readerOf(onlyElement(octets, "the RSA key", tags.sequence));
  for (const what of ["the RSA modulus", "the RSA exponent"]) {
    if (integerValue(numbers.read(what, tags.integer), what) <= 0n) {
      throw new DerError(`expected ${what} above 0, got another`);
    }
  }
  return { type: "rsa", key: importKey(spki) };
}

function importKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    // OpenSSL's own words change with its version.
    throw new DerError("expected a public key on its curve, got one that is not");
  }
}
