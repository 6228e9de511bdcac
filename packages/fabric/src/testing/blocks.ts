import { blockDataHash } from "@gossip/crypto";
import {
  blockHeaderBytes,
  type Config,
  type Consenter,
  encodeBlock,
  encodeConfigEnvelope,
  encodeIdentifierHeader,
  encodeLastConfig,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  encodePayload,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  type HeaderType,
} from "@gossip/proto/fabric";
import type { TestMember } from "./organizations.js";

const none = new Uint8Array(0);

/** A signed transaction, or what else an envelope may hold. */
export interface TestTransactionOptions {
  readonly channelId: string;
  readonly creator: TestMember;
  /** @default "endorser-transaction" */
  readonly type?: HeaderType;
  /** @default "" */
  readonly txId?: string;
  readonly data: Uint8Array;
}

/** A serialized `common.Envelope`, signed by its creator. */
export function makeTransaction(options: TestTransactionOptions): Uint8Array {
  const { channelId, creator, type = "endorser-transaction", txId = "", data } = options;
  const payload = payloadOf(type, channelId, txId, creator.identity, data);
  return encodeSignedEnvelope({ payload, signature: creator.sign(payload) });
}

/** A config transaction with the update that led to it, both signed by `creator`. */
export function makeConfigTransaction(options: {
  readonly channelId: string;
  readonly creator: TestMember;
  readonly config: Config;
}): Uint8Array {
  const lastUpdate = makeTransaction({ ...options, type: "config-update", data: none });
  return makeTransaction({ ...options, type: "config", data: encodeConfigEnvelope({ ...options, lastUpdate }) });
}

/** Block 0 of a channel, serialized: its configuration, which nobody signed. */
export function makeGenesisBlock(channelId: string, config: Config): Uint8Array {
  const payload = payloadOf("config", channelId, "", none, encodeConfigEnvelope({ config, lastUpdate: none }));
  const data = [encodeSignedEnvelope({ payload, signature: none })];
  return encodeBlock({
    header: { number: 0n, previousHash: none, dataHash: blockDataHash(data) },
    data,
    metadata: metadataOf(0n, []),
  });
}

/** An orderer that signs a block: by its certificate, or as the consenter of that number. */
export interface TestBlockSigner {
  readonly member: TestMember;
  /** @default by certificate */
  readonly identifier?: number;
}

/** What a block for tests is made of. */
export interface TestBlockOptions {
  readonly number: bigint;
  /** `blockHash` of the header of the block before. */
  readonly previousHash: Uint8Array;
  /** Serialized `common.Envelope`s. */
  readonly data: readonly Uint8Array[];
  readonly signers: readonly TestBlockSigner[];
  /** @default 0 */
  readonly lastConfigIndex?: bigint;
}

/** A serialized block with the signatures of orderers, as orderers make it (protocol page 13 §5.1). */
export function makeBlock(options: TestBlockOptions): Uint8Array {
  const { number, previousHash, data, signers, lastConfigIndex = 0n } = options;
  const header = { number, previousHash, dataHash: blockDataHash(data) };
  const headerBytes = blockHeaderBytes(header);
  const value = metadataValue(lastConfigIndex);
  const nonce = new Uint8Array(24).fill(0x5a);
  const signatures = signers.map(({ member, identifier }) => {
    const signatureHeader =
      identifier === undefined ? encodeSignatureHeader({ creator: member.identity, nonce }) : none;
    const identifierHeader = identifier === undefined ? none : encodeIdentifierHeader({ identifier, nonce });
    const signature = member.sign(
      new Uint8Array(Buffer.concat([value, signatureHeader, identifierHeader, headerBytes])),
    );
    return { signatureHeader, identifierHeader, signature };
  });
  return encodeBlock({ header, data, metadata: metadataOf(lastConfigIndex, signatures) });
}

/** The orderer as a channel's configuration names it among those that sign blocks by number. */
export function makeConsenter(id: number, mspId: string, member: TestMember): Consenter {
  const tls = { clientTlsCert: member.pem, serverTlsCert: member.pem };
  return { id, host: `orderer${id}.${mspId.toLowerCase()}`, port: 7050, mspId, identity: member.pem, ...tls };
}

function metadataOf(
  lastConfigIndex: bigint,
  signatures: Parameters<typeof encodeMetadata>[0]["signatures"],
): readonly Uint8Array[] {
  const lastConfig = encodeMetadata({ value: encodeLastConfig({ index: lastConfigIndex }), signatures: [] });
  return [encodeMetadata({ value: metadataValue(lastConfigIndex), signatures }), lastConfig, none, none, none];
}

function metadataValue(lastConfigIndex: bigint): Uint8Array {
  return encodeOrdererBlockMetadata({ lastConfigIndex, consenterMetadata: none });
}

function payloadOf(type: HeaderType, channelId: string, txId: string, creator: Uint8Array, data: Uint8Array) {
  return encodePayload({
    channelHeader: {
      type,
      version: 0,
      timestampNanos: undefined,
      channelId,
      txId,
      epoch: 0n,
      extension: none,
      tlsCertHash: none,
    },
    signatureHeader: { creator, nonce: new Uint8Array(creator.length === 0 ? 0 : 24) },
    data,
  });
}
