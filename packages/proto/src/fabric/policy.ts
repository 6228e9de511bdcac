import type { Decoded } from "../decoded.js";
import { common } from "../generated/fabric.js";
import {
  checkedText,
  decoded,
  type Init,
  indexIn,
  integer,
  missing,
  parseAs,
  refused,
  serialize,
  unknownNumber,
} from "../wire.js";
import type { MspPrincipal } from "./principal.js";
import { principalFrom, principalToWire } from "./principal-wire.js";

/** `common.SignaturePolicy`: one signature, or some of several rules (page 13 §4.4). */
export type SignaturePolicy =
  /** `index` is into the identities of the envelope. */
  | { readonly type: "signed-by"; readonly index: number }
  /** At least `n` of them; they are tried in order. */
  | { readonly type: "n-out-of"; readonly n: number; readonly rules: readonly SignaturePolicy[] };

/** `common.SignaturePolicyEnvelope`: a rule, and whom its indexes mean. */
export interface SignaturePolicyEnvelope {
  readonly version: number;
  readonly rule: SignaturePolicy;
  /** One that cannot be read is nobody; the others count all the same. */
  readonly identities: readonly Decoded<MspPrincipal>[];
}

/** `common.ImplicitMetaPolicy`: how many of the groups below must have their policy of this name satisfied. */
export interface ImplicitMetaPolicy {
  readonly subPolicy: string;
  readonly rule: "any" | "all" | "majority";
}

/** Levels of rules within rules; people write three at most. */
export const maxPolicyDepth = 32;

/** Rules and identities of one policy; they bound the work of judging it. */
export const maxPolicyRules = 4096;

/** Reads a signature policy. Whether its indexes are in range is not looked at. Never throws. */
export function readSignaturePolicyEnvelope(bytes: Uint8Array): Decoded<SignaturePolicyEnvelope> {
  return parseAs(common.SignaturePolicyEnvelope, bytes, ({ version, rule, identities }) => {
    const budget = { rules: maxPolicyRules - identities.length };
    if (budget.rules < 0) return tooManyRules();
    const read = ruleFrom(rule, budget, 1);
    if (!read.ok) return read;
    return decoded({ version, rule: read.value, identities: identities.map((wire) => principalFrom(wire)) });
  });
}

/**
 * Serializes a signature policy of version 0.
 *
 * @throws GossipError `invalid-argument` when a number is no int32 or a string has no UTF-8 form.
 */
export function encodeSignaturePolicyEnvelope(policy: {
  readonly rule: SignaturePolicy;
  readonly identities: readonly MspPrincipal[];
}): Uint8Array {
  return serialize(
    common.SignaturePolicyEnvelope,
    { rule: ruleToWire(policy.rule), identities: policy.identities.map(principalToWire) },
    4096,
  );
}

// By their numbers.
const implicitRules = ["any", "all", "majority"] as const;

/** Reads an implicit policy. Never throws. */
export function readImplicitMetaPolicy(bytes: Uint8Array): Decoded<ImplicitMetaPolicy> {
  return parseAs(common.ImplicitMetaPolicy, bytes, ({ subPolicy, rule }) => {
    const name = implicitRules[rule];
    return name === undefined ? unknownNumber("rule", implicitRules.length, rule) : decoded({ subPolicy, rule: name });
  });
}

/**
 * Serializes an implicit policy.
 *
 * @throws GossipError `invalid-argument` when the name has no UTF-8 form or the rule no number.
 */
export function encodeImplicitMetaPolicy({ subPolicy, rule }: ImplicitMetaPolicy): Uint8Array {
  return serialize(common.ImplicitMetaPolicy, {
    subPolicy: checkedText(subPolicy, "subPolicy"),
    rule: indexIn(implicitRules, rule, "rule"),
  });
}

function ruleFrom(
  wire: common.SignaturePolicy | null,
  budget: { rules: number },
  depth: number,
): Decoded<SignaturePolicy> {
  if (wire === null) return missing("rule");
  if (--budget.rules < 0) return tooManyRules();
  if (depth > maxPolicyDepth) return refused("too-large", `expected at most ${maxPolicyDepth} levels of rules`);
  const { signedBy, nOutOf } = wire;
  if (nOutOf === null) {
    return signedBy === null ? missing("rule.Type") : decoded({ type: "signed-by", index: signedBy });
  }
  const rules: SignaturePolicy[] = [];
  for (const part of nOutOf.rules) {
    const rule = ruleFrom(part, budget, depth + 1);
    if (!rule.ok) return rule;
    rules.push(rule.value);
  }
  return decoded({ type: "n-out-of", n: nOutOf.n, rules });
}

function ruleToWire(rule: SignaturePolicy): Init<common.SignaturePolicy> {
  switch (rule.type) {
    case "signed-by":
      return { signedBy: integer(rule.index, "index", -(2 ** 31), 2 ** 31 - 1) };
    case "n-out-of":
      return { nOutOf: { n: integer(rule.n, "n", -(2 ** 31), 2 ** 31 - 1), rules: rule.rules.map(ruleToWire) } };
  }
}

function tooManyRules(): Decoded<never> {
  return refused("too-large", `expected at most ${maxPolicyRules} rules and identities in a policy`);
}
