import { type Member, orgId, type PkiId } from "@gossip/proto";
import { describe, expect, test } from "vitest";
import { organizationDisclosure } from "./disclosure.js";
import { pkiIdOf } from "./testing/index.js";

const orgs = new Map([
  [pkiIdOf("ours"), orgId("Org1MSP")],
  [pkiIdOf("theirs"), orgId("Org2MSP")],
  [pkiIdOf("others"), orgId("Org3MSP")],
]);
const disclosure = organizationDisclosure({
  self: pkiIdOf("self"),
  selfOrg: orgId("Org1MSP"),
  orgOf: (pkiId: PkiId) => orgs.get(pkiId),
});

function member(name: string, endpoint = `${name}.external:7051`): Member {
  return { pkiId: pkiIdOf(name), endpoint, metadata: new Uint8Array() };
}

describe("organizationDisclosure (page 04 §15.1)", () => {
  test.each([
    ["a target of unknown organization", member("stranger"), member("ours"), "nothing"],
    ["a subject of unknown organization", member("ours"), member("stranger"), "nothing"],
    ["our organization to itself, endpoints or not", member("ours", ""), member("ours", ""), "all"],
    ["ourselves to our organization", member("ours", ""), member("self", ""), "all"],
    ["another organization to itself", member("theirs", ""), member("theirs", ""), "public"],
    ["our organization to another, both with external endpoint", member("theirs"), member("ours"), "public"],
    ["ourselves to another organization", member("theirs"), member("self"), "public"],
    ["our organization to another, subject without external endpoint", member("theirs"), member("ours", ""), "nothing"],
    ["our organization to another, target without external endpoint", member("theirs", ""), member("ours"), "nothing"],
    ["a foreign member to our own organization", member("ours"), member("theirs"), "nothing"],
    ["a foreign member to a third organization", member("others"), member("theirs"), "nothing"],
  ])("4.44: tells about %s", (_, target, subject, expected) => {
    expect(disclosure(target, subject)).toBe(expected);
  });
});
