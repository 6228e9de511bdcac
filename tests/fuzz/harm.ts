/** What must never leave a node, because a stock peer that gets it ends: panics, or closes the connection. */

import {
  type Envelope,
  type GossipMessage,
  illegalTag,
  type MessageType,
  type PullType,
  readEnvelope,
  readMessage,
} from "@gossip/proto";
import { readBlock } from "@gossip/proto/fabric";
import { fieldsOf, isWellFormed } from "./wire.js";

/** Why these bytes would harm a Fabric peer, or break a rule of what we send; `undefined` for bytes that do not. */
export function harmIn(bytes: Uint8Array): string | undefined {
  const envelope = readEnvelope(bytes);
  if (!isWellFormed(bytes)) return "an envelope that Go cannot decode";
  if (!envelope.ok) return `an envelope that does not decode: ${envelope.detail}`;
  const { payload } = envelope.value;
  if (!isReadableByGo(payload)) return "a message that Go cannot decode";
  const message = readMessage(payload);
  // Missing parts are among what our decoder refuses (1.28).
  if (!message.ok) return `a message that does not decode: ${message.reason} ${message.detail}`;
  return harmOf(message.value, envelope.value);
}

/** The message, and what it is about: deeper parts are read by the generated code alone. */
function isReadableByGo(payload: Uint8Array): boolean {
  if (!isWellFormed(payload)) return false;
  const contents = (fieldsOf(payload) ?? []).filter(({ number }) => number >= 5 && number <= 25);
  return contents.every(({ content }) => content === undefined || isWellFormed(content));
}

function harmOf(message: GossipMessage, envelope: Envelope): string | undefined {
  const untagged: readonly MessageType[] = [
    "conn",
    "ack",
    "private-data",
    "private-data-request",
    "private-data-response",
  ];
  if (!untagged.includes(message.type) && illegalTag(message) !== undefined) return `an illegal tag on ${message.type}`;
  switch (message.type) {
    case "alive":
      return message.member.pkiId === "" || envelope.signature.length === 0
        ? "a nameless or unsigned alive message"
        : undefined;
    case "membership-request":
      return harmInParts([message.self], "alive");
    case "membership-response":
      return harmInParts([...message.alive, ...message.dead], "alive");
    case "state-info-snapshot":
      return harmInParts(message.elements, "state-info");
    case "update":
      return message.data.length === 0
        ? "an empty update"
        : harmInParts(message.data, itemTypes[message.pullType] ?? "peer-identity");
    case "digest":
    case "request":
      return message.digests.length === 0 ? `a ${message.type} without digests` : undefined;
    case "data":
      return readBlock(message.payload.data).ok ? undefined : "a block message without a block";
    case "state-response":
      return message.payloads.every(({ data }) => readBlock(data).ok) ? undefined : "an answer without its blocks";
    case "private-data-response":
      return message.elements.some(({ payload }) => payload.some(({ length }) => length === 0))
        ? "an empty private data set"
        : undefined;
    case "empty":
      return "a message without content";
    default:
      return undefined;
  }
}

/** Whether only peers that know our extensions may get it. */
export function isOfExtension(bytes: Uint8Array): boolean {
  const envelope = readEnvelope(bytes);
  const message = envelope.ok ? readMessage(envelope.value.payload) : envelope;
  if (!message.ok) return false;
  if (message.value.type === "shared-entry" || message.value.type === "application") return true;
  return "pullType" in message.value && message.value.pullType === "shared";
}

const itemTypes: Readonly<Partial<Record<PullType, MessageType>>> = { block: "data", shared: "shared-entry" };

function harmInParts(parts: readonly Envelope[], type: MessageType): string | undefined {
  for (const part of parts) {
    if (!isReadableByGo(part.payload)) return "a part that Go cannot decode";
    const message = readMessage(part.payload);
    if (!message.ok) return `a part that does not decode: ${message.reason} ${message.detail}`;
    if (message.value.type !== type) return `${message.value.type} where ${type} belongs`;
    if (type !== "data" && part.signature.length === 0) return `${type} without a signature`;
    if (message.value.type === "peer-identity" && message.value.identity.length === 0) return "an empty identity";
    if (message.value.type === "data" && !readBlock(message.value.payload.data).ok) return "an item without its block";
  }
  return undefined;
}
