/**
 * The gate: everything that comes from a stream passes here, in this order, and nothing else makes a `Verified`
 * (protocol page 01 §11, page 07 §4 and §8): decode the envelope, decode the message, legal tag, channel and sender,
 * is it wanted, signature, machine. The cheap tests come first; a signature is checked only for what would be news.
 *
 * Messages of one connection are handled in order. Those of different connections do not wait for each other, even
 * when the crypto is asynchronous; when it is synchronous, nothing here ever waits.
 */

import type { ConnectionInfo, Received } from "@gossip/comm";
import {
  channelMac,
  type IdentityStore,
  type MessageCryptoService,
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
import {
  BoundedMap,
  type Clock,
  isPromise,
  type MaybePromise,
  type WallClock,
  wallMillis,
  whenDone,
} from "@gossip/runtime";
import type { ChannelShell } from "./channel.js";
import { copyEnvelope } from "./copy.js";

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
  | "not-served";

export interface GateOptions {
  readonly crypto: MessageCryptoService;
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly maxMessageBytes: number;
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
}

/** Bound of the table that finds channels by MAC: members times channels, roughly. */
const maxMacs = 20_000;

export class Gate {
  readonly #options: GateOptions;
  /** Messages of a connection that wait for asynchronous crypto; bounded by the connection's receive buffer. */
  readonly #lanes = new Map<ConnectionInfo, Received[]>();
  readonly #channelByMac = new BoundedMap<string, string>({ maxEntries: maxMacs, whenFull: "evict-oldest" });

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Takes one message from a connection; `received.done` is called when it is handled. Never throws. */
  take(received: Received): void {
    const busy = this.#lanes.get(received.from);
    if (busy !== undefined) {
      busy.push(received);
      return;
    }
    const lane = [received];
    this.#lanes.set(received.from, lane);
    this.#drain(received.from, lane);
  }

  #drain(from: ConnectionInfo, lane: Received[]): void {
    try {
      for (let received = lane.shift(); received !== undefined; received = lane.shift()) {
        const handled = this.#handle(received);
        if (!isPromise(handled)) {
          received.done();
          continue;
        }
        const current = received;
        handled.then(
          () => {
            current.done();
            this.#drain(from, lane);
          },
          (error) => this.#options.onFault(error),
        );
        return;
      }
      this.#lanes.delete(from);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #handle({ from, bytes }: Received): MaybePromise<void> {
    const envelope = readEnvelope(bytes, { maxBytes: this.#options.maxMessageBytes });
    if (!envelope.ok) return this.#drop(from, envelope.reason, envelope.detail);
    const message = readMessage(envelope.value.payload);
    if (!message.ok) return this.#drop(from, message.reason, message.detail);
    const illegal = illegalTag(message.value);
    if (illegal !== undefined) return this.#drop(from, "illegal-tag", illegal);
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
        return message.pullType === "identity" ? this.#onIdentityPull(message, from) : this.#drop(from, "not-served");
      case "state-info":
        return this.#inChannel(this.#byMac(message.channelMac, message.pkiId), from, (channel) =>
          whenDone(this.#verifyStateInfo(channel, message, envelope, from), (info) => {
            if (info !== undefined) channel.onStateInfo(info, from.pkiId);
          }),
        );
      case "state-info-pull-request":
        return this.#inChannel(this.#byMac(message.channelMac, from.pkiId), from, (channel) =>
          channel.onPullRequest(from.pkiId),
        );
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
        return this.#inChannel(this.#byName(message.channel), from, (channel) => this.#onState(channel, message, from));
      case "leadership":
        return this.#drop(from, "not-served");
      default:
        return this.#drop(from, "unexpected-type", message.type);
    }
  }

  // Membership

  #onAlive(message: AliveMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    return whenDone(this.#verifyAlive(message, envelope, "push", from), (alive) => {
      if (alive !== undefined) this.#options.toDiscovery({ type: "alive", alive, from: from.pkiId });
    });
  }

  #onMembershipRequest(message: MembershipRequest, from: ConnectionInfo): MaybePromise<void> {
    const self = this.#readAlive(message.self, from);
    if (self === undefined) return;
    if (self.member.pkiId !== from.pkiId) {
      return this.#drop(
        from,
        "not-about-sender",
        `expected an alive message of ${from.pkiId}, got one of ${self.member.pkiId}`,
      );
    }
    return whenDone(this.#verifyAlive(self, message.self, "request", from), (verified) => {
      if (verified === undefined) return;
      this.#options.toDiscovery({ type: "membership-request", from: from.pkiId, nonce: message.nonce, self: verified });
    });
  }

  #onMembershipResponse(message: MembershipResponse, from: ConnectionInfo): MaybePromise<void> {
    if (!this.#options.discovery.wantsResponse(from.pkiId, message.nonce)) return this.#drop(from, "unsolicited");
    const alive: Verified<AliveMessage>[] = [];
    const dead: Verified<AliveMessage>[] = [];
    const collect = (envelopes: readonly Envelope[], path: AlivePath, into: Verified<AliveMessage>[]) =>
      inOrder(envelopes, (envelope) => {
        const entry = this.#readAlive(envelope, from);
        if (entry === undefined) return;
        return whenDone(this.#verifyAlive(entry, envelope, path, from), (verified) => {
          if (verified !== undefined) into.push(verified);
        });
      });
    return whenDone(collect(message.alive, "alive-entry", alive), () =>
      whenDone(collect(message.dead, "dead-entry", dead), () => {
        const { nonce } = message;
        this.#options.toDiscovery({ type: "membership-response", from: from.pkiId, nonce, alive, dead });
      }),
    );
  }

  #readAlive(envelope: Envelope, from: ConnectionInfo): AliveMessage | undefined {
    const message = readMessage(envelope.payload);
    if (!message.ok) this.#drop(from, message.reason, message.detail);
    else if (message.value.type !== "alive") this.#drop(from, "unexpected-type", message.value.type);
    else return message.value;
    return undefined;
  }

  /** Stale? identity? signature? in this order (page 04 §6 and §8.2). */
  #verifyAlive(
    message: AliveMessage,
    envelope: Envelope,
    path: AlivePath,
    from: ConnectionInfo,
  ): MaybePromise<Verified<AliveMessage> | undefined> {
    const { discovery, identities, toPull } = this.#options;
    const { pkiId } = message.member;
    // A request is answered even when its self information is old (page 04 §8.3).
    if (path !== "request" && !discovery.wants(message, path, envelope.secret !== undefined)) {
      this.#drop(from, "not-news");
      return undefined;
    }
    if (message.identity.length === 0 && !identities.has(pkiId)) {
      this.#drop(from, "unknown-identity");
      // Whoever tells of it is likely to hold its identity.
      toPull({ type: "pull-now", peer: { pkiId: from.pkiId, endpoint: "" } });
      return undefined;
    }
    return whenDone(
      this.#admit(pkiId, message.identity),
      (admitted): MaybePromise<Verified<AliveMessage> | undefined> => {
        if (!admitted.ok) return this.#refuse(from, admitted.reason, admitted.detail);
        return this.#verify(message, envelope, pkiId, from);
      },
    );
  }

  #admit(pkiId: PkiId, identity: Uint8Array): MaybePromise<Verdict> {
    const { identities, clock, wall } = this.#options;
    return identity.length === 0 ? { ok: true } : identities.put(pkiId, identity, clock.now(), wallMillis(wall));
  }

  /** Checks the author's signature with the identity that is known for it. */
  #verify<M extends AliveMessage | StateInfo>(
    message: M,
    envelope: Envelope,
    author: PkiId,
    from: ConnectionInfo,
  ): MaybePromise<Verified<M> | undefined> {
    const { crypto, identities, clock } = this.#options;
    const identity = identities.get(author, clock.now());
    if (identity === undefined) {
      this.#drop(from, "unknown-identity");
      return undefined;
    }
    return whenDone(verifyMessage(message, envelope, identity, crypto), (result) => {
      return result.ok ? result.verified : this.#refuse(from, result.reason, result.detail);
    });
  }

  // Identities

  #onIdentityPull(message: PullMessage, from: ConnectionInfo): MaybePromise<void> {
    const { pullNonce: nonce } = message;
    const { toPull } = this.#options;
    switch (message.type) {
      case "hello":
        return toPull({ type: "hello", from: from.pkiId, nonce });
      case "digest":
        return toPull({ type: "digest", from: from.pkiId, nonce, digests: message.digests });
      case "request":
        return toPull({ type: "request", from: from.pkiId, nonce, digests: message.digests });
      case "update":
        return this.#onIdentityUpdate(message, from);
    }
  }

  /** Each identity is judged by itself, so that a bad one does not hide the good (page 02 §11 item 6). */
  #onIdentityUpdate(message: DataUpdate, from: ConnectionInfo): MaybePromise<void> {
    const { pull, toPull } = this.#options;
    const { pullNonce: nonce } = message;
    if (!pull.wantsUpdate(from.pkiId, nonce)) return this.#drop(from, "unsolicited");
    const items: PulledItem<Envelope>[] = [];
    const refused: Uint8Array[] = [];
    return whenDone(
      inOrder(message.data, (envelope) => {
        const item = readMessage(envelope.payload);
        if (!item.ok) return this.#drop(from, item.reason, item.detail);
        if (item.value.type !== "peer-identity") return this.#drop(from, "unexpected-type", item.value.type);
        const { pkiId, identity } = item.value;
        const digest = pkiIdToBytes(pkiId);
        if (!pull.wantsItem(from.pkiId, nonce, digest)) return this.#drop(from, "unsolicited");
        const message = item.value;
        return whenDone(this.#admit(pkiId, identity), (admitted) =>
          whenDone(
            admitted.ok ? verifyMessage(message, envelope, identity, this.#options.crypto) : admitted,
            (result) => {
              if (result.ok) items.push({ digest, item: copyEnvelope(envelope) });
              else {
                refused.push(digest);
                this.#refuse(from, result.reason, result.detail);
              }
            },
          ),
        );
      }),
      () => toPull({ type: "update", from: from.pkiId, nonce, items, refused }),
    );
  }

  // Channels

  #byName(name: string): ChannelShell | undefined {
    return this.#options.channels.get(name);
  }

  /** The joined channel whose MAC over `pkiId` this is (page 07 §6). */
  #byMac(mac: Uint8Array, pkiId: PkiId): ChannelShell | undefined {
    for (const [id, channel] of this.#options.channels) {
      const key = `${pkiId} ${id}`;
      let expected = this.#channelByMac.get(key);
      if (expected === undefined) {
        expected = Buffer.from(channelMac(pkiId, id)).toString("latin1");
        this.#channelByMac.set(key, expected);
      }
      if (expected === Buffer.from(mac.buffer, mac.byteOffset, mac.byteLength).toString("latin1")) return channel;
    }
    return undefined;
  }

  #inChannel(
    channel: ChannelShell | undefined,
    from: ConnectionInfo,
    handle: (channel: ChannelShell) => MaybePromise<void>,
  ): MaybePromise<void> {
    if (channel === undefined) return this.#drop(from, "no-such-channel");
    if (!channel.isOrgInChannel(from.pkiId)) return this.#drop(from, "sender-not-in-channel", channel.id);
    return handle(channel);
  }

  #verifyStateInfo(
    channel: ChannelShell,
    message: StateInfo,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<Verified<StateInfo> | undefined> {
    const { crypto, identities, clock } = this.#options;
    if (!channel.wantsStateInfo(message)) {
      this.#drop(from, "not-news");
      return undefined;
    }
    // A copy, since it is kept for as long as its author is a member, and the receive buffer is not.
    return whenDone(this.#verify(message, copyEnvelope(envelope), message.pkiId, from), (verified) => {
      if (verified === undefined) return undefined;
      const identity = identities.get(message.pkiId, clock.now()) as Uint8Array; // `#verify` has just used it.
      return whenDone(crypto.verifyByChannel(channel.id, identity, envelope.signature, envelope.payload), (verdict) =>
        verdict.ok ? verified : this.#refuse(from, verdict.reason, verdict.detail),
      );
    });
  }

  #onSnapshot(channel: ChannelShell, { elements }: StateInfoSnapshot, from: ConnectionInfo): MaybePromise<void> {
    const verified: Verified<StateInfo>[] = [];
    return whenDone(
      inOrder(elements, (envelope) => {
        const element = readMessage(envelope.payload);
        if (!element.ok) return this.#drop(from, element.reason, element.detail);
        if (element.value.type !== "state-info") return this.#drop(from, "unexpected-type", element.value.type);
        const message = element.value;
        if (this.#byMac(message.channelMac, message.pkiId) !== channel) return this.#drop(from, "no-such-channel");
        return whenDone(this.#verifyStateInfo(channel, message, envelope, from), (info) => {
          if (info !== undefined) verified.push(info);
        });
      }),
      () => channel.onSnapshot(verified, from.pkiId),
    );
  }

  #onBlock(channel: ChannelShell, message: DataMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    if (!channel.wantsBlock(message.payload.blockNumber)) return this.#drop(from, "not-news");
    return whenDone(this.#verifyBlock(channel, message.payload, from), (isGood) => {
      if (isGood) channel.onBlock(message, envelope, from.pkiId);
    });
  }

  #onState(channel: ChannelShell, message: StateRequest | StateResponse, from: ConnectionInfo): MaybePromise<void> {
    const { crypto } = this.#options;
    const { nonce } = message;
    if (message.type === "state-response" && !channel.wantsResponse(from.pkiId, nonce)) {
      return this.#drop(from, "unsolicited");
    }
    // What the handshake signed is the sender's ticket for the channel (page 10 §4.2).
    const { payload, signature } = from.handshake;
    return whenDone(
      crypto.verifyByChannel(channel.id, from.identity, signature, payload),
      (verdict): MaybePromise<void> => {
        if (!verdict.ok) return void this.#refuse(from, verdict.reason, verdict.detail);
        if (message.type === "state-request") {
          const { start, end } = message;
          return channel.onState({ type: "state-request", from: from.pkiId, nonce, start, end });
        }
        return this.#onStateResponse(channel, message, from);
      },
    );
  }

  #onStateResponse(
    channel: ChannelShell,
    { nonce, payloads }: StateResponse,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const good: BlockPayload[] = [];
    return whenDone(
      inOrder(payloads, (payload) =>
        whenDone(this.#verifyBlock(channel, payload, from), (isGood) => {
          if (isGood) good.push(payload);
        }),
      ),
      () => {
        const refused = payloads.length - good.length;
        const response = { type: "state-response", from: from.pkiId, nonce, payloads: good } as const;
        channel.onState(refused === 0 ? response : { ...response, refused: `${refused} of ${payloads.length} blocks` });
      },
    );
  }

  #verifyBlock(
    channel: ChannelShell,
    { blockNumber, data }: BlockPayload,
    from: ConnectionInfo,
  ): MaybePromise<boolean> {
    const block = readBlock(data);
    if (!block.ok) {
      this.#refuse(from, "malformed-block", `block ${blockNumber} of ${channel.id}: ${block.detail}`, "block");
      return false;
    }
    return whenDone(this.#options.crypto.verifyBlock(channel.id, blockNumber, block.value), (verdict) => {
      if (!verdict.ok) {
        this.#refuse(from, verdict.reason, `block ${blockNumber} of ${channel.id}: ${verdict.detail}`, "block");
      }
      return verdict.ok;
    });
  }

  // Drops

  #drop(from: ConnectionInfo, reason: GateDropReason, detail = ""): void {
    this.#options.onDropped({ reason, from, refused: undefined, detail });
  }

  #refuse(
    from: ConnectionInfo,
    reason: RejectReason,
    detail: string,
    refused: "message" | "block" = "message",
  ): undefined {
    this.#options.onDropped({ reason, from, refused, detail });
  }
}

/** Handles the items one after the other, waiting only where something has to be waited for. */
function inOrder<T>(items: readonly T[], handle: (item: T) => MaybePromise<void>, at = 0): MaybePromise<void> {
  for (let index = at; index < items.length; index++) {
    const handled = handle(items[index] as T);
    if (isPromise(handled)) return handled.then(() => inOrder(items, handle, index + 1));
  }
}
