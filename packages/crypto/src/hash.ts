import { createHash } from "node:crypto";
import { type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { type BlockHeader, blockHeaderBytes } from "@gossip/proto/fabric";

/** SHA-256 over the concatenation of `parts`; 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** What a peer shows to prove that it knows a channel's name: SHA-256(PKI-ID ‖ name), 32 bytes (page 01 §9). */
export function channelMac(pkiId: PkiId, channel: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(Buffer.from(pkiId, "hex")).update(channel, "utf8").digest());
}

/** The PKI-ID of an identity: SHA-256(UTF-8(mspid) ‖ id_bytes) (page 02 §2). */
export function pkiIdOfParts(mspId: string, idBytes: Uint8Array): PkiId {
  return pkiIdFromBytes(createHash("sha256").update(mspId, "utf8").update(idBytes).digest());
}

/** The hash that the next block's `previous_hash` must equal (page 13 §4.1). */
export function blockHash(header: BlockHeader): Uint8Array {
  return sha256(blockHeaderBytes(header));
}

/** `data_hash` of a block with these transactions, computed without joining them (page 13 §4.1). */
export function blockDataHash(data: readonly Uint8Array[]): Uint8Array {
  return sha256(...data);
}
