import { expect, test } from "vitest";
import { pkiId } from "../pki-id.js";
import {
  encodeRevocationList,
  encodeRevocationListBody,
  maxRevokedIdentities,
  type RevocationListBody,
  readRevocationList,
  readRevocationListBody,
} from "./revocation-list.js";

const body: RevocationListBody = {
  version: 1,
  org: "Org1MSP",
  number: 2n ** 64n - 1n,
  revoked: [pkiId("ab".repeat(32)), pkiId("01".repeat(32))],
};

test("A revocation list keeps the body's bytes and the signature as they are", () => {
  const list = { body: encodeRevocationListBody(body), signature: new Uint8Array(64).fill(1) };
  expect(readRevocationList(encodeRevocationList(list))).toStrictEqual({ ok: true, value: list });
  expect(readRevocationList(Uint8Array.of(0x0a, 0x05))).toMatchObject({ ok: false, reason: "undecodable" });
});

test("The body of a revocation list has these bytes and decodes from them", () => {
  const bytes = encodeRevocationListBody(body);
  const hex = `080112074f7267314d535018ffffffffffffffffff012220${"ab".repeat(32)}2220${"01".repeat(32)}`;
  expect(Buffer.from(bytes).toString("hex")).toBe(hex);
  expect(readRevocationListBody(bytes)).toStrictEqual({ ok: true, value: body });
});

test("The body of a revocation list is refused with a PKI-ID of another length, or with too many", () => {
  const odd = encodeRevocationListBody({ ...body, revoked: [pkiId("ab")] });
  expect(readRevocationListBody(odd)).toMatchObject({ ok: false, reason: "invalid-field" });
  const revoked = Array.from({ length: maxRevokedIdentities + 1 }, () => pkiId("ab".repeat(32)));
  const large = encodeRevocationListBody({ ...body, revoked });
  expect(readRevocationListBody(large)).toMatchObject({ ok: false, reason: "too-large" });
});

test("The body of a revocation list refuses to be written with a number that is no uint64", () => {
  expect(() => encodeRevocationListBody({ ...body, number: -1n })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});
