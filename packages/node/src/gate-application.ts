/**
 * Application messages at the gate (protocol page 07, 7.42 and 7.46), in this order: does the sender's handshake name them, sizes,
 * channel and sender, then of what is gossiped its author's organization, is it news, rate, signature, the channel's policy.
 */

import type { ConnectionInfo, Received } from "@gossip/comm";
import type { ApplicationMessage, Envelope } from "@gossip/proto";
import { type MaybePromise, Quota, whenDone } from "@gossip/runtime";
import { maxPeersInQuota } from "./allowances.js";
import { maxTopicBytes } from "./application.js";
import type { ChannelShell } from "./channel.js";
import type { Checks, GateDropReason, GateOptions } from "./checks.js";
import { acknowledgement } from "./exit.js";

export class ApplicationGate {
  readonly #options: GateOptions;
  readonly #checks: Checks;
  readonly #applications: GateOptions["applications"];
  readonly #direct = new Quota({ burst: 1_000, refillMs: 1, maxKeys: maxPeersInQuota });

  constructor(options: GateOptions, checks: Checks) {
    this.#options = options;
    this.#checks = checks;
    this.#applications = options.applications;
  }

  handle(
    message: ApplicationMessage,
    envelope: Envelope,
    from: ConnectionInfo,
    respond: Received["respond"],
  ): MaybePromise<void> {
    const { config, channels } = this.#options;
    if (!from.features.includes("application") || !this.#applications.isOn) {
      return void this.#checks.drop(from, "feature-not-announced", message.type);
    }
    const size = envelope.payload.length + envelope.signature.length;
    if (size > config.maxApplicationBytes) return void this.#checks.drop(from, "too-large", `${size} bytes`);
    if (Buffer.byteLength(message.topic) > maxTopicBytes) return void this.#checks.drop(from, "invalid-field", "topic");
    const channel = channels.get(message.channel);
    if (message.channel !== "") {
      if (channel === undefined) return void this.#checks.drop(from, "no-such-channel");
      if (!channel.isOrgInChannel(from.pkiId)) return void this.#checks.drop(from, "sender-not-in-channel", channel.id);
    }
    return message.pkiId === ""
      ? this.#onDirect(message, from, respond)
      : this.#onGossiped(channel, message, envelope, from);
  }

  #onGossiped(
    channel: ChannelShell | undefined,
    message: ApplicationMessage,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const { identities, clock, crypto } = this.#options;
    const { pkiId: author } = message;
    const misplaced = this.#misplaced(channel, message, from);
    if (misplaced !== undefined) return void this.#checks.drop(from, misplaced);
    if (!this.#applications.wants(message) || this.#isOfEarlierLife(message)) {
      return void this.#checks.drop(from, "not-news");
    }
    const bare = { payload: envelope.payload, signature: envelope.signature };
    return whenDone(this.#checks.verify(message, bare, author, from), (checked): MaybePromise<void> => {
      if (typeof checked === "string") return;
      if (channel === undefined) return this.#applications.onGossiped(checked, from.pkiId);
      const identity = identities.get(author, clock.now());
      if (identity === undefined) return void this.#checks.drop(from, "unknown-identity");
      const verdict = crypto.verifyByChannel(channel.id, identity, bare.signature, bare.payload);
      return whenDone(verdict, (readable) => {
        if (readable.ok) this.#applications.onGossiped(checked, from.pkiId);
        else this.#checks.refuse(from, readable, `application message of ${author}`);
      });
    });
  }

  /** Why its sender, or its author, has no place in the scope of the message. */
  #misplaced(
    channel: ChannelShell | undefined,
    { pkiId: author, tag }: ApplicationMessage,
    from: ConnectionInfo,
  ): GateDropReason | undefined {
    const { identities } = this.#options;
    const isOwn = (pkiId: typeof author) => identities.orgOf(pkiId) === identities.selfOrg;
    const isOfOrg = tag === "org-only" || tag === "chan-and-org";
    if (isOfOrg && !isOwn(from.pkiId)) return "not-own-organization";
    if (!identities.has(author)) return "unknown-identity";
    if (isOfOrg && !isOwn(author)) return "not-own-organization";
    return channel !== undefined && !channel.isOrgInChannel(author) ? "subject-not-in-channel" : undefined;
  }

  /** A node that has just started heard nothing yet, but members tell it in which life they are. */
  #isOfEarlierLife({ pkiId, time }: ApplicationMessage): boolean {
    const known = this.#options.discovery.lookup(pkiId);
    return known !== undefined && time.incarnation < known.incarnation;
  }

  #onDirect(message: ApplicationMessage, from: ConnectionInfo, respond: Received["respond"]): void {
    const { nonce } = message;
    const acknowledge = (error: string) => {
      if (nonce !== 0n) respond(acknowledgement(nonce, error.slice(0, maxErrorLength)), "control");
    };
    if (!this.#direct.take(from.pkiId, this.#options.clock.now())) {
      this.#checks.drop(from, "too-often", message.type);
      return acknowledge("too often");
    }
    this.#applications.onDirect(message, from.pkiId, acknowledge);
  }
}

/** A reason is for people; more would let a program here fill the logs there. */
const maxErrorLength = 200;
