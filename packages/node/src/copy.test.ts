import { decodeMessage, encodeMessage } from "@gossip/proto";
import { stateInfo } from "@gossip/proto/testing";
import { describe, expect, test } from "vitest";
import { copyEnvelope, copyStateInfo } from "./copy.js";

/** Every byte array inside, however deep. */
function arraysIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(arraysIn) : [];
}

describe("copies", () => {
  test("of a state info hold on to nothing of the buffer it was received in", () => {
    const chaincodes = [{ name: "a", version: "1", metadata: Uint8Array.of(1, 2) }];
    const sent = stateInfo({ properties: { ledgerHeight: 1n, leftChannel: false, chaincodes } });
    const received = encodeMessage(sent);
    const info = decodeMessage(received);
    if (info.type !== "state-info") throw new Error(`expected a state info, got ${info.type}`);
    expect(arraysIn(info).map(({ buffer }) => buffer)).toContain(received.buffer);
    const copy = copyStateInfo(info);
    expect(copy).toEqual(info);
    expect(arraysIn(copy)).toHaveLength(2);
    expect(arraysIn(copy).map(({ buffer }) => buffer)).not.toContain(received.buffer);
  });

  test("of an envelope hold on to nothing either, not even where bytes are a Buffer", () => {
    const received = Buffer.from("payload signature secret");
    const part = (from: number, to: number) => received.subarray(from, to);
    const envelope = {
      payload: part(0, 7),
      signature: part(8, 17),
      secret: { payload: part(18, 24), signature: part(0, 1) },
    };
    const copy = copyEnvelope(envelope);
    expect(Buffer.from(copy.payload).toString()).toBe("payload");
    expect(arraysIn(copy)).toHaveLength(4);
    expect(arraysIn(copy).map(({ buffer }) => buffer)).not.toContain(received.buffer);
    expect(copyEnvelope({ payload: part(0, 1), signature: part(1, 2) })).not.toHaveProperty("secret");
  });
});
