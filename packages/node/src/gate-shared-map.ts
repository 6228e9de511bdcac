/**
 * The shared map at the gate (protocol page 14 §2). An entry is looked at in this order: sizes, is it news, its author's
 * identity and organization, signature, the channel's policy, the program's. One that is asked for by pull is judged as one
 * that is pushed, but for the rate: it was wanted.
 */

import type { ConnectionInfo } from "@gossip/comm";
import type { Verdict } from "@gossip/crypto";
import { type DataUpdate, type Envelope, type PullMessage, readMessage, type SharedEntry } from "@gossip/proto";
import type { PulledItem } from "@gossip/pull";
import { type MaybePromise, wallMillis, whenDone } from "@gossip/runtime";
import { type MapEntry, readEntry } from "@gossip/shared-map";
import type { ChannelShell } from "./channel.js";
import { type Checked, type Checks, type GateOptions, isFirst } from "./checks.js";
import { copyEnvelope } from "./copy.js";
import { digestOf, nameOf } from "./shared-map.js";

/** The messages of the shared map: of pull messages, those of its type. */
export type SharedMapMessage = SharedEntry | PullMessage;

export class SharedMapGate {
  readonly #options: GateOptions;
  readonly #checks: Checks;

  constructor(options: GateOptions, checks: Checks) {
    this.#options = options;
    this.#checks = checks;
  }

  /** The channel is ours, and the sender's organization is in it. */
  handle(
    channel: ChannelShell,
    message: SharedMapMessage,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const { shared } = channel;
    if (!from.features.includes("shared-map") || !shared.isOn) {
      return void this.#checks.drop(from, "feature-not-announced", message.type);
    }
    const { pkiId } = from;
    switch (message.type) {
      case "shared-entry":
        return this.#onPushed(channel, message, envelope, from);
      case "hello":
        if (this.#checks.mayAsk(from, `shared map of ${channel.id}`)) {
          shared.take({ type: "hello", from: pkiId, nonce: message.pullNonce, summary: message.metadata });
        }
        return;
      case "digest":
      case "request":
        return shared.take({ type: message.type, from: pkiId, nonce: message.pullNonce, digests: message.digests });
      case "update":
        return this.#onUpdate(channel, message, from);
    }
  }

  #onPushed(channel: ChannelShell, message: SharedEntry, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    return whenDone(this.#check(channel, message, envelope, from, "pushed"), (checked) => {
      if (typeof checked !== "string") {
        channel.shared.take({ type: "entry", entry: readEntry(checked.message, checked.envelope), from: from.pkiId });
      }
    });
  }

  #onUpdate(channel: ChannelShell, { pullNonce: nonce, data }: DataUpdate, from: ConnectionInfo): MaybePromise<void> {
    const { shared } = channel;
    if (!shared.wantsUpdate(from.pkiId, nonce)) return void this.#checks.drop(from, "unsolicited");
    const items: PulledItem<MapEntry>[] = [];
    const refused: Uint8Array[] = [];
    const seen = new Set<string>();
    const { maxEntries } = this.#options.config.sharedMap;
    const reading = this.#checks.eachPart(data, maxEntries, from, (envelope) => {
      const item = readMessage(envelope.payload);
      if (!item.ok) return this.#checks.drop(from, item.reason, item.detail);
      const message = item.value;
      if (message.type !== "shared-entry") return this.#checks.drop(from, "unexpected-type", message.type);
      const digest = digestOf(message, envelope);
      if (!shared.wantsItem(from.pkiId, nonce, digest)) return this.#checks.drop(from, "unsolicited");
      if (!isFirst(seen, message.key)) return this.#checks.drop(from, "repeated");
      return whenDone(this.#check(channel, message, envelope, from, "asked-for"), (checked) => {
        if (typeof checked === "string") {
          refused.push(digest);
          return checked;
        }
        items.push({ digest, item: readEntry(checked.message, checked.envelope) });
        return "taken" as const;
      });
    });
    return whenDone(reading, () => shared.take({ type: "update", from: from.pkiId, nonce, items, refused }));
  }

  #check(
    channel: ChannelShell,
    message: SharedEntry,
    envelope: Envelope,
    from: ConnectionInfo,
    how: "pushed" | "asked-for",
  ): MaybePromise<Checked<SharedEntry>> {
    const { key, pkiId } = message;
    const misfit = this.#misfit(channel, message, envelope);
    if (misfit !== undefined) return this.#checks.drop(from, "invalid-field", misfit);
    const refusal = channel.shared.refusal(nameOf(message, envelope));
    if (refusal !== undefined) return this.#checks.drop(from, refusal === "stale" ? "not-news" : refusal, key);
    return whenDone(this.#admit(message, from), (admitted): MaybePromise<Checked<SharedEntry>> => {
      if (!admitted.ok) return this.#checks.refuse(from, admitted, `shared entry of ${pkiId}`);
      if (!channel.isOrgInChannel(pkiId)) return this.#checks.drop(from, "subject-not-in-channel", channel.id);
      const { identities } = this.#options;
      if (!channel.shared.mayWrite({ key, author: pkiId, org: identities.orgOf(pkiId) })) {
        return this.#checks.drop(from, "not-allowed-to-write", key);
      }
      return this.#verify(channel, message, envelope, from, how);
    });
  }

  /** What is wrong with an entry by itself, whoever wrote it. */
  #misfit(channel: ChannelShell, message: SharedEntry, envelope: Envelope): string | undefined {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes } = this.#options.config.sharedMap;
    const keyBytes = Buffer.byteLength(message.key);
    if (message.channel !== channel.id) return `expected an entry of ${channel.id}, got one of another channel`;
    if (message.tag !== "chan-only") return `expected tag chan-only, got ${message.tag}`;
    if (keyBytes < 1 || keyBytes > maxKeyBytes) return `expected a key of 1 to ${maxKeyBytes} bytes, got ${keyBytes}`;
    const { length } = message.value;
    if (message.isDeleted && length > 0) return `expected no value in a tombstone, got ${length} bytes`;
    if (length > maxValueBytes) return `expected a value of at most ${maxValueBytes} bytes, got ${length}`;
    const size = envelope.payload.length + envelope.signature.length;
    return size > maxEntryBytes ? `expected an entry of at most ${maxEntryBytes} bytes, got ${size}` : undefined;
  }

  #admit({ pkiId, identity }: SharedEntry, from: ConnectionInfo): MaybePromise<Verdict> {
    const { identities, clock, wall } = this.#options;
    if (!identities.has(pkiId) && !this.#checks.mayCheck(from, `identity ${pkiId}`)) {
      return { ok: false, reason: "unknown-identity", detail: "expected fewer unknown identities of this peer" };
    }
    return identities.put(pkiId, identity, clock.now(), wallMillis(wall));
  }

  /** The author signed it, and may read the channel. What is kept is a copy, without a secret, which only alive messages have. */
  #verify(
    channel: ChannelShell,
    { pkiId }: SharedEntry,
    envelope: Envelope,
    from: ConnectionInfo,
    how: "pushed" | "asked-for",
  ): MaybePromise<Checked<SharedEntry>> {
    const { crypto, identities, clock } = this.#options;
    const kept = copyEnvelope({ payload: envelope.payload, signature: envelope.signature });
    const message = readMessage(kept.payload);
    // The same bytes as before, and hence the same message.
    if (!message.ok || message.value.type !== "shared-entry") return this.#checks.drop(from, "undecodable");
    return whenDone(this.#checks.verify(message.value, kept, pkiId, from, how), (checked) => {
      const identity = identities.get(pkiId, clock.now());
      if (typeof checked === "string") return checked;
      if (identity === undefined) return this.#checks.drop(from, "unknown-identity");
      const verdict = crypto.verifyByChannel(channel.id, identity, kept.signature, kept.payload);
      return whenDone(verdict, (readable): Checked<SharedEntry> => {
        return readable.ok ? checked : this.#checks.refuse(from, readable, `shared entry of ${pkiId}`);
      });
    });
  }
}
