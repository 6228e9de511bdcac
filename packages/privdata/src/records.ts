import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { PrivatePayload } from "@gossip/proto";

/**
 * How private data lies in LevelDB. A record is named by what it is, so that the same set pushed twice is one record:
 *
 *     id = SHA-256(txId) SHA-256(namespace, collection) SHA-256(rwset) SHA-256(collectionConfigs)    128 bytes
 *
 * and is four entries, written in one atomic batch:
 *
 *     'm' id          the record's description (`Description`)
 *     'c' id          the collection's configuration as received
 *     'd' id          the set as received
 *     'h' height id   nothing; height is 8 bytes, big-endian
 *
 * The sets of a transaction, and those of one of its collections, are a range of 'm', and so is everything below a height
 * of 'h'. The configuration lies apart from the set, for a requester is judged by it before the set is read. Names are
 * hashed, so that a key has one length whatever a sender writes into them. The hash of the set is the one that the block
 * has (page 11, vocabulary), so a set can be found from its block.
 */
export interface Description {
  /** What the purge goes by. */
  readonly height: bigint;
  /** Counts the records of this store in the order they came in. */
  readonly arrival: bigint;
  /** Whose peer pushed it first; empty when not known. */
  readonly org: string;
  readonly txId: string;
  readonly namespace: string;
  readonly collection: string;
  readonly set: Extent;
  readonly config: Extent;
}

/** Length and CRC-32 of an entry, against damage. */
export interface Extent {
  readonly length: number;
  readonly crc: number;
}

export type EntryKind = "description" | "config" | "set" | "height";

const prefixes: Readonly<Record<EntryKind, number>> = { description: 0x6d, config: 0x63, set: 0x64, height: 0x68 };
const hashBytes = 32;
const idBytes = 4 * hashBytes;
const heightBytes = 8;

/** The name of a record with this content. */
export function idOf({ txId, namespace, collection, rwset, collectionConfigs }: PrivatePayload): Uint8Array {
  const id = new Uint8Array(idBytes);
  id.set(hashOf(txId), 0);
  id.set(collectionHash(namespace, collection), hashBytes);
  id.set(hashOf(rwset), 2 * hashBytes);
  id.set(hashOf(collectionConfigs), 3 * hashBytes);
  return id;
}

/** The hash of the set in an id, in hex. */
export function setHashIn(id: Uint8Array): string {
  return hex(id.subarray(2 * hashBytes, 3 * hashBytes));
}

/** The hash of the configuration in an id, in hex. */
export function configHashIn(id: Uint8Array): string {
  return hex(id.subarray(3 * hashBytes));
}

/** The hash of the transaction id in an id, in hex. */
export function transactionHashIn(id: Uint8Array): string {
  return hex(id.subarray(0, hashBytes));
}

/** The key of an entry of this record, other than that of its height. */
export function keyOf(kind: Exclude<EntryKind, "height">, id: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + id.length);
  key[0] = prefixes[kind];
  key.set(id, 1);
  return key;
}

/** The key that orders the record by its height. */
export function heightKeyOf(height: bigint, id: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + heightBytes + id.length);
  key[0] = prefixes.height;
  new DataView(key.buffer).setBigUint64(1, height);
  key.set(id, 1 + heightBytes);
  return key;
}

/** The id in a key of this kind. */
export function idIn(kind: EntryKind, key: Uint8Array): Uint8Array {
  return key.slice(kind === "height" ? 1 + heightBytes : 1);
}

/** A range of keys. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Descriptions of all records. */
export function allDescriptions(): KeyRange {
  return { gte: Uint8Array.of(prefixes.description), lt: Uint8Array.of(prefixes.description + 1) };
}

/** Descriptions of the records of the transaction that this id is of. */
export function descriptionsOfTransaction(id: Uint8Array): KeyRange {
  return startingWith(keyOf("description", id.subarray(0, hashBytes)));
}

/** Descriptions of the sets of one collection in one transaction. */
export function descriptionsOf(txId: string, namespace: string, collection: string): KeyRange {
  const start = new Uint8Array(2 * hashBytes);
  start.set(hashOf(txId), 0);
  start.set(collectionHash(namespace, collection), hashBytes);
  return startingWith(keyOf("description", start));
}

/** Height keys of the records below a height. */
export function belowHeight(height: bigint): KeyRange {
  const none = new Uint8Array(0);
  return { gte: heightKeyOf(0n, none), lt: heightKeyOf(height, none) };
}

export function extentOf(bytes: Uint8Array): Extent {
  return { length: bytes.length, crc: crc32(bytes) };
}

/** Whether these are the bytes that were stored. */
export function isIntact(bytes: Uint8Array, { length, crc }: Extent): boolean {
  return bytes.length === length && crc32(bytes) === crc;
}

const format = 1;
const fixedBytes = 1 + 4 * 4 + 2 * 8;

/** One byte of format, the numbers, each name behind its length, and a CRC-32 over all of it. */
export function encodeDescription(description: Description): Uint8Array {
  const { height, arrival, set, config } = description;
  const encoder = new TextEncoder();
  const names = namesOf(description).map((name) => encoder.encode(name));
  const bytes = new Uint8Array(fixedBytes + names.reduce((sum, { length }) => sum + 2 + length, 0) + 4);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, format);
  view.setUint32(1, set.length);
  view.setUint32(5, set.crc);
  view.setUint32(9, config.length);
  view.setUint32(13, config.crc);
  view.setBigUint64(17, height);
  view.setBigUint64(25, arrival);
  let at = fixedBytes;
  for (const name of names) {
    view.setUint16(at, name.length);
    bytes.set(name, at + 2);
    at += 2 + name.length;
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)));
  return bytes;
}

/** Reads a description; `undefined` when the bytes are not what was written. */
export function decodeDescription(bytes: Uint8Array): Description | undefined {
  const end = bytes.length - 4;
  if (end < fixedBytes || bytes[0] !== format) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const decoder = new TextDecoder();
  const names: string[] = [];
  for (let at = fixedBytes; at < end; ) {
    const length = view.getUint16(at);
    names.push(decoder.decode(bytes.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  const [org = "", txId = "", namespace = "", collection = ""] = names;
  return {
    height: view.getBigUint64(17),
    arrival: view.getBigUint64(25),
    ...{ org, txId, namespace, collection },
    set: { length: view.getUint32(1), crc: view.getUint32(5) },
    config: { length: view.getUint32(9), crc: view.getUint32(13) },
  };
}

function namesOf({ org, txId, namespace, collection }: Description): readonly string[] {
  return [org, txId, namespace, collection];
}

function collectionHash(namespace: string, collection: string): Uint8Array {
  // Hashed one by one first: joined as they are, two pairs of names could be one text.
  const both = new Uint8Array(2 * hashBytes);
  both.set(hashOf(namespace), 0);
  both.set(hashOf(collection), hashBytes);
  return hashOf(both);
}

function startingWith(start: Uint8Array): KeyRange {
  const lt = new Uint8Array(start.length + idBytes).fill(0xff);
  lt.set(start, 0);
  return { gte: start, lt };
}

function hashOf(value: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(value).digest();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
