import type { Rejection, Verdict } from "@gossip/crypto";
import type { OrgId } from "@gossip/proto";
import type { ConfigEnvelope, Consenter, FabricMspConfig, MspPrincipal } from "@gossip/proto/fabric";

/** The rules an MSP goes by, which the capabilities of its channel decide (protocol page 13 §3.1); the local one is always v3. */
export type MspVersion = "v1.4.3" | "v3";

/**
 * Which encodings of an ECDSA signature are read. A Go peer reads what it can and passes over the rest (`any`), which has
 * to be so for blocks: a Byzantine orderer could otherwise part Go's peers from ours. Elsewhere only the one that signers
 * make is taken (`canonical`), since a message that anybody can change without breaking it is many messages.
 */
export type SignatureForm = "canonical" | "any";

/** An identity as its MSP sees it: its certificate parsed and, unless RSA or Ed25519 signed it, linked to the MSP's authorities. */
export interface MspIdentity {
  readonly mspId: string;
  /** Hex SHA-256 of the sanitised DER (page 13 §3.4): what tells two identities of an MSP apart. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** Whether the serialized form is one a Go peer takes (page 13 §1.2). */
  readonly wellFormed: Verdict;
  /** Whether the MSP vouches for it (page 13 §3.6). Never looks at the clock. Computed once. */
  validate(): Verdict;
  /**
   * Whether the signature over `message` is its own, in the form that Fabric demands (page 13 §1.5).
   *
   * @param form default `canonical`
   */
  verify(signature: Uint8Array, message: Uint8Array, form?: SignatureForm): Verdict;
  /** Page 13 §3.7. */
  satisfies(principal: MspPrincipal): Verdict;
}

/** An organization's membership rules, for identities it issued (page 13 §3). */
export interface Msp {
  readonly id: OrgId;
  readonly version: MspVersion;
  /** PEM: the authorities that issue identities, without intermediates. */
  readonly rootCerts: readonly Uint8Array[];
  /** PEM: TLS roots and intermediates. */
  readonly tlsRoots: readonly Uint8Array[];
  /** @returns why not, when the certificate cannot be parsed or does not chain */
  deserialize(idBytes: Uint8Array): MspIdentity | Rejection;
}

/** Finds the MSP that an identity names (page 13 §3.8). */
export interface MspManager {
  readonly msps: ReadonlyMap<OrgId, Msp>;
  /** `identity` is a serialized `msp.SerializedIdentity`. */
  deserialize(identity: Uint8Array): MspIdentity | Rejection;
}

/** What a policy judges: who signed what. */
export interface SignedDatum {
  /** A serialized `msp.SerializedIdentity`. */
  readonly identity: Uint8Array;
  readonly signature: Uint8Array;
  readonly data: Uint8Array;
}

/** A rule on who must have signed (page 13 §4.4). */
export interface Policy {
  /**
   * Whether those whose signatures are good, in any form, satisfy it; an identity counts once, however often it signed.
   */
  evaluate(signed: readonly SignedDatum[]): Verdict;
  /** As `evaluate`, of identities of the channel whose signatures the caller has checked, each given once. */
  evaluateIdentities(identities: readonly MspIdentity[]): Verdict;
}

/** Where an orderer is reached and whose certificates it may show (page 13 §4.5). */
export interface OrdererAddress {
  /** `host:port`. */
  readonly address: string;
  /** MSP id of its organization; empty for a global address. */
  readonly org: string;
  /** PEM. */
  readonly tlsRoots: readonly Uint8Array[];
}

/** An organization of a channel's application group. */
export interface ApplicationOrganization {
  /** Key in the configuration tree; only a name. */
  readonly name: string;
  readonly mspId: OrgId;
  /** `host:port` of each anchor peer. */
  readonly anchors: readonly string[];
}

/** A channel's configuration at one moment, in force: everything that is decided by it (page 13 §4). Immutable. */
export interface ChannelBundle {
  readonly channelId: string;
  readonly sequence: bigint;
  /** Capability V3_0 of /Channel: Ed25519 identities, and block signatures by consenter id. */
  readonly isV3: boolean;
  /** Names of the /Channel capabilities. */
  readonly capabilities: readonly string[];
  readonly consensusType: string;
  readonly organizations: readonly ApplicationOrganization[];
  /** Of application and orderer organizations. */
  readonly msps: MspManager;
  /** PEM: TLS authorities of application organizations, for connections between peers. */
  readonly peerTlsRoots: readonly Uint8Array[];
  readonly orderers: readonly OrdererAddress[];
  readonly consenters: readonly Consenter[];
  /** What an operator should know of, e.g. a BlockValidation policy that any member of an orderer organization satisfies. */
  readonly warnings: readonly string[];
  /** By path, e.g. `/Channel/Application/Readers`; a policy that is missing rejects. */
  policy(path: string): Policy;
  /**
   * A policy that is no part of the configuration, e.g. that of a private data collection, over the channel's MSPs.
   * `bytes` is a serialized `common.SignaturePolicyEnvelope`; one that cannot be decoded rejects.
   */
  signaturePolicy(bytes: Uint8Array): Policy;
  /**
   * The bundle after a config block (page 13 §4.6).
   *
   * @throws GossipError `malformed` when it is of another channel, does not follow on this sequence, changes the MSP id of an
   * organization, or cannot be put in force; this bundle stays as it is.
   */
  next(envelope: ConfigEnvelope): ChannelBundle;
}

/** What an MSP folder holds (page 13 §1.4). */
export interface MspFolder {
  /** What verifies identities of the organization: the folder without its signer. */
  readonly config: FabricMspConfig;
  /** Set up from `config`; the local MSP is always v3. */
  readonly msp: Msp;
  /** Own serialized identity, its certificate sanitised and encoded anew, as a Go peer sends it (page 13 §1.1). */
  readonly identity: Uint8Array;
  /** Signs as Fabric demands: low S, or Ed25519. */
  sign(payload: Uint8Array): Uint8Array;
  /** What was skipped while reading, for the operator. */
  readonly warnings: readonly string[];
}
