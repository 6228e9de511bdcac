import { expect, test } from "vitest";
import {
  encodeIdentifierHeader,
  encodeLastConfig,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  type Metadata,
  readIdentifierHeader,
  readLastConfig,
  readMetadata,
  readOrdererBlockMetadata,
} from "./metadata.js";

const none = new Uint8Array(0);

test("Metadata keeps value, signatures and both kinds of header as they are", () => {
  const metadata: Metadata = {
    value: Uint8Array.of(1),
    signatures: [
      { signatureHeader: Uint8Array.of(2), signature: Uint8Array.of(3), identifierHeader: none },
      { signatureHeader: none, signature: Uint8Array.of(4), identifierHeader: Uint8Array.of(5) },
    ],
  };
  const hex = "0a010112060a010212010312061201041a0105";
  expect(toHex(encodeMetadata(metadata))).toBe(hex);
  expect(readMetadata(fromHex(hex))).toStrictEqual({ ok: true, value: metadata });
  expect(readMetadata(fromHex("0a02"))).toMatchObject({ ok: false, reason: "undecodable" });
});

test.each<readonly [bigint | undefined, string]>([
  [undefined, ""],
  [0n, "0a00"],
  [1n, "0a020801"],
  [2n ** 64n - 1n, "0a0b08ffffffffffffffffff01"],
])("Orderer metadata keeps last config index %s, and absent apart from 0", (lastConfigIndex, hex) => {
  const metadata = { lastConfigIndex, consenterMetadata: none };
  expect(toHex(encodeOrdererBlockMetadata(metadata))).toBe(hex);
  expect(readOrdererBlockMetadata(fromHex(hex))).toStrictEqual({ ok: true, value: metadata });
});

test("Orderer metadata refuses an index that is no uint64", () => {
  expect(() => encodeOrdererBlockMetadata({ lastConfigIndex: -1n, consenterMetadata: none })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});

test("13.62: The last config of slot 1 and the header of a consenter have the bytes that Go makes", () => {
  expect(toHex(encodeLastConfig({ index: 2n ** 63n }))).toBe("0880808080808080808001");
  expect(readLastConfig(fromHex("0880808080808080808001"))).toStrictEqual({ ok: true, value: { index: 2n ** 63n } });
  const header = { identifier: 2 ** 32 - 1, nonce: Uint8Array.of(1, 2) };
  expect(toHex(encodeIdentifierHeader(header))).toBe("08ffffffff0f12020102");
  expect(readIdentifierHeader(fromHex("08ffffffff0f12020102"))).toStrictEqual({ ok: true, value: header });
  for (const read of [readLastConfig, readIdentifierHeader]) {
    expect(read(fromHex("ff"))).toMatchObject({ ok: false, reason: "undecodable" });
  }
  for (const wrong of [
    () => encodeLastConfig({ index: -1n }),
    () => encodeIdentifierHeader({ ...header, identifier: -1 }),
  ]) {
    expect(wrong).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  }
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
