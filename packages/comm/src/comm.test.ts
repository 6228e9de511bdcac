import { IdentityStore } from "@gossip/crypto";
import { createFakeCrypto, FakeTrust } from "@gossip/crypto/testing";
import { decodeEnvelope, type PkiId, pkiId } from "@gossip/proto";
import { noMetrics, seededRandom, silentLogger } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, it } from "vitest";
import { recordingMetrics } from "../test/support/recording-metrics.js";
import { openTestNetwork, text } from "../test/support/test-network.js";
import { VirtualNetwork } from "../test/support/virtual-network.js";
import { createComm } from "./comm.js";
import { commDefaults } from "./config.js";
import type { Transport } from "./ports.js";
import type { ProbeResult } from "./probes.js";
import { StreamRecorder } from "./testing/stream-recorder.js";

const somebody = "" as PkiId;

function probe(
  network: VirtualNetwork,
  from: { readonly comm: ReturnType<typeof createComm> },
  endpoint: string,
): ProbeResult {
  const results: ProbeResult[] = [];
  from.comm.handshake(endpoint, (result) => results.push(result));
  expect(results).toEqual([]);
  network.virtual.runFor(10_000);
  expect(results).toHaveLength(1);
  return results[0] as ProbeResult;
}

describe("Comm", () => {
  it("03/13.3.3: delivers what was sent to a peer it has never met, with the same bytes", async () => {
    const network = openTestNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("one"));
    alice.comm.send(bob, text("two"));
    await bob.until(() => bob.texts.length === 2);
    expect(bob.texts).toEqual(["one", "two"]);
    expect(bob.received[0]?.from).toMatchObject({ pkiId: alice.pkiId, identity: alice.identity, direction: "inbound" });
    expect(decodeEnvelope(bob.received[0]?.bytes ?? new Uint8Array())).toEqual({ ...text("one"), secret: undefined });
    await network.close();
  });

  it("03/13.3.7, 3.13: lets both sides use one connection, whoever dialled", () => {
    const network = new VirtualNetwork({ secure: true });
    const [alice, bob] = network.open("Org1:alice", "Org2:bob");
    alice.comm.send(bob, text("hello"));
    network.virtual.runFor(100);
    bob.comm.send(alice, text("answer"));
    bob.received[0]?.respond(text("response"));
    network.virtual.runFor(100);
    expect(alice.texts).toEqual(["answer", "response"]);
    expect(alice.comm.connections).toEqual([
      { pkiId: bob.pkiId, direction: "outbound", remoteAddress: "bob:7051", queuedMessages: 0, queuedBytes: 0 },
    ]);
    expect(bob.comm.connections).toMatchObject([{ pkiId: alice.pkiId, direction: "inbound" }]);
  });

  it("03/13.3.5, 3.16: ends with one connection, and all messages in order, when two peers dial each other at one time", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const expected = Array.from({ length: 100 }, (_, at) => `${at}`);
    for (const message of expected) {
      alice.comm.send(bob, text(message));
      bob.comm.send(alice, text(message));
      network.virtual.runFor(100);
    }
    network.virtual.runFor(10_000);
    expect(alice.texts).toEqual(expected);
    expect(bob.texts).toEqual(expected);
    expect([alice, bob].flatMap(({ comm }) => comm.connections.map(({ direction }) => direction)).sort()).toEqual([
      "inbound",
      "outbound",
    ]);
    expect([...alice.events, ...bob.events].filter(({ type }) => type !== "connected")).toEqual([]);
  });

  it("3.15: takes leave politely of a dial that an inbound stream made needless, or a stock peer would log an error", () => {
    const network = new VirtualNetwork();
    const slow = network.memory.transport("alice:7051");
    const held: (() => void)[] = [];
    const transport: Transport & { endpoint: string } = {
      endpoint: "alice:7051",
      secure: slow.secure,
      listen: (onStream) => slow.listen(onStream),
      ping: (endpoint, timeoutMs, onResult) => slow.ping(endpoint, timeoutMs, onResult),
      close: () => slow.close(),
      // The stream is open for whoever listens, and the dialler does not know it yet.
      dial: (endpoint, timeoutMs, onResult) =>
        slow.dial(endpoint, timeoutMs, (result) => held.push(() => onResult(result))),
    };
    const alice = network.openOne("Org1:alice", { transport });
    const bob = network.openOne("Org1:bob");
    alice.comm.send(bob, text("from alice"));
    network.virtual.runFor(100);
    bob.comm.send(alice, text("from bob"));
    network.virtual.runFor(100);
    expect([alice.texts, bob.texts]).toEqual([["from bob"], ["from alice"]]);
    for (const release of held) release();
    network.virtual.runFor(10_000);
    expect(held).toHaveLength(1);
    expect([...bob.eventsOf("handshake-refused"), ...alice.eventsOf("handshake-refused")]).toEqual([]);
    expect(bob.log.lines.filter(({ message }) => message === "answered a probe")).toHaveLength(1);
    expect(bob.comm.connections).toMatchObject([{ pkiId: alice.pkiId, direction: "outbound" }]);
  });

  it("repeats itself exactly, given the same clock, chance and synchronous cryptography", () => {
    const history = () => {
      const network = new VirtualNetwork();
      const [alice, bob, carol] = network.open("Org1:alice", "Org1:bob", "Org2:carol");
      const seen: unknown[] = [];
      for (let at = 0; at < 20; at++) {
        alice.comm.send(bob, text(`${at}`));
        carol.comm.send(alice, text(`${at}`));
        if (at === 10) network.memory.crash(bob.endpoint);
        network.virtual.runFor(137);
      }
      for (const { events, texts } of [alice, bob, carol]) seen.push(events, texts);
      return seen;
    };
    expect(history()).toEqual(history());
  });

  it("03/13.3.9: reaches a peer again that was restarted, with what was sent meanwhile", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("before"));
    network.virtual.runFor(5000);
    network.memory.crash(bob.endpoint);
    const again = network.openOne("Org1:bob");
    network.virtual.runFor(10);
    alice.comm.send(bob, text("after"));
    network.virtual.runFor(1000);
    expect(again.texts).toEqual(["after"]);
    expect(alice.eventsOf("presumed-dead")).toEqual([]);
  });

  it("03/13.3.13, 3.20, 3.22: presumes a peer dead once when it has gone, and says what it did not send", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("before"));
    network.virtual.runFor(5000);
    network.memory.crash(bob.endpoint);
    for (let at = 0; at < 5; at++) {
      alice.comm.send(bob, text("anybody there?"));
      network.virtual.runFor(200);
    }
    expect(alice.eventsOf("presumed-dead")).toEqual([
      { type: "presumed-dead", pkiId: bob.pkiId, endpoint: "bob:7051", detail: "nobody listens at bob:7051" },
    ]);
    expect(alice.eventsOf("dropped").map(({ reason }) => reason)).toContain("backing-off");
    expect(alice.log.lines).toContainEqual(expect.objectContaining({ level: "warn", message: "presumed dead" }));
  });

  it("03/13.3.4, 3.30: delivers nothing more from a peer it has disconnected, and dials it again for a later send", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("one"));
    network.virtual.runFor(2000);
    alice.comm.send(bob, text("too late"));
    bob.comm.disconnect(alice.pkiId, "its identity expired");
    network.virtual.runFor(2000);
    expect(bob.texts).toEqual(["one"]);
    expect(bob.eventsOf("disconnected")).toEqual([
      { type: "disconnected", pkiId: alice.pkiId, detail: "its identity expired" },
    ]);
    expect(alice.eventsOf("disconnected")).toHaveLength(1);
    bob.comm.send(alice, text("two"));
    network.virtual.runFor(2000);
    expect(alice.texts).toEqual(["two"]);
  });

  it("3.26: pauses a connection while too much of what it brought is not done", () => {
    const network = new VirtualNetwork();
    const alice = network.openOne("Org1:alice");
    const bob = network.openOne("Org1:bob", { holdsMessages: true, config: { recvBufferSize: 3 } });
    const carol = network.openOne("Org1:carol", { holdsMessages: true, config: { recvBufferBytes: 2500 } });
    for (let at = 0; at < 10; at++) {
      alice.comm.send(bob, text(`${at}`));
      alice.comm.send(carol, text(`${at}`.repeat(1000)));
    }
    network.virtual.runFor(1000);
    expect(bob.texts).toEqual(["0", "1", "2"]);
    expect(carol.received).toHaveLength(3);
    bob.received[1]?.done();
    bob.received[1]?.done();
    network.virtual.runFor(1000);
    expect(bob.texts).toEqual(["0", "1", "2", "3"]);
    for (let at = 0; at < 10; at++) {
      bob.received[at]?.done();
      network.virtual.runFor(100);
    }
    expect(bob.texts).toHaveLength(10);
  });

  it("03/13.5.6: tells what it dropped when a slow peer's queue is full, and counts it as Fabric does", () => {
    const network = new VirtualNetwork();
    const metrics = recordingMetrics();
    const alice = network.openOne("Org1:alice", { metrics, config: { sendBufferSize: 5 } });
    const bob = network.openOne("Org1:bob");
    for (let at = 0; at < 8; at++) alice.comm.send(bob, text("x"));
    expect(alice.eventsOf("dropped")).toHaveLength(3);
    expect(alice.eventsOf("dropped")[0]).toMatchObject({ pkiId: bob.pkiId, reason: "queue-full" });
    expect(metrics.values.get("gossip_comm_overflow_count")).toBe(3);
    expect(metrics.values.get("gossip_comm_messages_dropped queue-full")).toBe(3);
    expect(metrics.values.get("gossip_comm_queue_bytes")).toBeGreaterThan(0);
    network.virtual.runFor(1000);
    expect(metrics.values.get("gossip_comm_messages_sent")).toBe(5);
    expect(metrics.values.get("gossip_comm_queue_bytes")).toBe(0);
    expect(metrics.values.get("gossip_comm_connections")).toBe(1);
    bob.received[0]?.respond(text("y"));
    network.virtual.runFor(100);
    expect(metrics.values.get("gossip_comm_messages_received")).toBe(1);
  });

  describe("refuses, by name in event, log and metric,", () => {
    it.each<[string, string, (network: VirtualNetwork) => void, string]>([
      ["an unknown organization", "Org9:mallory", () => {}, "unknown-organization"],
      [
        "an expired identity",
        "Org1:mallory",
        (network) => network.trust.expire(createFakeCrypto({ org: "Org1", name: "mallory" }).identity, -1),
        "expired-identity",
      ],
      [
        "a revoked identity",
        "Org1:mallory",
        (network) => network.trust.revoke(createFakeCrypto({ org: "Org1", name: "mallory" }).identity),
        "revoked-identity",
      ],
    ])("3.12: a peer with %s", (_name, fullName, prepare, reason) => {
      const network = new VirtualNetwork();
      prepare(network);
      const metrics = recordingMetrics();
      const bob = network.openOne("Org1:bob", { metrics });
      const mallory = network.openOne(fullName, { trust: new FakeTrust() });
      mallory.comm.send(bob, text("let me in"));
      network.virtual.runFor(1000);
      const [refused] = bob.eventsOf("handshake-refused");
      expect(refused).toMatchObject({ direction: "inbound", claimed: mallory.pkiId, reason });
      expect(bob.received).toEqual([]);
      expect(bob.comm.connections).toEqual([]);
      expect(bob.identities.has(mallory.pkiId)).toBe(false);
      expect(bob.log.lines).toContainEqual(
        expect.objectContaining({
          level: "warn",
          message: "handshake refused",
          fields: expect.objectContaining({ reason, from: mallory.pkiId, org: expect.any(String), count: 1 }),
        }),
      );
      expect(metrics.values.get(`gossip_comm_handshakes_refused inbound ${reason}`)).toBeGreaterThan(0);
      expect(mallory.log.lines.some(({ fields }) => String(fields["detail"]).includes(reason))).toBe(true);
    });

    it("3.8: itself", () => {
      const network = new VirtualNetwork();
      const alice = network.openOne("Org1:alice");
      alice.comm.send({ pkiId: somebody, endpoint: alice.endpoint }, text("hello me"));
      network.virtual.runFor(1000);
      expect(alice.eventsOf("handshake-refused").map(({ reason }) => reason)).toContain("self-connection");
      expect(alice.comm.connections).toEqual([]);
      // Who keeps an endpoint and gets a new identity is dialled there as a dead member, again and again.
      expect(alice.log.lines.filter(({ message }) => message === "handshake refused")).not.toContainEqual(
        expect.objectContaining({ level: "warn" }),
      );
    });

    it("3.3: a peer that says nothing, after the connection timeout", () => {
      const network = new VirtualNetwork();
      const bob = network.openOne("Org1:bob");
      const silent = network.memory.transport("silent:7051");
      silent.dial(bob.endpoint, 3000, (dialled) => {
        if (dialled.ok) new StreamRecorder(dialled.stream).start();
      });
      network.virtual.runFor(1999);
      expect(bob.events).toEqual([]);
      network.virtual.runFor(10);
      expect(bob.eventsOf("handshake-refused")).toMatchObject([{ reason: "handshake-timeout", claimed: "" }]);
    });

    it("3.10: more handshakes at one time than allowed, of which one address gets half", () => {
      const network = new VirtualNetwork();
      const bob = network.openOne("Org1:bob", { config: { maxPendingHandshakes: 4 } });
      const dialAll = (from: string) => {
        const transport = network.memory.transport(`${from}:7051`);
        for (let at = 0; at < 3; at++) transport.dial(bob.endpoint, 3000, () => {});
        network.virtual.runFor(10);
        return bob.eventsOf("handshake-refused").filter(({ reason }) => reason === "too-many-handshakes").length;
      };
      expect([dialAll("one"), dialAll("two"), dialAll("three")]).toEqual([1, 2, 5]);
      network.virtual.runFor(3000);
      expect(dialAll("four")).toBe(6);
    });

    it("3.38: handshakes that one address begins again and again, before a signature is spent on them", () => {
      const network = new VirtualNetwork();
      let signatures = 0;
      const fake = createFakeCrypto({ org: "Org1", name: "bob", trust: network.trust });
      const sign = (payload: Uint8Array) => {
        signatures++;
        return fake.sign(payload);
      };
      const bob = network.openOne("Org1:bob", { config: { maxHandshakesPerSecond: 2 }, crypto: { sign } });
      const dialAll = (from: string) => {
        const transport = network.memory.transport(`${from}:7051`);
        for (let at = 0; at < 50; at++) {
          transport.dial(bob.endpoint, 3000, (dialled) => dialled.ok && dialled.stream.close("done"));
          network.virtual.runFor(1);
        }
        network.virtual.runFor(10);
        const spent = signatures;
        signatures = 0;
        return spent;
      };
      expect([dialAll("one"), dialAll("one"), dialAll("two")]).toEqual([20, 0, 20]);
      network.virtual.runFor(5_000);
      expect(dialAll("one")).toBe(10);
    });

    it("a peer whose check throws, without harm to itself", () => {
      const network = new VirtualNetwork();
      const bob = network.openOne("Org1:bob", {
        crypto: {
          verify() {
            throw new Error("the hardware is on fire");
          },
        },
      });
      const alice = network.openOne("Org1:alice");
      alice.comm.send(bob, text("x"));
      network.virtual.runFor(1000);
      expect(bob.eventsOf("handshake-refused")[0]).toMatchObject({
        reason: "untrusted-identity",
        detail: "the check itself failed: the hardware is on fire",
      });
    });
  });

  it("3.3: says so when its own key cannot sign", () => {
    const network = new VirtualNetwork();
    const alice = network.openOne("Org1:alice", {
      crypto: {
        sign() {
          throw new Error("no key");
        },
      },
    });
    const bob = network.openOne("Org1:bob");
    alice.comm.send(bob, text("x"));
    network.virtual.runFor(1000);
    expect(alice.eventsOf("handshake-refused")[0]).toMatchObject({ reason: "signing-failed", detail: "no key" });
    expect(alice.eventsOf("dropped")[0]).toMatchObject({ reason: "dial-failed" });
  });

  it("keeps the order of messages behind cryptography that takes its time", async () => {
    const network = openTestNetwork();
    const slow = createFakeCrypto({ org: "Org1", name: "bob", trust: network.trust });
    const bob = network.openOne("Org1:bob", {
      // Asynchronous as a port allows; the fake's own type promises more.
      crypto: {
        sign: (async (payload: Uint8Array) => slow.sign(payload)) as unknown as typeof slow.sign,
        verify: (async (...all: Parameters<typeof slow.verify>) =>
          slow.verify(...all)) as unknown as typeof slow.verify,
      },
    });
    const alice = network.openOne("Org1:alice");
    for (let at = 0; at < 30; at++) alice.comm.send(bob, text(`${at}`));
    await bob.until(() => bob.texts.length === 30);
    expect(bob.texts).toEqual(Array.from({ length: 30 }, (_, at) => `${at}`));
    await network.close();
  });

  describe("when another PKI-ID answers at a known endpoint", () => {
    it("03/13.3.1, 3.7: goes on with it within one organization, and says who became whom", () => {
      const network = new VirtualNetwork();
      const [alice, old] = network.open("Org1:alice", "Org1:old");
      alice.comm.send(old, text("hello old"));
      network.virtual.runFor(2000);
      alice.comm.disconnect(old.pkiId, "test");
      network.virtual.runFor(20_000);
      const renewed = network.openOne("Org1:renewed");
      alice.comm.send({ pkiId: old.pkiId, endpoint: renewed.endpoint }, text("hello"));
      network.virtual.runFor(1000);
      expect(renewed.texts).toEqual(["hello"]);
      expect(alice.eventsOf("identity-switch")).toEqual([
        { type: "identity-switch", old: old.pkiId, current: renewed.pkiId },
      ]);
    });

    it("03/13.3.2, 3.7: refuses it across organizations", () => {
      const network = new VirtualNetwork();
      const [alice, old, foreign] = network.open("Org1:alice", "Org1:old", "Org2:foreign");
      alice.comm.send(old, text("hello old"));
      network.virtual.runFor(2000);
      alice.comm.disconnect(old.pkiId, "test");
      alice.comm.send({ pkiId: old.pkiId, endpoint: foreign.endpoint }, text("not for you"));
      network.virtual.runFor(2000);
      expect(foreign.received).toEqual([]);
      expect(alice.eventsOf("handshake-refused")).toMatchObject([
        { reason: "unexpected-pki-id", claimed: foreign.pkiId, org: "Org2" },
      ]);
    });
  });

  describe("handshake", () => {
    it("03/13.3.12, 3.6, 3.28: learns who answers, registers nothing, and leaves an existing connection alone", () => {
      const network = new VirtualNetwork();
      const [alice, bob] = network.open("Org1:alice", "Org2:bob");
      expect(probe(network, alice, bob.endpoint)).toMatchObject({
        ok: true,
        info: { pkiId: bob.pkiId, identity: bob.identity },
      });
      expect([alice.comm.connections, bob.comm.connections]).toEqual([[], []]);
      expect(bob.identities.has(alice.pkiId)).toBe(true);
      alice.comm.send(bob, text("one"));
      network.virtual.runFor(1000);
      probe(network, alice, bob.endpoint);
      alice.comm.send(bob, text("two"));
      network.virtual.runFor(1000);
      expect(bob.texts).toEqual(["one", "two"]);
      expect([
        ...alice.eventsOf("disconnected"),
        ...bob.eventsOf("disconnected"),
        ...bob.eventsOf("handshake-refused"),
      ]).toEqual([]);
    });

    it("says why it failed", () => {
      const network = new VirtualNetwork();
      const alice = network.openOne("Org1:alice");
      const mallory = network.openOne("Org9:mallory", { trust: new FakeTrust() });
      expect(probe(network, alice, "nobody:7051")).toEqual({
        ok: false,
        reason: "dial-failed",
        detail: "nobody listens at nobody:7051",
      });
      expect(probe(network, alice, mallory.endpoint)).toMatchObject({ ok: false, reason: "unknown-organization" });
    });

    it("03/13.3.10: finds a restarted peer again, and a stopped one not", async () => {
      const network = new VirtualNetwork();
      const [alice, bob] = network.open("Org1:alice", "Org1:bob");
      await bob.comm.close();
      expect(probe(network, alice, bob.endpoint).ok).toBe(false);
      network.openOne("Org1:bob");
      expect(probe(network, alice, bob.endpoint).ok).toBe(true);
    });

    it("3.10: takes no more at one time than allowed", () => {
      const network = new VirtualNetwork();
      const alice = network.openOne("Org1:alice", { config: { maxPendingHandshakes: 1 } });
      const bob = network.openOne("Org1:bob");
      const results: ProbeResult[] = [];
      for (let at = 0; at < 2; at++) alice.comm.handshake(bob.endpoint, (result) => results.push(result));
      network.virtual.runFor(1000);
      expect(results).toMatchObject([{ ok: false, reason: "too-many-handshakes" }, { ok: true }]);
    });
  });

  it("4.40: keeps the connection to whom it contacts, for both sides, and then only looks who is there", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const results: ProbeResult[] = [];
    const contact = () => {
      alice.comm.contact(bob.endpoint, (result) => results.push(result));
      network.virtual.runFor(100);
    };
    contact();
    expect(results).toMatchObject([{ ok: true, info: { pkiId: bob.pkiId } }]);
    expect([alice, bob].map(({ comm }) => comm.connections.length)).toEqual([1, 1]);
    expect(alice.comm.isLinked(bob.pkiId)).toBe(true);
    contact();
    expect(results[1]).toMatchObject({ ok: true, info: { pkiId: bob.pkiId } });
    expect(alice.eventsOf("connected")).toHaveLength(1);
    alice.comm.send(bob, text("one"));
    network.virtual.runFor(10_000);
    expect(bob.texts).toEqual(["one"]);
    expect(bob.eventsOf("connected")).toHaveLength(1);
    alice.comm.contact("nobody:7051", (result) => results.push(result));
    network.virtual.runFor(10_000);
    expect(results[2]).toMatchObject({ ok: false, reason: "dial-failed" });
  });

  it("3.28: pings who listens, and only them", () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    const answers: boolean[] = [];
    alice.comm.ping(bob.endpoint, (alive) => answers.push(alive));
    alice.comm.ping("nobody:7051", (alive) => answers.push(alive));
    expect(answers).toEqual([]);
    network.virtual.runFor(100);
    expect(answers).toEqual([true, false]);
  });

  it("3.31: closes: answers what is pending, ends its connections in order, and takes nothing more", async () => {
    const network = new VirtualNetwork();
    const [alice, bob] = network.open("Org1:alice", "Org1:bob");
    alice.comm.send(bob, text("one"));
    network.virtual.runFor(2000);
    const results: unknown[] = [];
    alice.comm.handshake(bob.endpoint, (result) => results.push(result));
    alice.comm.ping(bob.endpoint, (alive) => results.push(alive));
    await Promise.all([alice.comm.close(), alice.comm.close()]);
    expect(results).toEqual([{ ok: false, reason: "closing", detail: "this node is closing" }, false]);
    alice.comm.send(bob, text("late"));
    alice.comm.handshake(bob.endpoint, ({ ok }) => results.push(ok));
    alice.comm.ping(bob.endpoint, (alive) => results.push(alive));
    network.virtual.runFor(2000);
    expect(results.slice(2)).toEqual([false, false]);
    expect(bob.eventsOf("disconnected")).toMatchObject([{ pkiId: alice.pkiId }]);
    expect(bob.eventsOf("presumed-dead")).toEqual([]);
    expect(bob.texts).toEqual(["one"]);
    expect(alice.comm.connections).toEqual([]);
    expect(alice.eventsOf("dropped")).toMatchObject([{ pkiId: bob.pkiId, reason: "closing" }]);
  });

  describe("createComm", () => {
    const crypto = createFakeCrypto({ org: "Org1", name: "alice" });
    const clock = new VirtualClock();
    const options = {
      transport: new VirtualNetwork().memory.transport("alice:7051"),
      crypto,
      advisor: crypto,
      identities: new IdentityStore({ crypto, advisor: crypto, self: crypto.identity }),
      identity: crypto.identity,
      clock,
      wall: clock,
      random: seededRandom(1),
      config: commDefaults,
      log: silentLogger,
      metrics: noMetrics,
      onMessage() {},
      onEvent() {},
    };

    it("refuses an identity of its own that does not decode", () => {
      expect(() => createComm({ ...options, identity: Uint8Array.of(1) })).toThrowError(
        expect.objectContaining({
          code: "invalid-argument",
          message: "expected the own identity to decode, got 1 bytes",
        }),
      );
    });

    it.each([
      ["connTimeoutMs", 0, "expected connTimeoutMs to be an integer of at least 1, got 0"],
      ["sendBufferBytes", 5, "expected sendBufferBytes to be at least maxMessageBytes (104857600), got 5"],
      ["maxQueuedBytes", 5, "expected maxQueuedBytes to be at least sendBufferBytes (134217728), got 5"],
    ])("refuses %s of %s", (name, value, message) => {
      expect(() => createComm({ ...options, config: { ...commDefaults, [name]: value } })).toThrowError(
        expect.objectContaining({ code: "invalid-config", message }),
      );
    });
  });

  it("shows PKI-IDs as they are", () => {
    const network = new VirtualNetwork();
    expect(network.openOne("Org1:alice").comm.pkiId).toBe(pkiId(Buffer.from("Org1:alice").toString("hex")));
  });
});
