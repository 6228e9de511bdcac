import { type ChannelConfig, encodeChannelConfig, readChannelConfig } from "@gossip/proto/ed25519";
import {
  type Block,
  blockHeaderBytes,
  type ChannelHeader,
  encodeBlock,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  encodePayload,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  type HeaderType,
  type Payload,
  readBlock,
  readPayload,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import { blockDataHash, sha256 } from "../hash.js";

const none = new Uint8Array(0);

/** Index of the SIGNATURES slot in a block's metadata (protocol page 13 §4.1). */
export const signaturesSlot = 0;

/**
 * Block 0 of a channel: one CONFIG transaction with the configuration, unsigned, trusted out of band (page 13 §4.2).
 * Deterministic, so that who has the configuration has the block.
 */
export function makeGenesisBlock(config: ChannelConfig): Uint8Array {
  const channelHeader = newChannelHeader("config", config.channelId);
  const payload = encodePayload({
    channelHeader,
    signatureHeader: { creator: none, nonce: none },
    data: encodeChannelConfig(config),
  });
  const data = [encodeSignedEnvelope({ payload, signature: none })];
  const value = encodeOrdererBlockMetadata({ lastConfigIndex: 0n, consenterMetadata: none });
  return encodeBlock({
    header: { number: 0n, previousHash: none, dataHash: blockDataHash(data) },
    data,
    metadata: [encodeMetadata({ value, signatures: [] }), none, none, none, none],
  });
}

/**
 * The configuration in a genesis block. Nothing vouches for it but where the block came from.
 *
 * @throws GossipError `malformed` when the bytes are no genesis block of an Ed25519 channel.
 */
export function readGenesisBlock(block: Uint8Array): ChannelConfig {
  const decoded = readBlock(block);
  if (!decoded.ok) {
    throw new GossipError("malformed", `expected a genesis block, got bytes that are no block: ${decoded.detail}`);
  }
  const { header, data } = decoded.value;
  if (header.number !== 0n) throw malformed("block 0", `block ${header.number}`);
  if (Buffer.compare(blockDataHash(data), header.dataHash) !== 0)
    throw malformed("the hash of the data in the header", "another");
  const payload = configPayload(decoded.value);
  if (payload === undefined) throw malformed("one CONFIG transaction", `${data.length} of which the first is another`);
  const config = readChannelConfig(payload.data);
  if (!config.ok) throw malformed("the configuration of a channel", config.detail);
  if (config.value.channelId !== payload.channelHeader.channelId) {
    throw malformed(
      `the configuration of channel ${payload.channelHeader.channelId}`,
      `that of ${config.value.channelId}`,
    );
  }
  return config.value;
}

/** What an orderer puts into the next block, and how it signs. */
export interface MakeBlockOptions {
  readonly number: bigint;
  /** `blockHash` of the header of the block before. */
  readonly previousHash: Uint8Array;
  /** Serialized `common.Envelope`s, at least one. */
  readonly data: readonly Uint8Array[];
  /** Number of the latest block with a configuration; 0 until there is another. */
  readonly lastConfigIndex: bigint;
  /** The orderer's serialized identity, and what signs with its key. */
  readonly identity: Uint8Array;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
  readonly nonce: Uint8Array;
}

/** Makes the next block in Fabric's format, signed by an orderer over page 13 §5.1's bytes. */
export function makeBlock(options: MakeBlockOptions): Uint8Array {
  const { number, previousHash, data, lastConfigIndex, identity, sign, nonce } = options;
  const header = { number, previousHash, dataHash: blockDataHash(data) };
  const value = encodeOrdererBlockMetadata({ lastConfigIndex, consenterMetadata: none });
  const signatureHeader = encodeSignatureHeader({ creator: identity, nonce });
  const signature = sign(signedBlockBytes(value, signatureHeader, blockHeaderBytes(header)));
  const signatures = [{ signatureHeader, signature, identifierHeader: none }];
  // OrdererBlockMetadata is field 1 = LastConfig, so past a tag and a length of one byte each lies what slot 1 repeats.
  const lastConfig = value.subarray(2);
  return encodeBlock({
    header,
    data,
    metadata: [
      encodeMetadata({ value, signatures }),
      encodeMetadata({ value: lastConfig, signatures: [] }),
      none,
      none,
      none,
    ],
  });
}

/** What the signature of an orderer covers: metadata.value ‖ signature_header ‖ DER of the header (page 13 §5.1). */
export function signedBlockBytes(value: Uint8Array, signatureHeader: Uint8Array, headerBytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([value, signatureHeader, headerBytes]));
}

/** What an author puts into a transaction, and how it signs; nonce and identity give the transaction ID. */
export interface MakeTransactionOptions {
  readonly channelId: string;
  readonly data: Uint8Array;
  /** The author's serialized identity, and what signs with its key. */
  readonly identity: Uint8Array;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
  readonly nonce: Uint8Array;
  /** Nanoseconds since 1970. */
  readonly timestampNanos: bigint;
}

/** A transaction: `common.Envelope` around `data`, signed by its author (channel header type MESSAGE). */
export function makeTransaction(options: MakeTransactionOptions): Uint8Array {
  const { channelId, data, identity, sign, nonce, timestampNanos } = options;
  const txId = Buffer.from(sha256(nonce, identity)).toString("hex");
  const payload = encodePayload({
    channelHeader: { ...newChannelHeader("message", channelId), txId, timestampNanos },
    signatureHeader: { creator: identity, nonce },
    data,
  });
  return encodeSignedEnvelope({ payload, signature: sign(payload) });
}

/** The `data` of a transaction made by `makeTransaction`; `undefined` when the bytes are none, or a configuration. */
export function transactionData(transaction: Uint8Array): Uint8Array | undefined {
  const payload = payloadOf(transaction);
  return payload?.channelHeader.type === "message" ? payload.data : undefined;
}

/** The payload of a block's CONFIG transaction, when that is all it holds (page 13 §4.2). */
export function configPayload(block: Block): Payload | undefined {
  const [first] = block.data;
  const payload = first !== undefined && block.data.length === 1 ? payloadOf(first) : undefined;
  return payload?.channelHeader.type === "config" ? payload : undefined;
}

/** The payload of a serialized `common.Envelope`; `undefined` when it does not decode. */
export function payloadOf(transaction: Uint8Array): Payload | undefined {
  const envelope = readSignedEnvelope(transaction);
  if (!envelope.ok) return undefined;
  const payload = readPayload(envelope.value.payload);
  return payload.ok ? payload.value : undefined;
}

function newChannelHeader(type: HeaderType, channelId: string): ChannelHeader {
  return {
    type,
    version: 0,
    timestampNanos: undefined,
    channelId,
    txId: "",
    epoch: 0n,
    extension: none,
    tlsCertHash: none,
  };
}

function malformed(expected: string, got: string): GossipError {
  return new GossipError("malformed", `expected ${expected} in a genesis block, got ${got}`);
}
