import type { ConnectionInfo } from "@gossip/comm";
import {
  type IdentityStore,
  type MessageCryptoService,
  markVerified,
  type Rejection,
  type RejectReason,
  type Verification,
  type Verified,
  verifyMessage,
} from "@gossip/crypto";
import type { Discovery, DiscoveryInput } from "@gossip/discovery";
import type { DecodeFailure, Envelope, GossipMessage, PkiId, StateInfo } from "@gossip/proto";
import type { Pull, PullInput } from "@gossip/pull";
import { type Clock, type MaybePromise, Quota, type WallClock, whenDone } from "@gossip/runtime";
import type { EntryRefusal } from "@gossip/shared-map";
import { Allowances, maxPeersInQuota, type News } from "./allowances.js";
import type { Applications } from "./application.js";
import type { ChannelShell } from "./channel.js";
import type { GossipConfig } from "./config.js";
import { eachPart } from "./parts.js";

/** Why the gate dropped a message, or a part of one; closed, since it labels a metric. */
export type GateDropReason =
  | DecodeFailure
  | RejectReason
  /** Of an entry of the shared map (protocol page 14). */
  | Exclude<EntryRefusal, "stale">
  | "illegal-tag"
  | "unexpected-type"
  | "not-news"
  | "not-about-sender"
  | "unsolicited"
  | "no-such-channel"
  | "sender-not-in-channel"
  | "subject-not-in-channel"
  /** What stays inside an organization, of or from another one. */
  | "not-own-organization"
  | "unknown-member"
  /** A part of a message that has an earlier part about the same subject. */
  | "repeated"
  /** Parts beyond the number that a message of this kind can mean. */
  | "too-many-parts"
  /** Parts that stand behind a forged one, and are not looked at. */
  | "after-forgery"
  /** A block in an answer that stands behind one that changes, or may change, by what it is judged; it is asked for again. */
  | "behind-config"
  /** A block with so much beside it that carrying it would cost more than the block. */
  | "padded"
  /** A peer asks, or an author publishes, more often than anybody needs to; or a peer has sent too much that was refused. */
  | "too-often"
  /** Private data that the host program did not take; its sender is told. */
  | "not-stored"
  /** A question for private data that the host program could not look up; it is answered empty. */
  | "not-answered"
  /** Private data that was asked for and does not fit into one answer. */
  | "answer-too-large"
  /** Of an extension that the sender's handshake did not name, or ours (protocol page 14). */
  | "feature-not-announced"
  /** A key of the shared map that the program keeps for others than the author. */
  | "not-allowed-to-write";

export interface GateOptions {
  readonly crypto: MessageCryptoService;
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly config: GossipConfig;
  readonly discovery: Discovery;
  readonly pull: Pull<Envelope>;
  readonly channels: ReadonlyMap<string, ChannelShell>;
  readonly applications: Pick<Applications, "isOn" | "wants" | "onGossiped" | "onDirect">;
  toDiscovery(input: DiscoveryInput): void;
  toPull(input: PullInput<Envelope>): void;
  /** A verified state info of a channel that we are not in, for our organization. */
  relayStateInfo(info: Verified<StateInfo>, except: PkiId): void;
  /** Counts; and, when somebody was refused by name, remembers who and why. */
  onDropped(drop: GateDrop): void;
  /** A defect was met; the node closes. */
  onFault(error: unknown): void;
}

export interface GateDrop {
  readonly reason: GateDropReason;
  readonly from: ConnectionInfo;
  /** `block` and `message` when a signature or an identity was refused; else it is only counted. */
  readonly refused: "message" | "block" | undefined;
  readonly detail: string;
  /** How many messages, or parts of one, share this. */
  readonly count: number;
}

/** A message that is verified; or why it goes no further, which is counted by then. */
export type Checked<M extends GossipMessage> = Verified<M> | "dropped" | "forged";

/** What the parts of the gate share: signatures of authors, bounds of work, and the account of what was dropped. */
export class Checks {
  readonly #options: GateOptions;
  readonly #questions: Quota;
  readonly #allowances: Allowances;

  constructor(options: GateOptions) {
    this.#options = options;
    const { maxQuestionsPerSecond: burst } = options.config;
    this.#questions = new Quota({ burst, refillMs: 1_000 / burst, maxKeys: maxPeersInQuota });
    this.#allowances = new Allowances(options.config.maxNewsPerSecond);
  }

  /**
   * Checks the author's signature with the identity that is known for it, and is still known when the crypto has answered.
   * Of what is the same byte for byte as `before`, which was verified when it came, only the identity is judged anew.
   */
  verify<M extends News>(
    message: M,
    envelope: Envelope,
    author: PkiId,
    from: ConnectionInfo,
    how: "pushed" | "asked-for" = "pushed",
    before?: Envelope,
  ): MaybePromise<Checked<M>> {
    const { crypto, identities, clock } = this.#options;
    const identity = identities.get(author, clock.now());
    if (identity === undefined) return this.drop(from, "unknown-identity");
    const what = `${message.type} message of ${author}`;
    // What was asked for is as much as was asked for, and may be much of one author.
    const isCounted = how === "pushed";
    if (isCounted && !this.#allowances.mayHear(message, clock.now())) return this.drop(from, "too-often", what);
    if (!this.mayCheck(from, what)) return "dropped";
    return whenDone(verifyAgain(message, envelope, identity, crypto, before), (result): Checked<M> => {
      if (!result.ok) return this.refuse(from, result, what);
      if (!identities.has(author)) return this.drop(from, "unknown-identity", what);
      if (isCounted) this.#allowances.heard(message, clock.now());
      return result.verified;
    });
  }

  /** Whether the peer may cost another look at a signature or an identity; more than anybody honest needs is dropped. */
  mayCheck(from: ConnectionInfo, what: string): boolean {
    const isAllowed = this.#allowances.mayCheck(from.pkiId, this.#options.clock.now());
    if (!isAllowed) this.drop(from, "too-often", what);
    return isAllowed;
  }

  /** Whether a block that the peer pushes is looked at; not when too many before it were refused. */
  mayPushBlock(from: ConnectionInfo): boolean {
    const isAllowed = this.#allowances.mayPushBlock(from.pkiId, this.#options.clock.now());
    if (!isAllowed) this.drop(from, "too-often", "refused blocks");
    return isAllowed;
  }

  /** Whether a block that the peer gives is looked at, though others below it are lacking; not when too many before it were no good. */
  mayDoubt(from: ConnectionInfo): boolean {
    const isAllowed = this.#allowances.mayDoubt(from.pkiId, this.#options.clock.now());
    if (!isAllowed) this.drop(from, "too-often", "blocks behind others");
    return isAllowed;
  }

  /** The block may be forged, or of a configuration that we lack. */
  doubted(from: ConnectionInfo): void {
    this.#allowances.doubted(from.pkiId, this.#options.clock.now());
  }

  /** Whether the peer may ask this now; what is asked too often is dropped, for each answer costs more than its question. */
  mayAsk(from: ConnectionInfo, what: string): boolean {
    const isAllowed = this.#questions.take(`${from.pkiId} ${what}`, this.#options.clock.now());
    if (!isAllowed) this.drop(from, "too-often", what);
    return isAllowed;
  }

  /** Handles the parts of a message, but no more than `max`, and none after one that is forged. */
  eachPart<T>(
    parts: readonly T[],
    max: number,
    from: ConnectionInfo,
    check: (part: T) => MaybePromise<Verified<GossipMessage> | "taken" | "dropped" | "forged">,
  ): MaybePromise<void> {
    const readable = parts.slice(0, max);
    if (parts.length > max) this.drop(from, "too-many-parts", `expected at most ${max}`, parts.length - max);
    const handle = (part: T) => whenDone(check(part), (result) => (result === "forged" ? "stop" : "go-on"));
    return whenDone(eachPart(readable, handle), (left) => {
      if (left > 0) this.drop(from, "after-forgery", "", left);
    });
  }

  /** Without those whose author's identity went while others of them were being verified. */
  stillKnown<T>(parts: readonly T[], from: ConnectionInfo, authorOf: (part: T) => PkiId): readonly T[] {
    const known = parts.filter((part) => this.#options.identities.has(authorOf(part)));
    if (known.length < parts.length) this.drop(from, "unknown-identity", "", parts.length - known.length);
    return known;
  }

  drop(from: ConnectionInfo, reason: GateDropReason, detail = "", count = 1): "dropped" {
    this.#options.onDropped({ reason, from, refused: undefined, detail, count });
    return "dropped";
  }

  /** `what` was refused for what it is; whoever sent it is named. */
  refuse(
    from: ConnectionInfo,
    { reason, detail }: Pick<Rejection, "reason" | "detail">,
    what: string,
    refused: "message" | "block" = "message",
  ): "dropped" | "forged" {
    this.#options.onDropped({ reason, from, refused, detail: `${what}: ${detail}`, count: 1 });
    const now = this.#options.clock.now();
    if (refused === "block") this.#allowances.blockRefused(from.pkiId, now);
    // Identities run out, and trust differs from peer to peer; but a signature is as good for one as for another.
    if (reason !== "bad-signature" && reason !== "unsigned") return "dropped";
    this.#allowances.forged(from.pkiId, now);
    return "forged";
  }
}

/** Whether the subject comes for the first time. */
export function isFirst<T>(seen: Set<T>, subject: T): boolean {
  if (seen.has(subject)) return false;
  seen.add(subject);
  return true;
}

/** Heartbeats come by pushes and by views, and what is secret in them stays the same for as long as their author runs. */
function verifyAgain<M extends News>(
  message: M,
  envelope: Envelope,
  identity: Uint8Array,
  crypto: MessageCryptoService,
  before: Envelope | undefined,
): MaybePromise<Verification<M>> {
  const isSecretKnown = before !== undefined && isSame(envelope.secret, before.secret);
  if (!isSecretKnown || !isSame(envelope, before)) {
    return verifyMessage(message, envelope, identity, crypto, { isSecretKnown });
  }
  return whenDone(crypto.validateIdentity(identity), (verdict) =>
    verdict.ok ? { ok: true, verified: markVerified(message, envelope) } : verdict,
  );
}

type Signed = Pick<Envelope, "payload" | "signature">;

/** Nothing is the same as nothing. */
function isSame(one: Signed | undefined, other: Signed | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Buffer.compare(one.payload, other.payload) === 0 && Buffer.compare(one.signature, other.signature) === 0;
}
