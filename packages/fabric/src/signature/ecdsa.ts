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
