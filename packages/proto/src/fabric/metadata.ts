import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import { decoded, fromLong, integer, parseAs, plain, serialize, toLong } from "../wire.js";

/** One signature of a block. Either header may be empty: page 13 §5.1 says which one counts. */
export interface MetadataSignature {
  /** A serialized `SignatureHeader`, as it was signed. */
  readonly signatureHeader: Uint8Array;
  readonly signature: Uint8Array;
  /** A serialized `IdentifierHeader`, as it was signed. */
  readonly identifierHeader: Uint8Array;
}

/** `common.Metadata`, as in metadata slot 0 (SIGNATURES). */
export interface Metadata {
  /** Signed as it is. */
  readonly value: Uint8Array;
  readonly signatures: readonly MetadataSignature[];
}

/** Reads the content of a metadata slot. Never throws. */
export function readMetadata(bytes: Uint8Array): Decoded<Metadata> {
  return parseAs(common.Metadata, bytes, ({ value, signatures }) =>
    decoded({
      value: plain(value),
      signatures: signatures.map(({ signatureHeader, signature, identifierHeader }) => ({
        signatureHeader: plain(signatureHeader),
        signature: plain(signature),
        identifierHeader: plain(identifierHeader),
      })),
    }),
  );
}

/** Serializes the content of a metadata slot. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  return serialize(common.Metadata, metadata);
}

/** `common.OrdererBlockMetadata`: what the value of slot 0 holds. */
export interface OrdererBlockMetadata {
  /** Number of the last block that changed the configuration; undefined when the field is absent. */
  readonly lastConfigIndex: bigint | undefined;
  /** The consenter's own data. */
  readonly consenterMetadata: Uint8Array;
}

/** Reads the value of slot 0. Never throws. */
export function readOrdererBlockMetadata(bytes: Uint8Array): Decoded<OrdererBlockMetadata> {
  return parseAs(common.OrdererBlockMetadata, bytes, ({ lastConfig, consenterMetadata }) =>
    decoded({
      lastConfigIndex: lastConfig === null ? undefined : fromLong(lastConfig.index),
      consenterMetadata: plain(consenterMetadata),
    }),
  );
}

/**
 * Serializes the value of slot 0.
 *
 * @throws GossipError `invalid-argument` when the index is not a uint64.
 */
export function encodeOrdererBlockMetadata({ lastConfigIndex, consenterMetadata }: OrdererBlockMetadata): Uint8Array {
  const lastConfig = lastConfigIndex === undefined ? undefined : { index: toLong(lastConfigIndex, "lastConfigIndex") };
  return serialize(common.OrdererBlockMetadata, { lastConfig, consenterMetadata });
}

/** `common.LastConfig`: what metadata slot 1 holds as its value; unsigned, so slot 0 goes before it (page 13 §4.1). */
export interface LastConfig {
  readonly index: bigint;
}

/** Reads the value of slot 1. Never throws. */
export function readLastConfig(bytes: Uint8Array): Decoded<LastConfig> {
  return parseAs(common.LastConfig, bytes, ({ index }) => decoded({ index: fromLong(index) }));
}

/**
 * Serializes the value of slot 1.
 *
 * @throws GossipError `invalid-argument` when the index is not a uint64.
 */
export function encodeLastConfig({ index }: LastConfig): Uint8Array {
  return serialize(common.LastConfig, { index: toLong(index, "index") });
}

/** `common.IdentifierHeader`: who signed a block, by the number of a consenter (page 13 §5.1). */
export interface IdentifierHeader {
  /** A uint32. */
  readonly identifier: number;
  readonly nonce: Uint8Array;
}

/** Reads an identifier header. Never throws. */
export function readIdentifierHeader(bytes: Uint8Array): Decoded<IdentifierHeader> {
  return parseAs(common.IdentifierHeader, bytes, ({ identifier, nonce }) =>
    decoded({ identifier, nonce: plain(nonce) }),
  );
}

/**
 * Serializes an identifier header.
 *
 * @throws GossipError `invalid-argument` when the identifier is no uint32.
 */
export function encodeIdentifierHeader({ identifier, nonce }: IdentifierHeader): Uint8Array {
  return serialize(common.IdentifierHeader, { identifier: integer(identifier, "identifier", 0, 2 ** 32 - 1), nonce });
}
