import { isSignedKind, unsigned } from "@gossip/crypto";
import {
  type BlockPayload,
  decodeMessage,
  type Envelope,
  encodeEnvelope,
  type GossipMessage,
  type MessageType,
} from "@gossip/proto";
import type { RecordedMessage, Statement } from "../../packages/fabric/test/recorded-conversations.js";

/** A conversation in which every statement of a kind is changed, wherever it stands; the rest is as recorded. */
export function withStatements(
  conversation: readonly RecordedMessage[],
  kind: MessageType,
  change: (statement: Statement) => Envelope,
): readonly RecordedMessage[] {
  return conversation.map((line) => {
    const changed = (envelope: Envelope): Envelope => {
      const message = decodeMessage(envelope.payload);
      return message.type === kind && isSignedKind(message)
        ? change({ where: line.where, message, envelope })
        : envelope;
    };
    if (line.message.type === kind) return withEnvelope(line, changed(line.envelope));
    const message = withParts(line.message, changed);
    return message === line.message ? line : withEnvelope(line, unsigned(message));
  });
}

/** A conversation in which every block is changed. */
export function withBlocks(
  conversation: readonly RecordedMessage[],
  change: (payload: BlockPayload) => BlockPayload,
): readonly RecordedMessage[] {
  const changed = (message: GossipMessage): GossipMessage => {
    switch (message.type) {
      case "data":
        return { ...message, payload: change(message.payload) };
      case "state-response":
        return { ...message, payloads: message.payloads.map(change) };
      default:
        return message;
    }
  };
  return conversation.map((line) => {
    const outer = changed(line.message);
    const message = withParts(outer, (envelope) => {
      const part = decodeMessage(envelope.payload);
      const other = changed(part);
      return other === part ? envelope : unsigned(other);
    });
    return message === line.message ? line : withEnvelope(line, unsigned(message));
  });
}

function withEnvelope(line: RecordedMessage, envelope: Envelope): RecordedMessage {
  return { ...line, envelope, bytes: encodeEnvelope(envelope), message: decodeMessage(envelope.payload) };
}

/** The message with its envelopes changed; itself, if it holds none. */
function withParts(message: GossipMessage, change: (envelope: Envelope) => Envelope): GossipMessage {
  switch (message.type) {
    case "membership-request":
      return { ...message, self: change(message.self) };
    case "membership-response":
      return { ...message, alive: message.alive.map(change), dead: message.dead.map(change) };
    case "update":
      return { ...message, data: message.data.map(change) };
    case "state-info-snapshot":
      return { ...message, elements: message.elements.map(change) };
    default:
      return message;
  }
}
