import { pkiId } from "@gossip/proto";
import { expect, test } from "vitest";
import { FeatureTable } from "./features.js";

const peer = pkiId("01");

test("14.4: what the last handshake of a peer said counts, and is gone with its identity", () => {
  const table = new FeatureTable();
  expect(table.has(peer, "shared-map")).toBe(false);
  table.heard({ pkiId: peer, features: ["shared-map"] });
  expect(table.has(peer, "shared-map")).toBe(true);
  table.heard({ pkiId: peer, features: [] });
  expect(table.has(peer, "shared-map")).toBe(false);
  table.heard({ pkiId: peer, features: ["shared-map"] });
  table.forget(peer);
  expect(table.has(peer, "shared-map")).toBe(false);
});
