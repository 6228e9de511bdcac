import { accepted, reject } from "@gossip/crypto";
import {
  encodeSignaturePolicyEnvelope,
  type MspPrincipal,
  maxPolicyDepth,
  type SignaturePolicy,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import type { MspIdentity } from "../api.js";
import { role } from "../testing/channels.js";
import { compileSignaturePolicy } from "./signature-policy.js";

const principals: readonly MspPrincipal[] = [
  ...["alice", "bob", "carol"].map((name): MspPrincipal => ({ type: "identity", identity: utf8(name) })),
  role("Org1MSP", "member"),
];

describe("13.50: A signature policy", () => {
  test.each<readonly [string, SignaturePolicy, readonly string[], boolean]>([
    ["one signer, who signed", by(0), ["alice"], true],
    ["one signer, and another signed", by(0), ["bob"], false],
    ["one signer, and nobody signed", by(0), [], false],
    ["one of two, and the second signed", outOf(1, by(0), by(1)), ["bob"], true],
    ["two of two, and one signed", outOf(2, by(0), by(1)), ["alice"], false],
    ["two of two, and both signed in another order", outOf(2, by(0), by(1)), ["bob", "alice"], true],
    ["nobody", outOf(0), [], true],
    ["nobody of some", outOf(0, by(0)), [], true],
    ["less than nobody", outOf(-1, by(0)), [], true],
    ["one of none", outOf(1), ["alice"], false],
    ["more than there are rules", outOf(3, by(0), by(1)), ["alice", "bob"], false],
    ["two members, and one signed", outOf(2, by(3), by(3)), ["alice"], false],
    ["two members, and two signed", outOf(2, by(3), by(3)), ["alice", "bob"], true],
    // The member rule takes alice, who is first, and leaves nobody for the second rule: nothing is tried again.
    ["a member and alice, who is taken for the member", outOf(2, by(3), by(0)), ["alice", "bob"], false],
    ["a member and alice, when bob signed first", outOf(2, by(3), by(0)), ["bob", "alice"], true],
    ["alice and a member", outOf(2, by(0), by(3)), ["alice", "bob"], true],
    // The first rule fails after it used alice and bob, who must be free again for the second.
    [
      "a failed rule, which gives back whom it used",
      outOf(1, outOf(3, by(0), by(1), by(2)), outOf(2, by(0), by(1))),
      ["alice", "bob"],
      true,
    ],
    // Rules are tried though enough are satisfied, so they use up signers that a later rule of the parent would need.
    ["a rule that uses up more than it needs", outOf(2, outOf(1, by(0), by(3)), by(1)), ["alice", "bob"], false],
  ])("of %s", (_, rule, names, isSatisfied) => {
    expect(compiled(rule).evaluateIdentities(names.map(signer)).ok).toBe(isSatisfied);
  });

  test("says whom it expected and who signed", () => {
    const verdict = compiled(outOf(2, by(3), by(3))).evaluateIdentities([signer("alice")]);
    expect(verdict).toStrictEqual(
      reject(
        "policy-not-satisfied",
        "expected signers that satisfy OutOf(2, Org1MSP.member, Org1MSP.member), got Org1MSP alice",
      ),
    );
  });

  test.each([-1, 4, 2 ** 31 - 1])("13.51: with index %d, of which there is no identity, is invalid", (index) => {
    for (const rule of [by(index), outOf(1, by(0), outOf(1, by(index)))]) {
      expect(compileSignaturePolicy(encodeSignaturePolicyEnvelope({ rule, identities: principals }))).toMatchObject({
        ok: false,
        detail: expect.stringContaining(`got ${index}`),
      });
    }
  });

  test.each([
    ["no rule", "", "missing-field"],
    ["a rule of no kind", "1200", "missing-field"],
    ["another version", "0801120208001a00", "version 0, got 1"],
    ["bytes that are none", "ff", "undecodable"],
  ])("with %s is invalid", (_, hex, detail) => {
    expect(compileSignaturePolicy(fromHex(hex))).toMatchObject({ ok: false, detail: expect.stringContaining(detail) });
  });

  test("with an identity that cannot be read takes nobody for it, and the others all the same", () => {
    // Two identities: one of classification 9, and alice.
    const hex = `120c120a080112020800120208011a0208091a0908021205${Buffer.from("alice").toString("hex")}`;
    const policy = compileSignaturePolicy(fromHex(hex));
    if (!policy.ok) throw new Error(policy.detail);
    expect(policy.policy.evaluateIdentities([signer("alice")])).toStrictEqual(accepted);
    expect(policy.policy.evaluateIdentities([signer("bob")])).toMatchObject({ reason: "policy-not-satisfied" });
  });

  test("13.51: with rules that are nested too deeply is invalid", () => {
    const nested = (depth: number): SignaturePolicy => (depth === 0 ? by(0) : outOf(1, nested(depth - 1)));
    expect(compiled(nested(maxPolicyDepth - 1)).evaluateIdentities([signer("alice")])).toStrictEqual(accepted);
    const bytes = encodeSignaturePolicyEnvelope({ rule: nested(maxPolicyDepth), identities: principals });
    expect(compileSignaturePolicy(bytes)).toMatchObject({ ok: false, detail: expect.stringContaining("too-large") });
  });

  test("of thousands of rules is told in a few words", () => {
    const policy = compiled(outOf(1, ...new Array<SignaturePolicy>(4000).fill(by(3))));
    expect(policy.text.length).toBeLessThan(600);
  });
});

function compiled(rule: SignaturePolicy) {
  const policy = compileSignaturePolicy(encodeSignaturePolicyEnvelope({ rule, identities: principals }));
  if (!policy.ok) throw new Error(policy.detail);
  return policy.policy;
}

function by(index: number): SignaturePolicy {
  return { type: "signed-by", index };
}

function outOf(n: number, ...rules: readonly SignaturePolicy[]): SignaturePolicy {
  return { type: "n-out-of", n, rules };
}

/** Somebody by a name instead of a certificate; a member of Org1MSP, as everybody here. */
function signer(name: string): MspIdentity {
  return {
    mspId: "Org1MSP",
    id: name,
    notAfterMs: 0,
    wellFormed: accepted,
    validate: () => accepted,
    verify: () => accepted,
    satisfies: (principal) =>
      (principal.type === "identity" && Buffer.from(principal.identity).toString() === name) ||
      (principal.type === "role" && principal.mspId === "Org1MSP" && principal.role === "member")
        ? accepted
        : reject("policy-not-satisfied", `expected another, got ${name}`),
  };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
