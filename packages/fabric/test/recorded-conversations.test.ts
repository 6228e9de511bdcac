/** Everything that Fabric's own peers signed verifies with the keys in it, and nothing that was changed since. */

import {
  blockHash,
  channelMac,
  type RejectReason,
  type SignedMessage,
  type Verdict,
  verifyEnvelope,
  verifyMessage,
} from "@gossip/crypto";
import { FabricCrypto } from "@gossip/fabric";
import type { Envelope } from "@gossip/proto";
import type { MaybePromise } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import {
  authorOf,
  blocksIn,
  conversationNames,
  expiredWall,
  fail,
  readConversation,
  recordedBlock,
  recordedChannel,
  recordedCrypto,
  recordedFolder,
  recordedIdentities,
  recordedTlsHash,
  recordedWall,
  type Statement,
  statementsIn,
} from "./recorded-conversations.js";
import { corruptions, highS, lastBitFlipped } from "./recorded-corruptions.js";

const conversations = conversationNames.map(readConversation);
const statements = conversations.flatMap(statementsIn);
const identities = recordedIdentities(statements);
const crypto = await recordedCrypto();
const expired = await recordedCrypto(expiredWall);

/** How many of each kind were recorded; some over and over, as peers repeat themselves. */
const counts: readonly (readonly [kind: SignedMessage["type"], count: number])[] = [
  ["conn", 4],
  ["alive", 89],
  ["peer-identity", 57],
  ["state-info", 120],
  ["leadership", 5],
];

describe.each(counts)("Every recorded %s message", (kind, count) => {
  const all = statements.filter(({ message }) => message.type === kind);
  const distinct = [...new Map(all.map((one) => [Buffer.from(one.envelope.signature).toString("hex"), one])).values()];

  test("verifies with the identity of its author", () => {
    expect(all).toHaveLength(count);
    for (const { where, message, envelope } of all) {
      const result = now(verifyMessage(message, envelope, identityOf(message), crypto));
      expect(result, where).toMatchObject({ ok: true, verified: { message, envelope } });
    }
  });

  test.each(corruptions)("is refused with $name", ({ corrupt, reason, detail = /expected/ }) => {
    for (const statement of distinct) {
      const verdict = check(statement, corrupt(statement));
      expect(verdict, statement.where).toMatchObject({ ok: false, reason, detail: expect.stringMatching(detail) });
    }
  });

  test("is refused with the signature of another statement of its author", () => {
    for (const statement of distinct) {
      const other = statements.find(
        ({ message, envelope }) =>
          authorOf(message) === authorOf(statement.message) &&
          Buffer.compare(envelope.payload, statement.envelope.payload) !== 0,
      );
      const { signature } = (other ?? fail("another statement")).envelope;
      expect(check(statement, { ...statement.envelope, signature })).toMatchObject({ reason: "bad-signature" });
    }
  });

  test("is refused in the name of anybody else", () => {
    for (const statement of distinct) {
      for (const [author, identity] of identities) {
        if (author === authorOf(statement.message)) continue;
        expect(check(statement, statement.envelope, identity)).toMatchObject({ ok: false, reason: "bad-signature" });
      }
    }
  });

  test("is refused once its author's certificate has expired", () => {
    for (const { message, envelope } of distinct) {
      const verdict = now(verifyEnvelope(envelope, identityOf(message), expired));
      expect(verdict).toMatchObject({ ok: false, reason: "expired-identity" });
    }
  });

  test("is known by its own organization without any channel, and by another one only through a channel", async () => {
    const alone = new FabricCrypto({
      folder: await recordedFolder("peer2.org1"),
      mspId: "Org1MSP",
      wall: recordedWall,
    });
    for (const { message, envelope } of distinct) {
      const verdict = now(verifyEnvelope(envelope, identityOf(message), alone));
      const isOwn = crypto.orgOf(identityOf(message)) === "Org1MSP";
      expect(verdict).toMatchObject(isOwn ? { ok: true } : { ok: false, reason: "unknown-organization" });
    }
  });
});

describe("The secret of every recorded alive message", () => {
  const secret = statements.filter(({ envelope }) => envelope.secret !== undefined);
  const none = new Uint8Array(0);
  const cases: readonly [
    string,
    (part: NonNullable<Envelope["secret"]>) => Envelope["secret"],
    RejectReason,
    RegExp?,
  ][] = [
    [
      "a bit of its signature flipped",
      (one) => ({ ...one, signature: lastBitFlipped(one.signature) }),
      "bad-signature",
    ],
    ["a bit of its payload flipped", (one) => ({ ...one, payload: lastBitFlipped(one.payload) }), "bad-signature"],
    ["a high S", (one) => ({ ...one, signature: highS(one.signature) }), "bad-signature", /high S/],
    ["no signature", (one) => ({ ...one, signature: none }), "unsigned", /secret envelope/],
    ["no payload", (one) => ({ ...one, payload: none }), "unsigned", /secret envelope/],
  ];

  test.each(cases)("is refused with %s, though the message is good", (_, change, reason, detail = /expected/) => {
    expect(secret).toHaveLength(50);
    for (const statement of secret) {
      const { envelope } = statement;
      expect(check(statement, envelope)).toEqual({ ok: true });
      const corrupted = { ...envelope, secret: envelope.secret && change(envelope.secret) };
      const verdict = check(statement, corrupted);
      expect(verdict).toMatchObject({ ok: false, reason, detail: expect.stringMatching(detail) });
    }
  });

  test("is refused when it is another peer's, and may be taken away", () => {
    for (const statement of secret) {
      const { payload, signature } = statement.envelope;
      const other = secret.find(({ message }) => authorOf(message) !== authorOf(statement.message));
      const swapped = { payload, signature, secret: other?.envelope.secret };
      expect(check(statement, swapped)).toMatchObject({ ok: false, reason: "bad-signature" });
      expect(check(statement, { payload, signature })).toEqual({ ok: true });
    }
  });
});

describe("Every recorded handshake", () => {
  const names = ["peer2.org1", "peer0.org1", "peer2.org1", "peer1.org1"] as const;
  const handshakes = statements.flatMap(({ message, envelope }) =>
    message.type === "conn" ? [{ message, envelope }] : [],
  );

  test("names the TLS certificate that its sender showed, and nobody else's", () => {
    const hashes = handshakes.map(({ message }) => Buffer.from(message.tlsCertHash).toString("hex"));
    expect(hashes).toEqual(names.map((name) => Buffer.from(recordedTlsHash(name)).toString("hex")));
    expect(new Set(hashes).size).toBe(3);
  });

  test("is a ticket to the channel, since its sender may read it", () => {
    for (const { message, envelope } of handshakes) expect(readable(message, envelope)).toEqual({ ok: true });
  });
});

describe("Every recorded state info", () => {
  const infos = statements.flatMap(({ message, envelope }) =>
    message.type === "state-info" ? [{ message, envelope }] : [],
  );

  test("proves by its MAC that its author knows the channel", () => {
    for (const { message } of infos) {
      expect(Buffer.compare(message.channelMac, channelMac(message.pkiId, recordedChannel))).toBe(0);
    }
  });

  test("is by somebody who may read the channel", () => {
    for (const { message, envelope } of infos) expect(readable(message, envelope)).toEqual({ ok: true });
  });

  test("gives no right to read when it is changed, late, or of a channel that nobody knows", () => {
    for (const { message, envelope } of infos) {
      const identity = identityOf(message);
      const { payload, signature } = envelope;
      const verdictOf = (by: FabricCrypto, channel: string, signed: Uint8Array) =>
        by.verifyByChannel(channel, identity, signed, payload);
      expect(verdictOf(crypto, recordedChannel, lastBitFlipped(signature))).toMatchObject({ reason: "bad-signature" });
      expect(verdictOf(crypto, recordedChannel, highS(signature))).toMatchObject({
        reason: "bad-signature",
        detail: expect.stringContaining("high S"),
      });
      expect(verdictOf(expired, recordedChannel, signature)).toMatchObject({ reason: "expired-identity" });
      expect(verdictOf(crypto, "otherchannel", signature)).toMatchObject({ reason: "unknown-channel" });
    }
  });

  test("would give no right to read by the orderer's hand, though the channel knows him", async () => {
    const orderer = await recordedFolder("orderer");
    for (const { envelope } of infos.slice(0, 3)) {
      const signature = orderer.sign(envelope.payload);
      expect(crypto.verifyByChannel(recordedChannel, orderer.identity, signature, envelope.payload)).toMatchObject({
        reason: "policy-not-satisfied",
      });
    }
  });
});

describe("Every recorded leadership message", () => {
  test("is by the leader that it names, of our organization", () => {
    for (const { message } of statements) {
      if (message.type !== "leadership") continue;
      expect(message.isDeclaration).toBe(true);
      expect(crypto.orgOf(identityOf(message))).toBe("Org1MSP");
    }
  });
});

describe("Every block that Fabric's peers sent", () => {
  const all = conversations.flatMap(blocksIn);

  test("is there in all three ways", () => {
    const ways = all.map(({ how }) => how);
    const count = (sought: string) => ways.filter((how) => how === sought).length;
    expect([count("pushed"), count("pulled"), count("transferred")]).toEqual([5, 56, 61]);
  });

  test("is the orderer's, and verifies; but for block 0, which nobody signed", () => {
    for (const { where, payload, block } of all) {
      const { blockNumber } = payload;
      const ordered = recordedBlock(Number(blockNumber));
      expect(Buffer.compare(blockHash(block.header), blockHash(ordered.header)), where).toBe(0);
      expect(Buffer.compare(Buffer.concat(block.data), Buffer.concat(ordered.data)), where).toBe(0);
      const verdict = crypto.verifyBlock(recordedChannel, blockNumber, block);
      const expected = blockNumber === 0n ? { ok: false, reason: "bad-block-signature" } : { ok: true };
      expect(verdict, where).toMatchObject(expected);
    }
  });

  test("stays good when its orderer's certificate has expired", () => {
    for (const { payload, block } of all) {
      if (payload.blockNumber === 0n) continue;
      expect(expired.verifyBlock(recordedChannel, payload.blockNumber, block)).toEqual({ ok: true });
    }
  });

  test("is refused under another number, in another channel, and with anything changed", () => {
    for (const { payload, block } of all) {
      const { blockNumber } = payload;
      if (blockNumber === 0n) continue;
      const verdictOf = (change: Partial<typeof block>) =>
        crypto.verifyBlock(recordedChannel, blockNumber, { ...block, ...change });
      const [slot = fail("signatures"), ...rest] = block.metadata;
      expect(crypto.verifyBlock(recordedChannel, blockNumber + 1n, block)).toMatchObject({
        reason: "wrong-block-number",
      });
      expect(crypto.verifyBlock("otherchannel", blockNumber, block)).toMatchObject({ reason: "wrong-channel" });
      expect(verdictOf({ metadata: [lastBitFlipped(slot), ...rest] })).toMatchObject({ reason: "bad-block-signature" });
      expect(verdictOf({ data: block.data.map(lastBitFlipped) })).toMatchObject({ reason: "bad-data-hash" });
      const header = { ...block.header, previousHash: lastBitFlipped(block.header.previousHash) };
      expect(verdictOf({ header })).toMatchObject({ reason: "bad-block-signature" });
    }
  });
});

function identityOf(message: SignedMessage): Uint8Array {
  return identities.get(authorOf(message)) ?? fail(`the identity of ${authorOf(message)}`);
}

function check({ message }: Statement, envelope: Envelope, identity = identityOf(message)): Verdict {
  return now(verifyEnvelope(envelope, identity, crypto));
}

function readable(message: SignedMessage, { signature, payload }: Envelope): Verdict {
  return crypto.verifyByChannel(recordedChannel, identityOf(message), signature, payload);
}

/** FabricCrypto answers at once. */
function now<T>(value: MaybePromise<T>): T {
  if (value instanceof Promise) throw new Error("expected an answer at once");
  return value as T;
}
