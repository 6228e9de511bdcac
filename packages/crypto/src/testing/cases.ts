import { strict as assert } from "node:assert";
import type { OrgId } from "@gossip/proto";
import { type Block, readBlock } from "@gossip/proto/fabric";
import type { MaybePromise } from "@gossip/runtime";
import type { MessageCryptoService, RejectReason, SecurityAdvisor, Verdict } from "../ports.js";

/** One requirement. `run` rejects when the subject does not meet it; any test runner will do. */
export interface ConformanceCase<Subject> {
  /** A sentence. */
  readonly name: string;
  run(create: () => MaybePromise<Subject>): Promise<void>;
}

/** Somebody with an identity and a key. */
export interface Party {
  readonly identity: Uint8Array;
  sign(payload: Uint8Array): MaybePromise<Uint8Array>;
}

/** An implementation of `MessageCryptoService`, and a world around it to try it with. */
export interface MessageCryptoServiceSubject {
  /** The implementation, run by a member of `channel`. */
  readonly crypto: MessageCryptoService;
  /** Its own identity. */
  readonly identity: Uint8Array;
  /** Another valid member of `channel`. */
  readonly member: Party;
  /** Valid, but of an organization that is not in `channel`. */
  readonly outsider: Party;
  /** Well-formed, of an organization that nobody knows. */
  readonly stranger: Party;
  /** Of a known organization, expired before now. */
  readonly expired: Party;
  /** Of a known organization, which has revoked it. `undefined` only for a trust that cannot revoke. */
  readonly revoked: Party | undefined;
  /**
   * Well-formed, and claims an organization that is in `channel` but did not issue it; its signatures are good by its own
   * key. `undefined` only for a trust without secrets, in which nobody can be told from an impostor.
   */
  readonly impostor: Party | undefined;
  readonly channel: string;
  /** Serialized, accepted for `channel` under `blockNumber`, with at least one transaction. */
  readonly block: Uint8Array;
  readonly blockNumber: bigint;
}

/** An implementation of `SecurityAdvisor`, and identities to try it with. */
export interface SecurityAdvisorSubject {
  readonly advisor: SecurityAdvisor;
  /** Valid, of organization `org`. */
  readonly identity: Uint8Array;
  readonly org: OrgId;
  /** Of `org`, and expired. */
  readonly expired: Uint8Array;
  /** Of `org`, which has revoked it. `undefined` only for a trust that cannot revoke. */
  readonly revoked: Uint8Array | undefined;
  /** Of an organization that nobody knows. */
  readonly stranger: Uint8Array;
}

const payload = new TextEncoder().encode("a payload to sign");

/** What every `MessageCryptoService` must do (protocol page 02 §3). */
export const messageCryptoServiceCases: readonly ConformanceCase<MessageCryptoServiceSubject>[] = [
  {
    name: "gives the same PKI-ID to equal bytes, and others to others",
    async run(create) {
      const { crypto, identity, member } = await create();
      assert.match(crypto.pkiIdOf(identity) ?? "", /^(?:[0-9a-f]{2})+$/);
      assert.equal(crypto.pkiIdOf(identity.slice()), crypto.pkiIdOf(identity));
      assert.notEqual(crypto.pkiIdOf(member.identity), crypto.pkiIdOf(identity));
    },
  },
  {
    name: "gives a PKI-ID to an identity it does not trust",
    async run(create) {
      const { crypto, stranger, expired } = await create();
      assert.notEqual(crypto.pkiIdOf(stranger.identity), undefined);
      assert.notEqual(crypto.pkiIdOf(expired.identity), undefined);
    },
  },
  {
    name: "02/10.3b: gives no PKI-ID to empty bytes and to garbage",
    async run(create) {
      const { crypto, identity } = await create();
      assert.equal(crypto.pkiIdOf(new Uint8Array(0)), undefined);
      assert.equal(crypto.pkiIdOf(garbage(identity.length)), undefined);
    },
  },
  {
    name: "02/10.3c: validates its own identity and that of another member",
    async run(create) {
      const { crypto, identity, member, outsider } = await create();
      for (const valid of [identity, member.identity, outsider.identity])
        expectAccepted(await crypto.validateIdentity(valid));
    },
  },
  {
    name: "02/10.3c, 2.4: refuses an empty identity and garbage as malformed",
    async run(create) {
      const { crypto, identity } = await create();
      expectRefused(await crypto.validateIdentity(new Uint8Array(0)), "malformed-identity");
      expectRefused(await crypto.validateIdentity(garbage(identity.length)), "malformed-identity");
    },
  },
  {
    name: "02/10.3c: refuses an identity of an unknown organization",
    async run(create) {
      const { crypto, stranger } = await create();
      expectRefused(await crypto.validateIdentity(stranger.identity), "unknown-organization");
    },
  },
  {
    name: "refuses an expired identity",
    async run(create) {
      const { crypto, expired } = await create();
      expectRefused(await crypto.validateIdentity(expired.identity), "expired-identity");
    },
  },
  {
    name: "refuses a revoked identity, and what it signs",
    async run(create) {
      const { crypto, revoked, channel } = await create();
      if (revoked === undefined) return;
      assert.notEqual(crypto.pkiIdOf(revoked.identity), undefined);
      expectRefused(await crypto.validateIdentity(revoked.identity), "revoked-identity");
      const signature = await revoked.sign(payload);
      expectRefused(await crypto.verify(revoked.identity, signature, payload), "revoked-identity");
      expectRefused(await crypto.verifyByChannel(channel, revoked.identity, signature, payload), "revoked-identity");
    },
  },
  {
    name: "refuses an identity that its organization did not issue, and what it signs",
    async run(create) {
      const { crypto, impostor, channel } = await create();
      if (impostor === undefined) return;
      expectRefused(await crypto.validateIdentity(impostor.identity), "untrusted-identity");
      const signature = await impostor.sign(payload);
      expectRefused(await crypto.verify(impostor.identity, signature, payload));
      expectRefused(await crypto.verifyByChannel(channel, impostor.identity, signature, payload));
    },
  },
  {
    name: "2.16: accepts no second form of an identity under the same PKI-ID",
    async run(create) {
      const { crypto, member } = await create();
      // An unknown protobuf field (15, empty) is what a decoder may overlook. Who accepted it could be made to store it
      // in place of the member's own bytes.
      const second = concat(member.identity, new Uint8Array([0x7a, 0x00]));
      if (crypto.pkiIdOf(second) === crypto.pkiIdOf(member.identity))
        expectRefused(await crypto.validateIdentity(second));
    },
  },
  {
    name: "02/10.3f: tells when an identity expires as a number, or that it never does",
    async run(create) {
      const { crypto, identity } = await create();
      const expiration = crypto.expirationOf(identity);
      assert.ok(
        expiration === undefined || Number.isFinite(expiration),
        `expected a date or undefined, got ${expiration}`,
      );
    },
  },
  {
    name: "02/10.3d: verifies its own signature, and another member's",
    async run(create) {
      const { crypto, identity, member } = await create();
      expectAccepted(await crypto.verify(identity, await crypto.sign(payload), payload));
      expectAccepted(await crypto.verify(member.identity, await member.sign(payload), payload));
    },
  },
  {
    name: "signs and verifies an empty payload",
    async run(create) {
      const { crypto, identity } = await create();
      const empty = new Uint8Array(0);
      expectAccepted(await crypto.verify(identity, await crypto.sign(empty), empty));
    },
  },
  {
    name: "refuses a signature by another key, of another payload, cut, extended, or empty",
    async run(create) {
      const { crypto, identity, member } = await create();
      const signature = await member.sign(payload);
      expectRefused(await crypto.verify(identity, signature, payload), "bad-signature");
      expectRefused(await crypto.verify(member.identity, signature, concat(payload, payload)), "bad-signature");
      expectRefused(await crypto.verify(member.identity, signature, payload.subarray(1)), "bad-signature");
      expectRefused(await crypto.verify(member.identity, signature.subarray(1), payload), "bad-signature");
      expectRefused(await crypto.verify(member.identity, concat(signature, signature), payload), "bad-signature");
      expectRefused(await crypto.verify(member.identity, new Uint8Array(0), payload), "bad-signature");
    },
  },
  {
    name: "refuses a signature with any one bit flipped",
    async run(create) {
      const { crypto, member } = await create();
      const signature = await member.sign(payload);
      for (let bit = 0; bit < signature.length * 8; bit++) {
        expectRefused(await crypto.verify(member.identity, flipped(signature, bit), payload), "bad-signature");
      }
    },
  },
  {
    name: "02/10.3d: refuses the good signature of an identity that is not valid",
    async run(create) {
      const { crypto, stranger, expired } = await create();
      expectRefused(
        await crypto.verify(stranger.identity, await stranger.sign(payload), payload),
        "unknown-organization",
      );
      expectRefused(await crypto.verify(expired.identity, await expired.sign(payload), payload), "expired-identity");
      expectRefused(
        await crypto.verify(new Uint8Array(0), await stranger.sign(payload), payload),
        "malformed-identity",
      );
    },
  },
  {
    name: "verifies by channel who may read the channel",
    async run(create) {
      const { crypto, identity, member, channel } = await create();
      expectAccepted(await crypto.verifyByChannel(channel, identity, await crypto.sign(payload), payload));
      expectAccepted(await crypto.verifyByChannel(channel, member.identity, await member.sign(payload), payload));
    },
  },
  {
    name: "refuses by channel an organization outside it, an unknown channel, a bad signature and an invalid identity",
    async run(create) {
      const { crypto, member, outsider, expired, channel } = await create();
      const signature = await member.sign(payload);
      const outside = await crypto.verifyByChannel(channel, outsider.identity, await outsider.sign(payload), payload);
      expectRefused(outside, "policy-not-satisfied");
      expectRefused(
        await crypto.verifyByChannel(`${channel}-not`, member.identity, signature, payload),
        "unknown-channel",
      );
      expectRefused(await crypto.verifyByChannel(channel, outsider.identity, signature, payload), "bad-signature");
      const late = await crypto.verifyByChannel(channel, expired.identity, await expired.sign(payload), payload);
      expectRefused(late, "expired-identity");
    },
  },
  {
    name: "02/10.3e: accepts a block under its own number and channel",
    async run(create) {
      const { crypto, channel, block, blockNumber } = await create();
      expectAccepted(await crypto.verifyBlock(channel, blockNumber, decoded(block)));
    },
  },
  {
    name: "refuses a block under another number or channel",
    async run(create) {
      const { crypto, channel, block, blockNumber } = await create();
      expectRefused(await crypto.verifyBlock(channel, blockNumber + 1n, decoded(block)), "wrong-block-number");
      expectRefused(await crypto.verifyBlock(`${channel}-not`, blockNumber, decoded(block)), "wrong-channel");
    },
  },
  {
    name: "refuses a block without transactions, without metadata, and without signatures",
    async run(create) {
      const { crypto, channel, block, blockNumber } = await create();
      const good = decoded(block);
      expectRefused(await crypto.verifyBlock(channel, blockNumber, { ...good, data: [] }), "malformed-block");
      expectRefused(await crypto.verifyBlock(channel, blockNumber, { ...good, metadata: [] }));
      const bare = { ...good, metadata: good.metadata.map(() => new Uint8Array(0)) };
      expectRefused(await crypto.verifyBlock(channel, blockNumber, bare));
    },
  },
  {
    name: "refuses a block with a transaction more than its data hash covers",
    async run(create) {
      const { crypto, channel, block, blockNumber } = await create();
      const good = decoded(block);
      const more = { ...good, data: [...good.data, ...good.data] };
      expectRefused(await crypto.verifyBlock(channel, blockNumber, more), "bad-data-hash");
    },
  },
  {
    name: "refuses a block whose header is not the one that was signed",
    async run(create) {
      const { crypto, channel, block, blockNumber } = await create();
      const good = decoded(block);
      const other = { ...good, header: { ...good.header, previousHash: new Uint8Array(32).fill(0xee) } };
      expectRefused(await crypto.verifyBlock(channel, blockNumber, other), "bad-block-signature");
      const renumbered = { ...good, header: { ...good.header, number: blockNumber + 1n } };
      expectRefused(await crypto.verifyBlock(channel, blockNumber + 1n, renumbered), "bad-block-signature");
    },
  },
  {
    name: "2.3: keeps nothing of the arrays it was given",
    async run(create) {
      const { crypto, member } = await create();
      const identity = member.identity.slice();
      const signature = new Uint8Array(await member.sign(payload));
      const pkiId = crypto.pkiIdOf(identity);
      expectAccepted(await crypto.verify(identity, signature, payload));
      identity.fill(0);
      signature.fill(0);
      expectRefused(await crypto.verify(member.identity, signature, payload), "bad-signature");
      expectAccepted(await crypto.verify(member.identity, await member.sign(payload), payload));
      assert.equal(crypto.pkiIdOf(member.identity), pkiId);
    },
  },
];

/** What every `SecurityAdvisor` must do (protocol page 02 §4). */
export const securityAdvisorCases: readonly ConformanceCase<SecurityAdvisorSubject>[] = [
  {
    name: "02/10.3g: tells the organization of a valid identity",
    async run(create) {
      const { advisor, identity, org } = await create();
      assert.equal(advisor.orgOf(identity), org);
      assert.equal(advisor.orgOf(identity.slice()), org);
    },
  },
  {
    name: "tells the organization of an expired identity",
    async run(create) {
      const { advisor, expired, org } = await create();
      assert.equal(advisor.orgOf(expired), org);
    },
  },
  {
    name: "tells the organization of a revoked identity",
    async run(create) {
      const { advisor, revoked, org } = await create();
      if (revoked !== undefined) assert.equal(advisor.orgOf(revoked), org);
    },
  },
  {
    name: "2.3: keeps nothing of the array it was given",
    async run(create) {
      const { advisor, identity, org } = await create();
      const given = identity.slice();
      assert.equal(advisor.orgOf(given), org);
      given.fill(0);
      assert.equal(advisor.orgOf(identity), org);
      assert.equal(advisor.orgOf(given), undefined);
    },
  },
  {
    name: "02/10.3g: knows no organization for a stranger, for empty bytes and for garbage",
    async run(create) {
      const { advisor, identity, stranger } = await create();
      assert.equal(advisor.orgOf(stranger), undefined);
      assert.equal(advisor.orgOf(new Uint8Array(0)), undefined);
      assert.equal(advisor.orgOf(garbage(identity.length)), undefined);
    },
  },
];

function expectAccepted(verdict: Verdict): void {
  assert.ok(verdict.ok, verdict.ok ? "" : `expected it to be accepted, got ${verdict.reason}: ${verdict.detail}`);
}

function expectRefused(verdict: Verdict, reason?: RejectReason): void {
  assert.equal(verdict.ok, false, "expected it to be refused, got accepted");
  if (verdict.ok) return;
  if (reason !== undefined) assert.equal(verdict.reason, reason, verdict.detail);
  assert.notEqual(verdict.detail, "", "expected a refusal to say what was expected and what came");
}

function decoded(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  assert.ok(block.ok, "expected the subject's block to decode");
  return block.value;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function garbage(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xff);
}
