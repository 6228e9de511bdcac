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
export type PullType = "undefined" | "block" | "identity" | "unknown";

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

export interface AliveMessage extends MessageHeader {
  readonly type: "alive";
  readonly member: Member;
  readonly time: PeerTime;
  /** The author's identity, in the first seconds of its life; else empty. */
  readonly identity: Uint8Array;
}

export interface MembershipRequest extends MessageHeader {
  readonly type: "membership-request";
  /** The requester's own signed alive message. */
  readonly self: Envelope;
  /** Deprecated; sent empty. */
  readonly known: readonly Uint8Array[];
}

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

export interface DataMessage extends MessageHeader {
  readonly type: "data";
  readonly payload: BlockPayload;
}

export interface Hello extends MessageHeader {
  readonly type: "hello";
  readonly pullNonce: bigint;
  readonly metadata: Uint8Array;
  readonly pullType: PullType;
}

export interface DataDigest extends MessageHeader {
  readonly type: "digest";
  readonly pullNonce: bigint;
  readonly digests: readonly Uint8Array[];
  readonly pullType: PullType;
}

export interface DataRequest extends MessageHeader {
  readonly type: "request";
  readonly pullNonce: bigint;
  readonly digests: readonly Uint8Array[];
  readonly pullType: PullType;
}

export interface DataUpdate extends MessageHeader {
  readonly type: "update";
  readonly pullNonce: bigint;
  readonly data: readonly Envelope[];
  readonly pullType: PullType;
}

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
}

export interface Chaincode {
  readonly name: string;
  readonly version: string;
  readonly metadata: Uint8Array;
}

export interface Properties {
  /** Number of blocks in the ledger, which is the number of the next block. */
  readonly ledgerHeight: bigint;
  readonly leftChannel: boolean;
  readonly chaincodes: readonly Chaincode[];
}

export interface StateInfo extends MessageHeader {
  readonly type: "state-info";
  readonly time: PeerTime;
  readonly pkiId: PkiId;
  readonly channelMac: Uint8Array;
  readonly properties: Properties;
}

export interface StateInfoSnapshot extends MessageHeader {
  readonly type: "state-info-snapshot";
  /** Signed state infos. */
  readonly elements: readonly Envelope[];
}

export interface StateInfoPullRequest extends MessageHeader {
  readonly type: "state-info-pull-request";
  readonly channelMac: Uint8Array;
}

export interface StateRequest extends MessageHeader {
  readonly type: "state-request";
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
}

export interface StateResponse extends MessageHeader {
  readonly type: "state-response";
  readonly payloads: readonly BlockPayload[];
}

export interface LeadershipMessage extends MessageHeader {
  readonly type: "leadership";
  readonly pkiId: PkiId;
  readonly time: PeerTime;
  readonly isDeclaration: boolean;
}

export interface PeerIdentity extends MessageHeader {
  readonly type: "peer-identity";
  readonly pkiId: PkiId;
  /** The serialized identity. */
  readonly identity: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface Acknowledgement extends MessageHeader {
  readonly type: "ack";
  /** Empty means success. */
  readonly error: string;
}

export interface PrivateDataDigest {
  readonly txId: string;
  readonly namespace: string;
  readonly collection: string;
  readonly blockNumber: bigint;
  readonly seqInBlock: bigint;
}

export interface PrivateDataElement {
  readonly digest: PrivateDataDigest;
  readonly payload: readonly Uint8Array[];
}

export interface PrivateDataRequest extends MessageHeader {
  readonly type: "private-data-request";
  readonly digests: readonly PrivateDataDigest[];
}

export interface PrivateDataResponse extends MessageHeader {
  readonly type: "private-data-response";
  readonly elements: readonly PrivateDataElement[];
}

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

export interface PrivateDataMessage extends MessageHeader {
  readonly type: "private-data";
  readonly payload: PrivatePayload;
}

/** Every message of protocol page 01, discriminated by `type`. */
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
  | PrivateDataMessage;

export type MessageType = GossipMessage["type"];

/** The messages of a pull exchange. */
export type PullMessage = Hello | DataDigest | DataRequest | DataUpdate;

/** One kind of message, by its `type`. */
export type MessageOf<T extends MessageType> = Extract<GossipMessage, { readonly type: T }>;
