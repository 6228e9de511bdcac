import { GossipError } from "@gossip/runtime";

/**
 * Digest of a block in a pull exchange: its number in decimal ASCII (page 01 §2.3).
 *
 * @throws GossipError `invalid-argument` unless the number is from 0 to 2^64 - 1.
 */
export function blockDigest(blockNumber: bigint): Uint8Array {
  if (BigInt.asUintN(64, blockNumber) !== blockNumber) {
    throw new GossipError("invalid-argument", `expected blockNumber to be from 0 to 2^64 - 1, got ${blockNumber}`);
  }
  return new TextEncoder().encode(blockNumber.toString());
}

/** The block number a digest names; `undefined` when it is not an unsigned decimal below 2^64. */
export function parseBlockDigest(digest: Uint8Array): bigint | undefined {
  if (digest.length === 0 || digest.length > maxDigits) return undefined;
  let text = "";
  for (const byte of digest) {
    if (byte < 0x30 || byte > 0x39) return undefined;
    text += String.fromCharCode(byte);
  }
  const number = BigInt(text);
  return number >> 64n === 0n ? number : undefined;
}

/** Of 2^64 - 1. */
const maxDigits = 20;
