import { decodeEnvelope } from "@gossip/proto";
import { describe, expect, it } from "vitest";
import { openTestNetwork, text } from "../test/support/test-network.js";

describe("Comm", () => {
  it("delivers what was sent to a peer it has never met, with the same bytes", async () => {
    const network = openTestNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("one"));
    alice.comm.send(bob, text("two"));
    await bob.until(() => bob.texts.length === 2);
    expect(bob.texts).toEqual(["one", "two"]);
    expect(bob.received[0]?.from).toMatchObject({ pkiId: alice.pkiId, direction: "inbound" });
    expect(decodeEnvelope(bob.received[0]?.bytes ?? new Uint8Array())).toEqual({ ...text("one"), secret: undefined });
    await network.close();
  });
});
