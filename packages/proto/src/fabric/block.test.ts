import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Block, blockDataBytes, encodeBlock, isCanonicalTransaction, readBlock } from "./block.js";
import { blockHeaderBytes } from "./der.js";
import { encodeSignedEnvelope } from "./envelope.js";

const previousHash = new Uint8Array(32).fill(0x11);
const dataHash = new Uint8Array(32).fill(0x22);
const p = `0420${"11".repeat(32)}`;
const d = `0420${"22".repeat(32)}`;

/** Page 13 §10. */
const headers: readonly (readonly [number: bigint, hex: string, hash: string])[] = [
  [0n, `30270201000400${d}`, "bc6f715bf0b5af641d2359a60c419057757571a331a11111b794455d9dbfa6d3"],
  [127n, `304702017f${p}${d}`, "1e50be891d2475affbe8b2292d2f771d4ea0b0e853d52d0b341336d81fd27424"],
  [128n, `304802020080${p}${d}`, "21255970fce2d8bd67c1b022cb7528f12d311fec7fc8ba34f5414d3983808260"],
  [256n, `304802020100${p}${d}`, "102f5fcde227f2fd991cf9af0ffa571244bf6cd2aee8d14fb8ff40a0a0d44e7c"],
  [2n ** 63n, `304f0209008000000000000000${p}${d}`, "2e0de14bd29f764b8865a34ee9a7ed5579668d9320917168311b1c33bb703204"],
  [
    2n ** 64n - 1n,
    `304f020900ffffffffffffffff${p}${d}`,
    "6bd48f16ae9e5a452a33346c254ee299c24c94470654a897e60bbd94e2906e25",
  ],
];

describe("13.1, 13.2: blockHeaderBytes", () => {
  test.each(headers)("gives DER for block %d, whose SHA-256 is the block hash", (number, hex, hash) => {
    const bytes = blockHeaderBytes({ number, previousHash: number === 0n ? none : previousHash, dataHash });
    expect(toHex(bytes)).toBe(hex);
    expect(sha256(bytes)).toBe(hash);
  });

  test("uses the long form of lengths from 128 bytes on", () => {
    const header = { number: 1n, previousHash: new Uint8Array(300), dataHash: new Uint8Array(128) };
    const hex = toHex(blockHeaderBytes(header));
    expect(hex.slice(0, 22)).toBe("308201b60201010482012c");
    expect(hex.slice(22 + 600, 22 + 606)).toBe("048180");
    expect(hex.length / 2).toBe(4 + 0x1b6);
  });

  test.each([-1n, 2n ** 64n])("refuses %d as number", (number) => {
    expect(() => blockHeaderBytes({ number, previousHash, dataHash })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});

test("13.3: blockDataBytes joins the entries, so that it cannot tell where one ends", () => {
  const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(sha256(blockDataBytes([ascii("ab"), ascii("c")]))).toBe(hash);
  expect(sha256(blockDataBytes([ascii("a"), ascii("bc")]))).toBe(hash);
  expect(blockDataBytes([])).toHaveLength(0);
});

describe("13.4: isCanonicalTransaction", () => {
  test.each([1, 127, 128, 16_383, 16_384, 2_097_152])("takes an envelope with a payload of %i bytes", (length) => {
    expect(
      isCanonicalTransaction(encodeSignedEnvelope({ payload: new Uint8Array(length), signature: ascii("s") })),
    ).toBe(true);
    expect(
      isCanonicalTransaction(encodeSignedEnvelope({ payload: ascii("p"), signature: new Uint8Array(length) })),
    ).toBe(true);
  });

  test.each([
    ["nothing", ""],
    ["no signature", "0a0170"],
    ["an empty payload", "0a00120173"],
    ["an empty signature", "0a01701200"],
    ["no payload", "120173"],
    ["the fields in reverse", "1201730a0170"],
    ["a payload twice", "0a01700a0170120173"],
    ["a signature twice", "0a0170120173120173"],
    ["an unknown field behind", "0a01701201731800"],
    ["an unknown field between", "0a01701800120173"],
    ["a length that is not minimal", "0a810070120173"],
    ["a length of zero that is not minimal", "0a8000120173"],
    ["a signature length that is not minimal", "0a017012810073"],
    ["a length beyond the end", "0a0170120273"],
    ["a length without end", "0affffffffffffffffffff01"],
    ["a cut length", "0a80"],
    ["a tag that is not minimal", "8a000170120173"],
  ])("refuses %s", (_, hex) => {
    expect(isCanonicalTransaction(fromHex(hex))).toBe(false);
  });
});

describe("readBlock", () => {
  const block: Block = {
    header: { number: 2n ** 64n - 1n, previousHash, dataHash },
    data: [ascii("a"), none, ascii("b")],
    metadata: [ascii("signatures"), none, Uint8Array.of(0), none, none],
  };

  test("keeps empty entries, whose place counts", () => {
    expect(readBlock(encodeBlock(block))).toStrictEqual({ ok: true, value: block });
  });

  test("gives views into what was received", () => {
    const bytes = encodeBlock(block);
    const read = readBlock(bytes);
    expect(read.ok && read.value.data[0]?.buffer).toBe(bytes.buffer);
  });

  test("takes absent data and metadata for empty ones", () => {
    expect(readBlock(fromHex("0a00"))).toStrictEqual({
      ok: true,
      value: { header: { number: 0n, previousHash: none, dataHash: none }, data: [], metadata: [] },
    });
  });

  test.each([
    ["nothing", "", "missing-field"],
    ["no header", "12001a00", "missing-field"],
    ["garbage", "ff", "undecodable"],
  ])("refuses %s", (_, hex, reason) => {
    expect(readBlock(fromHex(hex))).toMatchObject({ ok: false, reason });
  });

  test.each([-1n, 2n ** 64n])("has a counterpart that refuses %d as number", (number) => {
    expect(() => encodeBlock({ ...block, header: { ...block.header, number } })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});

const none = new Uint8Array(0);

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
