import type { PkiId } from "@gossip/proto";

/** Where a hello goes. */
export interface PullPeer {
  readonly pkiId: PkiId;
  readonly endpoint: string;
  /** Drawn before others, since it is likely to hold what we lack. @default false */
  readonly isPreferred?: boolean;
}

/**
 * The items of this node: the one place that knows what is held, asked anew each time.
 * None of the methods may throw, and none may change anything.
 *
 * @typeParam Item what an update carries, e.g. the envelope as received.
 */
export interface PullItems<Item> {
  /** Whether the item is held. MAY also say true for what is not wanted at all: it is never requested then. */
  has(digest: Uint8Array): boolean;
  /** Whether this could name an item at all; what could not is dropped as malformed. @default anything */
  isDigest?(digest: Uint8Array): boolean;
  /** What `requester` may know of; none when it may know of nothing. */
  digests(requester: PkiId): Iterable<Uint8Array>;
  /** Finds an item by its digest, if it is held and `requester` may have it. Asked for once per request. */
  items(requester: PkiId): (digest: Uint8Array) => Item | undefined;
  /** Size on the wire, by which updates are cut. */
  bytesOf(item: Item): number;
}

/** An item under its digest. */
export interface PulledItem<Item> {
  readonly digest: Uint8Array;
  readonly item: Item;
}

/** A peer asks for our digests. */
export interface HelloReceived {
  readonly type: "hello";
  readonly from: PkiId;
  readonly nonce: bigint;
}

/** A peer tells what it holds. */
export interface DigestReceived {
  readonly type: "digest";
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly digests: readonly Uint8Array[];
}

/** A peer asks for items. */
export interface RequestReceived {
  readonly type: "request";
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly digests: readonly Uint8Array[];
}

/** A peer sends items; the gate has asked `wantsUpdate` and `wantsItem`, then verified each item on its own. */
export interface UpdateReceived<Item> {
  readonly type: "update";
  readonly from: PkiId;
  readonly nonce: bigint;
  readonly items: readonly PulledItem<Item>[];
  /** Digests of items that did not pass verification: not asked of this peer again for a while. */
  readonly refused?: readonly Uint8Array[];
}

/** News: a round now is likely to bring something. With `peer`, that one is asked; else peers are drawn. */
export interface PullNow {
  readonly type: "pull-now";
  readonly peer?: PullPeer;
}

/** Everything `Pull` takes, besides `wake`. */
export type PullInput<Item> = HelloReceived | DigestReceived | RequestReceived | UpdateReceived<Item> | PullNow;

/** Begin an exchange with a peer. */
export interface SendHello {
  readonly type: "send-hello";
  readonly to: PullPeer;
  readonly nonce: bigint;
}

/** Answer a hello: to that peer, over the connection there is to it. */
export interface SendDigest {
  readonly type: "send-digest";
  readonly to: PkiId;
  readonly nonce: bigint;
  readonly digests: readonly Uint8Array[];
}

/** Ask a peer for items it offered. */
export interface SendRequest {
  readonly type: "send-request";
  readonly to: PullPeer;
  readonly nonce: bigint;
  readonly digests: readonly Uint8Array[];
}

/** Answer a request: to that peer, over the connection there is to it. A large answer is several of these. */
export interface SendUpdate<Item> {
  readonly type: "send-update";
  readonly to: PkiId;
  readonly nonce: bigint;
  readonly items: readonly Item[];
}

/** Requested items have come: store them, so that `PullItems.has` says so from now on. */
export interface Accept<Item> {
  readonly type: "accept";
  readonly from: PkiId;
  readonly items: readonly PulledItem<Item>[];
}

/** Something was refused. */
export interface PullDropped {
  readonly type: "dropped";
  readonly reason: PullDropReason;
  /** The peer it came from. */
  readonly from: PkiId;
  /** How many digests or items of one message share the reason. */
  readonly count: number;
}

/** Why an input, or a part of one, was refused; closed, since it labels a metric. */
export type PullDropReason =
  /** A nonce that was never ours to this peer, or never its to us, or whose time is over. */
  | "unknown-nonce"
  /** More digests in one message than `maxDigests`. */
  | "too-many-digests"
  /** An empty digest, one longer than `maxDigestBytes`, or one that names no item. */
  | "malformed-digest"
  /** A second digest message of one peer in one exchange. */
  | "repeated-digest"
  /** A digest that came after `digestWaitTimeMs`. */
  | "late-digest"
  /** An item that was not requested of this peer, that came twice, or from somebody else in the meantime. */
  | "unrequested-item"
  /** An item that did not pass verification. */
  | "refused-item"
  /** A digest asked for that we do not hold, or may not give to this peer. */
  | "unavailable-item"
  /** A peer asked for more items under one nonce than it was offered. */
  | "too-many-requests";

/** Everything `Pull` says. */
export type PullOutput<Item> = SendHello | SendDigest | SendRequest | SendUpdate<Item> | Accept<Item> | PullDropped;
