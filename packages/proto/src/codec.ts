import type { Decoded } from "./decoded.js";
import { envelopeFrom, envelopeSize, envelopeToWire } from "./envelope.js";
import { gossip } from "./generated/gossip.js";
import { messageFrom } from "./message-decode.js";
import { messageSize, messageToWire } from "./message-encode.js";
import type { Envelope, GossipMessage } from "./messages.js";
import { checkedText, decoded, parse, parseAs, refused, serialize, unwrapped } from "./wire.js";

/** Bounds what is decoded: size is checked before any byte is parsed. */
export interface DecodeOptions {
  /**
   * Largest number of bytes accepted.
   *
   * @default 104_857_600, the gRPC limit of a Fabric peer
   */
  readonly maxBytes?: number;
}

/** 100 MiB, the largest gRPC message a Fabric peer sends or takes by default (page 01 §1.2). */
export const defaultMaxMessageBytes = 104_857_600;

/** Reads what came on a stream. The parts are views into `bytes`. Never throws. */
export function readEnvelope(bytes: Uint8Array, options: DecodeOptions = {}): Decoded<Envelope> {
  const maxBytes = options.maxBytes ?? defaultMaxMessageBytes;
  if (bytes.length > maxBytes) {
    return refused("too-large", `expected at most ${maxBytes} bytes, got ${bytes.length}`);
  }
  return parseAs(gossip.Envelope, bytes, (envelope) => decoded(envelopeFrom(envelope)));
}

/**
 * Like `readEnvelope`, for bytes that come from a trusted place.
 *
 * @throws GossipError `too-large` or `malformed`.
 * @example
 * const envelope = decodeEnvelope(bytes, { maxBytes: 4 * 1024 * 1024 });
 */
export function decodeEnvelope(bytes: Uint8Array, options: DecodeOptions = {}): Envelope {
  return unwrapped(readEnvelope(bytes, options), "an envelope");
}

/** Serializes an envelope; payload and signatures go out exactly as they are. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return serialize(gossip.Envelope, envelopeToWire(envelope), envelopeSize(envelope));
}

/**
 * Reads the payload of an envelope. What it gives has every part that page 01 §12 asks for, one known content, and
 * byte arrays that are views into `payload`. Never throws.
 */
export function readMessage(payload: Uint8Array): Decoded<GossipMessage> {
  return messageFrom(payload);
}

/**
 * Like `readMessage`, for bytes that come from a trusted place.
 *
 * @throws GossipError `too-large` or `malformed`.
 * @example
 * const message = decodeMessage(envelope.payload);
 * if (message.type === "alive") message.time.incarnation; // bigint
 */
export function decodeMessage(payload: Uint8Array): GossipMessage {
  return unwrapped(readMessage(payload), "a gossip message");
}

/**
 * Serializes a message to the bytes that a Fabric peer would make of it (page 01 §10.1).
 *
 * @throws GossipError `invalid-argument` when a number is not a uint64, a string has no UTF-8 form, or a tag, pull type
 * or PKI-ID has no form on the wire.
 */
export function encodeMessage(message: GossipMessage): Uint8Array {
  return serialize(gossip.GossipMessage, messageToWire(message), messageSize(message));
}

/** The internal endpoint in a serialized `Secret`; empty when it holds none or does not decode (page 01 §3.5). */
export function readInternalEndpoint(secretPayload: Uint8Array): string {
  const secret = parse(gossip.Secret, secretPayload);
  return secret.ok ? (secret.value.internalEndpoint ?? "") : "";
}

/**
 * Serializes a `Secret`.
 *
 * @throws GossipError `invalid-argument` when the endpoint has no UTF-8 form.
 */
export function encodeSecret(internalEndpoint: string): Uint8Array {
  return serialize(gossip.Secret, { internalEndpoint: checkedText(internalEndpoint, "internalEndpoint") });
}
