import type { Decoded, DecodeFailure } from "@gossip/proto";
import {
  type Block,
  type ConfigEnvelope,
  type Payload,
  readConfigEnvelope,
  readLastConfig,
  readMetadata,
  readOrdererBlockMetadata,
  readPayload,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";

/** What a config block says. */
export interface ConfigBlock {
  readonly channelId: string;
  readonly envelope: ConfigEnvelope;
}

/** Slots of block metadata (protocol page 13 §4.1). */
const slots = { signatures: 0, lastConfig: 1 } as const;

/**
 * Reads the configuration in a block; nothing vouches for it but the block's own signatures, or for block 0 where it came
 * from. Never throws: `no-content` when the block is no config block (page 13 §4.2), any other reason when it is one that
 * cannot be read.
 *
 * @example
 * const read = readConfigBlock(genesisBlock);
 * if (read.ok) createChannelBundle(read.value.channelId, read.value.envelope.config);
 */
export function readConfigBlock(block: Block): Decoded<ConfigBlock> {
  const payload = configPayload(block);
  if (payload === undefined) {
    return refused("no-content", `expected one transaction of type config, got ${block.data.length} of which none is`);
  }
  const envelope = readConfigEnvelope(payload.data);
  if (!envelope.ok) return envelope;
  return { ok: true, value: { channelId: payload.channelHeader.channelId, envelope: envelope.value } };
}

/** The payload of a block that holds one transaction, and that one a CONFIG transaction; else undefined. */
export function configPayload({ data }: Block): Payload | undefined {
  const [first] = data;
  if (first === undefined || data.length !== 1) return undefined;
  const payload = payloadOf(first);
  return payload?.channelHeader.type === "config" ? payload : undefined;
}

/** The payload of a transaction; undefined when it cannot be read. */
export function payloadOf(transaction: Uint8Array): Payload | undefined {
  const envelope = readSignedEnvelope(transaction);
  if (!envelope.ok) return undefined;
  const payload = readPayload(envelope.value.payload);
  return payload.ok ? payload.value : undefined;
}

/**
 * Number of the config block in force after this block, as its orderers say; a config block names itself. It is what they
 * signed, unless the block is of a release before 1.4.1 (page 13 §4.1).
 *
 * @throws GossipError `malformed` when the block does not say.
 */
export function lastConfigIndex({ header, metadata }: Block): bigint {
  const signed = readMetadata(metadata[slots.signatures] ?? new Uint8Array(0));
  if (!signed.ok) throw unsaid(header.number, signed.detail);
  if (signed.value.value.length > 0) {
    const value = readOrdererBlockMetadata(signed.value.value);
    if (!value.ok) throw unsaid(header.number, value.detail);
    if (value.value.lastConfigIndex === undefined) throw unsaid(header.number, "none in metadata slot 0");
    return value.value.lastConfigIndex;
  }
  const slot = metadata[slots.lastConfig];
  if (slot === undefined) throw unsaid(header.number, "no metadata slot 1");
  const unsigned = readMetadata(slot);
  if (!unsigned.ok) throw unsaid(header.number, unsigned.detail);
  const value = readLastConfig(unsigned.value.value);
  if (!value.ok) throw unsaid(header.number, value.detail);
  return value.value.index;
}

function unsaid(blockNumber: bigint, got: string): GossipError {
  return new GossipError("malformed", `expected block ${blockNumber} to name the last config block, got ${got}`);
}

function refused(reason: DecodeFailure, detail: string): Decoded<never> {
  return { ok: false, reason, detail };
}
