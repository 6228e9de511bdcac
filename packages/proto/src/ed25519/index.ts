// CONTRACT for `@gossip/proto/ed25519` (signatures final; the proto author writes proto/ed25519.proto, package gossip.ed25519, and implements it).
import type { Decoded } from "../codec.js";

export type IdentityRole = "peer" | "orderer" | "client" | "admin";
/** The signed part of a compact certificate: one organisation vouches for one key. */
export interface CertificateBody {
  readonly version: number;
  readonly serial: Uint8Array;
  readonly org: string;
  /** For people, e.g. `peer0.org1`. */
  readonly name: string;
  readonly role: IdentityRole;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Milliseconds since 1970, inclusive. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}
/** `id_bytes` of an Ed25519 SerializedIdentity: the body's exact bytes and the root key's signature over them. */
export interface Certificate { readonly body: Uint8Array; readonly signature: Uint8Array }
export declare function readCertificate(bytes: Uint8Array): Decoded<Certificate>;
export declare function encodeCertificate(certificate: Certificate): Uint8Array;
export declare function readCertificateBody(bytes: Uint8Array): Decoded<CertificateBody>;
export declare function encodeCertificateBody(body: CertificateBody): Uint8Array;

export interface ChannelOrganization { readonly id: string; readonly rootPublicKey: Uint8Array; readonly anchors: readonly string[] }
export interface OrdererOrganization { readonly id: string; readonly rootPublicKey: Uint8Array; readonly endpoints: readonly string[] }
/** Configuration of a channel between Ed25519 organisations: `data` of the CONFIG transaction in its genesis block. */
export interface ChannelConfig { readonly channelId: string; readonly sequence: bigint; readonly organizations: readonly ChannelOrganization[]; readonly ordererOrganizations: readonly OrdererOrganization[] }
export declare function readChannelConfig(bytes: Uint8Array): Decoded<ChannelConfig>;
export declare function encodeChannelConfig(config: ChannelConfig): Uint8Array;
