import { Point } from "@noble/ed25519";

/**
 * What is refused before any backend is asked, so that all backends agree on every input.
 *
 * RFC 8032 leaves open what becomes of points that are not of prime order: OpenSSL (behind node:crypto) checks
 * [S]B = R + [k]A by comparing the encoding of [S]B - [k]A with R, noble checks that equation times the cofactor 8.
 * They differ exactly where A or R has a torsion component. We accept a signature only when
 *
 * 1. A is the canonical encoding of a point of prime order L,
 * 2. R is the canonical encoding of a point of prime order L,
 * 3. S is less than L, and
 * 4. [S]B = R + [k]A.
 *
 * Condition 1 costs a scalar multiplication, and is checked once per key (`isPrimeOrderPoint`). Condition 2 needs none
 * for node:crypto: with A in the subgroup of prime order, so is [S]B - [k]A; its encoding is canonical, and a
 * signature passes only if R equals that encoding byte for byte. So R is a canonical point of the subgroup, and the one
 * point of the subgroup that is not of order L, the neutral element, is refused here as a small-order encoding.
 * The noble backend, which multiplies by 8, checks R for torsion itself.
 */

/** Little-endian L = 2^252 + 27742317777372353535851937790883648493, the prime order of the base point. */
const groupOrder = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The y coordinates of the eight points of order 1, 2, 4 and 8, which are all whose multiple by 8 is neutral. */
const smallOrderY: readonly Uint8Array[] = [
  bytes("0100000000000000000000000000000000000000000000000000000000000000"),
  bytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
  bytes("0000000000000000000000000000000000000000000000000000000000000000"),
  bytes("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  bytes("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
];

/** Whether 32 bytes are a canonical encoding of a point of prime order. About 0.7 ms: remember the answer. */
export function isPrimeOrderPoint(encoded: Uint8Array): boolean {
  if (encoded.length !== 32 || !isPlausiblePoint(encoded)) return false;
  try {
    return Point.fromBytes(encoded).isTorsionFree();
  } catch {
    return false; // no point on the curve has this encoding
  }
}

/** Whether a signature has the right length, an S below L, and an R that may be a point of prime order; cheap. */
export function isPlausibleSignature(signature: Uint8Array): boolean {
  return (
    signature.length === 64 && isPlausiblePoint(signature.subarray(0, 32)) && isBelowGroupOrder(signature.subarray(32))
  );
}

/** Refuses non-canonical encodings (y at least 2^255 - 19) and points of small order, of either sign. */
function isPlausiblePoint(encoded: Uint8Array): boolean {
  return isCanonicalY(encoded) && !smallOrderY.some((y) => sameY(encoded, y));
}

function isCanonicalY(encoded: Uint8Array): boolean {
  if (((encoded[31] ?? 0) & 0x7f) !== 0x7f) return true;
  for (let at = 30; at >= 1; at--) if (encoded[at] !== 0xff) return true;
  return (encoded[0] ?? 0) < 0xed;
}

function sameY(encoded: Uint8Array, y: Uint8Array): boolean {
  for (let at = 0; at < 31; at++) if (encoded[at] !== y[at]) return false;
  return ((encoded[31] ?? 0) & 0x7f) === y[31];
}

function isBelowGroupOrder(scalar: Uint8Array): boolean {
  for (let at = 31; at >= 0; at--) {
    const difference = (scalar[at] ?? 0) - (groupOrder[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
