import type {
  ApplicationMessage,
  Chaincode,
  DataMessage,
  LeadershipMessage,
  MessageOf,
  OrgId,
  PkiId,
  StateInfo,
} from "@gossip/proto";
import type { ChannelMemberView, MemberView } from "./api.js";

/** What a program says to programs on other nodes with this software (protocol page 07, 7.41). */
export interface ApplicationContent {
  /** What it is about, for programs to choose by: at most 256 bytes of UTF-8. */
  readonly topic: string;
  /** At most `maxApplicationBytes` together with the rest of the message. */
  readonly data: Uint8Array;
  /** A joined channel; only its members get it. @default none: it concerns no channel */
  readonly channel?: string;
}

/** What a program says to many, and whom it concerns. */
export interface GossipContent extends ApplicationContent {
  /**
   * `chan-only`: all members of the channel. `chan-and-org`: those of them that are of our organization. `org-only`: the members of
   * our organization, without a channel.
   *
   * @default `chan-only` with a channel, `org-only` without
   */
  readonly tag?: "chan-only" | "chan-and-org" | "org-only";
}

/** What spreads by gossip and a program may accept: verified, and news to this node. */
export interface GossipedMessage {
  readonly how: "gossiped";
  /** Of programs, or of the protocol: a pushed or pulled block, a member's state info, a word about leadership. */
  readonly message: ApplicationMessage | DataMessage | StateInfo | LeadershipMessage;
  /** Empty for messages that concern no channel. */
  readonly channel: string;
  /** Who passed it on to us. */
  readonly from: PkiId;
  /** Who signed it; `undefined` for a block, which its orderers signed. */
  readonly author: PkiId | undefined;
  /** Of the author; for a block, of who passed it on. */
  readonly org: OrgId | undefined;
}

/** What came straight from another peer, as its connection proves. */
export interface DirectMessage {
  readonly how: "direct";
  readonly message: ApplicationMessage;
  /** Empty for messages that concern no channel. */
  readonly channel: string;
  readonly from: PkiId;
  readonly org: OrgId | undefined;
  /**
   * Tells its sender that it was taken, or with a text what was wrong with it, if the sender waits for that (`sendByCriteria`). The
   * first word counts; one that the reader never came to is answered by the node.
   */
  acknowledge(error?: string): void;
  /** Says something back, straight to its sender and in the same channel. Errors as `node.send`. */
  respond(content: Omit<ApplicationContent, "channel">): void;
}

/** What `accept` may give. */
export type ReceivedMessage = GossipedMessage | DirectMessage;

/** How much of what is accepted may wait for its reader, and until when. */
export interface AcceptOptions {
  /**
   * Messages that wait at most. Beyond, the oldest of whoever has most of them waiting makes room, which is counted as
   * `accept/too-slow`. @default `maxAcceptedMessages` of the node
   */
  readonly maxMessages?: number;
  /** Bytes of them. @default `maxAcceptedBytes` of the node */
  readonly maxBytes?: number;
  /** Ends it; what still waits is dropped. */
  readonly signal?: AbortSignal;
}

/** Whom a message is for, and when it counts as delivered. */
export interface SendCriteria {
  /** Members of this joined channel; else all members. */
  readonly channel?: string;
  /** Of this organization alone. */
  readonly organization?: OrgId;
  /** Whether a member may be chosen. @default everybody */
  readonly isEligible?: (member: MemberView | ChannelMemberView) => boolean;
  /** So many are drawn at random from those who qualify, at most; with 0 nothing happens. */
  readonly maxPeers: number;
  /** So many must acknowledge; with 0 nobody is waited for. */
  readonly minAcks: number;
  /** Milliseconds for all of it: to dial, to send, and to hear. */
  readonly timeoutMs: number;
}

/** Who had answered when enough had. */
export interface SendOutcome {
  readonly acknowledged: readonly PkiId[];
  readonly failed: readonly { readonly pkiId: PkiId; readonly reason: string; readonly detail: string }[];
}

/** What a node does for programs that have something to say to each other (protocol page 07 §12). */
export interface GossipService {
  /**
   * What spreads by gossip and `predicate` says yes to: application messages, and of the protocol new blocks, state infos and words
   * about leadership. From now on, until the node closes, the reader ends it, or `signal` aborts. With `direct`, also what other
   * peers sent straight to this one. A predicate that throws says no.
   *
   * @throws GossipError `invalid-argument` for a bound below 1, `closed`.
   * @example
   * for await (const { message, author } of node.accept(isApplication("prices"))) console.log(author, message.data);
   */
  accept<M extends GossipedMessage>(
    predicate: (received: GossipedMessage) => received is M,
    options?: AcceptOptions & { readonly direct?: false },
  ): AsyncIterableIterator<M>;
  accept(
    predicate: (received: GossipedMessage) => boolean,
    options?: AcceptOptions & { readonly direct?: false },
  ): AsyncIterableIterator<GossipedMessage>;
  accept(
    predicate: (received: ReceivedMessage) => boolean,
    options: AcceptOptions & { readonly direct: true },
  ): AsyncIterableIterator<ReceivedMessage>;
  /**
   * Signs a message and spreads it among all whom it concerns and who have this software; not to this node's own programs. Resolves
   * when it is on its way. Nobody is told whether it arrived, and who is away misses it: what must not be lost belongs into the
   * ledger, what should be known to late ones into `channel.shared`.
   *
   * @throws GossipError `invalid-argument` (the topic; a tag that does not fit the channel), `not-found` (the channel), `too-large`,
   * `unavailable` (application messages are off, more than `maxNewsPerSecond`, the key does not sign), `closed`.
   */
  gossip(content: GossipContent): Promise<void>;
  /**
   * Sends a message straight to these members: those that have not this software get nothing, which is counted as `not-understood`.
   * Nobody is told whether it arrived.
   *
   * @throws GossipError as `gossip`; `invalid-argument` also for a peer whose organization is not in the channel.
   */
  send(content: ApplicationContent, peers: readonly PkiId[]): void;
  /**
   * Sends a message straight to members that qualify, and resolves when enough programs there have acknowledged it. Only members that
   * have this software, and were connected since they came, qualify.
   *
   * @throws GossipError as `gossip`; `invalid-argument` for criteria that contradict each other; `unavailable` when fewer than
   * `minAcks` qualify (nothing is sent then), or fewer acknowledged; `timeout` when some did not answer in time.
   */
  sendByCriteria(criteria: SendCriteria, content: ApplicationContent): Promise<SendOutcome>;
}

/** What of a channel is for its program to tell (protocol page 07 §12). */
export interface ChannelService {
  /**
   * Tells the members which chaincodes this peer has, for clients that look for endorsers; published at once. For a program that can
   * endorse: whoever is told a name may ask this peer to.
   *
   * @throws GossipError `invalid-argument` (a name is missing, or comes twice), `too-large`, `closed`.
   */
  setChaincodes(chaincodes: readonly Chaincode[]): void;
  /**
   * Tells the members the height of a ledger that this node does not keep: of a channel that was joined without one.
   *
   * @throws GossipError `invalid-argument` when the node has a ledger for the channel, which tells by itself; `closed`.
   */
  setHeight(height: bigint): void;
  /**
   * A block that came another way than by gossip or from the orderers, e.g. in a file: verified, and committed when the ones
   * below it are. Not pushed to anybody. Resolves with whether it was news, when there is a place for it: commits are waited for,
   * blocks below it that nobody has brought are not. The bytes must not be changed afterwards.
   *
   * @throws GossipError `malformed`; `untrusted`, which names what was wrong; `invalid-argument` (too far above the height, or the
   * channel has no ledger); `unavailable` while commits fail; `closed`.
   */
  add(block: Uint8Array): Promise<boolean>;
}

/** For `accept`: application messages about a topic, or about any. */
export function isApplication(topic?: string) {
  return <R extends ReceivedMessage>(received: R): received is R & { readonly message: MessageOf<"application"> } =>
    received.message.type === "application" && (topic === undefined || received.message.topic === topic);
}
