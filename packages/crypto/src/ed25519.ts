// CONTRACT (implemented by the crypto author; split into files under src/ed25519/ as sensible)
import type { OrgId } from "@gossip/proto";
import type { ChannelConfig, IdentityRole } from "@gossip/proto/ed25519";
import type { WallClock } from "@gossip/runtime";
import type { MessageCryptoService, SecurityAdvisor, Verdict } from "./ports.js";

export interface KeyPair { /** 32-byte seed. */ readonly privateKey: Uint8Array; /** 32 bytes. */ readonly publicKey: Uint8Array }
export declare function generateKeyPair(random?: (length: number) => Uint8Array): KeyPair;
export declare function publicKeyOf(privateKey: Uint8Array): Uint8Array;
export interface IssueOptions { readonly org: string; readonly rootPrivateKey: Uint8Array; readonly name: string; readonly role: IdentityRole; readonly publicKey: Uint8Array; readonly notBeforeMs: number; readonly notAfterMs: number; readonly serial?: Uint8Array }
/** A serialized identity (msp.SerializedIdentity{org, certificate}). */
export declare function issueIdentity(options: IssueOptions): Uint8Array;
export interface TrustedOrganization { readonly id: OrgId; readonly rootPublicKey: Uint8Array }
export interface Ed25519CryptoOptions {
  readonly identity: Uint8Array; readonly privateKey: Uint8Array;
  readonly organizations: readonly TrustedOrganization[];
  readonly wall: WallClock;
  /** "node" (node:crypto), "noble", default: node where present. */
  readonly backend?: "node" | "noble";
}
/** MessageCryptoService and SecurityAdvisor over Ed25519 organisations; synchronous throughout. */
export declare class Ed25519Crypto implements MessageCryptoService, SecurityAdvisor {
  constructor(options: Ed25519CryptoOptions);
  /** Installs (or replaces) a channel's configuration: who may read it and whose orderers sign its blocks. Adds its organisations to those trusted. */
  setChannel(config: ChannelConfig): void;
  pkiIdOf: MessageCryptoService["pkiIdOf"]; validateIdentity(identity: Uint8Array): Verdict; expirationOf(identity: Uint8Array): number | undefined;
  sign(payload: Uint8Array): Uint8Array; verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict;
  verifyByChannel(channel: string, identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict;
  verifyBlock: MessageCryptoService["verifyBlock"]; orgOf: SecurityAdvisor["orgOf"];
}
/** Block 0 of a channel: one CONFIG transaction with the configuration, unsigned, trusted out of band (page 13 §4.2). Deterministic. */
export declare function makeGenesisBlock(config: ChannelConfig): Uint8Array;
/** The configuration in a genesis block. @throws GossipError `malformed`. */
export declare function readGenesisBlock(block: Uint8Array): ChannelConfig;
/** Makes the next block in Fabric's format, signed by an orderer's key over page 13 §5.1's bytes. Used by the orderer and by tests. */
export declare function makeBlock(options: { readonly number: bigint; readonly previousHash: Uint8Array; readonly data: readonly Uint8Array[]; readonly lastConfigIndex: bigint; readonly identity: Uint8Array; readonly sign: (bytes: Uint8Array) => Uint8Array; readonly nonce: Uint8Array }): Uint8Array;
/** A transaction: common.Envelope around `data`, signed by `identity` (channel header type MESSAGE). */
export declare function makeTransaction(options: { readonly channelId: string; readonly data: Uint8Array; readonly identity: Uint8Array; readonly sign: (bytes: Uint8Array) => Uint8Array; readonly nonce: Uint8Array; readonly timestampNanos: bigint }): Uint8Array;
/** The `data` of a transaction made so; undefined when it does not decode. */
export declare function transactionData(transaction: Uint8Array): Uint8Array | undefined;
