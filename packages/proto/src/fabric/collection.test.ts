import { expect, test } from "vitest";
import { type CollectionConfig, encodeCollectionConfigs, readCollectionConfigs } from "./collection.js";

const policyHex = "120c120a080212020800120208011a0d120b0a074f7267314d535010041a050802120107";
const collection: CollectionConfig = {
  name: "secrets",
  memberOrgsPolicy: fromHex(policyHex),
  requiredPeerCount: 1,
  maximumPeerCount: 3,
  blockToLive: 2n ** 63n,
  memberOnlyRead: true,
  memberOnlyWrite: true,
  endorsementPolicy: fromHex("120145"),
};
/** Made by Fabric's own Go types. */
const hex = `0a4b0a490a077365637265747312260a24${policyHex}180120032880808080808080808001300138014203120145`;

test("Collections have the bytes that Go makes, and decode from them with their policies as they came", () => {
  expect(toHex(encodeCollectionConfigs([collection]))).toBe(hex);
  expect(readCollectionConfigs(fromHex(hex))).toStrictEqual({ ok: true, value: [collection] });
});

test("A collection may have nothing but a name", () => {
  const bare: CollectionConfig = {
    name: "a",
    memberOrgsPolicy: bytes(),
    requiredPeerCount: 0,
    maximumPeerCount: 0,
    blockToLive: 0n,
    memberOnlyRead: false,
    memberOnlyWrite: false,
    endorsementPolicy: bytes(),
  };
  expect(toHex(encodeCollectionConfigs([bare]))).toBe("0a050a030a0161");
  expect(readCollectionConfigs(fromHex("0a050a030a0161"))).toStrictEqual({ ok: true, value: [bare] });
  expect(readCollectionConfigs(bytes())).toStrictEqual({ ok: true, value: [] });
});

test("A collection of another kind is refused, and bytes that are none", () => {
  expect(readCollectionConfigs(fromHex("0a00"))).toMatchObject({ ok: false, reason: "no-content" });
  expect(readCollectionConfigs(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
});

test.each<readonly [string, Partial<CollectionConfig>]>([
  ["name", { name: "\ud800" }],
  ["requiredPeerCount", { requiredPeerCount: 2 ** 31 }],
  ["maximumPeerCount", { maximumPeerCount: 0.5 }],
  ["blockToLive", { blockToLive: -1n }],
])("A collection is refused to be written with a wrong %s", (name, fields) => {
  expect(() => encodeCollectionConfigs([{ ...collection, ...fields }])).toThrow(
    expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(name) }),
  );
});

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
