import { unsigned } from "@gossip/crypto";
import { decodeEnvelope, decodeMessage, type GossipMessage, type PkiId } from "@gossip/proto";
import { dataMessage } from "@gossip/proto/testing";
import { describe, expect, it } from "vitest";
import { type TestNode, VirtualNetwork } from "../test/support/virtual-network.js";
import type { AckOutcome } from "./acks.js";
import type { Received } from "./receiver.js";

const message: GossipMessage = dataMessage({ nonce: 5n });

const messageOf = (received: Received | undefined) =>
  decodeMessage(decodeEnvelope(received?.bytes ?? new Uint8Array()).payload);

function acknowledge(received: Received | undefined, error = ""): void {
  const { nonce } = messageOf(received);
  received?.respond(unsigned({ type: "ack", nonce, channel: "", tag: "undefined", error }));
}

/** How a message went, in short; empty until it is known. */
function sendWithAck(from: TestNode, peers: readonly TestNode[], minAcks = peers.length, timeoutMs = 3_000): string[] {
  const told: string[] = [];
  const onSettled = ({ results }: AckOutcome) =>
    told.push(results.map((one) => (one.ok ? "ok" : `${one.reason}: ${one.detail}`)).join("; "));
  from.comm.sendWithAck(message, peers, { minAcks, timeoutMs, onSettled });
  return told;
}

describe("Comm.sendWithAck", () => {
  it("03/13.4.1, 3.29: tells when all have acknowledged a message that came under one fresh nonce", () => {
    const network = new VirtualNetwork();
    const [alice, bob, carol] = network.open("Org1:alice", "Org1:bob", "Org2:carol");
    const told = sendWithAck(alice, [bob, carol]);
    network.virtual.runFor(100);
    expect(messageOf(bob.received[0])).toEqual(messageOf(carol.received[0]));
    expect(messageOf(bob.received[0])).toEqual({ ...message, nonce: messageOf(bob.received[0]).nonce });
    expect(messageOf(bob.received[0]).nonce).not.toBe(5n);
    acknowledge(bob.received[0]);
    network.virtual.runFor(100);
    expect(told).toEqual([]);
    acknowledge(carol.received[0], "no room on the disk");
    network.virtual.runFor(100);
    expect(told).toEqual(["ok; refused: no room on the disk"]);
  });

  it("03/13.4.8, 3.29: takes the ack that it awaits, and passes it on to nobody else", () => {
    const network = new VirtualNetwork();
    const [alice, bob, carol] = network.open("Org1:alice", "Org1:bob", "Org1:carol");
    const told = sendWithAck(alice, [bob]);
    carol.comm.send(alice, unsigned({ type: "empty", nonce: 0n, channel: "", tag: "empty" }));
    network.virtual.runFor(100);
    // Whoever learns the nonce of another's message cannot answer for it.
    const { nonce } = messageOf(bob.received[0]);
    carol.comm.send(alice, unsigned({ type: "ack", nonce, channel: "", tag: "undefined", error: "" }));
    network.virtual.runFor(100);
    expect([told, alice.received.map((one) => messageOf(one).type)]).toEqual([[], ["empty", "ack"]]);
    acknowledge(bob.received[0]);
    acknowledge(bob.received[0]);
    network.virtual.runFor(100);
    expect([told, alice.received.map((one) => messageOf(one).type)]).toEqual([["ok"], ["empty", "ack", "ack"]]);
  });

  it("03/13.4.9: passes on everything else, whatever its nonce, and goes on waiting", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const told = sendWithAck(alice, [bob]);
    network.virtual.runFor(100);
    const { nonce } = messageOf(bob.received[0]);
    bob.received[0]?.respond(unsigned({ ...message, nonce }));
    network.virtual.runFor(100);
    expect([told, alice.received.map((one) => messageOf(one))]).toEqual([[], [{ ...message, nonce }]]);
  });

  it("3.34: tells at once who cannot be reached, and waits for the others", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const nobody = { pkiId: "aa" as PkiId, endpoint: "nobody:7051" };
    const results: AckOutcome[] = [];
    const onSettled = (outcome: AckOutcome) => results.push(outcome);
    alice.comm.sendWithAck(message, [nobody, bob], { minAcks: 2, timeoutMs: 3_000, onSettled });
    network.virtual.runFor(100);
    acknowledge(bob.received[0]);
    network.virtual.runFor(100);
    expect(results).toMatchObject([{ acknowledged: 1, results: [{ reason: "dial-failed" }, { ok: true }] }]);
  });

  it("14.2: gives a message of an extension to nobody who did not name it, and says so", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const results: AckOutcome[] = [];
    const onSettled = (outcome: AckOutcome) => results.push(outcome);
    alice.comm.sendWithAck(message, [bob], { minAcks: 1, timeoutMs: 3_000, feature: "application", onSettled });
    network.virtual.runFor(100);
    expect(results).toMatchObject([{ acknowledged: 0, results: [{ reason: "not-understood" }] }]);
    expect(bob.received).toEqual([]);
  });

  it("3.34: has one deadline for the dial and the wait together", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const told = sendWithAck(alice, [bob], 1, 500);
    network.virtual.runFor(499);
    expect(told).toEqual([]);
    network.virtual.runFor(1);
    expect(told).toEqual(["timed-out: no acknowledgement in time"]);
  });

  it("3.34: takes the answer of whoever has the peer's endpoint now, in the same organization", () => {
    const network = new VirtualNetwork();
    const [alice, old] = network.open("Org1:alice", "Org1:old");
    const renewed = network.openOne("Org1:renewed");
    alice.comm.send(old, unsigned(message));
    network.virtual.runFor(2_000);
    alice.comm.disconnect(old.pkiId, "test");
    network.virtual.runFor(20_000);
    for (const round of [0, 1]) {
      const results: AckOutcome[] = [];
      const onSettled = (outcome: AckOutcome) => results.push(outcome);
      const peer = { pkiId: old.pkiId, endpoint: renewed.endpoint };
      alice.comm.sendWithAck(message, [peer], { minAcks: 1, timeoutMs: 3_000, onSettled });
      network.virtual.runFor(100);
      acknowledge(renewed.received[round]);
      network.virtual.runFor(100);
      expect(results).toEqual([{ acknowledged: 1, results: [{ pkiId: old.pkiId, ok: true }] }]);
    }
  });

  it("03/13.4.7: closing, and what is sent after it, gives a result per peer that says so", async () => {
    const network = new VirtualNetwork();
    const [alice, bob, carol] = network.open("Org1:alice", "Org1:bob", "Org1:carol");
    const before = sendWithAck(alice, [bob, carol]);
    network.virtual.runFor(100);
    await alice.comm.close();
    const after = sendWithAck(alice, [bob]);
    expect(after).toEqual([]);
    network.virtual.runFor(100);
    expect(before).toEqual(["closing: this node is closing; closing: this node is closing"]);
    expect(after).toEqual(["closing: it was not sent"]);
  });

  it("03/13.3.17, 3.34: a thousand at once each way all arrive, though nobody answers and a lane holds 200", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, unsigned(message));
    network.virtual.runFor(1_000);
    const told = [alice, bob].map((from) =>
      Array.from({ length: 1_000 }, () => sendWithAck(from, from === alice ? [bob] : [alice])),
    );
    network.virtual.runFor(2_000);
    expect([alice.received.length, bob.received.length]).toEqual([1_000, 1_001]);
    network.virtual.runFor(2_000);
    expect(new Set(told.flat().map((one) => one.join()))).toEqual(new Set(["timed-out: no acknowledgement in time"]));
  });

  it("refuses a peer whose PKI-ID is not known: its answer could not be told", () => {
    const network = new VirtualNetwork();
    const alice = network.openOne("Org1:alice");
    const peers = [{ pkiId: "" as PkiId, endpoint: "bob:7051" }];
    expect(() => alice.comm.sendWithAck(message, peers, { minAcks: 1, timeoutMs: 1, onSettled() {} })).toThrowError(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });
});
