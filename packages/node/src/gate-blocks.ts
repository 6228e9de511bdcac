/**
 * Blocks at the gate (protocol page 07 §8.1, page 10 §8.3): pushed ones, and those of answers to our questions.
 *
 * A block is judged by the configuration in force, and the one that it needs may be in a block before it that is still on
 * its way into the ledger, in the same answer, or in one that has not come yet. So a pushed one whose signatures do not satisfy is
 * judged once more when what waits before it is in force; and in an answer, it and what follows are left for another
 * question, unless all blocks before it are known and none of them is a config block. The reference refuses both, and blames who sent them.
 */

import type { ConnectionInfo } from "@gossip/comm";
import type { Rejection, Verdict } from "@gossip/crypto";
import type { BlockPayload, DataMessage, Envelope, StateResponse } from "@gossip/proto";
import { type Block, readBlock, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import { type MaybePromise, Quota, whenDone } from "@gossip/runtime";
import { maxPeersInQuota } from "./allowances.js";
import type { ChannelShell } from "./channel.js";
import { type Checks, type GateOptions, isFirst } from "./checks.js";
import { copyBytes } from "./copy.js";

/** Bytes beside a block, or beside the blocks of a response, that nobody minds. */
const paddingBytes = 4_096;
/** Bytes of a block beside its transactions, of which no signature covers most: enough for those of sixty-four orderers. */
const maxBlockOverheadBytes = 512 * 1024;
/** What each transaction may add to that: tag and length, and a flag in the metadata. */
const overheadPerTransaction = 16;

export class BlockGate {
  readonly #options: GateOptions;
  readonly #checks: Checks;
  readonly #proofs = new Quota({ burst: 1, refillMs: 1_000, maxKeys: maxPeersInQuota });

  constructor(options: GateOptions, checks: Checks) {
    this.#options = options;
    this.#checks = checks;
  }

  onPush(channel: ChannelShell, message: DataMessage, envelope: Envelope, from: ConnectionInfo): MaybePromise<void> {
    const { blockNumber } = message.payload;
    const refusal = channel.refusalOfBlock(blockNumber);
    // One too far ahead is dropped too, but proves first that we are behind; that much is worth a signature now and then.
    const isProof = refusal === "beyond-window" && this.#proofs.take(channel.id, this.#options.clock.now());
    if (refusal !== undefined && !isProof) return void this.#checks.drop(from, "not-news");
    // Nobody signs what stands beside a block, and it would be kept and pushed on with it.
    const padding = paddingOf(envelope, message.payload);
    if (padding !== undefined) {
      return void this.#checks.drop(
        from,
        "padded",
        `block ${blockNumber} of ${channel.id} among ${padding} other bytes`,
      );
    }
    if (!this.#checks.mayPushBlock(from)) return;
    return whenDone(this.judge(channel, message.payload), (verdict) => {
      if (verdict.ok) channel.onBlock(message, envelope, from.pkiId);
      else this.refuse(from, verdict, channel, blockNumber);
    });
  }

  /** One bad block ends it: what the sender answered is worth nothing then, and it is asked no more for a while. */
  onResponse(
    channel: ChannelShell,
    { nonce, payloads }: StateResponse,
    envelope: Envelope,
    from: ConnectionInfo,
  ): MaybePromise<void> {
    const good: BlockPayload[] = [];
    const seen = new Set<bigint>();
    let refused = "";
    let behindConfig: bigint | undefined;
    const reading = this.#checks.eachPart(payloads, this.#options.config.state.batchSize + 1, from, (payload) => {
      const { blockNumber } = payload;
      if (!isFirst(seen, blockNumber)) return this.#checks.drop(from, "repeated");
      if (behindConfig !== undefined) {
        if (blockNumber < behindConfig) behindConfig = blockNumber;
        return this.#checks.drop(from, "behind-config");
      }
      return whenDone(this.#verify(channel, payload), (verdict) => {
        if (verdict.ok) {
          good.push(payload);
          return "taken";
        }
        // It came otherwise in the meantime; and who signed it need not be trusted any more.
        if (isHad(channel.refusalOfBlock(blockNumber))) return this.#checks.drop(from, "not-news");
        if (isOfOtherTrust(verdict) && mayWaitForConfig(blockNumber, channel.height, good)) {
          behindConfig = blockNumber;
          return this.#checks.drop(from, "behind-config");
        }
        this.refuse(from, verdict, channel, blockNumber);
        refused = `block ${blockNumber}`;
        return "forged";
      });
    });
    return whenDone(reading, () => {
      channel.onState({
        type: "state-response",
        from: from.pkiId,
        nonce,
        payloads: detached(good, envelope),
        ...(refused === "" ? {} : { refused }),
        ...(behindConfig === undefined ? {} : { behindConfig }),
      });
    });
  }

  /** Whether the orderers of the channel signed it, by the configuration in force now, or soon. */
  judge(channel: ChannelShell, payload: BlockPayload): MaybePromise<Verdict> {
    return whenDone(this.#verify(channel, payload), (verdict): MaybePromise<Verdict> => {
      const inForce = isOfOtherTrust(verdict) ? channel.inForceBelow(payload.blockNumber) : undefined;
      return inForce === undefined ? verdict : inForce.then(() => this.#verify(channel, payload));
    });
  }

  /** By the configuration in force now. */
  #verify(channel: ChannelShell, { blockNumber, data }: BlockPayload): MaybePromise<Verdict> {
    const { crypto } = this.#options;
    const read = readBlock(data);
    if (!read.ok) return { ok: false, reason: "malformed-block", detail: read.detail };
    const block = read.value;
    const overhead = data.length - block.data.reduce((sum, one) => sum + one.length + overheadPerTransaction, 0);
    if (overhead > maxBlockOverheadBytes) {
      const detail = `expected at most ${maxBlockOverheadBytes} bytes beside the transactions, got ${overhead}`;
      return { ok: false, reason: "malformed-block", detail };
    }
    return crypto.verifyBlock(channel.id, blockNumber, block);
  }

  /** Counts it, and names who sent it. */
  refuse(from: ConnectionInfo, rejection: Rejection, channel: ChannelShell, blockNumber: bigint): void {
    this.#checks.refuse(from, rejection, `block ${blockNumber} of ${channel.id}`, "block");
  }
}

/** How many bytes there are beside a block in its envelope, if they are too many. */
export function paddingOf(envelope: Envelope, { data }: BlockPayload): number | undefined {
  const padding = bytesOf(envelope) - data.length;
  return padding > paddingBytes ? padding : undefined;
}

/** Whether another configuration may judge otherwise. */
export function isOfOtherTrust(verdict: Verdict): boolean {
  return !verdict.ok && verdict.reason === "bad-block-signature";
}

/** Whether a block is not needed because it is here. */
function isHad(refusal: ReturnType<ChannelShell["refusalOfBlock"]>): boolean {
  return refusal === "stale" || refusal === "duplicate";
}

/** Whether a config block that is not in force may stand between the height and this block; `known` are verified blocks. */
function mayWaitForConfig(blockNumber: bigint, height: bigint, known: readonly BlockPayload[]): boolean {
  const before = known.filter((payload) => height <= payload.blockNumber && payload.blockNumber < blockNumber);
  return BigInt(before.length) < blockNumber - height || before.some(({ data }) => isConfigBlock(data));
}

function isConfigBlock(data: Uint8Array): boolean {
  const block = readBlock(data);
  return block.ok && typeOf(block.value) === "config";
}

/** Of the one transaction of a block that has no more. */
function typeOf({ data }: Block): string | undefined {
  const [only] = data;
  if (only === undefined || data.length !== 1) return undefined;
  const envelope = readSignedEnvelope(only);
  const payload = envelope.ok ? readPayload(envelope.value.payload) : envelope;
  return payload.ok ? payload.value.channelHeader.type : undefined;
}

/** The blocks, in memory of their own when most of the message that they came in was something else. */
export function detached(payloads: readonly BlockPayload[], envelope: Envelope): readonly BlockPayload[] {
  const bytes = payloads.reduce((sum, { data }) => sum + data.length, 0);
  if (bytesOf(envelope) <= 2 * bytes + paddingBytes) return payloads;
  return payloads.map((payload) => ({ ...payload, data: copyBytes(payload.data), privateData: [] }));
}

function bytesOf({ payload, signature, secret }: Envelope): number {
  return payload.length + signature.length + (secret ? secret.payload.length + secret.signature.length : 0);
}
