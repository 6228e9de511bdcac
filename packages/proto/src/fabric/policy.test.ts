import { describe, expect, test } from "vitest";
import {
  encodeImplicitMetaPolicy,
  encodeSignaturePolicyEnvelope,
  maxPolicyDepth,
  maxPolicyRules,
  readImplicitMetaPolicy,
  readSignaturePolicyEnvelope,
  type SignaturePolicy,
} from "./policy.js";
import { encodeMspPrincipal, type MspPrincipal, maxPrincipalDepth, readMspPrincipal } from "./principal.js";

const role: MspPrincipal = { type: "role", mspId: "Org1MSP", role: "orderer" };
const identity: MspPrincipal = { type: "identity", identity: bytes(7) };
const anonymous: MspPrincipal = { type: "anonymity", anonymity: "anonymous" };

describe("A principal", () => {
  /** Made by Fabric's own Go types, as are the other bytes here. */
  test.each<readonly [string, MspPrincipal]>([
    ["120b0a074f7267314d53501004", role],
    [
      "080112130a074f7267314d5350120564657074311a0108",
      { type: "organization-unit", mspId: "Org1MSP", unit: "dept1", certifiersIdentifier: bytes(8) },
    ],
    ["0802120107", identity],
    ["080312020801", anonymous],
    ["080412170a0d120b0a074f7267314d535010040a06080312020801", { type: "combined", principals: [role, anonymous] }],
  ])("has the bytes %s that Go makes, and decodes from them", (hex, principal) => {
    expect(toHex(encodeMspPrincipal(principal))).toBe(hex);
    expect(readMspPrincipal(fromHex(hex))).toStrictEqual({ ok: true, value: principal });
  });

  test.each([
    ["of no known classification", "0805", "invalid-field"],
    ["of no known role", "12021005", "invalid-field"],
    ["of no known anonymity", "080312020802", "invalid-field"],
    ["combined of none", "0804", "missing-field"],
    ["combined of one that cannot be read", "080412040a020805", "invalid-field"],
    ["whose role does not decode", "1201ff", "undecodable"],
    ["whose unit does not decode", "08011201ff", "undecodable"],
  ])("%s is refused", (_, hex, reason) => {
    expect(readMspPrincipal(fromHex(hex))).toMatchObject({ ok: false, reason });
  });

  test("combined in more levels than the limit is refused", () => {
    const nested = (levels: number): MspPrincipal =>
      levels === 1 ? role : { type: "combined", principals: [nested(levels - 1)] };
    expect(readMspPrincipal(encodeMspPrincipal(nested(maxPrincipalDepth)))).toMatchObject({ ok: true });
    expect(readMspPrincipal(encodeMspPrincipal(nested(maxPrincipalDepth + 1)))).toMatchObject({
      ok: false,
      reason: "too-large",
    });
  });

  test("is refused to be written with what has no number or no UTF-8 form", () => {
    for (const wrong of [
      { ...role, role: "guest" },
      { ...role, mspId: "\ud800" },
      { type: "anonymity", anonymity: "hidden" },
    ]) {
      expect(() => encodeMspPrincipal(wrong as MspPrincipal)).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
  });
});

describe("A signature policy", () => {
  const rule: SignaturePolicy = {
    type: "n-out-of",
    n: 2,
    rules: [
      { type: "signed-by", index: 0 },
      { type: "signed-by", index: 1 },
    ],
  };
  const hex = "120c120a080212020800120208011a0d120b0a074f7267314d535010041a050802120107";

  test("has the bytes that Go makes, and decodes from them", () => {
    expect(toHex(encodeSignaturePolicyEnvelope({ rule, identities: [role, identity] }))).toBe(hex);
    expect(readSignaturePolicyEnvelope(fromHex(hex))).toStrictEqual({
      ok: true,
      value: {
        version: 0,
        rule,
        identities: [
          { ok: true, value: role },
          { ok: true, value: identity },
        ],
      },
    });
  });

  test("keeps why an identity cannot be read", () => {
    expect(readSignaturePolicyEnvelope(fromHex("120208001a020805"))).toMatchObject({
      ok: true,
      value: { identities: [{ ok: false, reason: "invalid-field" }] },
    });
  });

  test("of two kinds at once is the last one, as in Go", () => {
    expect(readSignaturePolicyEnvelope(fromHex("1204 0801 1200".replaceAll(" ", "")))).toMatchObject({
      ok: true,
      value: { rule: { type: "n-out-of", n: 0, rules: [] } },
    });
  });

  test("is refused without a rule, with one of no kind, too deep, and too long", () => {
    expect(readSignaturePolicyEnvelope(bytes())).toMatchObject({ reason: "missing-field" });
    expect(readSignaturePolicyEnvelope(fromHex("1200"))).toMatchObject({ reason: "missing-field" });
    const nested = (levels: number): SignaturePolicy =>
      levels === 1 ? { type: "signed-by", index: 0 } : { type: "n-out-of", n: 1, rules: [nested(levels - 1)] };
    const wide = (count: number): SignaturePolicy => {
      return { type: "n-out-of", n: 1, rules: new Array<SignaturePolicy>(count - 1).fill(nested(1)) };
    };
    const read = (rule: SignaturePolicy, identities: readonly MspPrincipal[]) =>
      readSignaturePolicyEnvelope(encodeSignaturePolicyEnvelope({ rule, identities }));
    expect(read(nested(maxPolicyDepth), [])).toMatchObject({ ok: true });
    expect(read(nested(maxPolicyDepth + 1), [])).toMatchObject({ reason: "too-large" });
    expect(read(wide(maxPolicyRules - 1), [role])).toMatchObject({ ok: true });
    expect(read(wide(maxPolicyRules), [role])).toMatchObject({ reason: "too-large" });
    expect(read(nested(1), new Array<MspPrincipal>(maxPolicyRules + 1).fill(role))).toMatchObject({
      reason: "too-large",
    });
  });

  test("is refused to be written with an index or a count that is no int32", () => {
    for (const wrong of [{ type: "signed-by", index: 2 ** 31 } as const, { ...rule, n: 0.5 }]) {
      expect(() => encodeSignaturePolicyEnvelope({ rule: wrong, identities: [] })).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    }
  });
});

describe("An implicit policy", () => {
  test("has the bytes that Go makes, and decodes from them", () => {
    const policy = { subPolicy: "Admins", rule: "majority" as const };
    expect(toHex(encodeImplicitMetaPolicy(policy))).toBe("0a0641646d696e731002");
    expect(readImplicitMetaPolicy(fromHex("0a0641646d696e731002"))).toStrictEqual({ ok: true, value: policy });
    expect(readImplicitMetaPolicy(bytes())).toStrictEqual({ ok: true, value: { subPolicy: "", rule: "any" } });
  });

  test("is refused with a rule that has no name", () => {
    expect(readImplicitMetaPolicy(fromHex("1003"))).toMatchObject({ ok: false, reason: "invalid-field" });
    expect(() => encodeImplicitMetaPolicy({ subPolicy: "", rule: "most" as "any" })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
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
