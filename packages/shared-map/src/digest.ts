import { type PkiId, pkiIdFromBytes, pkiIdToBytes } from "@gossip/proto";
import type { Version } from "./entry.js";

/** What a digest of the pull says of an entry: enough to know whether it would be news (protocol page 14 §5). */
export interface EntryName extends Version {
  readonly key: string;
  readonly isDeleted: boolean;
}

const hashBytes = 16;
const flagsAt = 0;
const counterAt = 1;
const hashAt = 9;
const authorLengthAt = hashAt + hashBytes;
const authorAt = authorLengthAt + 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The octets: flags (1), counter (8, big-endian), hash (16), length of the author (1), author, key in UTF-8. */
export function encodeDigest({ key, counter, author, hash, isDeleted }: EntryName): Uint8Array {
  const authorBytes = pkiIdToBytes(author);
  const keyBytes = encoder.encode(key);
  const digest = new Uint8Array(authorAt + authorBytes.length + keyBytes.length);
  digest[flagsAt] = isDeleted ? 1 : 0;
  new DataView(digest.buffer).setBigUint64(counterAt, counter);
  digest.set(pkiIdToBytes(hash as PkiId), hashAt); // hex as a PKI-ID is
  digest[authorLengthAt] = authorBytes.length;
  digest.set(authorBytes, authorAt);
  digest.set(keyBytes, authorAt + authorBytes.length);
  return digest;
}

/** What stands in a digest; `undefined` when it is none of ours. */
export function decodeDigest(digest: Uint8Array): EntryName | undefined {
  const keyAt = authorAt + (digest[authorLengthAt] ?? 0);
  if (digest.length <= keyAt || keyAt === authorAt) return undefined;
  const counter = new DataView(digest.buffer, digest.byteOffset, digest.length).getBigUint64(counterAt);
  const author = pkiIdFromBytes(digest.subarray(authorAt, keyAt));
  const hash: string = pkiIdFromBytes(digest.subarray(hashAt, authorLengthAt));
  const key = textOf(digest.subarray(keyAt));
  return key === undefined ? undefined : { key, counter, author, hash, isDeleted: digest[flagsAt] === 1 };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
