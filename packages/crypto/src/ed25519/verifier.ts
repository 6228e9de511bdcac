import { createHash } from "node:crypto";
import { BoundedMap } from "@gossip/runtime";
import { type BackendName, backendFor, type SignatureCheck } from "./backend.js";
import { isPlausibleSignature, isPrimeOrderPoint } from "./strict.js";

/** Which curve implementation checks signatures, and how much memory it may spend to check fewer. */
export interface Ed25519VerifierOptions {
  /**
   * `node` (node:crypto), or `noble` (JavaScript, about 13 times slower).
   *
   * @default node where it has Ed25519
   */
  readonly backend?: BackendName;
  /**
   * Keys kept ready; checking a key anew takes about 0.7 ms.
   *
   * @default 10_000
   */
  readonly maxKeys?: number;
  /**
   * Good signatures remembered, at about 100 bytes each. The same signature is checked again when a state info
   * is admitted to a channel, at each state request of a stream, and for a block that comes from several sides.
   *
   * @default 20_000
   */
  readonly maxSignatures?: number;
}

/**
 * Strict Ed25519 with a memory: the rules are in `strict.ts`. What it remembers is timeless and trusts nobody, so
 * one verifier may serve many `Ed25519Crypto` in a process, as a simulation wants.
 */
export class Ed25519Verifier {
  readonly backend: BackendName;
  readonly #createCheck: (publicKey: Uint8Array) => SignatureCheck;
  readonly #checks: BoundedMap<string, SignatureCheck>;
  // Good signatures only: bad ones cost an attacker nothing, and would push out the good.
  readonly #good: BoundedMap<string, true>;

  constructor(options: Ed25519VerifierOptions = {}) {
    const { maxKeys = 10_000, maxSignatures = 20_000 } = options;
    const backend = backendFor(options.backend);
    this.backend = backend.name;
    this.#createCheck = (publicKey) => (isPrimeOrderPoint(publicKey) ? backend.createVerifier(publicKey) : refuseAll);
    this.#checks = new BoundedMap({ maxEntries: maxKeys, whenFull: "evict-oldest" });
    this.#good = new BoundedMap({ maxEntries: maxSignatures, whenFull: "evict-oldest" });
  }

  /** Whether `signature` over `payload` is that of the key. Never throws, whatever the bytes. */
  verify(publicKey: Uint8Array, signature: Uint8Array, payload: Uint8Array): boolean {
    if (publicKey.length !== 32 || !isPlausibleSignature(signature)) return false;
    const fact = createHash("sha256").update(publicKey).update(signature).update(payload).digest("binary");
    if (this.#good.has(fact)) return true;
    const isGood = this.#checkOf(publicKey)(signature, payload);
    if (isGood) this.#good.set(fact, true);
    return isGood;
  }

  /** Whether the key is one that signatures can be verified with: a canonical point of prime order. */
  isGoodKey(publicKey: Uint8Array): boolean {
    return publicKey.length === 32 && this.#checkOf(publicKey) !== refuseAll;
  }

  #checkOf(publicKey: Uint8Array): SignatureCheck {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString("latin1");
    let check = this.#checks.get(name);
    if (check === undefined) {
      check = this.#createCheck(publicKey);
      this.#checks.set(name, check);
    }
    return check;
  }
}

function refuseAll(): boolean {
  return false;
}
