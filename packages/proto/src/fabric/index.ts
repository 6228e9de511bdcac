// CONTRACT for `@gossip/proto/fabric` (signatures final; the proto author splits it into files and implements it).
import type { Decoded } from "../codec.js";

export interface BlockHeader { readonly number: bigint; readonly previousHash: Uint8Array; readonly dataHash: Uint8Array }
/** common.Block. `data` entries are serialized common.Envelopes; `metadata` slots as page 13 §4.1. */
export interface Block { readonly header: BlockHeader; readonly data: readonly Uint8Array[]; readonly metadata: readonly Uint8Array[] }
export declare function readBlock(bytes: Uint8Array): Decoded<Block>;
export declare function encodeBlock(block: Block): Uint8Array;
/** ASN.1 DER SEQUENCE { INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash }: what is hashed and signed. */
export declare function blockHeaderBytes(header: BlockHeader): Uint8Array;
/** Concatenation of the data entries: what `data_hash` is the SHA-256 of. */
export declare function blockDataBytes(data: readonly Uint8Array[]): Uint8Array;
/** Strict reader of page 13 §5.2: `0a len payload 12 len signature`, minimal varints, both non-empty. */
export declare function isCanonicalTransaction(bytes: Uint8Array): boolean;

/** common.Envelope (not gossip.Envelope). */
export interface SignedEnvelope { readonly payload: Uint8Array; readonly signature: Uint8Array }
export declare function readSignedEnvelope(bytes: Uint8Array): Decoded<SignedEnvelope>;
export declare function encodeSignedEnvelope(envelope: SignedEnvelope): Uint8Array;

/** common.HeaderType values used here. */
export type HeaderType = "message" | "config" | "config-update" | "endorser-transaction" | "deliver-seek-info" | "unknown";
export interface ChannelHeader {
  readonly type: HeaderType; readonly version: number;
  /** Nanoseconds since 1970; undefined when the timestamp is absent. */
  readonly timestampNanos: bigint | undefined;
  readonly channelId: string; readonly txId: string; readonly epoch: bigint; readonly extension: Uint8Array; readonly tlsCertHash: Uint8Array;
}
export interface SignatureHeader { readonly creator: Uint8Array; readonly nonce: Uint8Array }
/** common.Payload with its two headers decoded; the raw header bytes are kept because signatures cover them. */
export interface Payload { readonly channelHeader: ChannelHeader; readonly signatureHeader: SignatureHeader; readonly channelHeaderBytes: Uint8Array; readonly signatureHeaderBytes: Uint8Array; readonly data: Uint8Array }
export declare function readPayload(bytes: Uint8Array): Decoded<Payload>;
export declare function encodePayload(payload: { readonly channelHeader: ChannelHeader; readonly signatureHeader: SignatureHeader; readonly data: Uint8Array }): Uint8Array;
export declare function readSignatureHeader(bytes: Uint8Array): Decoded<SignatureHeader>;
export declare function encodeSignatureHeader(header: SignatureHeader): Uint8Array;

export interface MetadataSignature { readonly signatureHeader: Uint8Array; readonly signature: Uint8Array; readonly identifierHeader: Uint8Array }
/** common.Metadata, as in metadata slot 0 (SIGNATURES). */
export interface Metadata { readonly value: Uint8Array; readonly signatures: readonly MetadataSignature[] }
export declare function readMetadata(bytes: Uint8Array): Decoded<Metadata>;
export declare function encodeMetadata(metadata: Metadata): Uint8Array;
/** common.OrdererBlockMetadata: index of the last config block, and the consenter's own data. */
export interface OrdererBlockMetadata { readonly lastConfigIndex: bigint | undefined; readonly consenterMetadata: Uint8Array }
export declare function readOrdererBlockMetadata(bytes: Uint8Array): Decoded<OrdererBlockMetadata>;
export declare function encodeOrdererBlockMetadata(metadata: OrdererBlockMetadata): Uint8Array;

/** msp.SerializedIdentity: what every "identity" field carries. */
export interface SerializedIdentity { readonly mspId: string; readonly idBytes: Uint8Array }
export declare function readSerializedIdentity(bytes: Uint8Array): Decoded<SerializedIdentity>;
export declare function encodeSerializedIdentity(identity: SerializedIdentity): Uint8Array;

export type SeekPosition = { readonly type: "newest" } | { readonly type: "oldest" } | { readonly type: "specified"; readonly number: bigint };
export interface SeekInfo { readonly start: SeekPosition; readonly stop: SeekPosition; readonly behavior: "block-until-ready" | "fail-if-not-ready"; readonly errorResponse: "strict" | "best-effort"; readonly contentType: "block" | "header-with-sig" }
export declare function readSeekInfo(bytes: Uint8Array): Decoded<SeekInfo>;
export declare function encodeSeekInfo(seek: SeekInfo): Uint8Array;
/** common.Status numbers, e.g. 200 SUCCESS, 400 BAD_REQUEST, 403 FORBIDDEN, 404 NOT_FOUND, 413, 500, 503. */
export type Status = number;
/** `block` is the serialized common.Block, a view into the response. */
export type DeliverResponse = { readonly type: "status"; readonly status: Status } | { readonly type: "block"; readonly block: Uint8Array };
export declare function readDeliverResponse(bytes: Uint8Array): Decoded<DeliverResponse>;
export declare function encodeDeliverResponse(response: DeliverResponse): Uint8Array;
export interface BroadcastResponse { readonly status: Status; readonly info: string }
export declare function readBroadcastResponse(bytes: Uint8Array): Decoded<BroadcastResponse>;
export declare function encodeBroadcastResponse(response: BroadcastResponse): Uint8Array;
