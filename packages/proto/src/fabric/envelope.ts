import { GossipError } from "@gossip/runtime";
import type { Decoded } from "../decoded.js";
import { common, type google } from "../generated/fabric.js";
import {
  checkedText,
  decoded,
  fromLong,
  type Init,
  integer,
  missing,
  parseAs,
  plain,
  refused,
  serialize,
  toLong,
  toSignedLong,
} from "../wire.js";

/** `common.Envelope`, which is not the envelope of gossip: what clients and orderers exchange and blocks hold. */
export interface SignedEnvelope {
  /** A serialized `Payload`; the signature covers exactly these octets. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a signed envelope. Never throws. */
export function readSignedEnvelope(bytes: Uint8Array): Decoded<SignedEnvelope> {
  return parseAs(common.Envelope, bytes, ({ payload, signature }) =>
    decoded({ payload: plain(payload), signature: plain(signature) }),
  );
}

/** Serializes a signed envelope; when both parts are there, the result is a canonical transaction. */
export function encodeSignedEnvelope({ payload, signature }: SignedEnvelope): Uint8Array {
  return serialize(common.Envelope, { payload, signature }, payload.length + signature.length + 32);
}

/** The `common.HeaderType`s used here; `unknown` is every other number. */
export type HeaderType =
  | "message"
  | "config"
  | "config-update"
  | "endorser-transaction"
  | "deliver-seek-info"
  | "unknown";

/** What a payload is, and for which channel. */
export interface ChannelHeader {
  readonly type: HeaderType;
  readonly version: number;
  /** Nanoseconds since 1970; undefined when the timestamp is absent. */
  readonly timestampNanos: bigint | undefined;
  readonly channelId: string;
  readonly txId: string;
  readonly epoch: bigint;
  readonly extension: Uint8Array;
  /** SHA-256 of the sender's TLS certificate in DER, for orderers that demand mutual TLS; else empty. */
  readonly tlsCertHash: Uint8Array;
}

/** Who signed. */
export interface SignatureHeader {
  /** A serialized `SerializedIdentity`. */
  readonly creator: Uint8Array;
  readonly nonce: Uint8Array;
}

/** `common.Payload` with its two headers decoded; their bytes are kept too, because signatures cover them. */
export interface Payload {
  readonly channelHeader: ChannelHeader;
  readonly signatureHeader: SignatureHeader;
  readonly channelHeaderBytes: Uint8Array;
  readonly signatureHeaderBytes: Uint8Array;
  readonly data: Uint8Array;
}

/** Reads a payload and both its headers. Never throws. */
export function readPayload(bytes: Uint8Array): Decoded<Payload> {
  return parseAs(common.Payload, bytes, ({ header, data }) => {
    if (header === null) return missing("header");
    const channelHeader = readChannelHeader(header.channelHeader);
    if (!channelHeader.ok) return channelHeader;
    const signatureHeader = readSignatureHeader(header.signatureHeader);
    if (!signatureHeader.ok) return signatureHeader;
    return decoded({
      channelHeader: channelHeader.value,
      signatureHeader: signatureHeader.value,
      channelHeaderBytes: plain(header.channelHeader),
      signatureHeaderBytes: plain(header.signatureHeader),
      data: plain(data),
    });
  });
}

/**
 * Serializes a payload with its headers.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range, a string has no UTF-8 form, or the type is
 * `unknown`.
 */
export function encodePayload(payload: {
  readonly channelHeader: ChannelHeader;
  readonly signatureHeader: SignatureHeader;
  readonly data: Uint8Array;
}): Uint8Array {
  const channelHeader = serialize(common.ChannelHeader, channelHeaderToWire(payload.channelHeader));
  const signatureHeader = encodeSignatureHeader(payload.signatureHeader);
  const size = channelHeader.length + signatureHeader.length + payload.data.length + 64;
  return serialize(common.Payload, { header: { channelHeader, signatureHeader }, data: payload.data }, size);
}

/** Reads a signature header, of a payload or of a block signature. Never throws. */
export function readSignatureHeader(bytes: Uint8Array): Decoded<SignatureHeader> {
  return parseAs(common.SignatureHeader, bytes, ({ creator, nonce }) =>
    decoded({ creator: plain(creator), nonce: plain(nonce) }),
  );
}

/** Serializes a signature header. */
export function encodeSignatureHeader({ creator, nonce }: SignatureHeader): Uint8Array {
  return serialize(common.SignatureHeader, { creator, nonce });
}

const headerTypes: ReadonlyMap<number, HeaderType> = new Map([
  [0, "message"],
  [1, "config"],
  [2, "config-update"],
  [3, "endorser-transaction"],
  [5, "deliver-seek-info"],
]);

const nanosPerSecond = 1_000_000_000n;

function readChannelHeader(bytes: Uint8Array): Decoded<ChannelHeader> {
  return parseAs(common.ChannelHeader, bytes, (wire) => {
    const nanos = wire.timestamp?.nanos ?? 0;
    if (nanos < 0 || nanos >= Number(nanosPerSecond)) {
      return refused("invalid-field", `expected timestamp.nanos to be from 0 to 999999999, got ${nanos}`);
    }
    const seconds = wire.timestamp === null ? undefined : BigInt.asIntN(64, fromLong(wire.timestamp.seconds));
    return decoded({
      type: headerTypes.get(wire.type) ?? "unknown",
      version: wire.version,
      timestampNanos: seconds === undefined ? undefined : seconds * nanosPerSecond + BigInt(nanos),
      channelId: wire.channelId,
      txId: wire.txId,
      epoch: fromLong(wire.epoch),
      extension: plain(wire.extension),
      tlsCertHash: plain(wire.tlsCertHash),
    });
  });
}

function channelHeaderToWire(header: ChannelHeader): Init<common.ChannelHeader> {
  const type = [...headerTypes].find(([, name]) => name === header.type)?.[0];
  if (type === undefined) {
    throw new GossipError("invalid-argument", `expected a header type with a number, got ${header.type}`);
  }
  return {
    type,
    version: integer(header.version, "version", -(2 ** 31), 2 ** 31 - 1),
    timestamp: header.timestampNanos === undefined ? undefined : timestampToWire(header.timestampNanos),
    channelId: checkedText(header.channelId, "channelId"),
    txId: checkedText(header.txId, "txId"),
    epoch: toLong(header.epoch, "epoch"),
    extension: header.extension,
    tlsCertHash: header.tlsCertHash,
  };
}

/** Before 1970, seconds are negative and nanoseconds still count forward. */
function timestampToWire(nanos: bigint): Init<google.protobuf.Timestamp> {
  const fraction = ((nanos % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  return { seconds: toSignedLong((nanos - fraction) / nanosPerSecond, "timestampNanos"), nanos: Number(fraction) };
}
