import { accepted, type Rejection, reject, type Verdict } from "@gossip/crypto";
import { type ConfigGroup, readImplicitMetaPolicy, type Policy as WirePolicy } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import type { MspIdentity, MspManager, Policy, SignedDatum } from "../api.js";
import { type Compilation, type CompiledPolicy, compileSignaturePolicy, fault } from "./signature-policy.js";
import { signersOf } from "./signers.js";

/** `common.Policy.PolicyType` (protocol page 13 §4.4). */
const policyTypes = { signature: 1, implicitMeta: 3 } as const;

/** Name of the root group in paths; the tree itself does not name it. */
const rootName = "Channel";

/** All policies of a configuration. */
export interface PolicyTree {
  /** By path, e.g. `/Channel/Application/Readers`; a policy that is missing rejects. */
  policy(path: string): Policy;
  /** What a compiled policy of the tree says; `undefined` when it is missing. */
  compiled(path: string): CompiledPolicy | undefined;
}

/**
 * Compiles every policy of a configuration, so that one which cannot be understood is found before it is needed.
 *
 * @throws GossipError `malformed` when one cannot be compiled.
 */
export function createPolicyTree(channelGroup: ConfigGroup, msps: MspManager): PolicyTree {
  const root = compileGroup(rootName, channelGroup);
  return {
    policy(path) {
      const policy = root.find(path);
      return bound(policy ?? missing(path), msps);
    },
    compiled: (path) => root.find(path),
  };
}

/** A policy that is no part of a configuration, over the MSPs of a channel; one that cannot be read rejects. */
export function createSignaturePolicy(bytes: Uint8Array, msps: MspManager): Policy {
  const compiled = compileSignaturePolicy(bytes);
  return bound(compiled.ok ? compiled.policy : rejecting(compiled.detail), msps);
}

/** Policies of a group and, under relative paths, of the groups below it. */
class PolicyGroup {
  readonly path: string;
  readonly policies: ReadonlyMap<string, CompiledPolicy>;

  constructor(path: string, policies: ReadonlyMap<string, CompiledPolicy>) {
    this.path = path;
    this.policies = policies;
  }

  /** A name, a relative path such as `Org1/Readers`, or an absolute one that leads into this group. */
  find(path: string): CompiledPolicy | undefined {
    const own = `/${this.path}/`;
    if (path.startsWith("/")) return path.startsWith(own) ? this.policies.get(path.slice(own.length)) : undefined;
    return this.policies.get(path);
  }
}

function compileGroup(path: string, group: ConfigGroup): PolicyGroup {
  const below = [...group.groups].map(([name, sub]) => ({ name, group: compileGroup(`${path}/${name}`, sub) }));
  const policies = new Map<string, CompiledPolicy>();
  for (const [name, { policy }] of group.policies) {
    const compiled = policy === undefined ? fault("expected a policy, got none") : compilePolicy(policy, below);
    if (!compiled.ok) throw new GossipError("malformed", `policy /${path}/${name}: ${compiled.detail}`);
    policies.set(name, compiled.policy);
  }
  for (const { name, group } of below) {
    for (const [relative, policy] of group.policies) policies.set(`${name}/${relative}`, policy);
  }
  return new PolicyGroup(path, policies);
}

interface SubGroup {
  readonly name: string;
  readonly group: PolicyGroup;
}

function compilePolicy({ type, value }: WirePolicy, below: readonly SubGroup[]): Compilation {
  switch (type) {
    case policyTypes.signature:
      return compileSignaturePolicy(value);
    case policyTypes.implicitMeta:
      return compileImplicitPolicy(value, below);
    default:
      return fault(`expected a policy of type 1 (signature) or 3 (implicit), got type ${type}`);
  }
}

/** Over all groups directly below, of which those without such a policy count as unsatisfied. */
function compileImplicitPolicy(bytes: Uint8Array, below: readonly SubGroup[]): Compilation {
  const read = readImplicitMetaPolicy(bytes);
  if (!read.ok) return fault(`expected an implicit policy, got ${read.reason}: ${read.detail}`);
  const { subPolicy, rule } = read.value;
  const parts = below.map(({ name, group }) => ({ name, policy: group.find(subPolicy) }));
  const needed = threshold(rule, parts.length);
  const text = `${rule.toUpperCase()} ${subPolicy}`;
  const policy: CompiledPolicy = {
    text,
    principals: parts.flatMap((part) => part.policy?.principals ?? []),
    evaluateIdentities(identities) {
      const unsatisfied: string[] = [];
      let satisfied = 0;
      for (const part of parts) {
        if (satisfied >= needed) break;
        const verdict = part.policy?.evaluateIdentities(identities) ?? missingIn(part.name, subPolicy);
        if (verdict.ok) satisfied++;
        else unsatisfied.push(`${part.name}: ${verdict.detail}`);
      }
      if (satisfied >= needed) return accepted;
      const detail = `expected ${needed} of ${parts.length} groups to have ${subPolicy} satisfied, got ${satisfied}`;
      return reject("policy-not-satisfied", `${detail} (${unsatisfied.slice(0, maxDetails).join("; ")})`);
    },
  };
  return { ok: true, policy };
}

/** Unsatisfied groups, and refused signatures, that a detail tells of; the rest would only lengthen a log line. */
const maxDetails = 3;

function threshold(rule: "any" | "all" | "majority", count: number): number {
  if (count === 0) return 0;
  switch (rule) {
    case "any":
      return 1;
    case "all":
      return count;
    case "majority":
      return Math.floor(count / 2) + 1;
  }
}

function bound(compiled: Pick<CompiledPolicy, "evaluateIdentities">, msps: MspManager): Policy {
  return {
    evaluateIdentities: (identities: readonly MspIdentity[]): Verdict => compiled.evaluateIdentities(identities),
    evaluate(signed: readonly SignedDatum[]): Verdict {
      const { identities, refused } = signersOf(signed, msps);
      const verdict = compiled.evaluateIdentities(identities);
      return verdict.ok || refused.length === 0 ? verdict : withRefused(verdict, refused);
    },
  };
}

/** Says why signatures did not count, for "no such signer" is of little help to who knows that he signed. */
function withRefused(verdict: Rejection, refused: readonly Rejection[]): Rejection {
  const why = refused.slice(0, maxDetails).map(({ reason, detail }) => `${reason}, ${detail}`);
  return { ...verdict, detail: `${verdict.detail}; ${refused.length} did not count: ${why.join("; ")}` };
}

function missing(path: string): Pick<CompiledPolicy, "evaluateIdentities"> {
  return rejecting(`expected a policy ${path} in the configuration, got none`);
}

function missingIn(group: string, name: string): Rejection {
  return reject("policy-not-satisfied", `expected group ${group} to have a policy ${name}, got none`);
}

function rejecting(detail: string): Pick<CompiledPolicy, "evaluateIdentities"> {
  return { evaluateIdentities: () => reject("policy-not-satisfied", detail) };
}
