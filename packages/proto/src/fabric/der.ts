import { GossipError } from "@gossip/runtime";
import { concatenated } from "../wire.js";
import type { BlockHeader } from "./block.js";

const integerTag = 0x02;
const octetStringTag = 0x04;
const sequenceTag = 0x30;

/**
 * The header as ASN.1 DER, `SEQUENCE { INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash }`: what a
 * block hash is the SHA-256 of, and a part of what orderers sign (page 13 §4.1).
 *
 * @throws GossipError `invalid-argument` when the number is not a uint64.
 */
export function blockHeaderBytes(header: BlockHeader): Uint8Array {
  const number = unsignedInteger(header.number);
  const fields = [
    ...[Uint8Array.of(integerTag), lengthBytes(number.length), number],
    ...[Uint8Array.of(octetStringTag), lengthBytes(header.previousHash.length), header.previousHash],
    ...[Uint8Array.of(octetStringTag), lengthBytes(header.dataHash.length), header.dataHash],
  ];
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  return concatenated([Uint8Array.of(sequenceTag), lengthBytes(length), ...fields]);
}

/** Big-endian without leading zeros, but for the one that keeps the sign bit clear. */
function unsignedInteger(value: bigint): Uint8Array {
  if (BigInt.asUintN(64, value) !== value) {
    throw new GossipError("invalid-argument", `expected number to be from 0 to 2^64 - 1, got ${value}`);
  }
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setBigUint64(1, value);
  let start = 0;
  while (start < 8 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start++;
  return bytes.subarray(start);
}

/** The short form below 128, else the number of octets and the octets. */
function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}
