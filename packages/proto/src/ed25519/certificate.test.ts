import { describe, expect, test } from "vitest";
import {
  type CertificateBody,
  encodeCertificate,
  encodeCertificateBody,
  type IdentityRole,
  readCertificate,
  readCertificateBody,
} from "./certificate.js";

const key = new Uint8Array(32).fill(0xab);
const body: CertificateBody = {
  version: 1,
  serial: Uint8Array.of(9),
  org: "Org1MSP",
  name: "peer0.org1",
  role: "peer",
  publicKey: key,
  notBeforeMs: 0,
  notAfterMs: Number.MAX_SAFE_INTEGER,
};
const bodyHex = `08011201091a074f7267314d5350220a70656572302e6f72673128013220${"ab".repeat(32)}40ffffffffffffff0f`;

test("A certificate keeps the body's bytes and the signature as they are", () => {
  const certificate = { body: fromHex(bodyHex), signature: new Uint8Array(64).fill(1) };
  expect(readCertificate(encodeCertificate(certificate))).toStrictEqual({ ok: true, value: certificate });
  expect(readCertificate(fromHex("0a05"))).toMatchObject({ ok: false, reason: "undecodable" });
});

describe("The body of a certificate", () => {
  test("has these bytes and decodes from them", () => {
    expect(toHex(encodeCertificateBody(body))).toBe(bodyHex);
    expect(readCertificateBody(fromHex(bodyHex))).toStrictEqual({ ok: true, value: body });
  });

  test.each<IdentityRole>(["peer", "orderer", "client", "admin"])("keeps the role %s", (role) => {
    expect(readCertificateBody(encodeCertificateBody({ ...body, role }))).toMatchObject({ ok: true, value: { role } });
  });

  test.each([
    ["no role", `3220${"ab".repeat(32)}`],
    ["a role that is none", `28053220${"ab".repeat(32)}`],
    ["a key of 31 bytes", `2801321f${"ab".repeat(31)}`],
    ["a start beyond 2^53", `28013220${"ab".repeat(32)}388080808080808010`],
    ["an end beyond 2^53", `28013220${"ab".repeat(32)}40ffffffffffffffffff01`],
  ])("is refused with %s", (_, hex) => {
    expect(readCertificateBody(fromHex(hex))).toMatchObject({ ok: false, reason: "invalid-field" });
  });

  test.each<readonly [string, Partial<CertificateBody>]>([
    ["publicKey", { publicKey: new Uint8Array(31) }],
    ["version", { version: -1 }],
    ["notBeforeMs", { notBeforeMs: 0.5 }],
    ["notAfterMs", { notAfterMs: 2 ** 53 }],
    ["org", { org: "\ud800" }],
    ["role", { role: "guest" as IdentityRole }],
  ])("refuses to be written with a wrong %s", (name, fields) => {
    expect(() => encodeCertificateBody({ ...body, ...fields })).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining(name) }),
    );
  });
});

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
