import { crc32 } from "node:zlib";

/**
 * How a ledger lies in LevelDB. Two records per block, written in one atomic batch:
 *
 *     'b' number (8 bytes, big-endian)   the block as it was committed
 *     'm' number (8 bytes, big-endian)   CRC-32 of the block (4), its length (4), hash of its header (32)
 *
 * Big-endian, so that keys sort as numbers do. The checksum stands beside the block and not before it, so that the block's
 * bytes need not be copied; and small records of their own let a gap be found without reading the blocks.
 */
export interface BlockRecord {
  readonly crc: number;
  readonly length: number;
  /** What the next block's `previous_hash` must equal. */
  readonly hash: Uint8Array;
}

export type RecordKind = "block" | "record";

const prefixes: Readonly<Record<RecordKind, number>> = { block: 0x62, record: 0x6d };
const hashBytes = 32;

/** The key of one of the two records. */
export function keyOf(kind: RecordKind, blockNumber: bigint): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = prefixes[kind];
  new DataView(key.buffer).setBigUint64(1, blockNumber);
  return key;
}

/** The number in a key. */
export function numberOf(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getBigUint64(1);
}

/** All keys of one kind from `first` to `last`. */
export function keyRange(
  kind: RecordKind,
  first = 0n,
  last = 2n ** 64n - 1n,
): { readonly gte: Uint8Array; readonly lte: Uint8Array } {
  return { gte: keyOf(kind, first), lte: keyOf(kind, last) };
}

/** The record of a block whose header has this hash. */
export function recordOf(block: Uint8Array, hash: Uint8Array): BlockRecord {
  return { crc: crc32(block), length: block.length, hash };
}

export function encodeRecord({ crc, length, hash }: BlockRecord): Uint8Array {
  const bytes = new Uint8Array(8 + hashBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, crc);
  view.setUint32(4, length);
  bytes.set(hash, 8);
  return bytes;
}

/** Reads a record; `undefined` when the bytes cannot be one. */
export function decodeRecord(bytes: Uint8Array): BlockRecord | undefined {
  if (bytes.length !== 8 + hashBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { crc: view.getUint32(0), length: view.getUint32(4), hash: bytes.slice(8) };
}

/** What is wrong with a stored block: what was expected and what was found; `undefined` when it is intact. */
export function damageOf(block: Uint8Array | undefined, record: Uint8Array | undefined): string | undefined {
  if (block === undefined) return "expected the block, found none";
  const expected = record === undefined ? undefined : decodeRecord(record);
  if (expected === undefined) return "expected its checksum beside it, found none";
  if (block.length !== expected.length) return `expected ${expected.length} bytes, found ${block.length}`;
  const crc = crc32(block);
  return crc === expected.crc ? undefined : `expected checksum ${hex32(expected.crc)}, found ${hex32(crc)}`;
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
