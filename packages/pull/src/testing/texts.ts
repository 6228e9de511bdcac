import { type PkiId, pkiIdFromBytes } from "@gossip/proto";

/** A PKI-ID that reads as a name in hex, for tests. */
export function pkiIdOf(name: string): PkiId {
  return pkiIdFromBytes(new TextEncoder().encode(name));
}

/** The name in a PKI-ID made by `pkiIdOf`. */
export function nameOf(pkiId: PkiId): string {
  return Buffer.from(pkiId, "hex").toString();
}

/** A digest that reads as a text. */
export function digestOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text in a digest made by `digestOf`. */
export function textOf(digest: Uint8Array): string {
  return new TextDecoder().decode(digest);
}
