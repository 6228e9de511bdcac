import { etc, hash, hashes, Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

/** Signatures over points that are not of prime order, made with full knowledge of the secret scalars. */

const order = Point.CURVE().n;

/** A point of order 8; its multiples are all eight points of small order. */
const torsionGenerator = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");

export const smallOrderPoints: readonly Point[] = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n].map((k) =>
  torsionGenerator.multiplyUnsafe(k),
);

/**
 * Encodings of points of small order that a lenient decoder takes: a set sign bit although x is 0, and y plus p.
 * Of the small-order y only 0 and 1 are small enough for y + p to fit 255 bits.
 */
export const nonCanonicalSmallOrder: readonly Uint8Array[] = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
].map(etc.hexToBytes);

export interface OddSignature {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  /** The challenge SHA-512(R ‖ A ‖ M) mod L. */
  readonly challenge: bigint;
}

export interface OddOptions {
  /** The secret scalar of A, 0 for none. */
  readonly a: bigint;
  /** The secret scalar of R, 0 for none. */
  readonly r: bigint;
  /** Added to A and R: points of small order. */
  readonly torsionOfA?: Point;
  readonly torsionOfR?: Point;
  readonly message: Uint8Array;
}

/** The signature whose S solves the equation up to torsion: [8][S]B = [8](R + [k]A). */
export function signOddly(options: OddOptions): OddSignature {
  hashes.sha512 ??= sha512;
  const { a, r, torsionOfA = Point.ZERO, torsionOfR = Point.ZERO, message } = options;
  const publicKey = Point.BASE.multiplyUnsafe(a).add(torsionOfA).toBytes();
  const pointR = Point.BASE.multiplyUnsafe(r).add(torsionOfR).toBytes();
  const challenge = numberOf(hash(etc.concatBytes(pointR, publicKey, message))) % order;
  const s = etc.mod(r + challenge * a, order);
  return { publicKey, signature: etc.concatBytes(pointR, littleEndian(s)), message, challenge };
}

/** The same signature with S + n·L, which a verifier that does not check the range of S takes too. */
export function withLargerS(signature: Uint8Array, n: bigint): Uint8Array {
  const s = numberOf(signature.subarray(32)) + n * order;
  return etc.concatBytes(signature.subarray(0, 32), littleEndian(s));
}

/** 32 bytes, the lowest first. */
export function littleEndian(value: bigint): Uint8Array {
  return etc.hexToBytes(value.toString(16).padStart(64, "0")).reverse();
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${etc.bytesToHex(bytes.slice().reverse())}`);
}
