/** What is done to recorded statements, and why they must be refused then. */

import { channelMac, type RejectReason, type SignedMessage } from "@gossip/crypto";
import { type Envelope, encodeMessage, type PkiId } from "@gossip/proto";
import { curveOrders, encodeEcdsaSignature, readEcdsaSignature } from "../src/signature/ecdsa.js";
import { fail, type Statement } from "./recorded-conversations.js";

/** What becomes of an envelope, and why it must be refused then. */
export interface Corruption {
  readonly name: string;
  readonly corrupt: (statement: Statement) => Envelope;
  readonly reason: RejectReason;
  readonly detail?: RegExp;
}

/** Every way in which what the kinds of statements have in common can be changed. */
export const corruptions: readonly Corruption[] = [
  { name: "the last bit of its signature flipped", corrupt: resigned(lastBitFlipped), reason: "bad-signature" },
  { name: "a bit of its signature's R flipped", corrupt: resigned((all) => flipped(all, 10)), reason: "bad-signature" },
  {
    name: "the high-S twin of its signature",
    corrupt: resigned(highS),
    reason: "bad-signature",
    detail: /lower half of P-256, got a high S/,
  },
  {
    name: "a byte behind its signature",
    corrupt: resigned((all) => joined(all, [0])),
    reason: "bad-signature",
    detail: /one DER encoding/,
  },
  {
    name: "the tag of its signature flipped",
    corrupt: resigned((all) => flipped(all, 0)),
    reason: "bad-signature",
    detail: /in DER/,
  },
  { name: "its signature cut short", corrupt: resigned((all) => all.slice(0, -1)), reason: "bad-signature" },
  { name: "no signature", corrupt: resigned(() => new Uint8Array(0)), reason: "unsigned" },
  { name: "the last bit of its payload flipped", corrupt: withPayload(lastBitFlipped), reason: "bad-signature" },
  {
    name: "the first bit of its payload flipped",
    corrupt: withPayload((all) => flipped(all, 0)),
    reason: "bad-signature",
  },
  { name: "a byte behind its payload", corrupt: withPayload((all) => joined(all, [0])), reason: "bad-signature" },
  { name: "no payload", corrupt: withPayload(() => new Uint8Array(0)), reason: "unsigned" },
  { name: "another content", corrupt: withOtherContent, reason: "bad-signature" },
];

function resigned(change: (signature: Uint8Array) => Uint8Array) {
  return ({ envelope }: Statement): Envelope => ({ ...envelope, signature: change(envelope.signature) });
}

function withPayload(change: (payload: Uint8Array) => Uint8Array) {
  return ({ envelope }: Statement): Envelope => ({ ...envelope, payload: change(envelope.payload) });
}

/** What a liar would rather have had signed. */
function withOtherContent({ message, envelope }: Statement): Envelope {
  return { ...envelope, payload: encodeMessage(otherContent(message)) };
}

/** The same kind of message with something in it that matters. */
function otherContent(message: SignedMessage): SignedMessage {
  switch (message.type) {
    case "conn":
      return { ...message, tlsCertHash: lastBitFlipped(message.tlsCertHash) };
    case "alive":
      return { ...message, time: { ...message.time, sequence: message.time.sequence + 1n } };
    case "peer-identity":
      return { ...message, pkiId: flippedId(message.pkiId) };
    case "state-info":
      return { ...message, channelMac: channelMac(message.pkiId, "otherchannel") };
    case "leadership":
      return { ...message, isDeclaration: !message.isDeclaration };
    case "shared-entry":
      return { ...message, counter: message.counter + 1n };
    case "application":
      return { ...message, topic: `other ${message.topic}` };
  }
}

/** The same signature with the other of the two S that fit (protocol page 13 §1.5). */
export function highS(signature: Uint8Array): Uint8Array {
  const { r, s } = readEcdsaSignature(signature) ?? fail("an ECDSA signature");
  return encodeEcdsaSignature({ r, s: curveOrders["P-256"].order - s });
}

export function lastBitFlipped(bytes: Uint8Array): Uint8Array {
  return flipped(bytes, bytes.length - 1);
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

export function flippedId(pkiId: PkiId): PkiId {
  return Buffer.from(lastBitFlipped(Buffer.from(pkiId, "hex"))).toString("hex") as PkiId; // still hex of 32 bytes
}

export function joined(...all: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(all.flatMap((part) => [...part]));
}
