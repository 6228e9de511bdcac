/**
 * What programs say to each other (protocol page 07 §12): making it, spreading it, and handing it out. An extension of ours, so all of
 * it goes to peers alone whose handshake named it.
 */

import type { Comm, RemotePeer } from "@gossip/comm";
import type { Verified } from "@gossip/crypto";
import type { ApplicationMessage, Envelope, OrgId, PkiId } from "@gossip/proto";
import { type Clock, GossipError, Quota, type Random, samplePreferring } from "@gossip/runtime";
import type { Acceptors } from "./acceptors.js";
import { maxPeersInQuota } from "./allowances.js";
import type { MembershipView } from "./channel-gossip.js";
import type { GossipConfig } from "./config.js";
import { copyBytes } from "./copy.js";
import type { Exit } from "./exit.js";
import type { FeatureTable } from "./features.js";
import { NumberWindow } from "./number-window.js";
import type { RoutableChannel } from "./routing.js";
import type { ApplicationContent, DirectMessage, GossipContent } from "./service.js";

/** Bytes of a topic. */
export const maxTopicBytes = 256;
/** What a message takes beside its topic and its data, and more. */
const overheadBytes = 512;

export interface ApplicationsOptions {
  readonly self: PkiId;
  readonly selfOrg: OrgId;
  readonly incarnation: bigint;
  readonly config: GossipConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly exit: Exit;
  readonly membership: MembershipView;
  readonly features: FeatureTable;
  readonly acceptors: Acceptors;
  readonly channels: ReadonlyMap<string, RoutableChannel>;
  isClosed(): boolean;
  comm(): Comm;
  address(pkiId: PkiId): RemotePeer;
  onDropped(reason: string): void;
}

/** The application messages of one node. */
export class Applications {
  readonly #options: ApplicationsOptions;
  readonly #heard = new NumberWindow({ maxAuthors: maxPeersInQuota });
  /** As others count us: what is beyond they would drop. */
  readonly #own: Quota;
  #number = 0n;

  constructor(options: ApplicationsOptions) {
    this.#options = options;
    const { maxNewsPerSecond } = options.config;
    this.#own = new Quota({
      burst: 10 * maxNewsPerSecond,
      refillMs: 1_000 / maxNewsPerSecond,
      maxKeys: maxPeersInQuota,
    });
  }

  get isOn(): boolean {
    return this.#options.config.applicationMessages;
  }

  // What programs ask for

  async gossip(content: GossipContent): Promise<void> {
    const { exit, clock, self, incarnation, config } = this.#options;
    const { channel = "", topic, data, tag = channel === "" ? "org-only" : "chan-only" } = content;
    this.check(content);
    if ((tag === "org-only") !== (channel === "")) {
      const expected = channel === "" ? "tag org-only without a channel" : "tag chan-only or chan-and-org in a channel";
      throw new GossipError("invalid-argument", `expected ${expected}, got ${tag}`);
    }
    if (!this.#own.take(channel, clock.now())) {
      throw new GossipError(
        "unavailable",
        `expected at most ${config.maxNewsPerSecond} messages a second, which is what others take, got more`,
      );
    }
    const time = { incarnation, sequence: ++this.#number };
    const message = { nonce: 0n, channel, tag, type: "application", pkiId: self, time, topic } as const;
    const signed = await exit.application({ ...message, data: copyBytes(data) });
    if (signed === undefined) {
      throw new GossipError("unavailable", "expected the own key to sign, got a failure; see the log");
    }
    this.#spread(signed, undefined);
  }

  send(content: ApplicationContent, peers: readonly PkiId[]): void {
    this.check(content);
    const strangers = peers.filter((pkiId) => !this.#mayGet(pkiId, content.channel ?? ""));
    if (strangers.length > 0) {
      throw new GossipError("invalid-argument", `expected members of ${where(content)}, got ${strangers.join(", ")}`);
    }
    const { comm, exit, address } = this.#options;
    const envelope = exit.direct(directMessage(content));
    for (const pkiId of new Set(peers)) comm().sendFeature("application", address(pkiId), envelope);
  }

  /** @throws GossipError for what no node would take. */
  check({ topic, data, channel = "" }: ApplicationContent): void {
    const { channels, config, isClosed } = this.#options;
    if (isClosed()) throw new GossipError("closed", "expected an open node, got one that was closed");
    if (!this.isOn) throw new GossipError("unavailable", "expected application messages to be on, got them off");
    if (channel !== "" && !channels.has(channel)) {
      throw new GossipError("not-found", `expected a channel that is joined, got ${JSON.stringify(channel)}`);
    }
    const topicBytes = Buffer.byteLength(topic);
    if (topicBytes > maxTopicBytes || /\p{Surrogate}/u.test(topic)) {
      throw new GossipError(
        "invalid-argument",
        `expected a topic of at most ${maxTopicBytes} bytes, got ${topicBytes}`,
      );
    }
    const most = config.maxApplicationBytes - overheadBytes - maxTopicBytes;
    if (data.length > most) throw new GossipError("too-large", `expected at most ${most} bytes, got ${data.length}`);
  }

  /** Whether the member is known to have this software. */
  isUnderstoodBy(pkiId: PkiId): boolean {
    return this.#options.features.has(pkiId, "application");
  }

  // What the gate asks and hands in

  wants({ pkiId, channel, time }: ApplicationMessage): boolean {
    return pkiId !== this.#options.self && this.#heard.wants(`${pkiId} ${channel}`, time);
  }

  /** Passes on what is verified, and hands it out. */
  onGossiped(verified: Verified<ApplicationMessage>, from: PkiId): void {
    const { membership, acceptors } = this.#options;
    const { message } = verified;
    const { pkiId: author, channel, time, data } = message;
    // Another copy may have been verified meanwhile.
    if (!this.#heard.add(`${author} ${channel}`, time)) return this.#options.onDropped("stale-application");
    this.#spread(verified, from);
    if (acceptors.isEmpty) return;
    // A copy, for it may wait for long, and the receive buffer must not.
    const own = { ...message, data: copyBytes(data) };
    const received = { how: "gossiped", message: own, channel, from, author, org: membership.orgOf(author) } as const;
    acceptors.offer(received, author, data.length);
  }

  /** Hands out what came straight; its sender hears of it if nobody takes it. */
  onDirect(message: ApplicationMessage, from: PkiId, acknowledge: (error: string) => void): void {
    const { membership, acceptors } = this.#options;
    let isAnswered = false;
    const received: DirectMessage = {
      how: "direct",
      message: { ...message, data: copyBytes(message.data) },
      channel: message.channel,
      from,
      org: membership.orgOf(from),
      acknowledge: (error = "") => {
        if (isAnswered) return;
        isAnswered = true;
        acknowledge(error);
      },
      respond: (content) => {
        const { channel } = message;
        this.send(channel === "" ? content : { ...content, channel }, [from]);
      },
    };
    if (acceptors.offer(received, from, message.data.length) === "taken") return;
    this.#options.onDropped("not-accepted");
    received.acknowledge("nobody accepts it");
  }

  // Spreading

  /** To so many that in all likelihood everybody hears of it, though each passes it on once (7.44). */
  #spread({ message, envelope }: Verified<ApplicationMessage>, from: PkiId | undefined): void {
    const { membership, random, config, comm, address } = this.#options;
    const candidates = [...membership.alive].filter((pkiId) => pkiId !== from && this.#isConcerned(pkiId, message));
    const count = config.propagatePeerNum + Math.ceil(Math.log(Math.max(1, candidates.length)));
    const isLinked = (pkiId: PkiId) => membership.isLinked(pkiId);
    const bare: Envelope = { payload: envelope.payload, signature: envelope.signature };
    for (const pkiId of samplePreferring(random, candidates, count, isLinked)) {
      comm().sendFeature("application", address(pkiId), bare, "bulk");
    }
  }

  #isConcerned(pkiId: PkiId, { pkiId: author, channel: id, tag }: ApplicationMessage): boolean {
    const { membership, selfOrg, channels } = this.#options;
    if (pkiId === author || !this.isUnderstoodBy(pkiId)) return false;
    const isOwnOrg = membership.orgOf(pkiId) === selfOrg;
    if (tag === "org-only") return isOwnOrg;
    if (channels.get(id)?.isEligible(pkiId) !== true) return false;
    // Who hides from other organizations says nothing to them, and they could not tell who it is.
    return isOwnOrg || (tag === "chan-only" && membership.isVisible(author));
  }

  #mayGet(pkiId: PkiId, channel: string): boolean {
    const { membership, channels } = this.#options;
    if (channel !== "") return channels.get(channel)?.isOrgInChannel(pkiId) === true;
    return membership.orgOf(pkiId) !== undefined;
  }
}

/** Unsigned, for the connection proves who says it. */
export function directMessage({ channel = "", topic, data }: ApplicationContent): ApplicationMessage {
  const header = { nonce: 0n, channel, tag: channel === "" ? "empty" : "chan-only" } as const;
  // No author: no PKI-ID, and no time.
  return {
    ...header,
    type: "application",
    pkiId: "" as PkiId,
    time: { incarnation: 0n, sequence: 0n },
    topic,
    data: copyBytes(data),
  };
}

function where({ channel = "" }: ApplicationContent): string {
  return channel === "" ? "known organizations" : `organizations of ${channel}`;
}
