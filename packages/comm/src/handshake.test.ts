import { accepted, reject } from "@gossip/crypto";
import { createFakeCrypto, FakeTrust } from "@gossip/crypto/testing";
import {
  type ConnEstablish,
  decodeEnvelope,
  decodeMessage,
  type Envelope,
  encodeEnvelope,
  encodeMessage,
  orgId,
  pkiId,
} from "@gossip/proto";
import { checkMachineLaws } from "@gossip/runtime/testing";
import { describe, expect, it } from "vitest";
import { Handshake, type HandshakeInput, type HandshakeOptions, type HandshakeOutput } from "./handshake.js";

const trust = new FakeTrust({ organizations: ["Org1", "Org2"] });
const us = createFakeCrypto({ org: "Org1", name: "us", trust });
const them = createFakeCrypto({ org: "Org1", name: "them", trust });
const foreigner = createFakeCrypto({ org: "Org2", name: "foreigner", trust });
const ourHash = new Uint8Array(32).fill(1);
const theirHash = new Uint8Array(32).fill(2);
const none = new Uint8Array(0);

const inbound: HandshakeOptions = {
  direction: "inbound",
  remoteAddress: "192.0.2.1:5000",
  secure: true,
  localTlsCertHash: ourHash,
  remoteTlsCertHash: theirHash,
  self: us,
  expected: pkiId(""),
  probe: false,
  features: [],
  timeoutMs: 2000,
  pkiIdOf: us.pkiIdOf,
  orgOf: us.orgOf,
  orgOfKnown: () => undefined,
};
const outbound: HandshakeOptions = {
  ...inbound,
  direction: "outbound",
  remoteAddress: "them:7051",
  expected: them.pkiId,
};

const conn: ConnEstablish = {
  type: "conn",
  nonce: 0n,
  channel: "",
  tag: "empty",
  pkiId: them.pkiId,
  identity: them.identity,
  tlsCertHash: theirHash,
  probe: false,
  features: none,
};

/** A conn message as another side would make it: what it says, who signs it, and what is done to the envelope after. */
function from(signer = them, change: Partial<ConnEstablish> = {}, damage: Partial<Envelope> = {}): Uint8Array {
  const payload = encodeMessage({ ...conn, pkiId: signer.pkiId, identity: signer.identity, ...change });
  return encodeEnvelope({ payload, signature: signer.sign(payload), ...damage });
}

/** Drives a handshake with real answers to what it asks, and keeps what it said. */
class Driven {
  readonly machine: Handshake;
  readonly outputs: HandshakeOutput[] = [];
  readonly admitted: string[] = [];

  constructor(options: HandshakeOptions) {
    this.machine = new Handshake(options);
  }

  push(input: HandshakeInput, now = 0): this {
    for (const output of this.machine.step(input, now)) {
      this.outputs.push(output);
      if (output.type === "sign") this.push({ type: "signed", signature: us.sign(output.payload) }, now);
      if (output.type === "verify") {
        this.push({ type: "verified", verdict: us.verify(output.identity, output.signature, output.payload) }, now);
      }
      if (output.type === "admit") {
        this.admitted.push(output.pkiId);
        this.push({ type: "admitted", verdict: accepted }, now);
      }
    }
    return this;
  }

  get types(): string[] {
    return this.outputs.map(({ type }) => type);
  }

  get result(): HandshakeOutput | undefined {
    return this.outputs.find(({ type }) => type === "authenticated" || type === "refused");
  }
}

function run(options: HandshakeOptions, bytes: Uint8Array): Driven {
  return new Driven(options).push({ type: "start" }).push({ type: "received", bytes });
}

describe("Handshake", () => {
  it("3.1: sends a signed conn message at once, in either role", () => {
    for (const options of [inbound, outbound]) {
      const driven = new Driven(options).push({ type: "start" });
      expect(driven.types).toEqual(["sign", "send"]);
      const sent = driven.outputs[1];
      const envelope = decodeEnvelope(sent?.type === "send" ? sent.bytes : none);
      expect(decodeMessage(envelope.payload)).toEqual({
        ...conn,
        pkiId: us.pkiId,
        identity: us.identity,
        tlsCertHash: ourHash,
      });
      expect(us.verify(us.identity, envelope.signature, envelope.payload)).toEqual(accepted);
      expect(envelope.secret).toBeUndefined();
    }
  });

  it("3.9: authenticates a peer, and keeps the credential it showed", () => {
    const driven = run(inbound, from());
    expect(driven.types).toEqual(["sign", "send", "verify", "admit", "authenticated"]);
    const { payload, signature } = decodeEnvelope(from());
    expect(driven.result).toEqual({
      type: "authenticated",
      probe: false,
      info: {
        pkiId: them.pkiId,
        identity: them.identity,
        remoteAddress: "192.0.2.1:5000",
        handshake: { payload, signature },
        direction: "inbound",
        features: [],
      },
    });
  });

  it("14.1: tells our features in the signed part, one bit each, and not one octet when there are none", () => {
    const payloadOf = (features: HandshakeOptions["features"]) => {
      const sent = new Driven({ ...inbound, features }).push({ type: "start" }).outputs[1];
      return decodeEnvelope(sent?.type === "send" ? sent.bytes : none).payload;
    };
    expect(decodeMessage(payloadOf(["shared-map"]))).toMatchObject({ features: Uint8Array.of(1) });
    // The field number 1000 and three octets: the number takes two, the length one and the set one.
    expect(payloadOf(["shared-map"]).length).toBe(payloadOf([]).length + 4);
  });

  it.each([
    ["no set", none, []],
    ["our bit", Uint8Array.of(1), ["shared-map"]],
    ["the second of our bits", Uint8Array.of(2), ["application"]],
    ["our bits among those of a later version", Uint8Array.of(0xff, 0xff, 0xff), ["shared-map", "application"]],
    ["bits of a later version alone", Uint8Array.of(0xfc, 0xff), []],
    ["a set of absurd length", new Uint8Array(100_000).fill(1), ["shared-map"]],
  ])("14.1: understands %s", (_, features, expected) => {
    expect(run(inbound, from(them, { features })).result).toMatchObject({ info: { features: expected } });
  });

  it("keeps no view into the receive buffer", () => {
    const bytes = from();
    const driven = run(inbound, bytes);
    bytes.fill(0);
    expect(driven.result).toMatchObject({ info: { identity: them.identity } });
  });

  it("needs no certificate and sends no hash without TLS", () => {
    const plain = { ...inbound, secure: false, localTlsCertHash: undefined, remoteTlsCertHash: undefined };
    const driven = run(plain, from(them, { tlsCertHash: none }));
    expect(driven.result?.type).toBe("authenticated");
    const sent = driven.outputs.find((output) => output.type === "send");
    expect(decodeMessage(decodeEnvelope(sent?.bytes ?? none).payload)).toMatchObject({ tlsCertHash: none });
  });

  it("ignores a hash that is shown without TLS", () => {
    const plain = { ...inbound, secure: false, localTlsCertHash: undefined, remoteTlsCertHash: undefined };
    expect(run(plain, from()).result?.type).toBe("authenticated");
  });

  it("3.6: answers a probe, and says that it was one", () => {
    expect(run(inbound, from(them, { probe: true })).result).toMatchObject({ type: "authenticated", probe: true });
  });

  it("asks as a probe when told to", () => {
    const driven = new Driven({ ...outbound, probe: true }).push({ type: "start" });
    const sent = driven.outputs.find((output) => output.type === "send");
    expect(decodeMessage(decodeEnvelope(sent?.bytes ?? none).payload)).toMatchObject({ probe: true });
  });

  it("3.1: takes the other's message before its own is signed, and is done when both are", () => {
    const machine = new Handshake(inbound);
    machine.step({ type: "start" }, 0);
    expect(machine.step({ type: "received", bytes: from() }, 1).map(({ type }) => type)).toEqual(["verify"]);
    expect(machine.step({ type: "verified", verdict: accepted }, 2).map(({ type }) => type)).toEqual(["admit"]);
    expect(machine.step({ type: "admitted", verdict: accepted }, 3)).toEqual([]);
    expect(machine.step({ type: "signed", signature: none }, 4).map(({ type }) => type)).toEqual([
      "send",
      "authenticated",
    ]);
  });

  const damaged = (signature: Uint8Array) => Uint8Array.of(...signature, 0);
  const payloadOf = (bytes: Uint8Array) => decodeEnvelope(bytes).payload;

  it.each<[string, Uint8Array, string]>([
    [
      "a signature with one byte more",
      from(them, {}, { signature: damaged(them.sign(payloadOf(from()))) }),
      "bad-signature",
    ],
    ["the PKI-ID of another valid identity", from(them, { pkiId: foreigner.pkiId }), "pki-id-mismatch"],
    ["a TLS hash with one byte more", from(them, { tlsCertHash: damaged(theirHash) }), "tls-hash-mismatch"],
    ["the hash of another certificate", from(them, { tlsCertHash: ourHash }), "tls-hash-mismatch"],
    ["no TLS hash", from(them, { tlsCertHash: none }), "tls-hash-mismatch"],
    ["no PKI-ID", from(them, { pkiId: pkiId("") }), "malformed-conn"],
    ["no identity", from(them, { identity: none }), "malformed-conn"],
    ["an identity that does not decode", from(them, { identity: Uint8Array.of(1, 2, 3) }), "malformed-identity"],
    ["another message first", signed({ type: "empty", nonce: 0n, channel: "", tag: "empty" }), "not-a-conn-message"],
    ["bytes that are no envelope", Uint8Array.of(0xff, 0xff, 0xff), "malformed-conn"],
    [
      "a payload that is no message",
      encodeEnvelope({ payload: Uint8Array.of(1), signature: Uint8Array.of(1) }),
      "malformed-conn",
    ],
    ["no signature", from(them, {}, { signature: none }), "unsigned"],
    [
      "a bad secret beside a good message",
      from(them, {}, { secret: { payload: Uint8Array.of(1), signature: none } }),
      "bad-signature",
    ],
    [
      "an organization that is unknown",
      from(createFakeCrypto({ org: "Org9", name: "mallory" })),
      "unknown-organization",
    ],
    ["our own identity", from(us), "self-connection"],
    ["our own identity without our key", from(us, {}, { signature: Uint8Array.of(1) }), "bad-signature"],
    ["our own identity from elsewhere", from(us, { tlsCertHash: ourHash }), "tls-hash-mismatch"],
  ])("3.4, 3.11: refuses %s", (_name, bytes, reason) => {
    const driven = run(inbound, bytes);
    expect(driven.result).toMatchObject({ type: "refused", reason });
    expect(driven.admitted).toEqual([]);
  });

  it("3.4: refuses what the identity store refuses, with its words", () => {
    const machine = new Handshake(inbound);
    machine.step({ type: "start" }, 0);
    machine.step({ type: "received", bytes: from() }, 0);
    machine.step({ type: "verified", verdict: accepted }, 0);
    const verdict = reject("expired-identity", "expected a valid identity, got one of last year");
    expect(machine.step({ type: "admitted", verdict }, 0)).toMatchObject([
      { type: "refused", reason: "expired-identity", detail: verdict.detail, claimed: them.pkiId, org: "Org1" },
    ]);
  });

  it("3.2: sends nothing to a side without a TLS certificate", () => {
    const driven = new Driven({ ...inbound, remoteTlsCertHash: undefined }).push({ type: "start" });
    expect(driven.types).toEqual(["refused"]);
    expect(driven.result).toMatchObject({ reason: "no-tls-certificate" });
  });

  it("3.5: asks for no signature check before the cheap ones have passed", () => {
    expect(run(inbound, from(them, { tlsCertHash: none })).types).not.toContain("verify");
  });

  it("3.6: refuses a probe in answer to its own dial", () => {
    expect(run(outbound, from(them, { probe: true })).result).toMatchObject({ reason: "probe" });
  });

  it("3.3: fails at once when the stream ends while it waits, with what the other side said", () => {
    const driven = new Driven(outbound)
      .push({ type: "start" })
      .push({ type: "stream-end", detail: "UNKNOWN: bad-signature" });
    expect(driven.result).toMatchObject({
      reason: "stream-ended",
      detail: "the other side ended the stream: UNKNOWN: bad-signature",
    });
  });

  it("3.3: waits for the other side as long as it was told, from its own message on", () => {
    const machine = new Handshake(inbound);
    machine.step({ type: "start" }, 100);
    machine.step({ type: "signed", signature: none }, 150);
    expect(machine.deadline).toBe(2150);
    expect(machine.step({ type: "wake" }, 2149)).toEqual([]);
    expect(machine.step({ type: "wake" }, 2150)).toMatchObject([{ reason: "handshake-timeout" }]);
    expect(machine.step({ type: "received", bytes: from() }, 2151)).toEqual([
      { type: "dropped", reason: "handshake-over" },
    ]);
    expect(machine.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it("4.54: gives the other side its time again when the time ran out while we were asleep, once", () => {
    const machine = new Handshake(inbound);
    machine.step({ type: "start" }, 100);
    machine.step({ type: "signed", signature: none }, 150);
    expect(machine.step({ type: "wake" }, 60_000)).toEqual([]);
    expect(machine.deadline).toBe(62_000);
    expect(machine.step({ type: "received", bytes: from() }, 60_001)).toMatchObject([{ type: "verify" }]);

    const silent = new Handshake(inbound);
    silent.step({ type: "start" }, 100);
    expect(silent.step({ type: "wake" }, 60_000)).toEqual([]);
    expect(silent.step({ type: "wake" }, 120_000)).toMatchObject([{ reason: "handshake-timeout" }]);
  });

  it("3.3: gives up when its own signature fails or does not come", () => {
    const failed = new Handshake(inbound);
    failed.step({ type: "start" }, 0);
    expect(failed.step({ type: "sign-failed", detail: "no key" }, 0)).toMatchObject([{ reason: "signing-failed" }]);
    const slow = new Handshake(inbound);
    slow.step({ type: "start" }, 0);
    expect(slow.step({ type: "wake" }, 2000)).toMatchObject([{ detail: "no own signature within 2000 ms" }]);
  });

  it("drops a second message, which the shell must not let through", () => {
    const machine = new Handshake(inbound);
    machine.step({ type: "start" }, 0);
    machine.step({ type: "received", bytes: from() }, 0);
    expect(machine.step({ type: "received", bytes: from() }, 0)).toEqual([
      { type: "dropped", reason: "second-message" },
    ]);
  });

  describe("when another PKI-ID answers than was dialled for", () => {
    const other = createFakeCrypto({ org: "Org1", name: "renewed", trust });
    const knows = (org: string | undefined) => ({
      ...outbound,
      orgOfKnown: () => (org === undefined ? undefined : orgId(org)),
    });

    it("3.7: accepts it within the organization of the expected one", () => {
      expect(run(knows("Org1"), from(other)).result).toMatchObject({
        type: "authenticated",
        info: { pkiId: other.pkiId },
      });
    });

    it.each([
      ["another organization", "Org2"],
      ["an organization that is not known", undefined],
    ])("3.7: refuses it when the expected one is of %s", (_name, org) => {
      expect(run(knows(org), from(other)).result).toMatchObject({ reason: "unexpected-pki-id" });
    });
  });

  it("obeys the laws of machines", () => {
    const bytes = from(them, {}, { secret: { payload: Uint8Array.of(1), signature: Uint8Array.of(2) } });
    const signature = Uint8Array.of(7);
    checkMachineLaws({
      create: () => new Handshake(inbound),
      maxOutputs: 2,
      script: [
        { afterMs: 0, input: { type: "start" } },
        { afterMs: 10, input: { type: "signed", signature } },
        { afterMs: 10, input: { type: "received", bytes } },
        { afterMs: 10, input: { type: "verified", verdict: accepted } },
        { afterMs: 10, input: { type: "verified", verdict: accepted } },
        { afterMs: 10, input: { type: "admitted", verdict: accepted } },
        { afterMs: 10, input: { type: "received", bytes } },
        { afterMs: 5000, input: { type: "stream-end", detail: "gone" } },
      ],
    });
    checkMachineLaws({
      create: () => new Handshake(outbound),
      maxOutputs: 2,
      script: [
        { afterMs: 0, input: { type: "start" } },
        { afterMs: 5000, input: { type: "received", bytes } },
      ],
    });
  });
});

function signed(message: Parameters<typeof encodeMessage>[0]): Uint8Array {
  const payload = encodeMessage(message);
  return encodeEnvelope({ payload, signature: them.sign(payload) });
}
