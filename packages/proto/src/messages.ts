import type { PkiId } from "./pki-id.js";

/**
 * Gossip messages as plain data, one member of a union per content (protocol page 01 §2).
 *
 * Conventions: every `uint64` is a `bigint`; a `bytes` field that is absent on the wire is an array of length 0, as the
 * reference cannot tell the two apart (§10.4); a PKI-ID is lower-case hex, empty when absent. Byte arrays of a decoded
 * message are views into the received buffer: copy what is kept long.
 */

/** To whom a message may be forwarded (§4). `unknown` is any number the schema does not name. */
export type Tag = "undefined" | "empty" | "org-only" | "chan-only" | "chan-and-org" | "chan-or-org" | "unknown";

/** What a pull exchange is about. */
export type PullType = "undefined" | "block" | "identity" | "shared" | "unknown";

/** The fields every message has. */
export interface MessageHeader {
  /** Correlation number of requests, responses and acks; 0 elsewhere (§6). */
  readonly nonce: bigint;
  /** Channel name; empty for messages that belong to no channel, and for state info, which proves it by MAC. */
  readonly channel: string;
  readonly tag: Tag;
}

/** What travels on a stream: signed bytes and their signature, both exactly as received or made. */
export interface Envelope {
  /** A serialized message; the signature covers exactly these octets. */
  readonly payload: Uint8Array;
  /** Empty when the message is unsigned. */
  readonly signature: Uint8Array;
  /** Signed on its own and removable by any relay; only with alive messages. */
  readonly secret?: SecretEnvelope | undefined;
}

/** A signed secret: the internal endpoint, shown to the own organization only. */
export interface SecretEnvelope {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Logical clock of one peer, ordered by incarnation, then sequence (§7). */
export interface PeerTime {
  /** Nanoseconds since 1970 when the peer (or its channel) came to be. */
  readonly incarnation: bigint;
  readonly sequence: bigint;
}

/** A member as its own alive message describes it. */
export interface Member {
  /** External endpoint `host:port`; may be empty. */
  readonly endpoint: string;
  readonly metadata: Uint8Array;
  readonly pkiId: PkiId;
}

/** A member's signed heartbeat, by which the others learn where it is and that it lives (§2.3, page 04 §4.1). */
export interface AliveMessage extends MessageHeader {
  readonly type: "alive";
  readonly member: Member;
  readonly time: PeerTime;
  /** The author's identity, in the first seconds of its life; else empty. */
  readonly identity: Uint8Array;
}

/** Asks a peer for the members it knows, at start-up and from time to time after (§2.3, page 04 §4.2). */
export interface MembershipRequest extends MessageHeader {
  readonly type: "membership-request";
  /** The requester's own signed alive message. */
  readonly self: Envelope;
  /** Deprecated; sent empty. */
  readonly known: readonly Uint8Array[];
}

/** The members that the responder may show to the requester's organization (§2.3, page 04 §4.3). */
export interface MembershipResponse extends MessageHeader {
  readonly type: "membership-response";
  /** Signed alive messages. */
  readonly alive: readonly Envelope[];
  /** Signed alive messages of members that the responder holds dead. */
  readonly dead: readonly Envelope[];
}

/** A block on its way. */
export interface BlockPayload {
  readonly blockNumber: bigint;
  /** A serialized `common.Block`. */
  readonly data: Uint8Array;
  /** Serialized `PvtDataPayload`s; only in state transfer. */
  readonly privateData: readonly Uint8Array[];
}

/** Carries one block, pushed to peers of its channel or as an item of a block pull (§2.3, page 07 §8.1). */
export interface DataMessage extends MessageHeader {
  readonly type: "data";
  readonly payload: BlockPayload;
}

/** Opens a pull: the initiator asks a peer which items it has (§2.3, page 05 §3). */
export interface Hello extends MessageHeader {
  readonly type: "hello";
  readonly pullNonce: bigint;
  readonly metadata: Uint8Array;
  readonly pullType: PullType;
}

/** Second step of a pull: the responder names the items it has (§2.3, page 05 §3). */
export interface DataDigest extends MessageHeader {
  readonly type: "digest";
  readonly pullNonce: bigint;
  readonly digests: readonly Uint8Array[];
  readonly pullType: PullType;
}

/** Third step of a pull: the initiator names the items it lacks (§2.3, page 05 §3). */
export interface DataRequest extends MessageHeader {
  readonly type: "request";
  readonly pullNonce: bigint;
  readonly digests: readonly Uint8Array[];
  readonly pullType: PullType;
}

/** Last step of a pull: the responder sends the items asked for, as envelopes of their authors (§2.3, page 05 §3). */
export interface DataUpdate extends MessageHeader {
  readonly type: "update";
  readonly pullNonce: bigint;
  readonly data: readonly Envelope[];
  readonly pullType: PullType;
}

/** Content without fields: legal on the wire, so it is decoded rather than refused (§2.3). */
export interface EmptyMessage extends MessageHeader {
  readonly type: "empty";
}

/** The first message on a stream, in both directions (page 03 §3). */
export interface ConnEstablish extends MessageHeader {
  readonly type: "conn";
  readonly pkiId: PkiId;
  readonly identity: Uint8Array;
  /** SHA-256 over the DER of the sender's TLS leaf certificate; empty without TLS. */
  readonly tlsCertHash: Uint8Array;
  readonly probe: boolean;
  /** The extensions of ours that the sender understands, one bit each (page 14 §1); a Fabric peer sends none, and skips the field. */
  readonly features: Uint8Array;
}

/** A chaincode that a peer has on a channel, as its state info says, for choosing peers that can serve it (§2.3). */
export interface Chaincode {
  readonly name: string;
  readonly version: string;
  readonly metadata: Uint8Array;
}

/** What a peer tells about itself on a channel, for choosing whom to ask for blocks (§2.3). */
export interface Properties {
  /** Number of blocks in the ledger, which is the number of the next block. */
  readonly ledgerHeight: bigint;
  readonly leftChannel: boolean;
  readonly chaincodes: readonly Chaincode[];
}

/** A peer's signed word that it is in a channel, and how far its ledger is (§2.3, page 07 §10). */
export interface StateInfo extends MessageHeader {
  readonly type: "state-info";
  readonly time: PeerTime;
  readonly pkiId: PkiId;
  readonly channelMac: Uint8Array;
  readonly properties: Properties;
}

/** Answers a state info pull request with the state infos that the requester may see (§2.3, page 07 §10.3). */
export interface StateInfoSnapshot extends MessageHeader {
  readonly type: "state-info-snapshot";
  /** Signed state infos. */
  readonly elements: readonly Envelope[];
}

/** Asks a peer for the state infos of a channel, which the MAC names and the name does not (§2.3, page 07 §10.2). */
export interface StateInfoPullRequest extends MessageHeader {
  readonly type: "state-info-pull-request";
  readonly channelMac: Uint8Array;
}

/** Asks a peer with a higher ledger for a range of missing blocks (§2.3, page 10). */
export interface StateRequest extends MessageHeader {
  readonly type: "state-request";
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
}

/** The blocks of a requested range that the responder has, matched to the request by its nonce (§2.3, page 10). */
export interface StateResponse extends MessageHeader {
  readonly type: "state-response";
  readonly payloads: readonly BlockPayload[];
}

/** Proposes or declares its author as the one that fetches blocks for its organization (§2.3, page 08 §3). */
export interface LeadershipMessage extends MessageHeader {
  readonly type: "leadership";
  readonly pkiId: PkiId;
  readonly time: PeerTime;
  readonly isDeclaration: boolean;
}

/** Carries an identity in an identity pull, so that its holder's signatures can be checked (§2.3, page 02 §6). */
export interface PeerIdentity extends MessageHeader {
  readonly type: "peer-identity";
  readonly pkiId: PkiId;
  /** The serialized identity. */
  readonly identity: Uint8Array;
  readonly metadata: Uint8Array;
}

/** Answers a private data message, the only kind that is acknowledged, by its nonce (§2.3, §6). */
export interface Acknowledgement extends MessageHeader {
  readonly type: "ack";
  /** Empty means success. */
  readonly error: string;
}

/** Names one private read-write set by transaction, collection and place in the chain (§2.3, page 11). */
export interface PrivateDataDigest {
  readonly txId: string;
  readonly namespace: string;
  readonly collection: string;
  readonly blockNumber: bigint;
  readonly seqInBlock: bigint;
}

/** One answer to a private data digest, with the serialized read-write sets found for it (§2.3, page 11). */
export interface PrivateDataElement {
  readonly digest: PrivateDataDigest;
  readonly payload: readonly Uint8Array[];
}

/** Asks a peer for private data that was missing when its block came, or later (§2.3, page 11). */
export interface PrivateDataRequest extends MessageHeader {
  readonly type: "private-data-request";
  readonly digests: readonly PrivateDataDigest[];
}

/** Answers a private data request; matched by digest, not by nonce (§2.3, §6, page 11). */
export interface PrivateDataResponse extends MessageHeader {
  readonly type: "private-data-response";
  readonly elements: readonly PrivateDataElement[];
}

/** Private data of one collection and transaction, and the height it was simulated at (§2.3, page 11). */
export interface PrivatePayload {
  readonly collection: string;
  readonly namespace: string;
  readonly txId: string;
  /** Serialized private read-write set. */
  readonly rwset: Uint8Array;
  readonly simulationHeight: bigint;
  /** Serialized `protos.CollectionConfigPackage`, kept as received; empty when absent. */
  readonly collectionConfigs: Uint8Array;
}

/** Hands private data, before it is in a block, to peers that its collection allows (§2.3, page 11). */
export interface PrivateDataMessage extends MessageHeader {
  readonly type: "private-data";
  readonly payload: PrivatePayload;
}

/** One entry of a channel's shared map, signed by its author; only between peers that both know it (page 14). */
export interface SharedEntry extends MessageHeader {
  readonly type: "shared-entry";
  /** The author. */
  readonly pkiId: PkiId;
  /** The author's serialized identity. */
  readonly identity: Uint8Array;
  readonly key: string;
  /** Empty when deleted. */
  readonly value: Uint8Array;
  readonly isDeleted: boolean;
  /** First part of the entry's version. */
  readonly counter: bigint;
}

/**
 * What a program on one peer says to programs on others; only between peers that both know it (page 07 §12). With an author it
 * is signed by it and passed on; without one it goes straight from one peer to another.
 */
export interface ApplicationMessage extends MessageHeader {
  readonly type: "application";
  /** Empty in what goes straight from one peer to another, whose connection names its author. */
  readonly pkiId: PkiId;
  /** The author's incarnation, and the number of the message in its scope; zeros when there is no author. */
  readonly time: PeerTime;
  /** What it is about, for programs to choose by. */
  readonly topic: string;
  readonly data: Uint8Array;
}

/** Every message of protocol page 01, and those of ours, discriminated by `type`. */
export type GossipMessage =
  | AliveMessage
  | MembershipRequest
  | MembershipResponse
  | DataMessage
  | Hello
  | DataDigest
  | DataRequest
  | DataUpdate
  | EmptyMessage
  | ConnEstablish
  | StateInfo
  | StateInfoSnapshot
  | StateInfoPullRequest
  | StateRequest
  | StateResponse
  | LeadershipMessage
  | PeerIdentity
  | Acknowledgement
  | PrivateDataRequest
  | PrivateDataResponse
  | PrivateDataMessage
  | SharedEntry
  | ApplicationMessage;

/** The value that tells messages apart in a `switch`; ours, not the wire's field number. */
export type MessageType = GossipMessage["type"];

/** The messages of a pull exchange. */
export type PullMessage = Hello | DataDigest | DataRequest | DataUpdate;

/** One kind of message, by its `type`. */
export type MessageOf<T extends MessageType> = Extract<GossipMessage, { readonly type: T }>;
