import { describe, expect, test } from "vitest";
import {
  type ChannelHeader,
  encodePayload,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  type HeaderType,
  readPayload,
  readSignatureHeader,
  readSignedEnvelope,
} from "./envelope.js";

const header: ChannelHeader = {
  type: "endorser-transaction",
  version: 1,
  timestampNanos: 1_700_000_000_123_456_789n,
  channelId: "mychannel",
  txId: "tx",
  epoch: 2n ** 64n - 1n,
  extension: Uint8Array.of(1),
  tlsCertHash: Uint8Array.of(2),
};
const signatureHeader = { creator: Uint8Array.of(3), nonce: Uint8Array.of(4) };
const data = Uint8Array.of(5);

describe("a payload", () => {
  test("comes back with its headers decoded and as bytes", () => {
    const read = readPayload(encodePayload({ channelHeader: header, signatureHeader, data }));
    if (!read.ok) throw new Error(read.detail);
    expect(read.value).toMatchObject({ channelHeader: header, signatureHeader, data });
    expect(read.value.signatureHeaderBytes).toStrictEqual(encodeSignatureHeader(signatureHeader));
    expect(toHex(read.value.channelHeaderBytes)).toBe(
      "080310011a0b0880e2cfaa0610959aef3a22096d796368616e6e656c2a02747830ffffffffffffffffff013a0101420102",
    );
  });

  test.each<readonly [HeaderType, string]>([
    ["message", ""],
    ["config", "0801"],
    ["config-update", "0802"],
    ["endorser-transaction", "0803"],
    ["deliver-seek-info", "0805"],
  ])("of type %s has its number in the channel header", (type, hex) => {
    expect(toHex(channelHeaderBytes({ ...empty, type }))).toBe(hex);
    expect(readHeader(hex)).toMatchObject({ type });
  });

  test("13.7: of a type we do not use is `unknown`, and cannot be written", () => {
    expect(readHeader("0804")).toMatchObject({ type: "unknown" });
    expect(() => channelHeaderBytes({ ...empty, type: "unknown" })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });

  test.each<readonly [bigint | undefined, string]>([
    [undefined, ""],
    [0n, "1a00"],
    [1n, "1a021001"],
    [1_000_000_000n, "1a020801"],
    [-1n, "1a1108ffffffffffffffffff0110ff93ebdc03"],
  ])("with timestamp %s keeps it exactly, and absent apart from zero", (timestampNanos, hex) => {
    expect(toHex(channelHeaderBytes({ ...empty, timestampNanos }))).toBe(hex);
    expect(readHeader(hex)).toStrictEqual({ ...empty, timestampNanos });
  });

  test.each(["1a06108094ebdc03", "1a0b10ffffffffffffffffff01"])(
    "with nanoseconds that are none is refused: %s",
    (hex) => {
      expect(readPayload(payloadWith(hex))).toMatchObject({ ok: false, reason: "invalid-field" });
    },
  );

  test.each([
    ["no header", "", "missing-field"],
    ["garbage as header", "0a020aff", "undecodable"],
    ["garbage as channel header", "0a030a01ff", "undecodable"],
    ["garbage as signature header", "0a031201ff", "undecodable"],
    ["a channel that is not UTF-8", "0a050a032201ff", "undecodable"],
  ])("with %s is refused", (_, hex, reason) => {
    expect(readPayload(fromHex(hex))).toMatchObject({ ok: false, reason });
  });

  test.each<readonly [string, Partial<ChannelHeader>]>([
    ["version", { version: 2 ** 31 }],
    ["version", { version: 0.5 }],
    ["epoch", { epoch: -1n }],
    ["channelId", { channelId: "\ud800" }],
    ["timestampNanos", { timestampNanos: 2n ** 100n }],
  ])("refuses to be written with a wrong %s", (name, fields) => {
    expect(() => channelHeaderBytes({ ...empty, ...fields })).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(name) }),
    );
  });
});

test("A signed envelope keeps its parts as they are", () => {
  const envelope = { payload: Uint8Array.of(1, 2), signature: Uint8Array.of(3) };
  expect(toHex(encodeSignedEnvelope(envelope))).toBe("0a020102120103");
  expect(readSignedEnvelope(fromHex("0a020102120103"))).toStrictEqual({ ok: true, value: envelope });
  expect(readSignedEnvelope(fromHex("0a05"))).toMatchObject({ ok: false, reason: "undecodable" });
});

test("A signature header keeps its parts as they are", () => {
  expect(toHex(encodeSignatureHeader(signatureHeader))).toBe("0a0103120104");
  expect(readSignatureHeader(fromHex("0a0103120104"))).toStrictEqual({ ok: true, value: signatureHeader });
});

const none = new Uint8Array(0);
const empty: ChannelHeader = {
  type: "message",
  version: 0,
  timestampNanos: undefined,
  channelId: "",
  txId: "",
  epoch: 0n,
  extension: none,
  tlsCertHash: none,
};

function channelHeaderBytes(channelHeader: ChannelHeader): Uint8Array {
  const read = readPayload(encodePayload({ channelHeader, signatureHeader, data }));
  return read.ok ? read.value.channelHeaderBytes : none;
}

function readHeader(hex: string): ChannelHeader | undefined {
  const read = readPayload(payloadWith(hex));
  return read.ok ? read.value.channelHeader : undefined;
}

function payloadWith(channelHeaderHex: string): Uint8Array {
  const length = channelHeaderHex.length / 2;
  return Uint8Array.of(0x0a, length + 2, 0x0a, length, ...fromHex(channelHeaderHex));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
