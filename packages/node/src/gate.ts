/**
 * The gate: everything that comes from a stream passes here, in this order, and nothing else makes a `Verified`
 * (protocol page 01 §11, page 07 §4 and §8): decode the envelope, decode the message, legal tag, channel and sender,
 * is it wanted, what its author and its sender may still cost, signature, machine. The cheap tests come first; a signature
 * is checked only for what would be news.
 *
 * What one message can cost is bounded: of its parts no more are read than can be meant, each subject once, and none
 * after one that is forged, which nobody honest passes on. Questions are answered up to a rate per peer.
 *
 * Messages of one connection are handled in order. Those of different connections do not wait for each other, even
 * when the crypto is asynchronous; when it is synchronous, nothing here ever waits.
 */

import type { ConnectionInfo, Received } from "@gossip/comm";
import { type Verdict, type Verified, verifyMessage } from "@gossip/crypto";
import type { AlivePath } from "@gossip/discovery";
import {
  type AliveMessage,
  type DataUpdate,
  type Envelope,
  type GossipMessage,
  illegalTag,
  type MembershipRequest,
  type MembershipResponse,
  type PkiId,
  type PullMessage,
  pkiIdFromBytes,
  pkiIdToBytes,
  readEnvelope,
  readMessage,
} from "@gossip/proto";
import type { PulledItem } from "@gossip/pull";
import { type MaybePromise, Quota, wallMillis, whenDone } from "@gossip/runtime";
import { maxPeersInQuota } from "./allowances.js";
import { type Checked, Checks, type GateOptions, isFirst } from "./checks.js";
import { copyEnvelope } from "./copy.js";
import { ApplicationGate } from "./gate-application.js";
import { ChannelGate } from "./gate-channels.js";
import { Lanes } from "./lanes.js";

/** A peer is a reason to pull out of turn so often at most: it can make hints at will, and those of all would crowd out the rest. */
const hintIntervalMs = 1_000;

export class Gate {
  readonly #options: GateOptions;
  readonly #lanes: Lanes;
  readonly #checks: Checks;
  readonly #channels: ChannelGate;
  readonly #applications: ApplicationGate;
  readonly #hints = new Quota({ burst: 1, refillMs: hintIntervalMs, maxKeys: maxPeersInQuota });

  constructor(options: GateOptions) {
    this.#options = options;
    this.#checks = new Checks(options);
    this.#channels = new ChannelGate(options, this.#checks);
    this.#applications = new ApplicationGate(options, this.#checks);
    this.#lanes = new Lanes({
      handle: (received) => this.#handle(received),
      onFault: (error) => options.onFault(error),
    });
  }

  /** Takes one message from a connection; `received.done` is called when it is handled. Never throws. */
  take(received: Received): void {
    this.#lanes.take(received);
  }

  #handle({ from, bytes, respond }: Received): MaybePromise<void> {
    const envelope = readEnvelope(bytes, { maxBytes: this.#options.config.maxMessageBytes });
    if (!envelope.ok) return void this.#checks.drop(from, envelope.reason, envelope.detail);
    const message = readMessage(envelope.value.payload);
    if (!message.ok) return void this.#checks.drop(from, message.reason, message.detail);
    switch (message.value.type) {
      // Nobody looks at the tags of these; some have none that would be legal (page 11 §2).
      case "private-data":
      case "private-data-request":
        return this.#channels.handlePrivateData(message.value, from, respond);
      case "private-data-response":
      case "ack":
        // This version pushes and asks for nothing that would be answered so.
        return void this.#checks.drop(from, "unsolicited", message.value.type);
    }
    const illegal = illegalTag(message.value);
    if (illegal !== undefined) return void this.#checks.drop(from, "illegal-tag", illegal);
    if (message.value.type === "application") {
      return this.#applications.handle(message.value, envelope.value, from, respond);
    }
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
          : this.#channels.handle(message, envelope, from);
      case "state-info":
      case "state-info-pull-request":
      case "state-info-snapshot":
      case "data":
      case "state-request":
      case "state-response":
      case "leadership":
      case "shared-entry":
        return this.#channels.handle(message, envelope, from);
      default:
        return void this.#checks.drop(from, "unexpected-type", message.type);
    }
  }

  // Membership

  #onAlive(message: AliveMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    return whenDone(this.#checkAlive(message, envelope, "push", from), (alive) => {
      if (typeof alive !== "string") this.#options.toDiscovery({ type: "alive", alive, from: from.pkiId });
    });
  }

  #onMembershipRequest(message: MembershipRequest, from: ConnectionInfo): MaybePromise<void> {
    if (!this.#checks.mayAsk(from, "membership")) return;
    const self = this.#readAlive(message.self, from);
    if (self === undefined) return;
    if (self.member.pkiId !== from.pkiId) {
      const detail = `expected an alive message of ${from.pkiId}, got one of ${self.member.pkiId}`;
      return void this.#checks.drop(from, "not-about-sender", detail);
    }
    return whenDone(this.#checkAlive(self, message.self, "request", from), (checked) => {
      if (typeof checked === "string") return;
      this.#options.toDiscovery({ type: "membership-request", from: from.pkiId, nonce: message.nonce, self: checked });
    });
  }

  #onMembershipResponse({ nonce, ...message }: MembershipResponse, from: ConnectionInfo): MaybePromise<void> {
    const { discovery, config, toDiscovery } = this.#options;
    if (!discovery.wantsResponse(from.pkiId, nonce)) return void this.#checks.drop(from, "unsolicited");
    const found = { "alive-entry": [] as Verified<AliveMessage>[], "dead-entry": [] as Verified<AliveMessage>[] };
    const entries = [
      ...message.alive.map((envelope) => ({ envelope, path: "alive-entry" as const })),
      ...message.dead.map((envelope) => ({ envelope, path: "dead-entry" as const })),
    ];
    const seen = new Set<PkiId>();
    const reading = this.#checks.eachPart(entries, config.maxResponseEntries, from, ({ envelope, path }) => {
      const entry = this.#readAlive(envelope, from);
      if (entry === undefined) return "dropped";
      if (!isFirst(seen, entry.member.pkiId)) return this.#checks.drop(from, "repeated");
      return whenDone(this.#checkAlive(entry, envelope, path, from), (checked) => {
        if (typeof checked !== "string") found[path].push(checked);
        return checked;
      });
    });
    return whenDone(reading, () => {
      const known = (path: keyof typeof found) =>
        this.#checks.stillKnown(found[path], from, ({ message }) => message.member.pkiId);
      const [alive, dead] = [known("alive-entry"), known("dead-entry")];
      toDiscovery({ type: "membership-response", from: from.pkiId, nonce, alive, dead });
    });
  }

  #readAlive(envelope: Envelope, from: ConnectionInfo): AliveMessage | undefined {
    const message = readMessage(envelope.payload);
    if (!message.ok) this.#checks.drop(from, message.reason, message.detail);
    else if (message.value.type !== "alive") this.#checks.drop(from, "unexpected-type", message.value.type);
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
    if (!discovery.wants(message, path, envelope.secret !== undefined)) {
      return this.#checks.drop(from, "not-news");
    }
    if (message.identity.length === 0 && !identities.has(pkiId)) {
      // What is only heard of as dead is no reason to fetch what fell out of use.
      if (path !== "dead-entry") identities.welcome(pkiId);
      if (!identities.isUnwelcome(pkiId, wallMillis(this.#options.wall))) this.#hint(from);
      return this.#checks.drop(from, "unknown-identity");
    }
    const isNew = !identities.has(pkiId);
    if (isNew && !this.#checks.mayCheck(from, `identity of ${pkiId}`)) return "dropped";
    return whenDone(this.#admit(pkiId, message.identity), (admitted): MaybePromise<Checked<AliveMessage>> => {
      if (!admitted.ok) return this.#checks.refuse(from, admitted, `alive message of ${pkiId}`);
      return this.#checks.verify(message, envelope, pkiId, from, "pushed", discovery.envelopeOf(pkiId));
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

  // Identities

  #onIdentityPull(message: PullMessage, from: ConnectionInfo): MaybePromise<void> {
    const { pullNonce: nonce } = message;
    const { toPull } = this.#options;
    switch (message.type) {
      case "hello":
        if (this.#checks.mayAsk(from, "identities")) toPull({ type: "hello", from: from.pkiId, nonce });
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
    if (!pull.wantsUpdate(from.pkiId, nonce)) return void this.#checks.drop(from, "unsolicited");
    const items: PulledItem<Envelope>[] = [];
    const refused: Uint8Array[] = [];
    const seen = new Set<PkiId>();
    const reading = this.#checks.eachPart(data, config.maxDigests, from, (envelope) => {
      const item = readMessage(envelope.payload);
      if (!item.ok) return this.#checks.drop(from, item.reason, item.detail);
      const message = item.value;
      if (message.type !== "peer-identity") return this.#checks.drop(from, "unexpected-type", message.type);
      const { pkiId, identity } = message;
      const digest = pkiIdToBytes(pkiId);
      if (!pull.wantsItem(from.pkiId, nonce, digest)) return this.#checks.drop(from, "unsolicited");
      if (!isFirst(seen, pkiId)) return this.#checks.drop(from, "repeated");
      if (!this.#checks.mayCheck(from, `identity of ${pkiId}`)) return "dropped";
      return whenDone(this.#admit(pkiId, identity), (admitted) =>
        whenDone(admitted.ok ? verifyMessage(message, envelope, identity, crypto) : admitted, (result) => {
          if (result.ok) {
            items.push({ digest, item: copyEnvelope(envelope) });
            return "taken";
          }
          refused.push(digest);
          return this.#checks.refuse(from, result, `identity ${pkiId}`);
        }),
      );
    });
    return whenDone(reading, () => {
      const known = this.#checks.stillKnown(items, from, ({ digest }) => pkiIdFromBytes(digest));
      toPull({ type: "update", from: from.pkiId, nonce, items: known, refused });
    });
  }
}
