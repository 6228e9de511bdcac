import { orgId } from "@gossip/proto";
import { expect, test } from "vitest";
import { Anchors } from "./anchors.js";

function setUp() {
  const said: string[] = [];
  const anchors = new Anchors({
    selfOrg: orgId("A"),
    own: ["self:1", "self.example:1"],
    bootstrap: ["boot:1"],
    toDiscovery: (input) =>
      said.push(input.type === "connect" ? `${input.role} ${input.endpoint}` : `release ${input.endpoint}`),
  });
  /** Endpoints `a…` are of our organization, the others are not. */
  const set = (channel: string, ...endpoints: string[]) => {
    anchors.set(
      channel,
      endpoints.map((endpoint) => ({ org: orgId(endpoint.startsWith("a") ? "A" : "B"), endpoint })),
    );
    return said.splice(0);
  };
  return set;
}

test("7.29: Anchors dials each new one in the role of its organization, and ourselves never", () => {
  const set = setUp();
  expect(set("x", "a:1", "b:1", "self:1", "self.example:1")).toEqual(["own-anchor a:1", "foreign-anchor b:1"]);
  expect(set("x", "a:1", "b:1", "a:2")).toEqual(["own-anchor a:2"]);
});

test("Anchors lets go of those that no channel names any more, and of bootstrap peers never", () => {
  const set = setUp();
  set("x", "a:1", "b:1", "boot:1");
  expect(set("y", "b:1")).toEqual(["foreign-anchor b:1"]);
  expect(set("x")).toEqual(["release a:1"]);
  expect(set("y")).toEqual(["release b:1"]);
});
