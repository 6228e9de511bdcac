import type { MessageCryptoService } from "@gossip/crypto";
import { readPayload, readSeekInfo, readSignedEnvelope, type SeekInfo, type SeekPosition } from "@gossip/proto/fabric";
import { type MaybePromise, type WallClock, whenDone } from "@gossip/runtime";
import type { OrderingChannel } from "./ordering-channel.js";
import { status } from "./status.js";

/** How far a request's time may be off, either way (protocol page 09 §9). */
const timeWindowNanos = 15n * 60n * 1_000_000_000n;

export interface SeekContext {
  readonly channels: ReadonlyMap<string, OrderingChannel>;
  readonly crypto: Pick<MessageCryptoService, "verifyByChannel" | "expirationOf">;
  readonly wall: WallClock;
  /** SHA-256 of the client's TLS certificate on this connection, which a request must repeat; `undefined` without mutual TLS. */
  readonly tlsCertHash: Uint8Array | undefined;
}

/** Blocks that may be sent, or the status that refuses them and why. */
export type CheckedSeek =
  | {
      readonly ok: true;
      readonly channel: OrderingChannel;
      readonly start: bigint;
      /** Inclusive. */
      readonly stop: bigint;
      readonly isPatient: boolean;
      readonly contentType: SeekInfo["contentType"];
      /** When the requester's identity expires, in milliseconds since 1970. */
      readonly expiresAtMs: number | undefined;
    }
  | { readonly ok: false; readonly status: number; readonly detail: string };

/** Judges a request for blocks, in the order of protocol pages 09 §9 and 13 §6.5. */
export function checkSeek(bytes: Uint8Array, context: SeekContext): MaybePromise<CheckedSeek> {
  const { channels, crypto, wall, tlsCertHash } = context;
  const envelope = readSignedEnvelope(bytes);
  if (!envelope.ok) return refuse(status.badRequest, `envelope does not decode: ${envelope.detail}`);
  const { payload: payloadBytes, signature } = envelope.value;
  const payload = readPayload(payloadBytes);
  if (!payload.ok) return refuse(status.badRequest, `payload does not decode: ${payload.detail}`);
  const { channelHeader, signatureHeader, data } = payload.value;
  if (channelHeader.type !== "deliver-seek-info") {
    return refuse(status.badRequest, `expected a message of type deliver-seek-info, got ${channelHeader.type}`);
  }
  const { timestampNanos } = channelHeader;
  if (timestampNanos === undefined) return refuse(status.badRequest, "expected a timestamp, got none");
  const offNanos = timestampNanos - wall.nowNanos();
  if (offNanos > timeWindowNanos || offNanos < -timeWindowNanos) {
    return refuse(
      status.badRequest,
      `expected a timestamp within 15 minutes, got one ${offNanos / 1_000_000_000n} s off`,
    );
  }
  if (tlsCertHash !== undefined && Buffer.compare(tlsCertHash, channelHeader.tlsCertHash) !== 0) {
    return refuse(status.badRequest, "expected the hash of the connection's TLS certificate, got another or none");
  }
  const channel = channels.get(channelHeader.channelId);
  if (channel === undefined) return refuse(status.notFound, "expected a channel of this orderer, got another");
  const { creator } = signatureHeader;
  return whenDone(crypto.verifyByChannel(channel.id, creator, signature, payloadBytes), (verdict): CheckedSeek => {
    if (!verdict.ok) return refuse(status.forbidden, verdict.detail);
    const seek = readSeekInfo(data);
    if (!seek.ok) return refuse(status.badRequest, `seek info does not decode: ${seek.detail}`);
    const { start, stop, behavior, contentType } = seek.value;
    const newest = channel.height - 1n;
    const [first, last] = [numberOf(start, newest), numberOf(stop, newest)];
    if (first > last) return refuse(status.badRequest, `expected start not after stop, got ${first} and ${last}`);
    const isPatient = behavior === "block-until-ready";
    return {
      ok: true,
      channel,
      start: first,
      stop: last,
      isPatient,
      contentType,
      expiresAtMs: crypto.expirationOf(creator),
    };
  });
}

function numberOf(position: SeekPosition, newest: bigint): bigint {
  switch (position.type) {
    case "oldest":
      return 0n;
    case "newest":
      return newest;
    case "specified":
      return position.number;
  }
}

function refuse(number: number, detail: string): CheckedSeek {
  return { ok: false, status: number, detail };
}
