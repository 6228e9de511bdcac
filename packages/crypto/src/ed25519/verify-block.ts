import {
  type Block,
  blockHeaderBytes,
  isCanonicalTransaction,
  type Metadata,
  readMetadata,
  readSignatureHeader,
} from "@gossip/proto/fabric";
import { blockDataHash } from "../hash.js";
import { accepted, type Rejection, reject, type Verdict } from "../ports.js";
import { configPayload, payloadOf, signaturesSlot, signedBlockBytes } from "./block.js";

/** A block has one signature per orderer at most; a bound on them bounds the work that a forged block causes. */
const maxBlockSignatures = 64;

/** Whether an orderer of the channel made this signature. */
export type OrdererCheck = (creator: Uint8Array, signature: Uint8Array, signed: Uint8Array) => Verdict;

/**
 * Checks a block in the order of protocol page 02 §3.5. `ordererCheck` is `undefined` for a channel we do not know.
 * Of the block's signatures one must be good.
 */
export function verifyBlock(
  channel: string,
  blockNumber: bigint,
  block: Block,
  ordererCheck: OrdererCheck | undefined,
): Verdict {
  return checkContent(channel, blockNumber, block) ?? checkSignatures(channel, block, ordererCheck);
}

function checkContent(channel: string, blockNumber: bigint, block: Block): Rejection | undefined {
  const { header, data, metadata } = block;
  if (header.number !== blockNumber) {
    return reject("wrong-block-number", `expected block ${blockNumber}, got block ${header.number}`);
  }
  const [first] = data;
  if (first === undefined) return reject("malformed-block", "expected a block with transactions, got an empty one");
  const payload = payloadOf(first);
  if (payload === undefined)
    return reject("malformed-block", "expected transactions, got a first one that does not decode");
  const { channelId } = payload.channelHeader;
  if (channelId !== channel) {
    return reject("wrong-channel", `expected a block of channel ${channel}, got one of ${JSON.stringify(channelId)}`);
  }
  if (metadata.length === 0) return reject("malformed-block", "expected a block with metadata, got none");
  // Transactions are hashed without their lengths, so only their strict form fixes where each one ends (page 13 §5.2).
  const odd = configPayload(block) === undefined ? data.findIndex((entry) => !isCanonicalTransaction(entry)) : -1;
  if (odd !== -1)
    return reject("malformed-block", `expected transactions in their one encoding, got another at index ${odd}`);
  if (Buffer.compare(blockDataHash(data), header.dataHash) !== 0) {
    return reject("bad-data-hash", "expected the hash of the transactions in the header, got another");
  }
  return undefined;
}

function checkSignatures(channel: string, block: Block, ordererCheck: OrdererCheck | undefined): Verdict {
  if (ordererCheck === undefined)
    return reject("unknown-channel", `expected a channel we are in, got ${JSON.stringify(channel)}`);
  const metadata = readMetadata(block.metadata[signaturesSlot] ?? new Uint8Array(0));
  if (!metadata.ok) return reject("malformed-block", `expected signatures in metadata slot 0, got ${metadata.detail}`);
  const signed = signedStatements(metadata.value, blockHeaderBytes(block.header));
  if ("reason" in signed) return signed;
  let verdict: Verdict = reject("bad-block-signature", "expected the signature of an orderer, got none");
  for (const { creator, signature, bytes } of signed) {
    verdict = ordererCheck(creator, signature, bytes);
    if (verdict.ok) return accepted;
  }
  return verdict;
}

interface SignedStatement {
  readonly creator: Uint8Array;
  readonly signature: Uint8Array;
  readonly bytes: Uint8Array;
}

/** What each signer stated, over the raw bytes as received; one undecodable signer fails the block (page 13 §5.1). */
function signedStatements(metadata: Metadata, headerBytes: Uint8Array): readonly SignedStatement[] | Rejection {
  const { value, signatures } = metadata;
  if (signatures.length > maxBlockSignatures) {
    return reject("bad-block-signature", `expected at most ${maxBlockSignatures} signatures, got ${signatures.length}`);
  }
  const statements: SignedStatement[] = [];
  for (const { signatureHeader, signature } of signatures) {
    const header = readSignatureHeader(signatureHeader);
    if (!header.ok) return reject("bad-block-signature", `expected a signature header, got ${header.detail}`);
    const bytes = signedBlockBytes(value, signatureHeader, headerBytes);
    statements.push({ creator: header.value.creator, signature, bytes });
  }
  return statements;
}
