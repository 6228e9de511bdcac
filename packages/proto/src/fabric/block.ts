import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import { concatenated, decoded, fromLong, missing, parseAs, plain, serialize, toLong } from "../wire.js";

/** What a block's hash covers; it chains the block to the one before and fixes its data. */
export interface BlockHeader {
  readonly number: bigint;
  /** SHA-256 of the header bytes of the block before; empty for block 0. */
  readonly previousHash: Uint8Array;
  /** SHA-256 of the block's data bytes. */
  readonly dataHash: Uint8Array;
}

/** `common.Block`. `data` entries are serialized `common.Envelope`s; `metadata` slots are those of page 13 §4.1. */
export interface Block {
  readonly header: BlockHeader;
  readonly data: readonly Uint8Array[];
  readonly metadata: readonly Uint8Array[];
}

/** Reads a block. Its parts are views into `bytes`. Never throws. */
export function readBlock(bytes: Uint8Array): Decoded<Block> {
  return parseAs(common.Block, bytes, ({ header, data, metadata }) => {
    if (header === null) return missing("header");
    return decoded({
      header: {
        number: fromLong(header.number),
        previousHash: plain(header.previousHash),
        dataHash: plain(header.dataHash),
      },
      data: (data?.data ?? []).map(plain),
      metadata: (metadata?.metadata ?? []).map(plain),
    });
  });
}

/**
 * Serializes a block. Data and metadata are always present, if empty, as in the blocks that orderers make.
 *
 * @throws GossipError `invalid-argument` when the number is not a uint64.
 */
export function encodeBlock({ header, data, metadata }: Block): Uint8Array {
  const { number, previousHash, dataHash } = header;
  const size = [...data, ...metadata].reduce((sum, entry) => sum + entry.length + 6, 256);
  return serialize(
    common.Block,
    { header: { number: toLong(number, "number"), previousHash, dataHash }, data: { data }, metadata: { metadata } },
    size,
  );
}

/** Concatenation of the data entries: what `dataHash` is the SHA-256 of. It does not fix where an entry ends. */
export function blockDataBytes(data: readonly Uint8Array[]): Uint8Array {
  return concatenated(data);
}

/**
 * Whether the bytes are the one canonical form of a signed transaction, `0a length payload 12 length signature` with
 * minimal lengths and neither part empty (page 13 §5.2). Since the data hash does not cover the boundaries between
 * transactions, any other form could be cut into other transactions under the same hash.
 */
export function isCanonicalTransaction(bytes: Uint8Array): boolean {
  const signatureAt = endOfField(bytes, 0, 0x0a);
  return signatureAt > 0 && endOfField(bytes, signatureAt, 0x12) === bytes.length;
}

/** Where the length-delimited field at `start` ends; -1 unless it has this tag, a minimal length and some content. */
function endOfField(bytes: Uint8Array, start: number, tag: number): number {
  if (bytes[start] !== tag) return -1;
  let length = 0;
  let at = start + 1;
  for (let scale = 1; ; scale *= 0x80) {
    const byte = bytes[at++];
    if (byte === undefined || scale > 2 ** 28) return -1;
    length += (byte & 0x7f) * scale;
    if (byte >= 0x80) continue;
    const isMinimal = byte !== 0 || scale === 1;
    return isMinimal && length > 0 && at + length <= bytes.length ? at + length : -1;
  }
}
