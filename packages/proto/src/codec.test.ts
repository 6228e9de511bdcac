import { describe, expect, test } from "vitest";
import {
  decodeEnvelope,
  decodeMessage,
  encodeEnvelope,
  encodeMessage,
  encodeSecret,
  readEnvelope,
  readInternalEndpoint,
  readMessage,
} from "./codec.js";
import type { DataMessage, GossipMessage, PullType, Tag } from "./messages.js";
import { type PkiId, pkiId } from "./pki-id.js";
import {
  acknowledgement,
  aliveMessage,
  blockPayload,
  connMessage,
  dataMessage,
  goldenEnvelopes,
  goldenMessages,
  goldenSecrets,
  helloMessage,
  membershipResponse,
  privateDataMessage,
  stateInfo,
  stateRequest,
} from "./testing/index.js";
import { maxMessageFields } from "./wire.js";

describe("05/30, 1.22, 1.26: golden bytes", () => {
  test.each(goldenMessages)("$name: the message encodes to Go's bytes and decodes from them", ({ hex, value }) => {
    expect(toHex(encodeMessage(value))).toBe(hex);
    expect(decodeMessage(fromHex(hex))).toStrictEqual(value);
  });

  test.each(goldenEnvelopes)("$name: the envelope encodes to Go's bytes and decodes from them", ({ hex, value }) => {
    expect(toHex(encodeEnvelope(value))).toBe(hex);
    expect(decodeEnvelope(fromHex(hex))).toStrictEqual(value);
  });

  test.each(goldenSecrets)("$name: the endpoint encodes to Go's bytes and decodes from them", ({ hex, value }) => {
    expect(toHex(encodeSecret(value))).toBe(hex);
    expect(readInternalEndpoint(fromHex(hex))).toBe(value);
  });
});

describe("1.6: uint64", () => {
  test("every bit survives, alone and under all lower ones", () => {
    for (let bit = 0n; bit < 64n; bit++) {
      for (const nonce of [2n ** bit, 2n ** (bit + 1n) - 1n]) {
        expect(decodeMessage(encodeMessage(acknowledgement({ nonce }))).nonce).toBe(nonce);
      }
    }
  });

  test.each([-1n, 2n ** 64n])("%d is refused in every place", (value) => {
    const time = { incarnation: value, sequence: 0n };
    const messages = [
      acknowledgement({ nonce: value }),
      aliveMessage({ time }),
      stateInfo({ properties: { ledgerHeight: value, leftChannel: false, chaincodes: [] } }),
      stateRequest({ end: value }),
      helloMessage({ pullNonce: value }),
      dataMessage({ payload: blockPayload({ blockNumber: value }) }),
    ];
    for (const message of messages) {
      expect(() => encodeMessage(message)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });
});

describe("readEnvelope", () => {
  test("1.24: keeps the difference between no secret and an empty one", () => {
    expect(decodeEnvelope(fromHex("0a0108")).secret).toBeUndefined();
    expect(decodeEnvelope(fromHex("0a01081a00")).secret).toStrictEqual({ payload: none, signature: none });
    expect(toHex(encodeEnvelope(decodeEnvelope(fromHex("0a01081a00"))))).toBe("0a01081a00");
  });

  test("takes no bytes for an empty envelope, as proto3 does", () => {
    expect(decodeEnvelope(none)).toStrictEqual({ payload: none, signature: none });
  });

  test("refuses more bytes than allowed before it looks at them", () => {
    const bytes = new Uint8Array(11).fill(0xff);
    expect(readEnvelope(bytes, { maxBytes: 10 })).toMatchObject({ ok: false, reason: "too-large" });
    expect(readEnvelope(bytes, { maxBytes: 11 })).toMatchObject({ ok: false, reason: "undecodable" });
    expect(() => decodeEnvelope(bytes, { maxBytes: 10 })).toThrow(expect.objectContaining({ code: "too-large" }));
    expect(() => decodeEnvelope(bytes)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("gives plain arrays, views into what was received, also for a Buffer", () => {
    const received = Buffer.concat([Buffer.from("ffff", "hex"), Buffer.from("0a0208011201091a060a0101120102", "hex")]);
    const envelope = decodeEnvelope(received.subarray(2));
    for (const view of [envelope.payload, envelope.signature, envelope.secret?.payload, envelope.secret?.signature]) {
      expect(Object.getPrototypeOf(view)).toBe(Uint8Array.prototype);
      expect(view?.buffer).toBe(received.buffer);
    }
  });
});

describe("1.25, 1.28, 1.29: readMessage", () => {
  const refusals: readonly (readonly [what: string, hex: string, reason: string])[] = [
    ["nothing", "", "no-content"],
    ["a header alone", "08011801", "no-content"],
    ["a content with a number that nobody uses", "1801da0100", "no-content"],
    ["the number that is skipped", "18012200", "no-content"],
    ["a content that is no sub-message", "18016801", "no-content"],
    ["two contents of different kinds", "18016a00b20100", "ambiguous-content"],
    ["a kind, another, and the first again", "b201006a00b20100", "ambiguous-content"],
    ["one content in pieces", "b201030a0161b20100", "ambiguous-content"],
    ["one content in pieces of which none is whole", "18014a021a024a021a02", "ambiguous-content"],
    ["garbage", "ffffffffffffffffffffff", "undecodable"],
    ["a field number of 0", "0001", "undecodable"],
    ["a cut varint", "08ff", "undecodable"],
    ["a varint of eleven bytes", "08ffffffffffffffffffff01b20100", "undecodable"],
    ["a cut content", "b2010a0a026e6f", "undecodable"],
    ["a length beyond the end of the sub-message", "b201040a036e6f", "undecodable"],
    ["a length beyond 4 GiB", "b201ffffffffff0f", "undecodable"],
    ["an unfinished group", "1b08016a00", "undecodable"],
    ["an end of no group", "6a001c", "undecodable"],
    ["groups in groups without end", "6a00".concat("1b".repeat(5000)), "undecodable"],
    ["a string that is not UTF-8", "b201040a02ffff", "undecodable"],
    ["a string with a surrogate", "b201050a03eda080", "undecodable"],
    ["a string with an overlong form", "b201040a02c080", "undecodable"],
    ["a long string that is not UTF-8", `b201480a46${"61".repeat(69)}ff`, "undecodable"],
    ["a channel that is not UTF-8", "1202ffff6a00", "invalid-field"],
    ["alive without membership", "18012a021200", "missing-field"],
    ["alive without timestamp", "18012a020a00", "missing-field"],
    ["state info without timestamp", "18057a022a00", "missing-field"],
    ["state info without properties", "18057a021200", "missing-field"],
    ["leadership without timestamp", "1804a20100", "missing-field"],
    ["data without payload", "18044200", "missing-field"],
    ["a membership request without self information", "18013200", "missing-field"],
    ["conn without PKI-ID", "18017203120103", "missing-field"],
    ["conn without identity", "180172030a0101", "missing-field"],
    ["private data without payload", "1803ca0100", "missing-field"],
    ["private data without read-write set", "1803ca01020a00", "missing-field"],
    ["a private data element without digest", "1803c201020a00", "missing-field"],
    ["conn with a PKI-ID of 65 bytes", `180172460a41${"aa".repeat(65)}120103`, "invalid-field"],
    ["alive with a PKI-ID of 65 bytes", `18012a470a431a41${"aa".repeat(65)}1200`, "invalid-field"],
    ["state info with a PKI-ID of 65 bytes", `18057a4712001a41${"aa".repeat(65)}2a00`, "invalid-field"],
    ["leadership with a PKI-ID of 65 bytes", `1804a201450a41${"aa".repeat(65)}1200`, "invalid-field"],
    ["peer identity with a PKI-ID of 65 bytes", `1801aa01430a41${"aa".repeat(65)}`, "invalid-field"],
  ];

  test.each(refusals)("refuses %s", (_, hex, reason) => {
    expect(readMessage(fromHex(hex))).toMatchObject({ ok: false, reason });
    expect(() => decodeMessage(fromHex(hex))).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("1.30: refuses more fields than a message may have, however few bytes they take", () => {
    const manyDeadAlives = message(
      "3a",
      new Uint8Array(2 * (maxMessageFields + 1)).map((_, i) => (i % 2 ? 0 : 0x12)),
    );
    expect(readMessage(manyDeadAlives)).toMatchObject({ ok: false, reason: "too-large" });
    const manyContents = new Uint8Array(2 * (maxMessageFields + 1)).map((_, i) => (i % 2 ? 0 : 0x6a));
    expect(readMessage(manyContents)).toMatchObject({ ok: false, reason: "too-large" });
    expect(() => decodeMessage(manyContents)).toThrow(expect.objectContaining({ code: "too-large" }));
  });

  test("takes as many fields as a message may have", () => {
    const dead = maxMessageFields - 1;
    const read = readMessage(
      message(
        "3a",
        new Uint8Array(2 * dead).map((_, i) => (i % 2 ? 0 : 0x12)),
      ),
    );
    expect(read).toMatchObject({ ok: true, value: { type: "membership-response" } });
  });

  test("1.24: takes a sub-message that may be empty for one with defaults", () => {
    expect(decodeMessage(fromHex("18012a040a001200"))).toStrictEqual(
      aliveMessage({
        member: { endpoint: "", metadata: none, pkiId: "" as PkiId },
        time: { incarnation: 0n, sequence: 0n },
      }),
    );
  });

  test("keeps the last of each field of a content", () => {
    expect(decodeMessage(fromHex("b201070a01610a026e6f"))).toStrictEqual(acknowledgement({ nonce: 0n, error: "no" }));
  });

  test("skips what it does not know, at the top and inside", () => {
    expect(decodeMessage(fromHex("0801d20f0161b20100"))).toStrictEqual(acknowledgement());
    expect(decodeMessage(fromHex("0801b20103d20f00"))).toStrictEqual(acknowledgement());
    expect(decodeMessage(fromHex("08011b08011cb20100"))).toStrictEqual(acknowledgement());
  });

  test.each([
    ["of the message", "08ffffffffffffffffff02b20100"],
    ["inside its content", "18014a0c08ffffffffffffffffff021802"],
    ["that is true or false", "18057204208080808080808080808002".replace("7204", "720b")],
    ["of a tag", "1880808080808080808002b20100"],
    ["that nobody knows", "0801d801ffffffffffffffffff03b20100"],
    ["that nobody knows, in eleven bytes", "0801d801ffffffffffffffffff8100b20100"],
  ])("1.32: refuses a number %s with more than 64 bits, as Go does", (_, hex) => {
    expect(readMessage(fromHex(hex))).toMatchObject({ ok: false, reason: "undecodable" });
  });

  test("1.32: takes a number of 64 bits in ten bytes, also where nobody knows it", () => {
    expect(decodeMessage(fromHex("08ffffffffffffffffff01d801ffffffffffffffffff01b20100")).nonce).toBe(2n ** 64n - 1n);
  });

  test("takes a field of the wrong wire type for one it does not know", () => {
    expect(decodeMessage(fromHex("0a0101b20100"))).toStrictEqual(acknowledgement({ nonce: 0n }));
  });

  test("names numbers that the schema does not name `unknown`", () => {
    expect(decodeMessage(fromHex("18096a00")).tag).toBe("unknown");
    expect(decodeMessage(fromHex("18014a021807"))).toMatchObject({ type: "hello", pullType: "unknown" });
    expect(decodeMessage(fromHex("18ffffffffffffffffff016a00")).tag).toBe("unknown");
  });

  test("keeps a byte order mark, which is a character of a name like any other", () => {
    const received = decodeMessage(encodeMessage(dataMessage({ channel: "\ufeffch" })));
    expect(received.channel).toBe("\ufeffch");
  });
});

describe("encodeMessage", () => {
  test.each([
    ["channel", dataMessage({ channel: "a\ud800" })],
    ["an endpoint", aliveMessage({ member: { endpoint: "\udc00:1", metadata: none, pkiId: pkiId("01") } })],
    ["an error", acknowledgement({ error: "\ud83d" })],
  ] satisfies [string, GossipMessage][])("refuses a lone surrogate in %s", (_, message) => {
    expect(() => encodeMessage(message)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  test("takes a pair of surrogates", () => {
    expect(decodeMessage(encodeMessage(acknowledgement({ error: "\ud83d\ude00" })))).toMatchObject({ error: "😀" });
  });

  test.each(["0", "zz", "aa".repeat(65)])("refuses %s as PKI-ID", (text) => {
    expect(() => encodeMessage(connMessage({ pkiId: text as PkiId }))).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });

  test("refuses a tag or pull type that has no number", () => {
    const messages = [acknowledgement({ tag: "unknown" as Tag }), helloMessage({ pullType: "unknown" as PullType })];
    for (const message of messages) {
      expect(() => encodeMessage(message)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });

  test("copies a large block once and pins next to nothing beside it", () => {
    const data = new Uint8Array(3_000_000).fill(7);
    const bytes = encodeMessage(dataMessage({ payload: blockPayload({ data }) }));
    expect(bytes.buffer.byteLength - bytes.length).toBeLessThan(1024);
    const { payload } = decodeMessage(bytes) as DataMessage;
    expect(Buffer.compare(payload.data, data)).toBe(0);
    expect(payload.data.buffer).toBe(bytes.buffer);
  });

  test("does not pin a pool with a small message", () => {
    const bytes = encodeMessage(acknowledgement());
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test("keeps opaque collection configs, which Fabric declares as a message, in their place", () => {
    const { payload } = privateDataMessage();
    const collectionConfigs = Uint8Array.of(0x0a, 0x00);
    const bytes = encodeMessage(privateDataMessage({ payload: { ...payload, collectionConfigs } }));
    expect(toHex(bytes)).toMatch(/32020a00$/);
    expect(decodeMessage(bytes)).toMatchObject({ payload: { collectionConfigs } });
  });

  test("sends lists in order", () => {
    const envelope = (byte: number) => ({ payload: Uint8Array.of(byte), signature: none });
    const response = membershipResponse({ alive: [envelope(2), envelope(1)], dead: [envelope(3)] });
    expect(decodeMessage(encodeMessage(response))).toStrictEqual(response);
  });
});

describe("readInternalEndpoint", () => {
  test.each([
    ["nothing", ""],
    ["garbage", "ffff"],
    ["another field", "120161"],
    ["text that is not UTF-8", "0a01ff"],
  ])("is empty for %s", (_, hex) => {
    expect(readInternalEndpoint(fromHex(hex))).toBe("");
  });

  test("has a counterpart that writes even an empty endpoint, as a set oneof member", () => {
    expect(toHex(encodeSecret(""))).toBe("0a00");
  });
});

const none = new Uint8Array(0);

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** A message with one content, given its one-byte tag. */
function message(tag: string, content: Uint8Array): Uint8Array {
  const length = [];
  let rest = content.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return new Uint8Array(Buffer.concat([Uint8Array.of(Number.parseInt(tag, 16), ...length, rest), content]));
}
