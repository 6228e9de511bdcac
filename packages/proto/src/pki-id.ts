import { GossipError } from "@gossip/runtime";

/** A PKI-ID in lower-case hex: the key of every map. The empty string stands for an absent PKI-ID. */
export type PkiId = string & { readonly __brand: "PkiId" };

/** Who vouches for a member; for Fabric the MSP identifier. The empty string stands for an unknown organization. */
export type OrgId = string & { readonly __brand: "OrgId" };

/** Longest PKI-ID accepted from the wire. Fabric's is a SHA-256 of 32 bytes; the rest is room for other hashes. */
export const maxPkiIdBytes = 64;

/** The PKI-ID with these octets. */
export function pkiIdFromBytes(bytes: Uint8Array): PkiId {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex") as PkiId;
}

/** The octets of a PKI-ID, as `pki_id` fields carry them. */
export function pkiIdToBytes(pkiId: PkiId): Uint8Array {
  return new Uint8Array(Buffer.from(pkiId, "hex"));
}

/**
 * Reads a PKI-ID from text.
 *
 * @throws GossipError `invalid-argument` unless `text` is an even number of hex digits.
 */
export function pkiId(text: string): PkiId {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) {
    throw new GossipError(
      "invalid-argument",
      `expected a PKI-ID as an even number of hex digits, got ${JSON.stringify(text)}`,
    );
  }
  return text.toLowerCase() as PkiId;
}

/** Marks a string as an organization, e.g. an MSP identifier such as `Org1MSP`. */
export function orgId(text: string): OrgId {
  return text as OrgId;
}
