import { type ConfigGroup, type ConfigPolicy, encodeSignaturePolicyEnvelope } from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import type { MspManager, SignedDatum } from "../api.js";
import { createMsp, createMspManager } from "../msp/msp.js";
import { anyOf, implicitPolicy, makeGroup, role } from "../testing/channels.js";
import { makeOrganization, type TestMember } from "../testing/organizations.js";
import { createPolicyTree, createSignaturePolicy } from "./policy-tree.js";

const org1 = makeOrganization("Org1MSP");
const organizations = [org1, ...["Org2MSP", "Org3MSP", "Org4MSP"].map((mspId) => makeOrganization(mspId))];
const msps = createMspManager(organizations.map(({ config }) => createMsp(config)));
const peer = org1.issue("peer0");
const peers = [peer, ...organizations.slice(1).map((organization) => organization.issue("peer0"))];

describe("13.49: An implicit policy", () => {
  /** How many of so many groups are satisfied, and whether that is enough for any, all and a majority. */
  test.each([
    { groups: 0, satisfied: 0, any: true, all: true, majority: true },
    { groups: 1, satisfied: 0, any: false, all: false, majority: false },
    { groups: 1, satisfied: 1, any: true, all: true, majority: true },
    { groups: 2, satisfied: 1, any: true, all: false, majority: false },
    { groups: 2, satisfied: 2, any: true, all: true, majority: true },
    { groups: 3, satisfied: 1, any: true, all: false, majority: false },
    { groups: 3, satisfied: 2, any: true, all: false, majority: true },
    { groups: 4, satisfied: 2, any: true, all: false, majority: false },
    { groups: 4, satisfied: 3, any: true, all: false, majority: true },
    { groups: 4, satisfied: 4, any: true, all: true, majority: true },
  ])("over $groups groups of which $satisfied are satisfied", ({ groups, satisfied, ...expected }) => {
    const signed = peers.slice(0, satisfied).map(signature);
    for (const rule of ["any", "all", "majority"] as const) {
      const policy = treeOf(groups, implicitPolicy(rule, "Readers")).policy("/Channel/Readers");
      expect({ rule, ok: policy.evaluate(signed).ok }).toEqual({ rule, ok: expected[rule] });
    }
  });

  test("counts a group without such a policy as unsatisfied", () => {
    const groups = { ...groupsOf(2), Org3MSP: makeGroup({}) };
    const tree = treeWith(makeGroup({ groups, policies: { Readers: implicitPolicy("all", "Readers") } }));
    expect(tree.policy("/Channel/Readers").evaluate(peers.map(signature))).toMatchObject({
      reason: "policy-not-satisfied",
      detail: expect.stringContaining("expected group Org3MSP to have a policy Readers, got none"),
    });
  });

  test("13.48: judges groups below by their own implicit policies, and by relative paths", () => {
    const application = makeGroup({
      groups: groupsOf(3),
      policies: { Readers: implicitPolicy("majority", "Readers") },
    });
    const policies = {
      Readers: implicitPolicy("any", "Readers"),
      OfOne: implicitPolicy("any", "Org1MSP/Readers"),
      Absolute: implicitPolicy("any", "/Channel/Application/Readers"),
      Outside: implicitPolicy("any", "/Channel/Readers"),
    };
    const tree = treeWith(makeGroup({ groups: { Application: application }, policies }));
    const verdictOf = (name: string, count: number) =>
      tree.policy(`/Channel/${name}`).evaluate(peers.slice(0, count).map(signature)).ok;
    expect([1, 2].map((count) => verdictOf("Readers", count))).toEqual([false, true]);
    expect(verdictOf("OfOne", 1)).toBe(true);
    expect([1, 2].map((count) => verdictOf("Absolute", count))).toEqual([false, true]);
    expect(verdictOf("Outside", 4)).toBe(false);
  });
});

describe("13.48: A policy by its path", () => {
  const tree = treeOf(2, implicitPolicy("any", "Readers"));

  test.each(["/Channel/Org1MSP/Readers", "/Channel/Readers"])("%s is found", (path) => {
    expect(tree.policy(path).evaluate([signature(peer)])).toEqual({ ok: true });
    expect(tree.compiled(path)).toBeDefined();
  });

  test.each([
    "",
    "/",
    "/Channel",
    "/Channel/",
    "/Channel/Writers",
    "/Channel/Org9/Readers",
    "/Other/Readers",
    "/ChannelX/Readers",
  ])("%j is missing, and rejects everybody", (path) => {
    expect(tree.policy(path).evaluate(peers.map(signature))).toMatchObject({
      reason: "policy-not-satisfied",
      detail: expect.stringContaining("got none"),
    });
    expect(tree.compiled(path)).toBeUndefined();
  });
});

describe("A configuration with a policy that is wrong is refused by the path of it", () => {
  const outOfRange = new Uint8Array([0x12, 0x02, 0x08, 0x05]);

  test.each<readonly [string, ConfigPolicy["policy"], string]>([
    ["absent", undefined, "expected a policy, got none"],
    ["of type 0", { type: 0, value: new Uint8Array(0) }, "got type 0"],
    ["of type 2", { type: 2, value: new Uint8Array(0) }, "got type 2"],
    ["a signature policy whose index is out of range", { type: 1, value: outOfRange }, "got 5"],
    ["a signature policy without a rule", { type: 1, value: new Uint8Array(0) }, "missing-field"],
    ["an implicit policy of no known rule", { type: 3, value: new Uint8Array([0x10, 0x07]) }, "invalid-field"],
    ["an implicit policy that does not decode", { type: 3, value: new Uint8Array([0xff]) }, "undecodable"],
  ])("when it is %s", (_, policy, detail) => {
    const group = makeGroup({ policies: { Odd: { version: 0n, policy, modPolicy: "" } } });
    expect(() => treeWith(makeGroup({ groups: { Org1MSP: group } }))).toThrow(
      expect.objectContaining({
        code: "malformed",
        message: expect.stringMatching(new RegExp(`^policy /Channel/Org1MSP/Odd: .*${detail}`)),
      }),
    );
  });
});

describe("13.50: Signed data", () => {
  const other = org1.issue("peer1");
  const twoMembers = rule(2);

  test("counts the same signer once, however often he signed", () => {
    expect(twoMembers.evaluate([signature(peer), signature(peer)]).ok).toBe(false);
    expect(twoMembers.evaluate([signature(peer), signature(other)]).ok).toBe(true);
  });

  test("does not check a signer again who has counted", () => {
    const again = { ...signature(peer), signature: new Uint8Array(1) };
    expect(twoMembers.evaluate([signature(peer), again, signature(other)]).ok).toBe(true);
  });

  test("counts a good signature after a bad one of the same signer", () => {
    const bad = { ...signature(peer), signature: signature(other).signature };
    expect(rule(1).evaluate([bad, signature(peer)])).toEqual({ ok: true });
  });

  test("tells why signatures did not count", () => {
    const stranger = makeOrganization("Org9MSP").issue("peer0");
    const bad = { ...signature(peer), signature: new Uint8Array(8) };
    const verdict = rule(1).evaluate([bad, signature(stranger), { ...bad, identity: new Uint8Array([0xff]) }]);
    expect(verdict).toMatchObject({
      reason: "policy-not-satisfied",
      detail: expect.stringMatching(/3 did not count: bad-signature.*unknown-organization.*malformed-identity/),
    });
  });

  test("satisfies no policy that cannot be read", () => {
    expect(createSignaturePolicy(new Uint8Array([0xff]), msps).evaluate([signature(peer)])).toMatchObject({
      reason: "policy-not-satisfied",
      detail: expect.stringContaining("expected a signature policy"),
    });
  });

  /** So many members of Org1MSP. */
  function rule(n: number) {
    const member = role("Org1MSP", "member");
    const rules = [0, 1].map((index) => ({ type: "signed-by" as const, index }));
    const policy = encodeSignaturePolicyEnvelope({
      rule: { type: "n-out-of", n, rules },
      identities: [member, member],
    });
    return createSignaturePolicy(policy, msps);
  }
});

function signature({ identity, sign }: TestMember): SignedDatum {
  const data = new TextEncoder().encode("what was signed");
  return { identity, data, signature: sign(data) };
}

function groupsOf(count: number): Record<string, ConfigGroup> {
  const names = organizations.slice(0, count).map(({ mspId }) => mspId);
  return Object.fromEntries(
    names.map((name) => [name, makeGroup({ policies: { Readers: anyOf([role(name, "member")]) } })]),
  );
}

function treeOf(count: number, readers: ConfigPolicy) {
  return treeWith(makeGroup({ groups: groupsOf(count), policies: { Readers: readers } }));
}

function treeWith(group: ConfigGroup, manager: MspManager = msps) {
  return createPolicyTree(group, manager);
}
