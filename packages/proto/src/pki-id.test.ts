import { expect, test } from "vitest";
import { orgId, pkiId, pkiIdFromBytes, pkiIdToBytes } from "./pki-id.js";

test("A PKI-ID is lower-case hex, and its octets come back", () => {
  expect(pkiIdFromBytes(Uint8Array.of(0xab, 0x01))).toBe("ab01");
  expect(pkiIdToBytes(pkiId("ab01"))).toStrictEqual(Uint8Array.of(0xab, 0x01));
  expect(pkiIdFromBytes(new Uint8Array(0))).toBe("");
});

test("A PKI-ID of a view covers the view alone", () => {
  expect(pkiIdFromBytes(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe("0203");
});

test("pkiId takes upper case and gives lower case", () => {
  expect(pkiId("AB01")).toBe("ab01");
});

test.each(["a", "zz", "0x01", "01 "])("pkiId refuses %j", (text) => {
  expect(() => pkiId(text)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});

test("orgId takes the name as it is", () => {
  expect(orgId("Org1MSP")).toBe("Org1MSP");
});
