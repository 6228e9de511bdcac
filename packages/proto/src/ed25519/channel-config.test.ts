import { expect, test } from "vitest";
import { type ChannelConfig, encodeChannelConfig, readChannelConfig } from "./channel-config.js";

const key = (byte: number) => new Uint8Array(32).fill(byte);
const config: ChannelConfig = {
  channelId: "demo",
  sequence: 2n ** 64n - 1n,
  organizations: [
    { id: "Org1MSP", rootPublicKey: key(1), anchors: ["127.0.0.1:7051", "127.0.0.1:7052"] },
    { id: "Org2MSP", rootPublicKey: key(2), anchors: [] },
  ],
  ordererOrganizations: [{ id: "OrdererMSP", rootPublicKey: key(3), endpoints: ["127.0.0.1:7050"] }],
};

test("A channel configuration decodes to what was encoded", () => {
  expect(readChannelConfig(encodeChannelConfig(config))).toStrictEqual({ ok: true, value: config });
});

test("A channel configuration with a root key of the wrong length is refused, in both directions", () => {
  const organization = { id: "Org1MSP", rootPublicKey: new Uint8Array(31), anchors: [] };
  expect(() => encodeChannelConfig({ ...config, organizations: [organization] })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
  const withoutKey = (field: number) => Uint8Array.of(field, 0x03, 0x0a, 0x01, 0x61);
  expect(readChannelConfig(withoutKey(0x1a))).toMatchObject({ ok: false, reason: "invalid-field" });
  expect(readChannelConfig(withoutKey(0x22))).toMatchObject({ ok: false, reason: "invalid-field" });
});

test("A channel configuration refuses a sequence that is no uint64 and a name without UTF-8 form", () => {
  for (const wrong of [
    { ...config, sequence: -1n },
    { ...config, channelId: "\ud800" },
  ]) {
    expect(() => encodeChannelConfig(wrong)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  }
});
