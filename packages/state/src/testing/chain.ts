import { blockDataHash, blockHash } from "@gossip/crypto";
import { encodeBlock, encodeSignedEnvelope } from "@gossip/proto/fabric";

/** What a test may set in a made-up chain; equal options give equal bytes. */
export interface ChainOptions {
  /** Bytes of the one transaction in each block; 32 by default, at least 8. */
  readonly transactionBytes?: number;
  /** What the first block continues; a chain from block 0 by default. */
  readonly after?: { readonly height: bigint; readonly lastHash: Uint8Array };
  /** Distinguishes the contents of two chains; 0 by default. */
  readonly variant?: number;
}

/** Serialized blocks that link to each other, with correct numbers and data hashes and no signatures. */
export function makeChain(length: number, options: ChainOptions = {}): readonly Uint8Array[] {
  const { transactionBytes = 32, after, variant = 0 } = options;
  const blocks: Uint8Array[] = [];
  let number = after?.height ?? 0n;
  let previousHash = after?.lastHash ?? new Uint8Array();
  for (; blocks.length < length; number++) {
    const payload = new Uint8Array(transactionBytes).fill(variant);
    new DataView(payload.buffer).setBigUint64(0, number);
    const data = [encodeSignedEnvelope({ payload, signature: Uint8Array.of(1) })];
    const header = { number, previousHash, dataHash: blockDataHash(data) };
    blocks.push(encodeBlock({ header, data, metadata: [] }));
    previousHash = blockHash(header);
  }
  return blocks;
}
