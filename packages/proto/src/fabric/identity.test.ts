import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { goldenIdentities } from "../testing/index.js";
import { encodeSerializedIdentity, readSerializedIdentity } from "./identity.js";

describe.each(goldenIdentities)("$name", ({ hex, value, pkiId, channelMac }) => {
  test("encodes to Go's bytes and decodes from them", () => {
    expect(Buffer.from(encodeSerializedIdentity(value)).toString("hex")).toBe(hex);
    expect(readSerializedIdentity(new Uint8Array(Buffer.from(hex, "hex")))).toStrictEqual({ ok: true, value });
  });

  test("has its parts hashed to its PKI-ID, and with a channel to its MAC", () => {
    const hash = createHash("sha256").update(value.mspId).update(value.idBytes).digest();
    expect(hash.toString("hex")).toBe(pkiId);
    expect(createHash("sha256").update(hash).update("mychannel").digest("hex")).toBe(channelMac);
  });
});

test("An identity whose organization is not UTF-8 is refused, in both directions", () => {
  expect(readSerializedIdentity(Uint8Array.of(0x0a, 1, 0xff))).toMatchObject({ ok: false, reason: "undecodable" });
  expect(() => encodeSerializedIdentity({ mspId: "\ud800", idBytes: new Uint8Array(0) })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});
