import type { Verified } from "@gossip/crypto";
import type { AliveMessage, Envelope, Member, PeerTime, PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";

/** Who is behind an endpoint that is dialled without knowing its PKI-ID (protocol page 04 §7.1). */
export type ContactRole =
  /** Configured by the operator; the answering peer must be of the own organization. */
  | "bootstrap"
  /** Anchor peer of the own organization in some channel; the answering peer must be of the own organization. */
  | "own-anchor"
  /** Anchor peer of another organization; skipped while the own external endpoint is empty. */
  | "foreign-anchor";

/** Reach out to an endpoint until it has answered, and never forget the members seen at it. Repeating it is harmless. */
export interface Connect {
  readonly type: "connect";
  /** `host:port`. */
  readonly endpoint: string;
  readonly role: ContactRole;
}

/** The endpoint is no longer a bootstrap or anchor endpoint: stop dialling it, and let its members be forgotten. */
export interface Release {
  readonly type: "release";
  readonly endpoint: string;
}

/** Answer to the output `identify`: who proved to be at the endpoint. */
export interface Identified {
  readonly type: "identified";
  readonly endpoint: string;
  readonly pkiId: PkiId;
  /** Whether the identity is of the own organization. */
  readonly sameOrg: boolean;
}

/** Answer to the output `identify`: nobody acceptable is there. */
export interface IdentifyFailed {
  readonly type: "identify-failed";
  readonly endpoint: string;
}

/** Answer to the output `verify-endpoint`: who proved to be there; nothing is said when nobody did. */
export interface EndpointVerified {
  readonly type: "endpoint-verified";
  readonly endpoint: string;
  readonly pkiId: PkiId;
}

/** A pushed alive message. */
export interface Alive {
  readonly type: "alive";
  readonly alive: Verified<AliveMessage>;
  /** The peer it was received from, which need not be its author. */
  readonly from: PkiId;
}

/** A membership request. The gate has verified the self information inside. */
export interface MembershipRequested {
  readonly type: "membership-request";
  /** PKI-ID of the authenticated connection. */
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly self: Verified<AliveMessage>;
}

/** A membership response; entries that did not decode or verify, or that `wants` refused, are left out by the gate. */
export interface MembershipResponded {
  readonly type: "membership-response";
  /** PKI-ID of the authenticated connection. */
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly alive: readonly Verified<AliveMessage>[];
  readonly dead: readonly Verified<AliveMessage>[];
}

/** The communication layer could not reach a member (page 04 §12). */
export interface PresumedDead {
  readonly type: "presumed-dead";
  readonly pkiId: PkiId;
}

/** The identity is gone: switched to another one at its endpoint, expired, revoked or unused (page 04 §12). */
export interface IdentityRemoved {
  readonly type: "identity-removed";
  readonly pkiId: PkiId;
}

/** Answer to the output `ping`. */
export interface PingResult {
  readonly type: "ping-result";
  readonly pkiId: PkiId;
  readonly alive: boolean;
}

/** Changes what own alive messages say; others are told at once. */
export interface UpdateSelf {
  readonly type: "update-self";
  readonly metadata?: Uint8Array;
  /** The external endpoint. */
  readonly endpoint?: string;
}

/** A hint that asking for membership now is likely to bring news, e.g. because identities became known. */
export interface SyncSoon {
  readonly type: "sync-soon";
}

/** Everything `Discovery` takes, besides `wake`. */
export type DiscoveryInput =
  | Connect
  | Release
  | Identified
  | IdentifyFailed
  | EndpointVerified
  | Alive
  | MembershipRequested
  | MembershipResponded
  | PresumedDead
  | IdentityRemoved
  | PingResult
  | UpdateSelf
  | SyncSoon;

/**
 * What an own alive message says. Every record carries a sequence number of its own, so the exit signs it exactly once,
 * adding the identity during the publish period (page 02 §8), and attaches `internalEndpoint` as the signed secret.
 */
export interface SelfRecord {
  readonly member: Member;
  readonly time: PeerTime;
  /** For the secret; empty means: no secret. */
  readonly internalEndpoint: string;
}

/** Where to send. */
export interface PeerAddress {
  readonly pkiId: PkiId;
  /** Internal endpoint where known, else the external one; may be empty. */
  readonly endpoint: string;
}

/** A receiver of a membership request. */
export interface RequestTarget extends PeerAddress {
  /** Whether the self information for this receiver carries the secret; false for every other organization. */
  readonly includeSecret: boolean;
}

/** Heartbeat: sign and hand to the emitter, secret included; the emitter strips it for other organizations. */
export interface SendAlive {
  readonly type: "send-alive";
  readonly self: SelfRecord;
  /** How long it may wait for others to share a burst with. */
  readonly waitMs: Millis;
}

/** Hand to the emitter, for everybody but the peer it came from. */
export interface ForwardAlive {
  readonly type: "forward-alive";
  readonly alive: Verified<AliveMessage>;
  readonly except: PkiId;
  /** How long it may wait for others to share a burst with. */
  readonly waitMs: Millis;
}

/** Sign `self` once and send a membership request to each receiver. */
export interface RequestMembership {
  readonly type: "request-membership";
  readonly to: readonly RequestTarget[];
  readonly nonce: bigint;
  readonly self: SelfRecord;
}

/** Send a membership response: the envelopes exactly as given, and the signed `self` as the last alive entry. */
export interface RespondMembership {
  readonly type: "respond-membership";
  readonly to: PeerAddress;
  readonly nonce: bigint;
  /** Already without their secrets where the receiver may not see them. */
  readonly alive: readonly Envelope[];
  readonly dead: readonly Envelope[];
  readonly self: SelfRecord;
  /** Whether the own entry carries its secret. */
  readonly includeSecret: boolean;
}

/** Find out who is at the endpoint (probe handshake); answer with `identified` or `identify-failed`. */
export interface Identify {
  readonly type: "identify";
  readonly endpoint: string;
}

/**
 * Find out who is at this endpoint (probe handshake), and answer `endpoint-verified` if somebody is, be it we. Either
 * several members say to be there, or one of whom only old news came. If another member of their organization answers than
 * one of `older`, that one is replaced: its identity goes, and `identity-removed` follows (page 04 §13.3).
 */
export interface VerifyEndpoint {
  readonly type: "verify-endpoint";
  readonly endpoint: string;
  /** All at the endpoint but the youngest; may be empty. */
  readonly older: readonly PkiId[];
}

/** See whether anything answers at the endpoint of a dead member; answer with `ping-result`. */
export interface Ping {
  readonly type: "ping";
  readonly pkiId: PkiId;
  readonly endpoint: string;
}

/** Close the connection to the member, if there is one. */
export interface Disconnect {
  readonly type: "disconnect";
  readonly pkiId: PkiId;
  readonly reason: "member-down" | "undisclosed";
}

/** A member is alive that was unknown or dead before. */
export interface MemberUp {
  readonly type: "member-up";
  readonly member: DiscoveryMember;
  readonly cause: "learned" | "resurrected";
}

/** A member is dead that was alive, or was unknown and is reported dead by another peer. */
export interface MemberDown {
  readonly type: "member-down";
  readonly member: DiscoveryMember;
  readonly cause: "silence" | "presumed-dead" | "reported";
}

/** An alive member changed an endpoint or its metadata. */
export interface MemberUpdated {
  readonly type: "member-updated";
  readonly member: DiscoveryMember;
}

/** A member is in neither list any more. */
export interface MemberForgotten {
  readonly type: "member-forgotten";
  readonly pkiId: PkiId;
  readonly cause: "expired" | "identity-removed" | "evicted";
}

/** How the contact with a bootstrap or anchor endpoint stands. */
export interface ContactChanged {
  readonly type: "contact";
  readonly endpoint: string;
  readonly state: "answered" | "retrying" | "given-up";
  /** Why the last attempt failed; absent when answered. */
  readonly failure?: ContactFailure;
}

/** Why an attempt to contact an endpoint failed. */
export type ContactFailure = "not-identified" | "wrong-organization" | "no-response";

/** Another process uses our identity: it issues alive messages that are not ours (page 04 §13.1). */
export interface IdentityConflict {
  readonly type: "identity-conflict";
  /** Its external endpoint, as its alive message says; may be empty. */
  readonly endpoint: string;
  readonly time: PeerTime;
}

/**
 * This process did not run for a while: its timers came late by so much. Nobody is accused for that time (4.48 of
 * docs/protocol/04).
 */
export interface Overslept {
  readonly type: "overslept";
  readonly sleptMs: Millis;
}

/** Something was refused. */
export interface DiscoveryDropped {
  readonly type: "dropped";
  readonly reason: DiscoveryDropReason;
  /** The peer it came from; empty for a local cause. */
  readonly from: PkiId;
  /** How many entries of one message share the reason. */
  readonly count: number;
}

/** Why an input, or an entry of one, was refused; closed, since it labels a metric. */
export type DiscoveryDropReason =
  /** An alive message of our own came back. */
  | "own-message"
  /** Not newer than what is held. */
  | "stale"
  /** The first message of a stranger, from long ago by its own count. */
  | "too-old"
  /** Not newer than what is remembered of a forgotten member. */
  | "forgotten"
  /** A dead entry about a member that is known, alive or dead. */
  | "known-member"
  /** PKI-ID absent, or an endpoint that is none. */
  | "malformed"
  /** An alive message larger than `maxAliveBytes`. */
  | "too-large"
  /** There are `maxMembers` members, none of them dead and forgettable. */
  | "members-full"
  /** A request whose self information is not about its sender. */
  | "not-own-information"
  /** A request from a peer to which not even we may be disclosed. */
  | "undisclosed"
  /** A response to no request of ours. */
  | "unsolicited-response"
  /** Entries of a response beyond `maxResponseEntries`. */
  | "too-many-entries"
  /** A contact that leads to ourselves. */
  | "own-endpoint"
  /** A foreign anchor while the own external endpoint is empty. */
  | "no-external-endpoint"
  /** There are `maxContacts` contacts. */
  | "contacts-full"
  /** `identified`, `identify-failed` or `ping-result` without a question. */
  | "unexpected-result"
  /** `presumed-dead` about a member that is not alive, or `identity-removed` about one that is unknown. */
  | "unknown-member"
  /** `presumed-dead` shortly after we were asleep: believed if the member is not heard of soon. */
  | "doubted-notice"
  /** `presumed-dead` about a member that others show alive: it is we who cannot reach it. */
  | "refuted-notice";

/** Everything `Discovery` says. */
export type DiscoveryOutput =
  | SendAlive
  | ForwardAlive
  | RequestMembership
  | RespondMembership
  | Identify
  | VerifyEndpoint
  | Ping
  | Disconnect
  | MemberUp
  | MemberDown
  | MemberUpdated
  | MemberForgotten
  | ContactChanged
  | IdentityConflict
  | Overslept
  | DiscoveryDropped;

/** How an alive message reached us; what is stale depends on it (page 04 §8). */
export type AlivePath = "push" | "request" | "alive-entry" | "dead-entry";

/** A member as last heard of. The object never changes; a newer alive message gives a new one. */
export interface DiscoveryMember {
  readonly pkiId: PkiId;
  /** External endpoint `host:port`; may be empty. */
  readonly endpoint: string;
  /** From the secret of its alive messages; empty when it was never seen. */
  readonly internalEndpoint: string;
  /** The internal endpoint where known, else the external one. */
  readonly preferredEndpoint: string;
  readonly metadata: Uint8Array;
  readonly incarnation: bigint;
  readonly sequence: bigint;
  readonly state: "alive" | "dead";
  /** When its newest alive message was accepted, on the clock of `step`. */
  readonly lastSeen: Millis;
}

/** What other machines may know of membership. */
export interface MembershipView {
  /** Alive members, self excluded. */
  readonly members: readonly DiscoveryMember[];
  /** A member, alive or dead; `undefined` when unknown, forgotten or self. */
  lookup(pkiId: PkiId): DiscoveryMember | undefined;
}
