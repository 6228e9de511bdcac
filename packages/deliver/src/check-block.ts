import type { BlockRefusalReason, ChainPosition, ReceivedBlock } from "./deliver-machine.js";

/** Entries that an orderer always writes (protocol page 13 §4.1). */
const metadataEntries = 5;

/**
 * What can be told without cryptography about a block that should follow `position`: its number, its link to the block
 * before it, and that its metadata is there, in this order (protocol page 09 §11). `undefined` when all is right.
 */
export function findChainFault(
  position: ChainPosition,
  received: ReceivedBlock,
): { readonly reason: BlockRefusalReason; readonly detail: string } | undefined {
  const { header, metadata } = received.block;
  if (header.number !== position.next) {
    return { reason: "wrong-block-number", detail: `expected block ${position.next}, got block ${header.number}` };
  }
  if (!sameBytes(header.previousHash, position.lastHash)) {
    return {
      reason: "wrong-previous-hash",
      detail: `expected previous hash ${hex(position.lastHash)}, got ${hex(header.previousHash)}`,
    };
  }
  if (metadata.length < metadataEntries) {
    return {
      reason: "malformed-block",
      detail: `expected at least ${metadataEntries} metadata entries, got ${metadata.length}`,
    };
  }
  return undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Enough of a hash to compare by eye; a hostile orderer may send one of any length. */
function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes.subarray(0, 32)) text += byte.toString(16).padStart(2, "0");
  return text === "" ? "(none)" : text;
}
