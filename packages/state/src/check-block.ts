import { blockHash } from "@gossip/crypto";
import { type Block, readBlock } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import type { Ledger } from "./ledger.js";

/** A block that may be appended, and the hash by which the next one must link to it. */
export interface CheckedBlock {
  readonly block: Block;
  readonly hash: Uint8Array;
}

/**
 * What `Ledger.commit` has to check before it stores anything, for those who implement that port.
 *
 * @throws GossipError as the port says: `invalid-argument` unless `blockNumber` is the height, `malformed` when the bytes are
 * no block or carry another number, `corrupt` when the block does not link to the newest one.
 */
export function checkNextBlock(
  tip: Pick<Ledger, "height" | "lastHash">,
  blockNumber: bigint,
  bytes: Uint8Array,
): CheckedBlock {
  if (blockNumber !== tip.height) {
    throw new GossipError("invalid-argument", `expected block ${tip.height} to be committed next, got ${blockNumber}`);
  }
  const read = readBlock(bytes);
  if (!read.ok) {
    throw new GossipError("malformed", `expected block ${blockNumber} to be a serialized block, got ${read.detail}`);
  }
  const { header } = read.value;
  if (header.number !== blockNumber) {
    throw new GossipError("malformed", `expected a block with number ${blockNumber}, got ${header.number}`);
  }
  if (!isEqual(header.previousHash, tip.lastHash)) {
    const [expected, got] = [hex(tip.lastHash), hex(header.previousHash)];
    throw new GossipError("corrupt", `expected block ${blockNumber} to link to ${expected}, got ${got}`);
  }
  return { block: read.value, hash: blockHash(header) };
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function hex(bytes: Uint8Array): string {
  return bytes.length === 0 ? "no block" : Buffer.from(bytes).toString("hex");
}
