import { DerError, DerReader, encodeElement, encodeInteger, integerValue, readerOf, tags } from "../x509/der.js";
import type { Curve } from "../x509/public-key.js";

/** The two numbers of an ECDSA signature. */
export interface EcdsaSignature {
  readonly r: bigint;
  readonly s: bigint;
}

/** What is known of a curve here: the order of its group, and how many bytes that takes. */
export interface CurveOrder {
  readonly order: bigint;
  readonly bytes: number;
}

/** Orders of the groups of Fabric's curves (FIPS 186-5; SP 800-186 §3.2.1). */
export const curveOrders: Readonly<Record<Curve, CurveOrder>> = {
  "P-224": { order: 0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn, bytes: 28 },
  "P-256": { order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, bytes: 32 },
  "P-384": {
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bytes: 48,
  },
  "P-521": {
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    bytes: 66,
  },
};

/**
 * Reads `SEQUENCE { INTEGER r, INTEGER s }`; `undefined` unless both are above 0. Further elements and bytes after the
 * sequence are passed over as Go does, or a Byzantine orderer could sign blocks on which Go's peers and ours disagree
 * (page 13 §1.5).
 */
export function readEcdsaSignature(bytes: Uint8Array): EcdsaSignature | undefined {
  try {
    const fields = readerOf(new DerReader(bytes).read("a signature", tags.sequence));
    const r = integerValue(fields.read("r", tags.integer), "r");
    const s = integerValue(fields.read("s", tags.integer), "s");
    return r > 0n && s > 0n ? { r, s } : undefined;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** The one DER encoding of a signature. */
export function encodeEcdsaSignature({ r, s }: EcdsaSignature): Uint8Array {
  return encodeElement(tags.sequence, encodeInteger(r), encodeInteger(s));
}

/** A signature in its one encoding; `undefined` when it cannot be read. */
export function normalizeSignature(bytes: Uint8Array): Uint8Array | undefined {
  const signature = readEcdsaSignature(bytes);
  return signature && encodeEcdsaSignature(signature);
}

/** Whether s is in the lower half of the group: the one of its two forms that Fabric takes. */
export function isLowS(curve: Curve, s: bigint): boolean {
  return s <= curveOrders[curve].order >> 1n;
}

/**
 * Whether these bytes are what signers make: both numbers above 0, in the one encoding, with s in the lower half. It
 * looks at the bytes alone, at a small part of what reading the numbers costs; of what it does not know it only says no.
 */
export function isCanonicalLowS(curve: Curve, signature: Uint8Array): boolean {
  const isLong = signature[1] === longFormOfOne;
  const start = isLong ? 3 : 2;
  const length = signature[start - 1] ?? 0;
  if (signature[0] !== tags.sequence || length !== signature.length - start || length >= 0x80 !== isLong) return false;
  const middle = endOfPositive(signature, start);
  if (middle === undefined || endOfPositive(signature, middle) !== signature.length) return false;
  const s = signature.subarray(middle + 2);
  const half = halfOrders[curve];
  // In fewest octets a longer number is a larger one.
  return s.length === half.length ? Buffer.compare(s, half) <= 0 : s.length < half.length;
}

/** The first octet of a DER length that takes one more, as signatures on P-521 have it. */
const longFormOfOne = 0x81;

/** Contents of INTEGERs. */
const halfOrders: Readonly<Record<Curve, Uint8Array>> = {
  "P-224": halfOf("P-224"),
  "P-256": halfOf("P-256"),
  "P-384": halfOf("P-384"),
  "P-521": halfOf("P-521"),
};

function halfOf(curve: Curve): Uint8Array {
  return encodeInteger(curveOrders[curve].order >> 1n).subarray(2);
}

/** Where the INTEGER at an offset ends, if it is above 0 and in fewest octets. */
function endOfPositive(bytes: Uint8Array, at: number): number | undefined {
  const [tag, length = 0, first = 0, second = 0] = bytes.subarray(at, at + 4);
  if (tag !== tags.integer || length === 0 || length >= 0x80 || first >= 0x80) return undefined;
  const isPadded = first === 0 && (length === 1 || second < 0x80);
  return isPadded ? undefined : at + 2 + length;
}

/** The same signature with its s in the lower half. */
export function toLowS(curve: Curve, { r, s }: EcdsaSignature): EcdsaSignature {
  return isLowS(curve, s) ? { r, s } : { r, s: curveOrders[curve].order - s };
}

/** Both numbers in as many bytes as the order has (IEEE P1363); `undefined` when one does not fit, and so cannot be valid. */
export function toFixedWidth(curve: Curve, { r, s }: EcdsaSignature): Uint8Array | undefined {
  const { order, bytes } = curveOrders[curve];
  if (r >= order || s >= order) return undefined;
  const hex = [r, s].map((number) => number.toString(16).padStart(bytes * 2, "0")).join("");
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** Reads what `toFixedWidth` writes. */
export function fromFixedWidth(signature: Uint8Array): EcdsaSignature {
  const digits = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString("hex");
  const middle = digits.length / 2;
  return { r: BigInt(`0x${digits.slice(0, middle)}`), s: BigInt(`0x${digits.slice(middle)}`) };
}
