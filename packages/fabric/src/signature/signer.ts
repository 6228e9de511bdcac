import { type KeyObject, sign } from "node:crypto";
import { GossipError } from "@gossip/runtime";
import type { PublicKey } from "../x509/public-key.js";
import { encodeEcdsaSignature, fromFixedWidth, toLowS } from "./ecdsa.js";
import type { SignatureHashName } from "./verify.js";

/**
 * A function that signs as Fabric demands: ECDSA with low S in DER, or Ed25519 (page 13 §1.5).
 *
 * @param publicKey of the same key pair, from the certificate
 * @throws GossipError `invalid-config` for keys that no Fabric identity may have, e.g. RSA.
 */
export function createSigner(
  privateKey: KeyObject,
  publicKey: PublicKey,
  hash: SignatureHashName = "sha256",
): (payload: Uint8Array) => Uint8Array {
  switch (publicKey.type) {
    case "ecdsa":
      return (payload) => {
        const raw = sign(hash, payload, { key: privateKey, dsaEncoding: "ieee-p1363" });
        return encodeEcdsaSignature(toLowS(publicKey.curve, fromFixedWidth(raw)));
      };
    case "ed25519":
      return (payload) => new Uint8Array(sign(null, payload, privateKey));
    default: {
      const type = publicKey.type === "rsa" ? "an RSA key" : `algorithm ${publicKey.algorithm}`;
      throw new GossipError("invalid-config", `expected an ECDSA or Ed25519 key to sign with, got ${type}`);
    }
  }
}
