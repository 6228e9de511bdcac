import { describe, expect, test } from "vitest";
import { decodeEnvelope, decodeMessage, encodeEnvelope, encodeMessage } from "./codec.js";
import { goldenEnvelopes, goldenMessages } from "./testing/index.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
describe("golden", () => {
  test.each(goldenMessages)("$name", (g) => {
    expect(hex(encodeMessage(g.value))).toBe(g.hex);
    expect(decodeMessage(unhex(g.hex))).toEqual(g.value);
  });
  test.each(goldenEnvelopes)("$name", (g) => {
    expect(hex(encodeEnvelope(g.value))).toBe(g.hex);
    expect(decodeEnvelope(unhex(g.hex))).toEqual(g.value);
  });
});
