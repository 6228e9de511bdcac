import type { ConnectionInfo } from "@gossip/comm";
import { channelMac, type Verified } from "@gossip/crypto";
import {
  type Envelope,
  type LeadershipMessage,
  type MessageOf,
  type PkiId,
  type PrivateDataMessage,
  type PrivateDataRequest,
  type PullMessage,
  readMessage,
  type SharedEntry,
  type StateInfo,
  type StateInfoSnapshot,
  type StateRequest,
  type StateResponse,
} from "@gossip/proto";
import { BoundedMap, type MaybePromise, Quota, unreachable, whenDone } from "@gossip/runtime";
import { maxPeersInQuota } from "./allowances.js";
import type { ChannelShell } from "./channel.js";
import { type Checked, type Checks, type GateOptions, isFirst } from "./checks.js";
import { copyBytes, copyStateInfo } from "./copy.js";
import { BlockGate } from "./gate-blocks.js";
import { BlockPullGate } from "./gate-pull.js";
import { SharedMapGate } from "./gate-shared-map.js";
import { PrivateDataDesk, type Respond } from "./private-data.js";
import { Relay } from "./relay.js";

/** Bound of the table that finds channels by MAC: members times channels, roughly. */
const maxMacs = 20_000;
const macBytes = 32;

/** The messages that belong to a channel; of pull, those of blocks and of the shared map. */
export type ChannelMessage =
  | PullMessage
  | SharedEntry
  | MessageOf<
      | "state-info"
      | "state-info-pull-request"
      | "state-info-snapshot"
      | "data"
      | "state-request"
      | "state-response"
      | "leadership"
    >;

/** The part of the gate that leads to channels: finds the channel, and checks what only it can tell. */
export class ChannelGate {
  readonly #options: GateOptions;
  readonly #checks: Checks;
  readonly #privateData: PrivateDataDesk;
  readonly #blocks: BlockGate;
  readonly #blockPull: BlockPullGate;
  readonly #sharedMap: SharedMapGate;
  readonly #relay: Relay;
  readonly #stateRequests = new Quota({ burst: 1_000, refillMs: 1, maxKeys: maxPeersInQuota });
  readonly #relayed = new Quota({ burst: 100, refillMs: 100, maxKeys: maxPeersInQuota });
  readonly #channelByMac = new BoundedMap<string, string>({ maxEntries: maxMacs, whenFull: "evict-oldest" });

  constructor(options: GateOptions, checks: Checks) {
    this.#options = options;
    this.#checks = checks;
    this.#privateData = new PrivateDataDesk(options, checks);
    this.#blocks = new BlockGate(options, checks);
    this.#blockPull = new BlockPullGate(options, checks, this.#blocks);
    this.#sharedMap = new SharedMapGate(options, checks);
    const { publishStateInfoIntervalMs, maxMembers } = options.config;
    // As long as in the reference, the time as a tombstone included (page 07 §9.4).
    this.#relay = new Relay({ ttlMs: 200 * publishStateInfoIntervalMs, maxAuthors: maxMembers });
  }

  handle(message: ChannelMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const channel = this.#find(message, from);
    if (channel === undefined && message.type === "state-info")
      return this.#onForeignStateInfo(message, envelope, from);
    if (channel === undefined) return void this.#checks.drop(from, "no-such-channel");
    if (!channel.isOrgInChannel(from.pkiId)) {
      return void this.#checks.drop(from, "sender-not-in-channel", channel.id);
    }
    switch (message.type) {
      case "state-info":
        return whenDone(this.#checkStateInfo(channel, message, envelope, from), (info) => {
          if (typeof info !== "string") channel.onStateInfo(info, from.pkiId);
        });
      case "state-info-pull-request":
        if (this.#checks.mayAsk(from, channel.id)) channel.onPullRequest(from.pkiId);
        return;
      case "state-info-snapshot":
        return this.#onSnapshot(channel, message, from);
      case "data":
        return this.#blocks.onPush(channel, message, envelope, from);
      case "hello":
      case "digest":
      case "request":
      case "update":
        return message.pullType === "shared"
          ? this.#sharedMap.handle(channel, message, envelope, from)
          : this.#blockPull.handle(channel, message, envelope, from);
      case "shared-entry":
        return this.#sharedMap.handle(channel, message, envelope, from);
      case "state-request":
      case "state-response":
        return this.#onState(channel, message, envelope, from);
      case "leadership":
        return this.#onLeadership(channel, message, envelope, from);
      default:
        return unreachable(message);
    }
  }

  handlePrivateData(
    message: PrivateDataMessage | PrivateDataRequest,
    from: ConnectionInfo,
    respond: Respond,
  ): MaybePromise<void> {
    const channel = this.#options.channels.get(message.channel);
    if (channel === undefined) return void this.#checks.drop(from, "no-such-channel", message.type);
    if (!channel.isOrgInChannel(from.pkiId)) {
      return void this.#checks.drop(from, "sender-not-in-channel", channel.id);
    }
    return message.type === "private-data"
      ? this.#privateData.onPush(channel, message, from, respond)
      : this.#privateData.onRequest(channel, message, from, respond);
  }

  /** State info proves its channel by MAC, everything else names it (page 07 §6). */
  #find(message: ChannelMessage, from: ConnectionInfo): ChannelShell | undefined {
    switch (message.type) {
      case "state-info":
        return this.#byMac(message.channelMac, message.pkiId);
      case "state-info-pull-request":
        return this.#byMac(message.channelMac, from.pkiId);
      default:
        return this.#options.channels.get(message.channel);
    }
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

  /**
   * State info of a channel that we are not in travels on through our organization, from whose members alone it is taken
   * (page 07 §5.4): otherwise members of the channel that reach each other only through us would not hear of each other.
   */
  #onForeignStateInfo(message: StateInfo, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const { identities, clock, relayStateInfo } = this.#options;
    const isOfOwnOrg = identities.orgOf(from.pkiId) === identities.selfOrg;
    if (!isOfOwnOrg) return void this.#checks.drop(from, "no-such-channel");
    // No channel of anybody has such a MAC.
    if (message.channelMac.length !== macBytes) return void this.#checks.drop(from, "no-such-channel");
    if (!this.#relay.wants(message, clock.now())) return void this.#checks.drop(from, "not-news");
    if (this.#isTooLarge(message, envelope, from)) return;
    const bare = { payload: envelope.payload, signature: envelope.signature };
    return whenDone(this.#checks.verify(message, bare, message.pkiId, from), (checked) => {
      if (typeof checked === "string") return;
      if (!this.#relayed.take(message.pkiId, clock.now()))
        return void this.#checks.drop(from, "too-often", "state info");
      if (this.#relay.add(message, clock.now())) relayStateInfo(checked, from.pkiId);
    });
  }

  #isTooLarge({ pkiId }: StateInfo, { payload, signature }: Envelope, from: ConnectionInfo): boolean {
    if (payload.length + signature.length <= this.#options.config.maxStateInfoBytes) return false;
    this.#checks.drop(from, "too-large", `state info of ${pkiId} with ${payload.length} bytes`);
    return true;
  }

  #checkStateInfo(
    channel: ChannelShell,
    message: StateInfo,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<Checked<StateInfo>> {
    const { crypto, identities, clock } = this.#options;
    const { pkiId } = message;
    if (!channel.wantsStateInfo(message)) return this.#checks.drop(from, "not-news");
    const identity = identities.get(pkiId, clock.now());
    if (identity === undefined) return this.#checks.drop(from, "unknown-identity");
    if (!channel.isOrgInChannel(pkiId)) return this.#checks.drop(from, "subject-not-in-channel");
    if (this.#isTooLarge(message, envelope, from)) return "dropped";
    // Copies, since they are kept for as long as their author is a member, and the receive buffer is not. Without the
    // secret, which only alive messages have.
    const kept = { payload: copyBytes(envelope.payload), signature: copyBytes(envelope.signature) };
    return whenDone(this.#checks.verify(copyStateInfo(message), kept, pkiId, from), (checked) => {
      if (typeof checked === "string") return checked;
      const verdict = crypto.verifyByChannel(channel.id, identity, kept.signature, kept.payload);
      return whenDone(verdict, (readable): Checked<StateInfo> => {
        return readable.ok ? checked : this.#checks.refuse(from, readable, `state info of ${pkiId}`);
      });
    });
  }

  /** Kept for whoever asks who leads, and passed on to nobody: its author tells everybody itself (page 08 §3.2). */
  #onLeadership(
    channel: ChannelShell,
    message: LeadershipMessage,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const { identities } = this.#options;
    const { pkiId: author } = message;
    if (identities.orgOf(from.pkiId) !== identities.selfOrg) {
      return void this.#checks.drop(from, "not-own-organization", "sender of a leadership message");
    }
    if (!identities.has(author)) return void this.#checks.drop(from, "unknown-identity");
    if (identities.orgOf(author) !== identities.selfOrg) {
      return void this.#checks.drop(from, "not-own-organization", "author of a leadership message");
    }
    if (!channel.wantsLeadership(message)) return void this.#checks.drop(from, "not-news");
    if (!this.#checks.mayAsk(from, `leadership of ${channel.id}`)) return;
    return whenDone(this.#checks.verify(message, envelope, author, from), (checked) => {
      if (typeof checked !== "string") channel.onLeadership(checked, from.pkiId);
    });
  }

  #onSnapshot(channel: ChannelShell, { elements }: StateInfoSnapshot, from: ConnectionInfo): MaybePromise<void> {
    const { config, discovery } = this.#options;
    const infos: Verified<StateInfo>[] = [];
    const seen = new Set<PkiId>();
    const reading = this.#checks.eachPart(elements, config.maxMembers, from, (envelope) => {
      const element = readMessage(envelope.payload);
      if (!element.ok) return this.#checks.drop(from, element.reason, element.detail);
      const message = element.value;
      if (message.type !== "state-info") return this.#checks.drop(from, "unexpected-type", message.type);
      if (!isFirst(seen, message.pkiId)) return this.#checks.drop(from, "repeated");
      if (this.#byMac(message.channelMac, message.pkiId) !== channel) return this.#checks.drop(from, "no-such-channel");
      if (!channel.wantsStateInfo(message)) return this.#checks.drop(from, "not-news");
      if (discovery.lookup(message.pkiId) === undefined) return this.#checks.drop(from, "unknown-member");
      return whenDone(this.#checkStateInfo(channel, message, envelope, from), (checked) => {
        if (typeof checked !== "string") infos.push(checked);
        return checked;
      });
    });
    return whenDone(reading, () => channel.onSnapshot(infos, from.pkiId));
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
      return void this.#checks.drop(from, "unsolicited");
    }
    // More than the fastest disk and network could serve; how many wait, and of whom, is for the state machine to say.
    if (message.type === "state-request" && !this.#stateRequests.take(from.pkiId, this.#options.clock.now())) {
      return void this.#checks.drop(from, "too-often", "state requests");
    }
    // What the handshake signed is the sender's ticket for the channel (page 10 §4.2).
    const { payload, signature } = from.handshake;
    return whenDone(
      crypto.verifyByChannel(channel.id, from.identity, signature, payload),
      (verdict): MaybePromise<void> => {
        if (!verdict.ok) return void this.#checks.refuse(from, verdict, message.type);
        if (message.type === "state-request") {
          const { start, end } = message;
          return channel.onState({ type: "state-request", from: from.pkiId, nonce, start, end });
        }
        return this.#blocks.onResponse(channel, message, envelope, from);
      },
    );
  }
}

function binaryText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
