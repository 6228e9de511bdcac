import { type KeyObject, verify } from "node:crypto";
import { accepted, type Rejection, reject, type Verdict } from "@gossip/crypto";
import type { SignatureForm } from "../api.js";
import type { Curve, PublicKey } from "../x509/public-key.js";
import { encodeEcdsaSignature, isCanonicalLowS, isLowS, readEcdsaSignature, toFixedWidth } from "./ecdsa.js";

/** The hash that an MSP lets its members sign with: SHA-256 or SHA3-256, whatever the curve (page 13 §1.5). */
export type SignatureHashName = "sha256" | "sha3-256";

/** Name of the hash by the `signature_hash_family` of an MSP; `undefined` for a family that Fabric does not know. */
export function signatureHashOf(family: string): SignatureHashName | undefined {
  switch (family) {
    case "":
    case "SHA2":
      return "sha256";
    case "SHA3":
      return "sha3-256";
    default:
      return undefined;
  }
}

/**
 * Whether the signature over `message` is by the key, in the form that Fabric demands: low S with ECDSA, 64 bytes with
 * Ed25519 (page 13 §1.5). Never throws.
 */
export function verifySignature(
  key: PublicKey,
  hash: SignatureHashName | undefined,
  signature: Uint8Array,
  message: Uint8Array,
  form: SignatureForm = "canonical",
): Verdict {
  switch (key.type) {
    case "ecdsa":
      if (hash === undefined)
        return reject("bad-signature", "expected the hash family SHA2 or SHA3 in the MSP, got another");
      return verifyEcdsa(key.curve, key.key, hash, signature, message, form);
    case "ed25519":
      if (signature.length === 64 && verify(null, message, key.key, signature)) return accepted;
      return reject("bad-signature", "expected an Ed25519 signature by the identity, got another");
    default:
      return reject("bad-signature", "expected an ECDSA or Ed25519 key, got another");
  }
}

function verifyEcdsa(
  curve: Curve,
  key: KeyObject,
  hash: SignatureHashName,
  signature: Uint8Array,
  message: Uint8Array,
  form: SignatureForm,
): Verdict {
  // What signers make is known by its bytes; whatever else came goes the long way, to be told what is wrong with it.
  if (isCanonicalLowS(curve, signature)) {
    return verify(hash, message, key, signature) ? accepted : notByIdentity(curve);
  }
  const numbers = readEcdsaSignature(signature);
  if (numbers === undefined) return reject("bad-signature", "expected an ECDSA signature in DER, got other bytes");
  if (form === "canonical" && Buffer.compare(encodeEcdsaSignature(numbers), signature) !== 0) {
    return reject("bad-signature", "expected an ECDSA signature in its one DER encoding, got another");
  }
  if (!isLowS(curve, numbers.s)) {
    return reject("bad-signature", `expected S in the lower half of ${curve}, got a high S`);
  }
  const fixed = toFixedWidth(curve, numbers);
  if (fixed !== undefined && verify(hash, message, { key, dsaEncoding: "ieee-p1363" }, fixed)) return accepted;
  return notByIdentity(curve);
}

function notByIdentity(curve: Curve): Rejection {
  return reject("bad-signature", `expected an ECDSA signature on ${curve} by the identity, got another`);
}
