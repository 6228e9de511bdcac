import { describe, expect, test } from "vitest";
import {
  type ConfigGroup,
  encodeConfig,
  encodeConfigEnvelope,
  encodeConfigUpdate,
  encodeConfigUpdateEnvelope,
  maxConfigDepth,
  readConfig,
  readConfigEnvelope,
  readConfigUpdate,
  readConfigUpdateEnvelope,
} from "./config.js";

const empty = groupOf({});
const group = groupOf({
  version: 1n,
  groups: new Map([["Org1", empty]]),
  values: new Map([["MSP", { version: 2n, value: bytes(1), modPolicy: "Admins" }]]),
  policies: new Map([
    ["Readers", { version: 3n, policy: { type: 3, value: bytes(2) }, modPolicy: "Admins" }],
    ["Void", { version: 0n, policy: undefined, modPolicy: "" }],
  ]),
  modPolicy: "Admins",
});
/** Made by Fabric's own Go types, as are the other bytes here. */
const groupHex =
  "080112080a044f72673112001a140a034d5350120d08021201011a0641646d696e73221c0a075265616465727312110803120508031201021a0641646d696e7322080a04566f696412002a0641646d696e73";

describe("A configuration", () => {
  test("has the bytes that Go makes, and decodes from them", () => {
    const config = { sequence: 2n ** 64n - 1n, channelGroup: group };
    const hex = `08ffffffffffffffffff011252${groupHex}`;
    expect(toHex(encodeConfig(config))).toBe(hex);
    expect(readConfig(fromHex(hex))).toStrictEqual({ ok: true, value: config });
  });

  test("keeps the bytes of the update that led to it", () => {
    const envelope = { config: { sequence: 1n, channelGroup: group }, lastUpdate: fromHex("0a0101120102") };
    const hex = `0a5608011252${groupHex}12060a0101120102`;
    expect(toHex(encodeConfigEnvelope(envelope))).toBe(hex);
    expect(readConfigEnvelope(fromHex(hex))).toStrictEqual({ ok: true, value: envelope });
  });

  test.each([
    ["config", "1200", readConfigEnvelope],
    ["channel_group", "0801", readConfig],
  ] as const)("is refused without %s", (_, hex, read) => {
    expect(read(fromHex(hex))).toMatchObject({ ok: false, reason: "missing-field" });
  });

  test.each([
    ["group", "12 04 0a02 6162", "1204 0a02 6162"],
    ["value", "1a 04 0a02 6162", "1a04 0a02 6162"],
    ["policy", "22 04 0a02 6162", "2204 0a02 6162"],
  ])("takes a %s without content for an empty one, and refuses it when it comes twice", (kind, once, again) => {
    const [one, two] = [once, once + again].map((hex) => fromHex(hex.replaceAll(" ", "")));
    expect(readConfig(inConfig(one))).toMatchObject({ ok: true });
    expect(readConfig(inConfig(two))).toMatchObject({
      ok: false,
      reason: "ambiguous-content",
      detail: `expected ${kind} "ab" once, got it twice`,
    });
  });

  test("is refused with more levels of groups than the limit", () => {
    const nested = (levels: number): ConfigGroup =>
      levels === 1 ? empty : groupOf({ groups: new Map([["a", nested(levels - 1)]]) });
    const bytesOf = (levels: number) => encodeConfig({ sequence: 0n, channelGroup: nested(levels) });
    expect(readConfig(bytesOf(maxConfigDepth))).toMatchObject({ ok: true });
    expect(readConfig(bytesOf(maxConfigDepth + 1))).toMatchObject({ ok: false, reason: "too-large" });
  });

  test("has keys that are no names of properties", () => {
    const channelGroup = groupOf({ groups: new Map([["__proto__", empty]]) });
    const read = readConfig(encodeConfig({ sequence: 0n, channelGroup }));
    expect(read).toStrictEqual({ ok: true, value: { sequence: 0n, channelGroup } });
  });

  test.each<readonly [string, ConfigGroup]>([
    ["a version that is no uint64", groupOf({ version: -1n })],
    ["a mod policy without UTF-8 form", groupOf({ modPolicy: "\ud800" })],
    ["a key without UTF-8 form", groupOf({ groups: new Map([["\ud800", empty]]) })],
    ["a policy whose type is no int32", groupOf({ policies: new Map([["a", oddPolicy(2 ** 31)]]) })],
  ])("is refused to be written with %s", (_, channelGroup) => {
    expect(() => encodeConfig({ sequence: 0n, channelGroup })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});

describe("An update of a configuration", () => {
  test("has the bytes that Go makes, and decodes from them", () => {
    const update = { channelId: "c", readSet: empty, writeSet: group };
    const hex = `0a016312001a52${groupHex}`;
    expect(toHex(encodeConfigUpdate(update))).toBe(hex);
    expect(readConfigUpdate(fromHex(hex))).toStrictEqual({ ok: true, value: update });
  });

  test("keeps its bytes and the signatures over them", () => {
    const envelope = { configUpdate: bytes(1), signatures: [{ signatureHeader: bytes(2), signature: bytes(3) }] };
    const hex = "0a010112060a0102120103";
    expect(toHex(encodeConfigUpdateEnvelope(envelope))).toBe(hex);
    expect(readConfigUpdateEnvelope(fromHex(hex))).toStrictEqual({ ok: true, value: envelope });
  });

  test("is refused when a set has a key twice", () => {
    const twice = fromHex("12040a02616212040a026162");
    for (const field of [0x12, 0x1a]) {
      const update = Uint8Array.from([field, twice.length, ...twice]);
      expect(readConfigUpdate(update)).toMatchObject({ ok: false, reason: "ambiguous-content" });
    }
  });

  test("is refused when it does not decode", () => {
    expect(readConfigUpdate(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
    expect(readConfigUpdateEnvelope(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
  });
});

function groupOf(parts: Partial<ConfigGroup>): ConfigGroup {
  return { version: 0n, groups: new Map(), values: new Map(), policies: new Map(), modPolicy: "", ...parts };
}

function oddPolicy(type: number) {
  return { version: 0n, policy: { type, value: bytes() }, modPolicy: "" };
}

function inConfig(group: Uint8Array = bytes()): Uint8Array {
  return Uint8Array.from([0x12, group.length, ...group]);
}

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
