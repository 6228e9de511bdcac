/**
 * The gate: everything that comes from a stream passes here, in this order, and nothing else makes a `Verified`
 * (protocol page 01 §11, page 07 §4 and §8): decode the envelope, decode the message, legal tag, channel and sender,
 * is it wanted, signature, machine. The cheap tests come first; a signature is checked only for what would be news.
 *
 * What one message can cost is bounded: of its parts no more are read than can be meant, each subject once, and none
 * after one that is forged, which nobody honest passes on. What has to be answered is answered so and so often.
 *
 * Messages of one connection are handled in order. Those of different connections do not wait for each other, even
 * when the crypto is asynchronous; when it is synchronous, nothing here ever waits.
 */

import type { ConnectionInfo, Received } from "@gossip/comm";
import {
  channelMac,
  type IdentityStore,
  type MessageCryptoService,
  type Rejection,
  type RejectReason,
  type Verdict,
  type Verified,
  verifyMessage,
} from "@gossip/crypto";
import type { AlivePath, Discovery, DiscoveryInput } from "@gossip/discovery";
import {
  type AliveMessage,
  type BlockPayload,
  type DataMessage,
  type DataUpdate,
  type DecodeFailure,
  type Envelope,
  type GossipMessage,
  illegalTag,
  type MembershipRequest,
  type MembershipResponse,
  type PkiId,
  type PullMessage,
  pkiIdToBytes,
  readEnvelope,
  readMessage,
  type StateInfo,
  type StateInfoSnapshot,
  type StateRequest,
  type StateResponse,
} from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import type { Pull, PulledItem, PullInput } from "@gossip/pull";
import { BoundedMap, type Clock, type MaybePromise, type WallClock, wallMillis, whenDone } from "@gossip/runtime";
import type { ChannelShell } from "./channel.js";
import type { GossipConfig } from "./config.js";
import { copyBytes, copyEnvelope, copyStateInfo } from "./copy.js";
import { Lanes } from "./lanes.js";
import { eachPart } from "./parts.js";
import { Quota } from "./quota.js";

/** Why the gate dropped a message, or a part of one; closed, since it labels a metric. */
export type GateDropReason =
  | DecodeFailure
  | RejectReason
  | "illegal-tag"
  | "unexpected-type"
  | "not-news"
  | "not-about-sender"
  | "unsolicited"
  | "no-such-channel"
  | "sender-not-in-channel"
  | "subject-not-in-channel"
  | "unknown-member"
  /** A part of a message that has an earlier part about the same subject. */
  | "repeated"
  /** Parts beyond the number that a message of this kind can mean. */
  | "too-many-parts"
  /** Parts that stand behind a forged one, and are not looked at. */
  | "after-forgery"
  /** A block with so much beside it that carrying it would cost more than the block. */
  | "padded"
  | "asks-too-often"
  | "not-served";

export interface GateOptions {
  readonly crypto: MessageCryptoService;
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly config: GossipConfig;
  readonly discovery: Discovery;
  readonly pull: Pull<Envelope>;
  readonly channels: ReadonlyMap<string, ChannelShell>;
  toDiscovery(input: DiscoveryInput): void;
  toPull(input: PullInput<Envelope>): void;
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
type Checked<M extends GossipMessage> = Verified<M> | "dropped" | "forged";

/** Bound of the table that finds channels by MAC: members times channels, roughly. */
const maxMacs = 20_000;
const macBytes = 32;
/** Peers whose questions and hints are counted. */
const maxPeersInQuota = 20_000;
/** A peer is a reason to pull out of turn so often at most: it can make hints at will, and those of all would crowd out the rest. */
const hintIntervalMs = 1_000;
/** Bytes beside a block, or beside the blocks of a response, that nobody minds. */
const paddingBytes = 4_096;
/** Bytes of a block beside its transactions, of which no signature covers most: enough for those of sixty-four orderers. */
const maxBlockOverheadBytes = 512 * 1024;
/** What each transaction may add to that: tag and length, and a flag in the metadata. */
const overheadPerTransaction = 16;

export class Gate {
  readonly #options: GateOptions;
  readonly #lanes: Lanes;
  readonly #questions: Quota;
  readonly #hints = new Quota({ burst: 1, refillMs: hintIntervalMs, maxKeys: maxPeersInQuota });
  readonly #channelByMac = new BoundedMap<string, string>({ maxEntries: maxMacs, whenFull: "evict-oldest" });

  constructor(options: GateOptions) {
    this.#options = options;
    const { maxQuestionsPerSecond: burst } = options.config;
    this.#questions = new Quota({ burst, refillMs: 1_000 / burst, maxKeys: maxPeersInQuota });
    this.#lanes = new Lanes({
      handle: (received) => this.#handle(received),
      onFault: (error) => options.onFault(error),
    });
  }

  /** Takes one message from a connection; `received.done` is called when it is handled. Never throws. */
  take(received: Received): void {
    this.#lanes.take(received);
  }

  #handle({ from, bytes }: Received): MaybePromise<void> {
    const envelope = readEnvelope(bytes, { maxBytes: this.#options.config.maxMessageBytes });
    if (!envelope.ok) return void this.#drop(from, envelope.reason, envelope.detail);
    const message = readMessage(envelope.value.payload);
    if (!message.ok) return void this.#drop(from, message.reason, message.detail);
    const illegal = illegalTag(message.value);
    if (illegal !== undefined) return void this.#drop(from, "illegal-tag", illegal);
    return this.#dispatch(message.value, envelope.value, from);
  }

  /** Which message goes where. */
  #dispatch(message: GossipMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    switch (message.type) {
      case "alive":
        return this.#onAlive(message, envelope, from);
      case "membership-request":
        return this.#onMembershipRequest(message, from);
      case "membership-response":
        return this.#onMembershipResponse(message, from);
      case "hello":
      case "digest":
      case "request":
      case "update":
        return message.pullType === "identity"
          ? this.#onIdentityPull(message, from)
          : void this.#drop(from, "not-served");
      case "state-info":
        return this.#inChannel(this.#byMac(message.channelMac, message.pkiId), from, (channel) =>
          whenDone(this.#checkStateInfo(channel, message, envelope, from), (info) => {
            if (typeof info !== "string") channel.onStateInfo(info, from.pkiId);
          }),
        );
      case "state-info-pull-request":
        return this.#inChannel(this.#byMac(message.channelMac, from.pkiId), from, (channel) => {
          if (this.#mayAsk(from, channel.id)) channel.onPullRequest(from.pkiId);
        });
      case "state-info-snapshot":
        return this.#inChannel(this.#byName(message.channel), from, (channel) =>
          this.#onSnapshot(channel, message, from),
        );
      case "data":
        return this.#inChannel(this.#byName(message.channel), from, (channel) =>
          this.#onBlock(channel, message, envelope, from),
        );
      case "state-request":
      case "state-response":
        return this.#inChannel(this.#byName(message.channel), from, (channel) =>
          this.#onState(channel, message, envelope, from),
        );
      case "leadership":
        return void this.#drop(from, "not-served");
      default:
        return void this.#drop(from, "unexpected-type", message.type);
    }
  }

  // Membership

  #onAlive(message: AliveMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    return whenDone(this.#checkAlive(message, envelope, "push", from), (alive) => {
      if (typeof alive !== "string") this.#options.toDiscovery({ type: "alive", alive, from: from.pkiId });
    });
  }

  #onMembershipRequest(message: MembershipRequest, from: ConnectionInfo): MaybePromise<void> {
    if (!this.#mayAsk(from, "membership")) return;
    const self = this.#readAlive(message.self, from);
    if (self === undefined) return;
    if (self.member.pkiId !== from.pkiId) {
      const detail = `expected an alive message of ${from.pkiId}, got one of ${self.member.pkiId}`;
      return void this.#drop(from, "not-about-sender", detail);
    }
    return whenDone(this.#checkAlive(self, message.self, "request", from), (checked) => {
      if (typeof checked === "string") return;
      this.#options.toDiscovery({ type: "membership-request", from: from.pkiId, nonce: message.nonce, self: checked });
    });
  }

  #onMembershipResponse({ nonce, ...message }: MembershipResponse, from: ConnectionInfo): MaybePromise<void> {
    const { discovery, config, toDiscovery } = this.#options;
    if (!discovery.wantsResponse(from.pkiId, nonce)) return void this.#drop(from, "unsolicited");
    const found = { "alive-entry": [] as Verified<AliveMessage>[], "dead-entry": [] as Verified<AliveMessage>[] };
    const entries = [
      ...message.alive.map((envelope) => ({ envelope, path: "alive-entry" as const })),
      ...message.dead.map((envelope) => ({ envelope, path: "dead-entry" as const })),
    ];
    const seen = new Set<PkiId>();
    const reading = this.#eachPart(entries, config.maxResponseEntries, from, ({ envelope, path }) => {
      const entry = this.#readAlive(envelope, from);
      if (entry === undefined) return "dropped";
      if (!isFirst(seen, entry.member.pkiId)) return this.#drop(from, "repeated");
      return whenDone(this.#checkAlive(entry, envelope, path, from), (checked) => {
        if (typeof checked !== "string") found[path].push(checked);
        return checked;
      });
    });
    return whenDone(reading, () => {
      const [alive, dead] = [found["alive-entry"], found["dead-entry"]];
      toDiscovery({ type: "membership-response", from: from.pkiId, nonce, alive, dead });
    });
  }

  #readAlive(envelope: Envelope, from: ConnectionInfo): AliveMessage | undefined {
    const message = readMessage(envelope.payload);
    if (!message.ok) this.#drop(from, message.reason, message.detail);
    else if (message.value.type !== "alive") this.#drop(from, "unexpected-type", message.value.type);
    else return message.value;
    return undefined;
  }

  /** Stale? identity? signature? in this order (page 04 §6 and §8.2). */
  #checkAlive(
    message: AliveMessage,
    envelope: Envelope,
    path: AlivePath,
    from: ConnectionInfo,
  ): MaybePromise<Checked<AliveMessage>> {
    const { discovery, identities } = this.#options;
    const { pkiId } = message.member;
    // A request is answered even when its self information is old (page 04 §8.3).
    if (path !== "request" && !discovery.wants(message, path, envelope.secret !== undefined)) {
      return this.#drop(from, "not-news");
    }
    if (message.identity.length === 0 && !identities.has(pkiId)) {
      this.#hint(from);
      return this.#drop(from, "unknown-identity");
    }
    return whenDone(this.#admit(pkiId, message.identity), (admitted): MaybePromise<Checked<AliveMessage>> => {
      if (!admitted.ok) return this.#refuse(from, admitted, `alive message of ${pkiId}`);
      return this.#verify(message, envelope, pkiId, from);
    });
  }

  #admit(pkiId: PkiId, identity: Uint8Array): MaybePromise<Verdict> {
    const { identities, clock, wall } = this.#options;
    return identity.length === 0 ? { ok: true } : identities.put(pkiId, identity, clock.now(), wallMillis(wall));
  }

  /** Whoever tells of somebody whose identity we lack is likely to hold it. */
  #hint(from: ConnectionInfo): void {
    const { clock, toPull } = this.#options;
    if (!this.#hints.take(from.pkiId, clock.now())) return;
    toPull({ type: "pull-now", peer: { pkiId: from.pkiId, endpoint: "" } });
  }

  /** Checks the author's signature with the identity that is known for it. */
  #verify<M extends AliveMessage | StateInfo>(
    message: M,
    envelope: Envelope,
    author: PkiId,
    from: ConnectionInfo,
  ): MaybePromise<Checked<M>> {
    const { crypto, identities, clock } = this.#options;
    const identity = identities.get(author, clock.now());
    if (identity === undefined) return this.#drop(from, "unknown-identity");
    return whenDone(verifyMessage(message, envelope, identity, crypto), (result): Checked<M> => {
      return result.ok ? result.verified : this.#refuse(from, result, `${message.type} message of ${author}`);
    });
  }

  // Identities

  #onIdentityPull(message: PullMessage, from: ConnectionInfo): MaybePromise<void> {
    const { pullNonce: nonce } = message;
    const { toPull } = this.#options;
    switch (message.type) {
      case "hello":
        if (this.#mayAsk(from, "identities")) toPull({ type: "hello", from: from.pkiId, nonce });
        return;
      case "digest":
        return toPull({ type: "digest", from: from.pkiId, nonce, digests: message.digests });
      case "request":
        return toPull({ type: "request", from: from.pkiId, nonce, digests: message.digests });
      case "update":
        return this.#onIdentityUpdate(message, from);
    }
  }

  /** Each identity is judged by itself, so that a bad one does not hide the good (page 02 §11 item 6). */
  #onIdentityUpdate({ pullNonce: nonce, data }: DataUpdate, from: ConnectionInfo): MaybePromise<void> {
    const { pull, config, crypto, toPull } = this.#options;
    if (!pull.wantsUpdate(from.pkiId, nonce)) return void this.#drop(from, "unsolicited");
    const items: PulledItem<Envelope>[] = [];
    const refused: Uint8Array[] = [];
    const seen = new Set<PkiId>();
    const reading = this.#eachPart(data, config.maxDigests, from, (envelope) => {
      const item = readMessage(envelope.payload);
      if (!item.ok) return this.#drop(from, item.reason, item.detail);
      const message = item.value;
      if (message.type !== "peer-identity") return this.#drop(from, "unexpected-type", message.type);
      const { pkiId, identity } = message;
      const digest = pkiIdToBytes(pkiId);
      if (!pull.wantsItem(from.pkiId, nonce, digest)) return this.#drop(from, "unsolicited");
      if (!isFirst(seen, pkiId)) return this.#drop(from, "repeated");
      return whenDone(this.#admit(pkiId, identity), (admitted) =>
        whenDone(admitted.ok ? verifyMessage(message, envelope, identity, crypto) : admitted, (result) => {
          if (result.ok) {
            items.push({ digest, item: copyEnvelope(envelope) });
            return "taken";
          }
          refused.push(digest);
          return this.#refuse(from, result, `identity ${pkiId}`);
        }),
      );
    });
    return whenDone(reading, () => toPull({ type: "update", from: from.pkiId, nonce, items, refused }));
  }

  // Channels

  #byName(name: string): ChannelShell | undefined {
    return this.#options.channels.get(name);
  }

  /** The joined channel whose MAC over `pkiId` this is (page 07 §6). */
  #byMac(mac: Uint8Array, pkiId: PkiId): ChannelShell | undefined {
    if (mac.length !== macBytes) return undefined;
    const sought = binaryText(mac);
    for (const [id, channel] of this.#options.channels) {
      const key = `${pkiId} ${id}`;
      let expected = this.#channelByMac.get(key);
      if (expected === undefined) {
        expected = binaryText(channelMac(pkiId, id));
        this.#channelByMac.set(key, expected);
      }
      if (expected === sought) return channel;
    }
    return undefined;
  }

  #inChannel(
    channel: ChannelShell | undefined,
    from: ConnectionInfo,
    handle: (channel: ChannelShell) => MaybePromise<void>,
  ): MaybePromise<void> {
    if (channel === undefined) return void this.#drop(from, "no-such-channel");
    if (!channel.isOrgInChannel(from.pkiId)) return void this.#drop(from, "sender-not-in-channel", channel.id);
    return handle(channel);
  }

  #checkStateInfo(
    channel: ChannelShell,
    message: StateInfo,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<Checked<StateInfo>> {
    const { crypto, identities, clock, config } = this.#options;
    const { pkiId } = message;
    if (!channel.wantsStateInfo(message)) return this.#drop(from, "not-news");
    const identity = identities.get(pkiId, clock.now());
    if (identity === undefined) return this.#drop(from, "unknown-identity");
    if (!channel.isOrgInChannel(pkiId)) return this.#drop(from, "subject-not-in-channel");
    const { payload, signature } = envelope;
    if (payload.length + signature.length > config.maxStateInfoBytes) {
      return this.#drop(from, "too-large", `state info of ${pkiId} with ${payload.length} bytes`);
    }
    // Copies, since they are kept for as long as their author is a member, and the receive buffer is not. Without the
    // secret, which only alive messages have.
    const kept = { payload: copyBytes(payload), signature: copyBytes(signature) };
    return whenDone(this.#verify(copyStateInfo(message), kept, pkiId, from), (checked) => {
      if (typeof checked === "string") return checked;
      const verdict = crypto.verifyByChannel(channel.id, identity, kept.signature, kept.payload);
      return whenDone(verdict, (readable): Checked<StateInfo> => {
        return readable.ok ? checked : this.#refuse(from, readable, `state info of ${pkiId}`);
      });
    });
  }

  #onSnapshot(channel: ChannelShell, { elements }: StateInfoSnapshot, from: ConnectionInfo): MaybePromise<void> {
    const { config, discovery } = this.#options;
    const infos: Verified<StateInfo>[] = [];
    const seen = new Set<PkiId>();
    const reading = this.#eachPart(elements, config.maxMembers, from, (envelope) => {
      const element = readMessage(envelope.payload);
      if (!element.ok) return this.#drop(from, element.reason, element.detail);
      const message = element.value;
      if (message.type !== "state-info") return this.#drop(from, "unexpected-type", message.type);
      if (!isFirst(seen, message.pkiId)) return this.#drop(from, "repeated");
      if (this.#byMac(message.channelMac, message.pkiId) !== channel) return this.#drop(from, "no-such-channel");
      if (discovery.lookup(message.pkiId) === undefined) return this.#drop(from, "unknown-member");
      return whenDone(this.#checkStateInfo(channel, message, envelope, from), (checked) => {
        if (typeof checked !== "string") infos.push(checked);
        return checked;
      });
    });
    return whenDone(reading, () => channel.onSnapshot(infos, from.pkiId));
  }

  #onBlock(channel: ChannelShell, message: DataMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const { blockNumber, data } = message.payload;
    if (!channel.wantsBlock(blockNumber)) return void this.#drop(from, "not-news");
    // Nobody signs what stands beside a block, and it would be kept and pushed on with it.
    const padding = bytesOf(envelope) - data.length;
    if (padding > paddingBytes) {
      return void this.#drop(from, "padded", `block ${blockNumber} of ${channel.id} among ${padding} other bytes`);
    }
    return whenDone(this.#checkBlock(channel, message.payload, from), (isGood) => {
      if (isGood) channel.onBlock(message, envelope, from.pkiId);
    });
  }

  #onState(
    channel: ChannelShell,
    message: StateRequest | StateResponse,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const { crypto } = this.#options;
    const { nonce } = message;
    if (message.type === "state-response" && !channel.wantsResponse(from.pkiId, nonce)) {
      return void this.#drop(from, "unsolicited");
    }
    // What the handshake signed is the sender's ticket for the channel (page 10 §4.2).
    const { payload, signature } = from.handshake;
    return whenDone(
      crypto.verifyByChannel(channel.id, from.identity, signature, payload),
      (verdict): MaybePromise<void> => {
        if (!verdict.ok) return void this.#refuse(from, verdict, message.type);
        if (message.type === "state-request") {
          const { start, end } = message;
          return channel.onState({ type: "state-request", from: from.pkiId, nonce, start, end });
        }
        return this.#onStateResponse(channel, message, envelope, from);
      },
    );
  }

  /** One bad block ends it: what the sender answered is worth nothing then, and it is asked no more for a while. */
  #onStateResponse(
    channel: ChannelShell,
    { nonce, payloads }: StateResponse,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const good: BlockPayload[] = [];
    const seen = new Set<bigint>();
    let refused = "";
    const reading = this.#eachPart(payloads, this.#options.config.state.batchSize + 1, from, (payload) => {
      const { blockNumber } = payload;
      if (!isFirst(seen, blockNumber)) return this.#drop(from, "repeated");
      return whenDone(this.#checkBlock(channel, payload, from), (isGood) => {
        if (isGood) good.push(payload);
        else refused = `block ${blockNumber}`;
        return isGood ? "taken" : "forged";
      });
    });
    return whenDone(reading, () => {
      const response = { type: "state-response", from: from.pkiId, nonce, payloads: detached(good, envelope) } as const;
      channel.onState(refused === "" ? response : { ...response, refused });
    });
  }

  #checkBlock(channel: ChannelShell, { blockNumber, data }: BlockPayload, from: ConnectionInfo): MaybePromise<boolean> {
    const what = `block ${blockNumber} of ${channel.id}`;
    const block = readBlock(data);
    if (!block.ok) {
      this.#refuse(from, { reason: "malformed-block", detail: block.detail }, what, "block");
      return false;
    }
    const overhead = data.length - block.value.data.reduce((sum, one) => sum + one.length + overheadPerTransaction, 0);
    if (overhead > maxBlockOverheadBytes) {
      const detail = `expected at most ${maxBlockOverheadBytes} bytes beside the transactions, got ${overhead}`;
      this.#refuse(from, { reason: "malformed-block", detail }, what, "block");
      return false;
    }
    return whenDone(this.#options.crypto.verifyBlock(channel.id, blockNumber, block.value), (verdict) => {
      if (!verdict.ok) this.#refuse(from, verdict, what, "block");
      return verdict.ok;
    });
  }

  // Bounds

  /** Whether the peer may ask this now; what is asked too often is dropped, for each answer costs more than its question. */
  #mayAsk(from: ConnectionInfo, what: string): boolean {
    const isAllowed = this.#questions.take(`${from.pkiId} ${what}`, this.#options.clock.now());
    if (!isAllowed) this.#drop(from, "asks-too-often", what);
    return isAllowed;
  }

  /** Handles the parts of a message, but no more than `max`, and none after one that is forged. */
  #eachPart<T>(
    parts: readonly T[],
    max: number,
    from: ConnectionInfo,
    check: (part: T) => MaybePromise<Verified<GossipMessage> | "taken" | "dropped" | "forged">,
  ): MaybePromise<void> {
    const readable = parts.slice(0, max);
    if (parts.length > max) this.#drop(from, "too-many-parts", `expected at most ${max}`, parts.length - max);
    const handle = (part: T) => whenDone(check(part), (result) => (result === "forged" ? "stop" : "go-on"));
    return whenDone(eachPart(readable, handle), (left) => {
      if (left > 0) this.#drop(from, "after-forgery", "", left);
    });
  }

  // Drops

  #drop(from: ConnectionInfo, reason: GateDropReason, detail = "", count = 1): "dropped" {
    this.#options.onDropped({ reason, from, refused: undefined, detail, count });
    return "dropped";
  }

  /** `what` was refused for what it is; whoever sent it is named. */
  #refuse(
    from: ConnectionInfo,
    { reason, detail }: Pick<Rejection, "reason" | "detail">,
    what: string,
    refused: "message" | "block" = "message",
  ): "dropped" | "forged" {
    this.#options.onDropped({ reason, from, refused, detail: `${what}: ${detail}`, count: 1 });
    // Identities run out, and trust differs from peer to peer; but a signature is as good for one as for another.
    return reason === "bad-signature" || reason === "unsigned" ? "forged" : "dropped";
  }
}

/** Whether the subject comes for the first time. */
function isFirst<T>(seen: Set<T>, subject: T): boolean {
  if (seen.has(subject)) return false;
  seen.add(subject);
  return true;
}

/** The blocks, in memory of their own when most of the message that they came in was something else. */
function detached(payloads: readonly BlockPayload[], envelope: Envelope): readonly BlockPayload[] {
  const bytes = payloads.reduce((sum, { data }) => sum + data.length, 0);
  if (bytesOf(envelope) <= 2 * bytes + paddingBytes) return payloads;
  return payloads.map((payload) => ({ ...payload, data: copyBytes(payload.data), privateData: [] }));
}

function bytesOf({ payload, signature, secret }: Envelope): number {
  return payload.length + signature.length + (secret ? secret.payload.length + secret.signature.length : 0);
}

function binaryText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
