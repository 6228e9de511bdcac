import { channelMac } from "@gossip/crypto";
import { createFakeCrypto } from "@gossip/crypto/testing";
import { decodeMessage, type Envelope, readInternalEndpoint } from "@gossip/proto";
import type { MaybePromise } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { Exit, type ExitOptions } from "./exit.js";

const crypto = createFakeCrypto({ org: "org1", name: "peer0" });
const { pkiId, identity } = crypto;
const none = new Uint8Array(0);
const bytes = Uint8Array.of(1, 2);
const inner: Envelope = { payload: bytes, signature: bytes };

function setUp(overrides: Partial<ExitOptions> = {}) {
  const failures: unknown[] = [];
  const exit = new Exit({
    self: pkiId,
    identity,
    crypto,
    isIdentityPublished: () => true,
    onSigningFailed: (error) => failures.push(error),
    ...overrides,
  });
  return { exit, failures };
}

const { exit } = setUp();
const member = { endpoint: "peer0:7051", metadata: bytes, pkiId };
const time = { incarnation: 5n, sequence: 6n };
const self = { member, time, internalEndpoint: "10.0.0.1:7051" };
const properties = { ledgerHeight: 7n, leftChannel: false, chaincodes: [] };
/** The fake signs at once. */
const now = <T>(value: MaybePromise<{ readonly envelope: T } | undefined>) => (value as { envelope: T }).envelope;

describe("1.14, 1.16: what goes on the wire", () => {
  test.each([
    [
      "membership request",
      exit.membershipRequest(9n, inner),
      { nonce: 9n, tag: "empty", channel: "", self: inner, known: [] },
    ],
    [
      "membership response",
      exit.membershipResponse(9n, [inner], []),
      { nonce: 9n, tag: "empty", channel: "", alive: [inner], dead: [] },
    ],
    [
      "hello",
      exit.hello("identity", 9n),
      { nonce: 0n, tag: "empty", channel: "", pullNonce: 9n, pullType: "identity", metadata: none },
    ],
    [
      "digest",
      exit.digest("identity", 9n, [bytes]),
      { nonce: 0n, tag: "empty", channel: "", pullNonce: 9n, digests: [bytes] },
    ],
    [
      "request",
      exit.request("identity", 9n, [bytes]),
      { nonce: 0n, tag: "empty", channel: "", pullNonce: 9n, digests: [bytes] },
    ],
    [
      "update",
      exit.update("identity", 9n, [inner]),
      { nonce: 0n, tag: "empty", channel: "", pullNonce: 9n, data: [inner] },
    ],
    [
      "state-info pull request",
      exit.stateInfoPullRequest("ch"),
      { nonce: 0n, tag: "chan-or-org", channel: "", channelMac: channelMac(pkiId, "ch") },
    ],
    [
      "state-info snapshot",
      exit.snapshot("ch", [inner]),
      { nonce: 0n, tag: "chan-or-org", channel: "ch", elements: [inner] },
    ],
    [
      "state request",
      exit.stateRequest("ch", 9n, 1n, 2n),
      { nonce: 9n, tag: "chan-or-org", channel: "ch", start: 1n, end: 2n },
    ],
    [
      "state response",
      exit.stateResponse("ch", 9n, []),
      { nonce: 9n, tag: "chan-or-org", channel: "ch", payloads: [] },
    ],
    [
      "block",
      exit.block("ch", { blockNumber: 1n, data: bytes, privateData: [] }).envelope,
      { nonce: 0n, tag: "chan-and-org", channel: "ch" },
    ],
  ] as const)("%s, unsigned", (_, envelope, expected) => {
    expect(decodeMessage(envelope.payload)).toMatchObject(expected);
    expect(envelope.signature).toHaveLength(0);
    expect(envelope.secret).toBeUndefined();
  });

  test.each([
    ["alive", now(exit.alive(self)), { tag: "empty", channel: "", member, time, identity }],
    [
      "state info, which does not name its channel",
      now(exit.stateInfo("ch", time, properties)),
      {
        tag: "chan-or-org",
        channel: "",
        pkiId,
        time,
        channelMac: channelMac(pkiId, "ch"),
        properties,
      },
    ],
    [
      "identity, as an item of the pull",
      now(exit.peerIdentity()),
      { tag: "empty", channel: "", pkiId, identity, metadata: none },
    ],
  ] as const)("%s, signed over exactly these bytes", (_, envelope, expected) => {
    expect(decodeMessage(envelope.payload)).toMatchObject({ nonce: 0n, ...expected });
    expect(crypto.verify(identity, envelope.signature, envelope.payload)).toEqual({ ok: true });
  });
});

describe("alive messages", () => {
  test("1.9, 7.28: carry the internal endpoint as a secret of its own signature, and none when there is none", () => {
    const { secret } = now(exit.alive(self)) as Envelope;
    if (secret === undefined) throw new Error("expected a secret");
    expect(readInternalEndpoint(secret.payload)).toBe("10.0.0.1:7051");
    expect(crypto.verify(identity, secret.signature, secret.payload)).toEqual({ ok: true });
    // The same bytes the next time: who knows them need not check them.
    expect((now(exit.alive(self)) as Envelope).secret).toBe(secret);
    const moved = (now(exit.alive({ ...self, internalEndpoint: "10.0.0.2:7051" })) as Envelope).secret;
    expect(moved && readInternalEndpoint(moved.payload)).toBe("10.0.0.2:7051");
    expect(now(exit.alive({ ...self, internalEndpoint: "" }))).not.toHaveProperty("secret");
  });

  test("2.14: carry the identity only while it is published", () => {
    const { exit: late } = setUp({ isIdentityPublished: () => false });
    expect(decodeMessage(now(late.alive(self)).payload)).toMatchObject({ identity: none });
  });
});

describe("a signature that fails", () => {
  const broken = new Error("the key is gone");

  test.each([
    [
      "at once",
      () => {
        throw broken;
      },
    ],
    ["later", () => Promise.reject(broken)],
  ])("%s sends nothing and is reported", async (_, sign) => {
    const { exit: failing, failures } = setUp({ crypto: { ...crypto, sign } });
    expect(await failing.alive(self)).toBeUndefined();
    expect(await failing.stateInfo("ch", time, properties)).toBeUndefined();
    expect(await failing.peerIdentity()).toBeUndefined();
    expect(failures).toEqual([broken, broken, broken]);
  });
});
