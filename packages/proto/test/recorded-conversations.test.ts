import { createHash } from "node:crypto";
import {
  decodeEnvelope,
  decodeMessage,
  type Envelope,
  encodeEnvelope,
  encodeMessage,
  encodeSecret,
  type GossipMessage,
  illegalTag,
  type MessageType,
  readInternalEndpoint,
} from "@gossip/proto";
import {
  encodeBlock,
  encodeSerializedIdentity,
  readBlock,
  readSerializedIdentity,
  type SerializedIdentity,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { conversation, conversationNames, fromHex, toHex } from "./fixtures.js";
import { recordedForm } from "./recorded-message.js";

const everyType: readonly MessageType[] = [
  "alive",
  "conn",
  "data",
  "digest",
  "hello",
  "leadership",
  "membership-request",
  "membership-response",
  "peer-identity",
  "private-data",
  "request",
  "state-info",
  "state-info-pull-request",
  "state-info-snapshot",
  "state-request",
  "state-response",
  "update",
];

describe.each(conversationNames)("the conversation %s", (name) => {
  const lines = conversation(name).map((line) => ({ ...line, bytes: fromHex(line.envelope) }));
  const envelopes = lines.map(({ bytes }) => decodeEnvelope(bytes));
  const messages = envelopes.map(({ payload }) => decodeMessage(payload));
  const nested = messages.flatMap(nestedEnvelopes);

  test("decodes to what its recorder saw", () => {
    for (const [i, line] of lines.entries()) {
      expect(recordedForm(messages[i] as GossipMessage), `line ${i + 1}`).toEqual(line.message);
    }
  });

  test("encodes again to the same bytes, envelopes and messages", () => {
    for (const [i, line] of lines.entries()) {
      expect(toHex(encodeEnvelope(envelopes[i] as Envelope)), `line ${i + 1}`).toBe(line.envelope);
      expectSameBytes(encodeMessage(messages[i] as GossipMessage), (envelopes[i] as Envelope).payload);
    }
  });

  test("has nested messages of the kinds they should be, which encode again to the same bytes", () => {
    expect(nested.length).toBeGreaterThan(100);
    for (const { envelope, types } of nested) {
      const message = decodeMessage(envelope.payload);
      expect(types).toContain(message.type);
      expectSameBytes(encodeMessage(message), envelope.payload);
    }
  });

  test("gives views into the received buffer, and nothing but Uint8Arrays", () => {
    for (const [i, { bytes }] of lines.entries()) {
      const views = [...bytesIn(envelopes[i]), ...bytesIn(messages[i])];
      expect(views.length).toBeGreaterThan(0);
      for (const view of views) {
        expect(Object.getPrototypeOf(view)).toBe(Uint8Array.prototype);
        if (view.length > 0) expect(view.buffer).toBe(bytes.buffer);
      }
    }
  });

  test("carries the internal endpoint in each secret, in its canonical form", () => {
    const secrets = [...envelopes, ...nested.map(({ envelope }) => envelope)].flatMap(({ secret }) => secret ?? []);
    expect(secrets.length).toBeGreaterThan(10);
    for (const { payload } of secrets) {
      const endpoint = readInternalEndpoint(payload);
      expect(endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
      expectSameBytes(encodeSecret(endpoint), payload);
    }
  });

  test("carries PKI-IDs that are the SHA-256 of the identities beside them", () => {
    const all = [...messages, ...nested.map(({ envelope }) => decodeMessage(envelope.payload))];
    const pairs = all.flatMap((message) => {
      if (message.type === "conn" || message.type === "peer-identity")
        return [[message.pkiId, message.identity] as const];
      if (message.type === "alive" && message.identity.length > 0)
        return [[message.member.pkiId, message.identity] as const];
      return [];
    });
    expect(pairs.length).toBeGreaterThan(10);
    for (const [pkiId, identity] of pairs) {
      const read = readSerializedIdentity(identity);
      const { mspId, idBytes } = (read as { value: SerializedIdentity }).value;
      expect(mspId).toMatch(/^Org[12]MSP$/);
      expect(createHash("sha256").update(mspId).update(idBytes).digest("hex")).toBe(pkiId);
      expectSameBytes(encodeSerializedIdentity({ mspId, idBytes }), identity);
    }
  });

  test("carries blocks that encode again to the same bytes", () => {
    const payloads = messages.flatMap((message) => {
      if (message.type === "data") return [message.payload];
      return message.type === "state-response" ? message.payloads : [];
    });
    expect(payloads.length).toBeGreaterThan(10);
    for (const { blockNumber, data } of payloads) {
      const block = readBlock(data);
      if (!block.ok) throw new Error(block.detail);
      expect(block.value.header.number).toBe(blockNumber);
      expectSameBytes(encodeBlock(block.value), data);
    }
  });

  test("has a legal tag on every message that is gossiped", () => {
    for (const message of messages) {
      if (message.type === "conn" || message.type === "private-data") continue;
      expect(illegalTag(message), message.type).toBeUndefined();
    }
  });
});

test("the conversations hold all the kinds they are said to hold", () => {
  const all = conversationNames
    .flatMap((name) => conversation(name))
    .map(({ envelope }) => decodeEnvelope(fromHex(envelope)));
  const top = all.map(({ payload }) => decodeMessage(payload));
  const nested = top.flatMap(nestedEnvelopes).map(({ envelope }) => decodeMessage(envelope.payload));
  expect([...new Set([...top, ...nested].map(({ type }) => type))].sort()).toEqual(everyType);
});

/** The envelopes inside a message, and what they may hold. */
function nestedEnvelopes(message: GossipMessage): { envelope: Envelope; types: readonly MessageType[] }[] {
  const holding = (envelopes: readonly Envelope[], ...types: MessageType[]) =>
    envelopes.map((envelope) => ({ envelope, types }));
  switch (message.type) {
    case "membership-request":
      return holding([message.self], "alive");
    case "membership-response":
      return holding([...message.alive, ...message.dead], "alive");
    case "update":
      return holding(message.data, message.pullType === "block" ? "data" : "peer-identity");
    case "state-info-snapshot":
      return holding(message.elements, "state-info");
    default:
      return [];
  }
}

/** Every byte array anywhere inside a value. */
function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(bytesIn) : [];
}

function expectSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(toHex(actual)).toBe(toHex(expected));
}
