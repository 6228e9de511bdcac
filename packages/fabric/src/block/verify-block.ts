import { accepted, blockDataHash, type Rejection, reject, type Verdict } from "@gossip/crypto";
import {
  type Block,
  blockHeaderBytes,
  type Consenter,
  encodeSerializedIdentity,
  encodeSignedEnvelope,
  isCanonicalTransaction,
  type MetadataSignature,
  readIdentifierHeader,
  readMetadata,
  readSignatureHeader,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import type { ChannelBundle, SignedDatum } from "../api.js";
import { policyPaths } from "../channel/bundle.js";
import { configPayload, payloadOf, readConfigBlock } from "../channel/config-block.js";

/**
 * Whether a block is what it claims to be, and its orderers stand behind it (protocol page 13 §5). The steps go from cheap
 * to dear: size, number and channel, form and data hash, signatures. A block is judged by the configuration in force when
 * it was made, i.e. that of the last config block before it; judging old blocks by the newest one would refuse the good
 * work of orderers that have left since.
 *
 * Where it is stricter than the reference: a config transaction too must have its one encoding, no transaction may carry
 * fields that nobody knows, and a config block must hold a configuration that can be read. All three could otherwise give
 * two peers different transactions under one data hash, or let a block pass that stops whoever commits it.
 */

/** Largest sum of a block's transactions and metadata, the gRPC limit of a Fabric peer. */
export const maxBlockBytes = 104_857_600;

/** Most signatures of a block that are looked at; a bound on them bounds the work that a forged block causes. */
export const maxBlockSignatures = 64;

/** What else is known of a block. */
export interface VerifyBlockOptions {
  /** `blockHash` of the header of the block before, where it is at hand. */
  readonly previousHash?: Uint8Array;
}

/** Checks a block against the bundle in force before it. Never throws on any block. */
export function verifyBlock(
  bundle: ChannelBundle,
  blockNumber: bigint,
  block: Block,
  options: VerifyBlockOptions = {},
): Verdict {
  return checkBlockContent(bundle.channelId, blockNumber, block, options) ?? checkBlockSignatures(bundle, block);
}

/** Everything that takes no key: why the block is not what it claims, if it is not. */
export function checkBlockContent(
  channelId: string,
  blockNumber: bigint,
  block: Block,
  { previousHash }: VerifyBlockOptions = {},
): Rejection | undefined {
  const { header, data, metadata } = block;
  const size = [...data, ...metadata].reduce((sum, { length }) => sum + length, 0);
  if (size > maxBlockBytes) return malformed(`at most ${maxBlockBytes} bytes`, `${size}`);
  if (header.number !== blockNumber) {
    return reject("wrong-block-number", `expected block ${blockNumber}, got block ${header.number}`);
  }
  const [first] = data;
  if (first === undefined) return malformed("transactions", "none");
  const payload = payloadOf(first);
  if (payload === undefined) return malformed("transactions that can be read", "a first one that cannot");
  const got = payload.channelHeader.channelId;
  if (got !== channelId) {
    return reject("wrong-channel", `expected a block of channel ${channelId}, got one of ${JSON.stringify(got)}`);
  }
  if (previousHash !== undefined && Buffer.compare(header.previousHash, previousHash) !== 0) {
    return malformed("the hash of the block before as previous hash", "another");
  }
  if (metadata.length === 0) return malformed("metadata", "none");
  return checkData(block);
}

/** Transactions are hashed without their lengths, so only their one encoding fixes where each ends (page 13 §5.2). */
function checkData(block: Block): Rejection | undefined {
  const { header, data } = block;
  const isConfig = configPayload(block) !== undefined;
  // The configuration of block 0 is unsigned, so for a config transaction an empty signature is no fault of the form.
  const odd = data.findIndex((entry) => !(isConfig ? isOwnEncoding(entry) : isCanonicalTransaction(entry)));
  if (odd !== -1) return malformed("signed transactions in their one encoding", `another at index ${odd}`);
  if (Buffer.compare(blockDataHash(data), header.dataHash) !== 0) {
    return reject("bad-data-hash", "expected the hash of the transactions in the header, got another");
  }
  if (!isConfig) return undefined;
  const config = readConfigBlock(block);
  return config.ok ? undefined : malformed("a configuration that can be read", `${config.reason}: ${config.detail}`);
}

function isOwnEncoding(transaction: Uint8Array): boolean {
  const envelope = readSignedEnvelope(transaction);
  return envelope.ok && Buffer.compare(encodeSignedEnvelope(envelope.value), transaction) === 0;
}

/** Whether policy BlockValidation is satisfied by those who signed the header. */
export function checkBlockSignatures(bundle: ChannelBundle, block: Block): Verdict {
  const metadata = readMetadata(block.metadata[0] ?? new Uint8Array(0));
  if (!metadata.ok) return malformed("signatures in metadata slot 0", metadata.detail);
  const { value, signatures } = metadata.value;
  if (signatures.length > maxBlockSignatures) {
    return badSignature(`at most ${maxBlockSignatures} signatures`, `${signatures.length}`);
  }
  const headerBytes = blockHeaderBytes(block.header);
  const signed: SignedDatum[] = [];
  const unknown: number[] = [];
  for (const metadataSignature of signatures) {
    const signer =
      bundle.isV3 && isByIdentifier(metadataSignature)
        ? consenterOf(metadataSignature, bundle.consenters, unknown)
        : creatorOf(metadataSignature);
    // An unknown consenter is passed over, as in the reference: the others may be enough.
    if (signer === undefined) continue;
    if ("reason" in signer) return signer;
    const data = new Uint8Array(Buffer.concat([value, signer.signedHeader, headerBytes]));
    signed.push({ identity: signer.identity, signature: metadataSignature.signature, data });
  }
  const verdict = bundle.policy(policyPaths.blockValidation).evaluate(signed);
  if (verdict.ok) return accepted;
  const passedOver = unknown.length === 0 ? "" : `; no consenter has number ${unknown.slice(0, 8).join(", ")}`;
  return reject("bad-block-signature", `${verdict.detail}${passedOver}`);
}

/** Who signed, and which header's raw bytes he signed (page 13 §5.1). */
interface BlockSigner {
  /** A serialized `msp.SerializedIdentity`. */
  readonly identity: Uint8Array;
  readonly signedHeader: Uint8Array;
}

function isByIdentifier({ signatureHeader, identifierHeader }: MetadataSignature): boolean {
  return signatureHeader.length === 0 && identifierHeader.length > 0;
}

function consenterOf(
  { identifierHeader }: MetadataSignature,
  consenters: readonly Consenter[],
  unknown: number[],
): BlockSigner | Rejection | undefined {
  const header = readIdentifierHeader(identifierHeader);
  if (!header.ok) return badSignature("an identifier header", header.detail);
  const consenter = consenters.find(({ id }) => id === header.value.identifier);
  if (consenter === undefined) {
    unknown.push(header.value.identifier);
    return undefined;
  }
  const identity = encodeSerializedIdentity({ mspId: consenter.mspId, idBytes: consenter.identity });
  return { identity, signedHeader: identifierHeader };
}

function creatorOf({ signatureHeader }: MetadataSignature): BlockSigner | Rejection {
  const header = readSignatureHeader(signatureHeader);
  if (!header.ok) return badSignature("a signature header", header.detail);
  return { identity: header.value.creator, signedHeader: signatureHeader };
}

function malformed(expected: string, got: string): Rejection {
  return reject("malformed-block", `expected a block with ${expected}, got ${got}`);
}

function badSignature(expected: string, got: string): Rejection {
  return reject("bad-block-signature", `expected ${expected}, got ${got}`);
}
