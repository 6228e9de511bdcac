import { constants, createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { curveOrders, encodeEcdsaSignature, fromFixedWidth, isLowS } from "../signature/ecdsa.js";
import { encodeElement, encodeInteger, tags } from "../x509/der.js";
import type { Curve } from "../x509/public-key.js";

/** How an authority signs in a test. */
export interface SigningOptions {
  /** @default "sha256" */
  readonly hash?: "sha1" | "sha256" | "sha384" | "sha512";
  /** Which of the two forms of an ECDSA signature. @default "low" */
  readonly s?: "low" | "high";
  /** With RSA. @default "pkcs1" */
  readonly padding?: "pkcs1" | "pss";
}

const curveNames: ReadonlyMap<string, Curve> = new Map([
  ["secp224r1", "P-224"],
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

const objectIdentifiers = {
  ecdsa: {
    sha1: "2a8648ce3d0401",
    sha256: "2a8648ce3d040302",
    sha384: "2a8648ce3d040303",
    sha512: "2a8648ce3d040304",
  },
  rsa: {
    sha1: "2a864886f70d010105",
    sha256: "2a864886f70d01010b",
    sha384: "2a864886f70d01010c",
    sha512: "2a864886f70d01010d",
  },
  hash: {
    sha1: "2b0e03021a",
    sha256: "608648016503040201",
    sha384: "608648016503040202",
    sha512: "608648016503040203",
  },
  ed25519: "2b6570",
  pss: "2a864886f70d01010a",
  mgf1: "2a864886f70d010108",
} as const;

const hashBytes = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;

/** The curve of an EC key; `undefined` when it is none of Fabric's. */
function curveOf(key: KeyObject): Curve | undefined {
  return curveNames.get(key.asymmetricKeyDetails?.namedCurve ?? "");
}

/** The key's identifier as Fabric computes it, which is nothing but a name to those who read it. */
export function keyIdentifier(key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return new Uint8Array(createHash("sha256").update(spki).digest());
}

/** The AlgorithmIdentifier that says how the key signs. */
export function signatureAlgorithmOf(key: KeyObject, { hash = "sha256", padding }: SigningOptions): Uint8Array {
  const none = new Uint8Array(0);
  const nothing = encodeElement(tags.null);
  if (key.asymmetricKeyType === "ed25519") return algorithm(objectIdentifiers.ed25519, none);
  if (key.asymmetricKeyType === "ec") return algorithm(objectIdentifiers.ecdsa[hash], none);
  if (padding !== "pss") return algorithm(objectIdentifiers.rsa[hash], nothing);
  const hashAlgorithm = algorithm(objectIdentifiers.hash[hash], nothing);
  const parameters = encodeElement(
    tags.sequence,
    encodeElement(0xa0, hashAlgorithm),
    encodeElement(0xa1, algorithm(objectIdentifiers.mgf1, hashAlgorithm)),
    encodeElement(0xa2, encodeInteger(BigInt(hashBytes[hash]))),
  );
  return algorithm(objectIdentifiers.pss, parameters);
}

/** Signs with the form of S that is asked for; Fabric's own tools leave it to chance in roots. */
export function signAsAuthority(key: KeyObject, bytes: Uint8Array, options: SigningOptions): Uint8Array {
  const { hash = "sha256", s = "low", padding } = options;
  if (key.asymmetricKeyType === "ed25519") return new Uint8Array(sign(null, bytes, key));
  if (key.asymmetricKeyType === "rsa") {
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    return new Uint8Array(sign(hash, bytes, padding === "pss" ? { key, ...pss } : key));
  }
  const curve = curveOf(key);
  if (curve === undefined) return new Uint8Array(sign(hash, bytes, key));
  const signature = fromFixedWidth(sign(hash, bytes, { key, dsaEncoding: "ieee-p1363" }));
  if (isLowS(curve, signature.s) === (s === "low")) return encodeEcdsaSignature(signature);
  return encodeEcdsaSignature({ r: signature.r, s: curveOrders[curve].order - signature.s });
}

function algorithm(oid: string, parameters: Uint8Array): Uint8Array {
  return encodeElement(tags.sequence, encodeElement(tags.objectIdentifier, Buffer.from(oid, "hex")), parameters);
}
