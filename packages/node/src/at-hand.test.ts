import { pkiId } from "@gossip/proto";
import { expect, test } from "vitest";
import { atHand } from "./at-hand.js";

const peers = ["01", "02", "03", "04"].map((hex) => ({ pkiId: pkiId(hex) }));
const linked = new Set(peers.slice(0, 2).map((peer) => peer.pkiId));

test("5.26: peers that need no dial are enough when there are as many as a round asks; else all come into question", () => {
  expect(atHand(peers, 2, (id) => linked.has(id))).toEqual(peers.slice(0, 2));
  expect(atHand(peers, 3, (id) => linked.has(id))).toEqual(peers);
});
