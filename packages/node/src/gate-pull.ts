/**
 * Block pull at the gate (protocol page 05 §9): who may take part, and what is done with an update before anything in it is
 * used. Each block is judged by itself, lowest first, for a config block may change how those behind it are to be judged.
 */

import type { ConnectionInfo } from "@gossip/comm";
import {
  type BlockPayload,
  blockDigest,
  type DataUpdate,
  type Envelope,
  type PullMessage,
  readMessage,
} from "@gossip/proto";
import type { PulledItem } from "@gossip/pull";
import { type MaybePromise, Quota, whenDone } from "@gossip/runtime";
import { maxPeersInQuota } from "./allowances.js";
import type { ChannelShell } from "./channel.js";
import { type Checks, type GateOptions, isFirst } from "./checks.js";
import { type BlockGate, detached, isOfOtherTrust, paddingOf } from "./gate-blocks.js";

/** Requests of one peer and channel that are answered at once, and how long after them one more is: each brings many blocks. */
const requestsAtOnce = 50;
const requestRefillMs = 250;

export class BlockPullGate {
  readonly #options: GateOptions;
  readonly #checks: Checks;
  readonly #blocks: BlockGate;
  readonly #requests = new Quota({ burst: requestsAtOnce, refillMs: requestRefillMs, maxKeys: maxPeersInQuota });

  constructor(options: GateOptions, checks: Checks, blocks: BlockGate) {
    this.#options = options;
    this.#checks = checks;
    this.#blocks = blocks;
  }

  /** The channel is ours, and the sender's organization is in it. */
  handle(channel: ChannelShell, message: PullMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const { identities } = this.#options;
    const { pullNonce: nonce } = message;
    if (identities.orgOf(from.pkiId) !== identities.selfOrg) {
      return void this.#checks.drop(from, "not-own-organization", `block ${message.type} in ${channel.id}`);
    }
    // Told us of itself here, and did not leave.
    if (!channel.isEligible(from.pkiId)) return void this.#checks.drop(from, "unknown-member", channel.id);
    switch (message.type) {
      case "hello":
        if (this.#checks.mayAsk(from, `blocks of ${channel.id}`)) {
          channel.onBlockPull({ type: "hello", from: from.pkiId, nonce });
        }
        return;
      case "digest":
        return channel.onBlockPull({ type: "digest", from: from.pkiId, nonce, digests: message.digests });
      case "request":
        if (!this.#requests.take(`${from.pkiId} ${channel.id}`, this.#options.clock.now())) {
          return void this.#checks.drop(from, "too-often", `requests for blocks of ${channel.id}`);
        }
        return channel.onBlockPull({ type: "request", from: from.pkiId, nonce, digests: message.digests });
      case "update":
        return this.#onUpdate(channel, message, envelope, from);
    }
  }

  #onUpdate(channel: ChannelShell, message: DataUpdate, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const { pullNonce: nonce, data } = message;
    if (!channel.wantsUpdate(from.pkiId, nonce)) return void this.#checks.drop(from, "unsolicited");
    const max = this.#options.config.state.blockBufferSize;
    const found: BlockPayload[] = [];
    const seen = new Set<bigint>();
    const reading = this.#checks.eachPart(data, max, from, (part) =>
      this.#read(channel, nonce, part, seen, found, from),
    );
    return whenDone(reading, () => this.#judge(channel, nonce, detached(found, envelope), from));
  }

  /** What can be told of an item without a signature. */
  #read(
    channel: ChannelShell,
    nonce: bigint,
    part: Envelope,
    seen: Set<bigint>,
    found: BlockPayload[],
    from: ConnectionInfo,
  ): "taken" | "dropped" {
    const item = readMessage(part.payload);
    if (!item.ok) return this.#checks.drop(from, item.reason, item.detail);
    const message = item.value;
    if (message.type !== "data") return this.#checks.drop(from, "unexpected-type", message.type);
    const { blockNumber } = message.payload;
    const what = `block ${blockNumber} of ${message.channel}`;
    if (message.channel !== channel.id) return this.#checks.drop(from, "no-such-channel", what);
    if (!channel.wantsItem(from.pkiId, nonce, blockDigest(blockNumber))) {
      return this.#checks.drop(from, "unsolicited", what);
    }
    if (!isFirst(seen, blockNumber)) return this.#checks.drop(from, "repeated", what);
    if (channel.refusalOfBlock(blockNumber) !== undefined) return this.#checks.drop(from, "not-news", what);
    if (paddingOf(part, message.payload) !== undefined) return this.#checks.drop(from, "padded", what);
    found.push(message.payload);
    return "taken";
  }

  #judge(
    channel: ChannelShell,
    nonce: bigint,
    found: readonly BlockPayload[],
    from: ConnectionInfo,
  ): MaybePromise<void> {
    if (found.length > 0 && !this.#checks.mayPushBlock(from)) return;
    const items: PulledItem<BlockPayload>[] = [];
    const refused: Uint8Array[] = [];
    let isTooEarly = false;
    const inOrder = [...found].sort((a, b) => (a.blockNumber < b.blockNumber ? -1 : 1));
    const judging = this.#checks.eachPart(inOrder, inOrder.length, from, (payload) => {
      const { blockNumber, data } = payload;
      const what = `block ${blockNumber} of ${channel.id}`;
      // What stands behind it would be judged by the same configuration.
      if (isTooEarly) return this.#checks.drop(from, "behind-config", what);
      if (blockNumber > channel.height && !this.#checks.mayDoubt(from)) return "dropped";
      return whenDone(this.#blocks.judge(channel, payload), (verdict) => {
        const digest = blockDigest(blockNumber);
        if (verdict.ok) {
          items.push({ digest, item: { blockNumber, data, privateData: [] } });
          return "taken";
        }
        // Where blocks below it are lacking, one of them may be the configuration that it needs: nobody is to blame.
        if (isOfOtherTrust(verdict) && blockNumber > channel.height) {
          isTooEarly = true;
          this.#checks.doubted(from);
          return this.#checks.drop(from, "behind-config", what);
        }
        this.#blocks.refuse(from, verdict, channel, blockNumber);
        refused.push(digest);
        return "forged";
      });
    });
    return whenDone(judging, () => channel.onBlockPull({ type: "update", from: from.pkiId, nonce, items, refused }));
  }
}
