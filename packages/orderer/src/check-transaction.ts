import type { MessageCryptoService } from "@gossip/crypto";
import { type BroadcastResponse, isCanonicalTransaction, readPayload, readSignedEnvelope } from "@gossip/proto/fabric";
import { type MaybePromise, whenDone } from "@gossip/runtime";
import type { OrderingChannel } from "./ordering-channel.js";
import { type TransactionHash, transactionHash } from "./recent-transactions.js";
import { refused, status } from "./status.js";

export interface CheckContext {
  readonly channels: ReadonlyMap<string, OrderingChannel>;
  readonly crypto: Pick<MessageCryptoService, "verifyByChannel">;
  /** Largest transaction. */
  readonly maxBytes: number;
}

/** A transaction that may be ordered, or the answer that refuses it. */
export type CheckedTransaction =
  | { readonly ok: true; readonly channel: OrderingChannel; readonly hash: TransactionHash }
  | { readonly ok: false; readonly channel: OrderingChannel | undefined; readonly response: BroadcastResponse };

/**
 * Judges what came on a Broadcast stream, the cheap questions first: its size, its form (page 13 §5.2, which is why a
 * block cannot be split differently under the same data hash), its channel, its kind, and last its author's signature.
 */
export function checkTransaction(bytes: Uint8Array, context: CheckContext): MaybePromise<CheckedTransaction> {
  const { channels, crypto, maxBytes } = context;
  if (bytes.length > maxBytes) {
    return refuse(status.tooLarge, `expected a transaction of at most ${maxBytes} bytes, got ${bytes.length}`);
  }
  const envelope = readSignedEnvelope(bytes);
  if (!envelope.ok || !isCanonicalTransaction(bytes)) {
    return refuse(
      status.badRequest,
      "expected an envelope of payload and signature in canonical form, got other bytes",
    );
  }
  const { payload: payloadBytes, signature } = envelope.value;
  const payload = readPayload(payloadBytes);
  if (!payload.ok) return refuse(status.badRequest, `expected a payload with headers, got: ${payload.detail}`);
  const { channelHeader, signatureHeader } = payload.value;
  const channel = channels.get(channelHeader.channelId);
  if (channel === undefined) {
    return refuse(status.notFound, `expected a channel of this orderer, got ${quoted(channelHeader.channelId)}`);
  }
  const hash = transactionHash(bytes);
  if (channel.knows(hash)) return { ok: true, channel, hash };
  if (channelHeader.type === "config" || channelHeader.type === "config-update") {
    // Alone in its block, it would be taken for the channel's new configuration.
    return refuse(
      status.notImplemented,
      "expected a transaction, got a configuration: this orderer changes none",
      channel,
    );
  }
  if (channelHeader.type !== "message" && channelHeader.type !== "endorser-transaction") {
    return refuse(status.badRequest, `expected a transaction, got a message of type ${channelHeader.type}`, channel);
  }
  if (channelHeader.timestampNanos === undefined) {
    return refuse(status.badRequest, "expected a timestamp in the channel header, got none", channel);
  }
  return whenDone(
    crypto.verifyByChannel(channel.id, signatureHeader.creator, signature, payloadBytes),
    (verdict): CheckedTransaction =>
      verdict.ok ? { ok: true, channel, hash } : refuse(status.forbidden, verdict.detail, channel),
  );
}

function refuse(number: number, info: string, channel?: OrderingChannel): CheckedTransaction {
  return { ok: false, channel, response: refused(number, info) };
}

/** A name from outside, short and on one line. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
