import { accepted, reject, type Verdict } from "@gossip/crypto";
import type { Decoded } from "@gossip/proto";
import {
  type MspPrincipal,
  readSerializedIdentity,
  readSignaturePolicyEnvelope,
  type SignaturePolicy,
} from "@gossip/proto/fabric";
import type { MspIdentity } from "../api.js";

/** A policy whose bytes were read and whose indexes are in range. */
export interface CompiledPolicy {
  evaluateIdentities(identities: readonly MspIdentity[]): Verdict;
  /** For people, in the notation of Fabric's tools, e.g. `OutOf(1, Org1MSP.admin, Org1MSP.peer)`. */
  readonly text: string;
  /** Every principal that it names; one that cannot be read is left out. */
  readonly principals: readonly MspPrincipal[];
}

/** What compiling gave: the policy, or what is wrong with it. */
export type Compilation = { readonly ok: true; readonly policy: CompiledPolicy } | Fault;

/** What is wrong with a policy, for people. */
export interface Fault {
  readonly ok: false;
  readonly detail: string;
}

/** Texts of policies are cut here: a policy may have thousands of rules. */
const maxTextLength = 512;

/** Compiles a serialized `common.SignaturePolicyEnvelope` (protocol page 13 §4.4). Never throws. */
export function compileSignaturePolicy(bytes: Uint8Array): Compilation {
  const envelope = readSignaturePolicyEnvelope(bytes);
  if (!envelope.ok) return fault(`expected a signature policy, got ${envelope.reason}: ${envelope.detail}`);
  const { version, rule, identities } = envelope.value;
  if (version !== 0) return fault(`expected a signature policy of version 0, got ${version}`);
  const outOfRange = indexOutOfRange(rule, identities.length);
  if (outOfRange !== undefined) {
    return fault(`expected signed_by to be below ${identities.length}, the number of identities, got ${outOfRange}`);
  }
  const principals = identities.flatMap((one) => (one.ok ? [one.value] : []));
  const policy: CompiledPolicy = {
    evaluateIdentities(signers) {
      return isSatisfied(rule, identities, signers, new Array<boolean>(signers.length).fill(false))
        ? accepted
        : reject("policy-not-satisfied", `expected signers that satisfy ${policy.text}, got ${textOfSigners(signers)}`);
    },
    get text() {
      const text = textOf(rule, identities);
      return text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
    },
    principals,
  };
  return { ok: true, policy };
}

/** What is wrong with a policy. */
export function fault(detail: string): Fault {
  return { ok: false, detail };
}

function indexOutOfRange(rule: SignaturePolicy, count: number): number | undefined {
  if (rule.type === "signed-by") return rule.index >= 0 && rule.index < count ? undefined : rule.index;
  for (const part of rule.rules) {
    const found = indexOutOfRange(part, count);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * As the reference evaluates, without going back on a choice: the first unused signer that satisfies a principal is
 * used up, and rules are tried in order. What a rule used stays used only if the rule was satisfied. Order matters, so
 * anything smarter would part from the rest of the network.
 */
function isSatisfied(
  rule: SignaturePolicy,
  identities: readonly Decoded<MspPrincipal>[],
  signers: readonly MspIdentity[],
  used: boolean[],
): boolean {
  switch (rule.type) {
    case "signed-by": {
      const principal = identities[rule.index];
      if (!principal?.ok) return false;
      const at = signers.findIndex((signer, index) => !used[index] && signer.satisfies(principal.value).ok);
      if (at < 0) return false;
      used[at] = true;
      return true;
    }
    case "n-out-of": {
      let satisfied = 0;
      for (const part of rule.rules) {
        const marks = [...used];
        if (!isSatisfied(part, identities, signers, marks)) continue;
        satisfied++;
        for (const [index, mark] of marks.entries()) used[index] = mark;
      }
      return satisfied >= rule.n;
    }
  }
}

function textOf(rule: SignaturePolicy, identities: readonly Decoded<MspPrincipal>[]): string {
  if (rule.type === "n-out-of") {
    // No more parts than can be shown: the text of thousands would be made only to be cut.
    const parts = rule.rules.slice(0, maxTextLength / 4).map((part) => textOf(part, identities));
    return `OutOf(${[rule.n, ...parts].join(", ")})`;
  }
  const principal = identities[rule.index];
  return principal?.ok ? textOfPrincipal(principal.value) : "nobody (an unreadable principal)";
}

function textOfPrincipal(principal: MspPrincipal): string {
  switch (principal.type) {
    case "role":
      return `${principal.mspId}.${principal.role}`;
    case "organization-unit":
      return `${principal.mspId} unit ${principal.unit}`;
    case "identity": {
      const identity = readSerializedIdentity(principal.identity);
      return identity.ok ? `one identity of ${identity.value.mspId}` : "an unreadable identity";
    }
    case "anonymity":
      return principal.anonymity;
    case "combined":
      return `(${principal.principals.map(textOfPrincipal).join(" and ")})`;
  }
}

function textOfSigners(signers: readonly MspIdentity[]): string {
  if (signers.length === 0) return "none";
  const shown = signers.slice(0, 8).map(({ mspId, id }) => `${mspId} ${id.slice(0, 12)}`);
  return shown.join(", ") + (signers.length > shown.length ? ` and ${signers.length - shown.length} more` : "");
}
