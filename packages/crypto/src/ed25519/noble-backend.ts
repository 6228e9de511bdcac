import { getPublicKey, hashes, Point, sign, verify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import type { Backend } from "./backend.js";

/** Ed25519 in JavaScript, for platforms whose node:crypto has none. */
export function createNobleBackend(): Backend {
  // noble has no SHA-512 of its own; its synchronous functions throw without one.
  hashes.sha512 ??= sha512;
  return {
    name: "noble",
    publicKeyOf: (privateKey) => getPublicKey(privateKey),
    createSigner: (privateKey) => {
      const seed = privateKey.slice();
      return (payload) => sign(payload, seed);
    },
    createVerifier(publicKey) {
      const key = publicKey.slice();
      // noble checks the equation times the cofactor, which lets an R with a torsion component pass; see strict.ts.
      return (signature, payload) => {
        return (
          verify(signature, payload, key, { zip215: false }) &&
          Point.fromBytes(signature.subarray(0, 32)).isTorsionFree()
        );
      };
    },
  };
}
