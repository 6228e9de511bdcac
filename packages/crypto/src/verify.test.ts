import {
  type AliveMessage,
  type Envelope,
  encodeMessage,
  encodeSecret,
  type Hello,
  readMessage,
  type SecretEnvelope,
} from "@gossip/proto";
import { InvariantError } from "@gossip/runtime";
import { describe, expect, it } from "vitest";
import type { Verdict } from "./ports.js";
import { seal, sealSecret, unsigned } from "./seal.js";
import { createFakeCrypto } from "./testing/fake-crypto.js";
import { trustStream, type UnsignedMessage, verifyEnvelope, verifyMessage } from "./verify.js";

const crypto = createFakeCrypto({ org: "Org1", name: "peer0" });
const other = createFakeCrypto({ org: "Org1", name: "peer1" });
const none = new Uint8Array(0);
const alive: AliveMessage = {
  type: "alive",
  nonce: 0n,
  channel: "",
  tag: "empty",
  member: { endpoint: "peer0:7051", metadata: none, pkiId: crypto.pkiId },
  time: { incarnation: 1_700_000_000_000_000_123n, sequence: 7n },
  identity: crypto.identity,
};
const hello: Hello = {
  type: "hello",
  nonce: 0n,
  channel: "",
  tag: "empty",
  pullNonce: 9n,
  metadata: none,
  pullType: "identity",
};

/** Fakes are synchronous, so nothing here is a promise. */
function sealed(secret?: SecretEnvelope): Envelope {
  return seal(alive, crypto, secret) as Envelope;
}

describe("seal", () => {
  it("1.7: signs exactly the bytes it sends, at once when the signer answers at once", () => {
    const envelope = sealed();
    expect(envelope.payload).toEqual(encodeMessage(alive));
    expect(crypto.verify(crypto.identity, envelope.signature, envelope.payload)).toEqual({ ok: true });
    expect(envelope).not.toHaveProperty("secret");
  });

  it("waits for a signer that takes its time", async () => {
    const slow = { sign: async (payload: Uint8Array) => crypto.sign(payload) };
    expect(await seal(alive, slow)).toEqual(sealed());
  });

  it("1.9: attaches a secret that is signed by itself", () => {
    const secret = sealSecret("10.0.0.1:7051", crypto) as SecretEnvelope;
    expect(secret.payload).toEqual(encodeSecret("10.0.0.1:7051"));
    expect(sealed(secret).secret).toBe(secret);
    expect(sealed(secret).signature).toEqual(sealed().signature);
  });

  it("1.8: leaves the signature of unsigned messages empty", () => {
    expect(unsigned(hello)).toEqual({ payload: encodeMessage(hello), signature: none });
  });
});

describe("verifyMessage", () => {
  it("1.23: accepts what seal made, and keeps the envelope as it is", () => {
    const envelope = sealed(sealSecret("10.0.0.1:7051", crypto) as SecretEnvelope);
    const decoded = readMessage(envelope.payload);
    if (!decoded.ok) throw new Error(decoded.detail);
    const result = verifyMessage(decoded.value, envelope, crypto.identity, crypto);
    expect(result).toEqual({ ok: true, verified: { message: alive, envelope } });
    expect(result).toHaveProperty("verified.envelope", envelope);
  });

  it("1.10, 1.11: accepts an envelope whose secret a relay removed", () => {
    const { payload, signature } = sealed(sealSecret("10.0.0.1:7051", crypto) as SecretEnvelope);
    expect(verifyMessage(alive, { payload, signature }, crypto.identity, crypto)).toMatchObject({ ok: true });
  });

  it("waits for crypto that takes its time, for the secret too", async () => {
    const slow = { verify: async (...args: Parameters<typeof crypto.verify>) => crypto.verify(...args) };
    const good = sealed(sealSecret("10.0.0.1:7051", crypto) as SecretEnvelope);
    const bad = sealed(sealSecret("10.0.0.1:7051", other) as SecretEnvelope);
    expect(await verifyMessage(alive, good, crypto.identity, slow)).toMatchObject({ ok: true });
    expect(await verifyMessage(alive, bad, crypto.identity, slow)).toMatchObject({ reason: "bad-signature" });
  });

  // The order of page 01 §3.5: each envelope fails for the first reason, and for all below it.
  const secret = { payload: none, signature: none };
  const table: readonly [string, Envelope, Partial<Exclude<Verdict, { ok: true }>>][] = [
    [
      "no payload",
      { payload: none, signature: none, secret },
      { reason: "unsigned", detail: "expected the envelope to have a payload, got none" },
    ],
    [
      "no signature",
      { payload: sealed().payload, signature: none, secret },
      { reason: "unsigned", detail: "expected the envelope to be signed, got no signature" },
    ],
    [
      "another's signature",
      { payload: sealed().payload, signature: other.sign(sealed().payload), secret },
      { reason: "bad-signature" },
    ],
    [
      "no payload in the secret",
      { ...sealed(), secret },
      { reason: "unsigned", detail: "expected the secret envelope to have a payload, got none" },
    ],
    [
      "no signature of the secret",
      { ...sealed(), secret: { payload: encodeSecret("a:1"), signature: none } },
      { reason: "unsigned", detail: "expected the secret envelope to be signed, got no signature" },
    ],
    ["another's secret", sealed(sealSecret("a:1", other) as SecretEnvelope), { reason: "bad-signature" }],
  ];
  for (const [what, envelope, expected] of table) {
    it(`1.10: refuses an envelope with ${what}`, () => {
      expect(verifyEnvelope(envelope, crypto.identity, crypto)).toMatchObject({ ok: false, ...expected });
    });
  }
});

describe("trustStream", () => {
  it("1.8: takes a message of an unsigned kind, whatever its signature", () => {
    const envelope = { ...unsigned(hello), signature: new Uint8Array([1]) };
    expect(trustStream(hello, envelope)).toEqual({ message: hello, envelope });
  });

  it("fails when it is handed a message that must be signed", () => {
    const smuggled = alive as unknown as UnsignedMessage; // what the compiler refuses
    expect(() => trustStream(smuggled, sealed())).toThrow(InvariantError);
  });
});
