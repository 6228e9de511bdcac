import { describe, expect, test } from "vitest";
import {
  encodeBroadcastResponse,
  encodeDeliverResponse,
  encodeSeekInfo,
  readBroadcastResponse,
  readDeliverResponse,
  readSeekInfo,
  type SeekInfo,
} from "./orderer.js";

const forever: SeekInfo = {
  start: { type: "specified", number: 5n },
  stop: { type: "specified", number: 2n ** 64n - 1n },
  behavior: "block-until-ready",
  errorResponse: "strict",
  contentType: "block",
};

describe("SeekInfo", () => {
  test.each<readonly [string, Partial<SeekInfo>, string]>([
    ["what a peer asks for", {}, "0a041a020805120d1a0b08ffffffffffffffffff01"],
    ["newest to oldest", { start: { type: "newest" }, stop: { type: "oldest" } }, "0a020a0012021200"],
    ["block 0", { start: { type: "specified", number: 0n } }, "0a021a00120d1a0b08ffffffffffffffffff01"],
    [
      "every other choice",
      { behavior: "fail-if-not-ready", errorResponse: "best-effort", contentType: "header-with-sig" },
      "0a041a020805120d1a0b08ffffffffffffffffff01180120012801",
    ],
  ])("for %s has these bytes and decodes from them", (_, fields, hex) => {
    const seek = { ...forever, ...fields };
    expect(toHex(encodeSeekInfo(seek))).toBe(hex);
    expect(readSeekInfo(fromHex(hex))).toStrictEqual({ ok: true, value: seek });
  });

  test.each([
    ["nothing", "", "missing-field"],
    ["no stop", "0a020a00", "missing-field"],
    ["a start that says nothing", "0a0012021200", "no-content"],
    ["a stop that says nothing", "0a020a001200", "no-content"],
    ["a start at the next commit, which we do not serve", "0a02220012021200", "no-content"],
    ["an unknown behaviour", "0a020a00120212001802", "invalid-field"],
    ["an unknown error response", "0a020a00120212002002", "invalid-field"],
    ["an unknown content type", "0a020a00120212002802", "invalid-field"],
    ["garbage", "0aff", "undecodable"],
  ])("is refused with %s", (_, hex, reason) => {
    expect(readSeekInfo(fromHex(hex))).toMatchObject({ ok: false, reason });
  });

  test("refuses a block number that is no uint64, and a name that is none", () => {
    const wrong: readonly SeekInfo[] = [
      { ...forever, start: { type: "specified", number: -1n } },
      { ...forever, behavior: "sometimes" as SeekInfo["behavior"] },
    ];
    for (const seek of wrong) {
      expect(() => encodeSeekInfo(seek)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });
});

describe("DeliverResponse", () => {
  test("is a status, zero included, or a block kept as bytes", () => {
    const block = Uint8Array.of(0x0a, 0x00);
    expect(toHex(encodeDeliverResponse({ type: "status", status: 200 }))).toBe("08c801");
    expect(toHex(encodeDeliverResponse({ type: "status", status: 0 }))).toBe("0800");
    expect(toHex(encodeDeliverResponse({ type: "block", block }))).toBe("12020a00");
    expect(readDeliverResponse(fromHex("08c801"))).toStrictEqual({ ok: true, value: { type: "status", status: 200 } });
    expect(readDeliverResponse(fromHex("0800"))).toStrictEqual({ ok: true, value: { type: "status", status: 0 } });
    expect(readDeliverResponse(fromHex("12020a00"))).toStrictEqual({ ok: true, value: { type: "block", block } });
  });

  test("shows a block as a view into what was received", () => {
    const bytes = encodeDeliverResponse({ type: "block", block: new Uint8Array(100_000) });
    const read = readDeliverResponse(bytes);
    expect(read.ok && read.value.type === "block" && read.value.block.buffer).toBe(bytes.buffer);
  });

  test("is refused without either", () => {
    expect(readDeliverResponse(fromHex(""))).toMatchObject({ ok: false, reason: "no-content" });
    expect(readDeliverResponse(fromHex("1205"))).toMatchObject({ ok: false, reason: "undecodable" });
  });
});

describe("BroadcastResponse", () => {
  test("is a status and a text", () => {
    const response = { status: 503, info: "no leader" };
    expect(toHex(encodeBroadcastResponse(response))).toBe("08f70312096e6f206c6561646572");
    expect(readBroadcastResponse(encodeBroadcastResponse(response))).toStrictEqual({ ok: true, value: response });
  });

  test.each([-1, 0.5, 2 ** 31, Number.NaN])("refuses %d as status", (status) => {
    expect(() => encodeBroadcastResponse({ status, info: "" })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
