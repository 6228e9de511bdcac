import { createNobleBackend } from "./noble-backend.js";
import { createNodeBackend, isNodeBackendPresent } from "./node-backend.js";

/** Which implementation of the curve is used. */
export type BackendName = "node" | "noble";

/** One implementation of Ed25519. Callers have refused what `strict.ts` refuses, and every length is right. */
export interface Backend {
  readonly name: BackendName;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
  /** Prepares a 32-byte seed for many signatures. */
  createSigner(privateKey: Uint8Array): (payload: Uint8Array) => Uint8Array;
  /** Prepares a public key, which is of prime order, for many verifications. */
  createVerifier(publicKey: Uint8Array): SignatureCheck;
}

/** Whether the signature over the payload is that of one key. */
export type SignatureCheck = (signature: Uint8Array, payload: Uint8Array) => boolean;

/** The named backend; without a name, node:crypto where it has Ed25519 and noble elsewhere. */
export function backendFor(name: BackendName = isNodeBackendPresent() ? "node" : "noble"): Backend {
  switch (name) {
    case "node":
      return createNodeBackend();
    case "noble":
      return createNobleBackend();
  }
}
