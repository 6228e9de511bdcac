import { type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { describe, expect, it } from "vitest";
import { IdentityStore, type IdentityStoreOptions } from "./identity-store.js";
import type { MessageCryptoService, Verdict } from "./ports.js";
import { createFakeCrypto, FakeTrust, fakeIdentity } from "./testing/fake-crypto.js";

/** Paper tests of protocol page 02 §5 and §10.1, over the fake crypto: PKI-ID = identity in hex. */

const self = fakeIdentity("Org1", "self");
const peer = fakeIdentity("Org1", "peer");
const other = fakeIdentity("Org2", "other");
const idOf = (identity: Uint8Array): PkiId => pkiIdFromBytes(identity);
const day = 86_400_000;

function createStore(options: Partial<IdentityStoreOptions> = {}) {
  const clock = { wallMs: day };
  const trust = new FakeTrust({ wallMs: () => clock.wallMs });
  const fake = createFakeCrypto({ org: "Org1", name: "self", trust });
  let validations = 0;
  const crypto: MessageCryptoService = {
    ...fake,
    validateIdentity(identity) {
      validations++;
      return fake.validateIdentity(identity);
    },
  };
  const store = new IdentityStore({ crypto, advisor: fake, self, ...options });
  validations = 0;
  const put = (identity: Uint8Array, now = 0, pkiId = idOf(identity)) => store.put(pkiId, identity, now, clock.wallMs);
  return { store, trust, clock, put, validations: () => validations };
}

describe("IdentityStore", () => {
  it("02/10.1a, 02/10.1c, 2.6: accepts a valid identity, and the same again", () => {
    const { store, put } = createStore();
    expect(put(peer)).toEqual({ ok: true });
    expect(put(peer)).toEqual({ ok: true });
    expect(store.get(idOf(peer), 0)).toEqual(peer);
    expect(store.orgOf(idOf(peer))).toBe("Org1");
    expect(store.has(idOf(peer))).toBe(true);
  });

  it("02/10.1b, 2.6: refuses an empty PKI-ID, an empty identity and the PKI-ID of another, in both directions", () => {
    const { store, put } = createStore();
    expect(put(peer, 0, "" as PkiId)).toMatchObject({ reason: "pki-id-mismatch" });
    expect(put(new Uint8Array(0), 0, idOf(peer))).toMatchObject({ reason: "malformed-identity" });
    expect(put(peer, 0, idOf(other))).toMatchObject({ reason: "pki-id-mismatch" });
    expect(put(other, 0, idOf(peer))).toMatchObject({ reason: "pki-id-mismatch" });
    expect(store.all.map(({ pkiId }) => pkiId)).toEqual([idOf(self)]);
  });

  it("02/10.1b, 2.6: refuses a revoked identity and stores nothing", () => {
    const { store, trust, put } = createStore();
    trust.revoke(peer);
    expect(put(peer)).toMatchObject({ reason: "revoked-identity" });
    expect(store.has(idOf(peer))).toBe(false);
  });

  it("02/10.1c, 02/10.1d: knows nothing of a PKI-ID that was not put", () => {
    const { store } = createStore();
    expect(store.get(idOf(peer), 0)).toBeUndefined();
    expect(store.orgOf(idOf(peer))).toBeUndefined();
    expect(store.remove(idOf(peer), "replaced")).toBeUndefined();
  });

  it("keeps its own copy of the identity", () => {
    const { store, put } = createStore();
    const received = peer.slice();
    put(received);
    received.fill(0);
    expect(store.get(idOf(peer), 0)).toEqual(peer);
  });

  it("2.7: validates a known identity once, however often it is put", () => {
    const { put, validations } = createStore();
    for (let i = 0; i < 100; i++) expect(put(peer, i)).toEqual({ ok: true });
    expect(validations()).toBe(1);
  });

  it("2.8: refuses other bytes under a known PKI-ID, even if the crypto finds them valid", () => {
    const lenient = createFakeCrypto({ org: "Org1", name: "self" });
    const crypto: MessageCryptoService = { ...lenient, pkiIdOf: () => idOf(peer) };
    const store = new IdentityStore({ crypto, advisor: lenient, self: peer });
    expect(store.put(idOf(peer), other, 0, day)).toMatchObject({ reason: "pki-id-mismatch" });
    expect(store.get(idOf(peer), 0)).toEqual(peer);
  });

  it("2.11: remembers a refusal for five seconds, or until trust changes", () => {
    const { store, put, trust, clock, validations } = createStore();
    trust.expire(peer, day - 1);
    for (let now = 0; now < 5_000; now += 100) expect(put(peer, now)).toMatchObject({ reason: "expired-identity" });
    expect(validations()).toBe(1);
    trust.expire(peer, 2 * day);
    expect(put(peer, 4_999)).toMatchObject({ reason: "expired-identity" });
    expect(put(peer, 5_000)).toEqual({ ok: true });

    trust.revoke(other);
    put(other, 5_000);
    store.suspect(() => false, 5_001, clock.wallMs);
    put(other, 5_002);
    expect(validations()).toBe(4);
  });

  it("remembers only so many refusals", () => {
    const { put, trust, validations } = createStore();
    const strangers = Array.from({ length: 1_025 }, (_, i) => fakeIdentity("Org1", `bad${i}`));
    for (const stranger of strangers) {
      trust.revoke(stranger);
      put(stranger);
    }
    put(fakeIdentity("Org1", "bad1024"));
    expect(validations()).toBe(1_025);
    put(fakeIdentity("Org1", "bad0"));
    expect(validations()).toBe(1_026);
  });

  it("refuses what exceeds its bound, and takes it when there is room again", () => {
    const { store, put } = createStore({ maxIdentities: 2, maxIdentitiesPerOrganization: 2 });
    expect(put(peer)).toEqual({ ok: true });
    expect(put(other)).toMatchObject({ reason: "too-many-identities" });
    expect(put(peer)).toEqual({ ok: true });
    expect(store.remove(idOf(peer), "replaced")).toEqual({ pkiId: idOf(peer), identity: peer, cause: "replaced" });
    expect(put(other)).toEqual({ ok: true });
  });

  it("2.34: keeps room for the identities of others, however many one organization makes", () => {
    const { store, put } = createStore({ maxIdentities: 10 });
    const made = Array.from({ length: 20 }, (_, index) => fakeIdentity("Org2", `made${index}`));
    const verdicts = made.map((identity) => put(identity));
    expect(verdicts.filter((verdict) => "ok" in verdict && verdict.ok)).toHaveLength(5);
    expect(verdicts.at(-1)).toMatchObject({ reason: "too-many-identities" });
    expect([put(peer), put(fakeIdentity("Org3", "peer"))]).toEqual([{ ok: true }, { ok: true }]);
    // One that goes makes room for another of its organization, once.
    store.remove(idOf(made[0] as Uint8Array), "unused");
    expect([put(other), put(made[6] as Uint8Array)]).toMatchObject([{ ok: true }, { ok: false }]);
  });

  it("2.34: counts the own identity among those of its organization", () => {
    const { put } = createStore({ maxIdentitiesPerOrganization: 2 });
    expect([put(peer), put(fakeIdentity("Org1", "one-more"))]).toMatchObject([{ ok: true }, { ok: false }]);
    expect(put(other)).toEqual({ ok: true });
  });

  it("02/10.1m: lists every identity under its own organization, the own one included", () => {
    const { store, put, trust } = createStore();
    trust.expire(other, 3 * day);
    put(peer);
    put(other);
    expect(store.all).toEqual([
      { pkiId: idOf(self), identity: self, org: "Org1", expiresAtWallMs: undefined },
      { pkiId: idOf(peer), identity: peer, org: "Org1", expiresAtWallMs: undefined },
      { pkiId: idOf(other), identity: other, org: "Org2", expiresAtWallMs: 3 * day },
    ]);
  });
});

describe("IdentityStore, of its own identity,", () => {
  const build = (trust: FakeTrust, identity = self) => {
    const fake = createFakeCrypto({ org: "Org1", name: "self", trust });
    return () => new IdentityStore({ crypto: fake, advisor: fake, self: identity });
  };
  const untrusted = (text: string) =>
    expect.objectContaining({ code: "untrusted", message: expect.stringContaining(text) });

  it("tells PKI-ID and organization", () => {
    expect(build(new FakeTrust())()).toMatchObject({ selfPkiId: idOf(self), selfOrg: "Org1" });
  });

  it("02/10.1l: refuses to start with a revoked, an expired, an unknown and a malformed one", () => {
    const revoking = new FakeTrust();
    revoking.revoke(self);
    expect(build(revoking)).toThrow(untrusted("revoked-identity"));
    const late = new FakeTrust({ wallMs: () => 2 });
    late.expire(self, 1);
    expect(build(late)).toThrow(untrusted("expired-identity"));
    expect(build(new FakeTrust({ organizations: ["Org9"] }))).toThrow(untrusted("unknown-organization"));
    expect(build(new FakeTrust(), new Uint8Array([1]))).toThrow(untrusted("no PKI-ID"));
  });

  it("refuses bounds that are none", () => {
    const fake = createFakeCrypto({ org: "Org1", name: "self" });
    const options = { crypto: fake, advisor: fake, self };
    for (const bad of [
      { maxIdentities: 0 },
      { maxIdentities: 1.5 },
      { maxIdentitiesPerOrganization: 0 },
      { usageThresholdMs: 0 },
      { usageThresholdMs: Number.NaN },
    ]) {
      expect(() => new IdentityStore({ ...options, ...bad })).toThrow(
        expect.objectContaining({ code: "invalid-config" }),
      );
    }
  });

  it("02/10.1f, 2.10: never loses it by disuse, but does by expiry and by revocation", () => {
    const { store, trust, clock } = createStore({ usageThresholdMs: 500 });
    expect(store.purge(1e9, clock.wallMs)).toEqual([]);
    trust.revoke(self);
    expect(store.suspect(() => true, 1e9, clock.wallMs)).toEqual([
      { pkiId: idOf(self), identity: self, cause: "suspected", detail: expect.stringMatching(/^revoked-identity: /) },
    ]);
    const expiring = new FakeTrust();
    expiring.expire(self, day);
    const brief = build(expiring)();
    expect(brief.purge(0, day)).toEqual([]);
    expect(brief.purge(0, day + 1)).toEqual([{ pkiId: idOf(self), identity: self, cause: "expired" }]);
  });
});

describe("IdentityStore, of disuse,", () => {
  it("02/10.1f, 2.10: purges what nobody asked for longer than the threshold, and returns it", () => {
    const { store, put, clock } = createStore({ usageThresholdMs: 500 });
    put(peer, 0);
    expect(store.purge(500, clock.wallMs)).toEqual([]);
    expect(store.purge(501, clock.wallMs)).toEqual([{ pkiId: idOf(peer), identity: peer, cause: "unused" }]);
    expect(store.has(idOf(peer))).toBe(false);
  });

  it("02/10.1g, 2.9: keeps what is asked for", () => {
    const { store, put, clock } = createStore({ usageThresholdMs: 500 });
    put(peer, 0);
    for (let now = 0; now <= 3_000; now += 10) {
      expect(store.get(idOf(peer), now)).toEqual(peer);
      expect(store.purge(now, clock.wallMs)).toEqual([]);
    }
  });

  it("2.9: counts neither a further put, nor has, orgOf and all as use", () => {
    const { store, put, clock } = createStore({ usageThresholdMs: 500 });
    put(peer, 0);
    put(peer, 400);
    store.has(idOf(peer));
    store.orgOf(idOf(peer));
    expect(store.all).toHaveLength(2);
    expect(store.purge(501, clock.wallMs)).toHaveLength(1);
  });
});

describe("IdentityStore, of expiry,", () => {
  it("02/10.1i: refuses what has expired, takes what will, and what never does", () => {
    const { put, trust } = createStore();
    trust.expire(peer, day - 1);
    trust.expire(other, day);
    expect(put(peer)).toMatchObject({ reason: "expired-identity" });
    expect(put(other)).toEqual({ ok: true });
    expect(put(fakeIdentity("Org1", "eternal"))).toEqual({ ok: true });
  });

  it("goes by its own look at the date too, as the reference's validation ignores expiry", () => {
    const fake = createFakeCrypto({ org: "Org1", name: "self" });
    const store = new IdentityStore({ crypto: fake, advisor: fake, self });
    fake.trust.expire(peer, 10);
    expect(store.put(idOf(peer), peer, 0, 11)).toMatchObject({ reason: "expired-identity" });
  });

  it("02/10.1j, 2.7: refuses a known identity once it has expired, and purges it with that cause", () => {
    const { store, put, trust, clock } = createStore();
    trust.expire(peer, day + 1_000);
    put(peer, 0);
    clock.wallMs = day + 1_001;
    expect(put(peer, 1_001)).toMatchObject({ reason: "expired-identity" });
    expect(store.purge(1_001, clock.wallMs)).toEqual([{ pkiId: idOf(peer), identity: peer, cause: "expired" }]);
  });

  it("2.10: wants to be purged just after the first expiry, and within a tenth of the threshold", () => {
    const { store, put, trust, clock } = createStore({ usageThresholdMs: 100_000 });
    expect(store.deadline).toBe(Number.NEGATIVE_INFINITY);
    store.purge(50, clock.wallMs);
    expect(store.deadline).toBe(10_050);
    trust.expire(peer, clock.wallMs + 1_000);
    put(peer, 60);
    expect(store.deadline).toBe(1_061);
    expect(store.purge(1_060, clock.wallMs + 1_000)).toEqual([]);
    expect(store.deadline).toBe(1_061);
    expect(store.purge(1_061, clock.wallMs + 1_001)).toHaveLength(1);
    expect(store.deadline).toBe(11_061);
  });
});

describe("IdentityStore, of suspicion,", () => {
  it("02/10.1e, 02/10.1k, 2.11: removes the suspected that are revoked, once, and only them", () => {
    const { store, put, trust, clock } = createStore();
    put(peer);
    put(other);
    trust.revoke(peer);
    trust.revoke(other);
    const ofOrg2 = store.suspect(({ org }) => org === "Org2", 1, clock.wallMs);
    expect(ofOrg2).toEqual([
      { pkiId: idOf(other), identity: other, cause: "suspected", detail: expect.stringMatching(/^revoked-identity: /) },
    ]);
    expect(store.has(idOf(peer))).toBe(true);
    expect(store.suspect(() => true, 2, clock.wallMs)).toEqual([
      { pkiId: idOf(peer), identity: peer, cause: "suspected", detail: expect.stringMatching(/^revoked-identity: /) },
    ]);
    expect(store.suspect(() => true, 3, clock.wallMs)).toEqual([]);
  });

  it("counts suspicion that was not confirmed as use, and removes the unused on the way", () => {
    const { store, put, clock } = createStore({ usageThresholdMs: 500 });
    put(peer, 0);
    put(other, 0);
    store.suspect(({ org }) => org === "Org1", 400, clock.wallMs);
    const removed = store.suspect(() => false, 600, clock.wallMs);
    expect(removed).toEqual([{ pkiId: idOf(other), identity: other, cause: "unused" }]);
    expect(store.has(idOf(peer))).toBe(true);
  });
});

describe("IdentityStore, of what went,", () => {
  const wallMs = day;

  it("2.22: does not welcome a revoked identity, held or refused, until trust changes", () => {
    const { store, put, trust } = createStore();
    put(peer);
    trust.revoke(peer);
    trust.revoke(other);
    store.suspect(() => true, 1, wallMs);
    expect(put(other)).toMatchObject({ reason: "revoked-identity" });
    for (const one of [peer, other]) {
      store.welcome(idOf(one));
      expect(store.isUnwelcome(idOf(one), wallMs)).toBe(true);
    }
    store.suspect(() => false, 2, wallMs);
    expect(store.isUnwelcome(idOf(peer), wallMs)).toBe(false);
    expect(store.isUnwelcome(idOf(other), wallMs)).toBe(false);
  });

  it("2.22: does not welcome an expired identity, held or refused, unless the date is set back", () => {
    const { store, put, trust, clock } = createStore();
    trust.expire(peer, day + 1_000);
    trust.expire(other, day);
    put(peer);
    clock.wallMs = day + 2_000;
    store.purge(2_000, clock.wallMs);
    put(other);
    for (const one of [peer, other]) {
      store.welcome(idOf(one));
      expect(store.isUnwelcome(idOf(one), clock.wallMs)).toBe(true);
    }
    expect(store.isUnwelcome(idOf(peer), day + 1_000)).toBe(false);
    expect(store.isUnwelcome(idOf(other), day)).toBe(false);
  });

  it("2.22: does not welcome what fell out of use or was replaced, until it is heard of again", () => {
    const { store, put } = createStore({ usageThresholdMs: 500 });
    put(peer);
    put(other);
    store.remove(idOf(other), "replaced");
    store.purge(501, wallMs);
    for (const one of [peer, other]) {
      expect(store.isUnwelcome(idOf(one), wallMs)).toBe(true);
      store.welcome(idOf(one));
      expect(store.isUnwelcome(idOf(one), wallMs)).toBe(false);
    }
  });

  it("2.22: welcomes what was put after all, as by a handshake", () => {
    const { store, put } = createStore();
    put(peer);
    store.remove(idOf(peer), "replaced");
    expect(put(peer)).toEqual({ ok: true });
    expect(store.isUnwelcome(idOf(peer), wallMs)).toBe(false);
  });

  it("2.22: remembers only so many", () => {
    const { store, put } = createStore();
    const many = Array.from({ length: 4_097 }, (_, i) => fakeIdentity("Org1", `peer${i}`));
    for (const one of many) {
      put(one);
      store.remove(idOf(one), "replaced");
    }
    expect(many.filter((one) => store.isUnwelcome(idOf(one), wallMs))).toHaveLength(4_096);
    expect(store.isUnwelcome(idOf(fakeIdentity("Org1", "peer0")), wallMs)).toBe(false);
  });

  it("2.23: keeps a member's identity, however long nobody asks for it", () => {
    const members = new Set([idOf(peer)]);
    const { store, put } = createStore({ usageThresholdMs: 500, isMember: (pkiId) => members.has(pkiId) });
    put(peer);
    put(other);
    expect(store.purge(501, wallMs)).toEqual([{ pkiId: idOf(other), identity: other, cause: "unused" }]);
    members.clear();
    expect(store.purge(502, wallMs)).toEqual([{ pkiId: idOf(peer), identity: peer, cause: "unused" }]);
  });

  it("2.28: counts whose identity runs out within a time, the own one and those that have left out", () => {
    const { store, put, trust } = createStore();
    trust.expire(peer, day + 1_000);
    trust.expire(other, day + 2_000);
    put(peer);
    put(other);
    put(fakeIdentity("Org1", "eternal"));
    expect(store.expiringWithin(999, day)).toBe(0);
    expect(store.expiringWithin(1_000, day)).toBe(1);
    expect(store.expiringWithin(1_000, day + 1_001)).toBe(1);
  });
});

describe("IdentityStore with asynchronous crypto", () => {
  /** Answers when `answer` is called. */
  function createSlowStore() {
    const fake = createFakeCrypto({ org: "Org1", name: "self" });
    const waiting: (() => void)[] = [];
    const crypto: MessageCryptoService = {
      ...fake,
      validateIdentity: (identity) =>
        new Promise<Verdict>((resolve) => waiting.push(() => resolve(fake.validateIdentity(identity)))),
    };
    const store = new IdentityStore({ crypto, advisor: fake, self });
    const answer = () => {
      for (const resolve of waiting.splice(0)) resolve();
    };
    answer();
    return { store, trust: fake.trust, answer };
  }

  it("stores when the validation has answered", async () => {
    const { store, answer } = createSlowStore();
    const verdict = store.put(idOf(peer), peer, 0, 0);
    expect(store.has(idOf(peer))).toBe(false);
    answer();
    expect(await verdict).toEqual({ ok: true });
    expect(store.has(idOf(peer))).toBe(true);
  });

  it("2.11: judges again what was being validated when trust changed", async () => {
    const fake = createFakeCrypto({ org: "Org1", name: "self" });
    // Its verdicts are of the moment when they were asked for, and arrive later.
    const crypto: MessageCryptoService = {
      ...fake,
      validateIdentity: async (identity) => await Promise.resolve(fake.validateIdentity(identity)),
    };
    const store = new IdentityStore({ crypto, advisor: fake, self });
    const verdict = store.put(idOf(peer), peer, 0, 0);
    fake.trust.revoke(peer);
    await store.suspect(() => true, 1, 0);
    expect(await verdict).toMatchObject({ reason: "revoked-identity" });
    expect(store.has(idOf(peer))).toBe(false);
  });

  it("2.11: keeps whom only a trust refused that was over when the verdict came", async () => {
    const fake = createFakeCrypto({ org: "Org1", name: "self" });
    let trusted: Verdict = { ok: true };
    const crypto: MessageCryptoService = { ...fake, validateIdentity: async () => trusted };
    const store = new IdentityStore({ crypto, advisor: fake, self });
    await store.put(idOf(peer), peer, 0, 0);
    trusted = { ok: false, reason: "unknown-organization", detail: "in between" };
    const first = store.suspect(() => true, 1, 0);
    trusted = { ok: true };
    const second = store.suspect(() => false, 2, 0);
    expect([await first, await second]).toEqual([[], []]);
    expect(store.has(idOf(peer))).toBe(true);
  });

  it("accepts two puts of one identity that overlap", async () => {
    const { store, answer } = createSlowStore();
    const verdicts = [store.put(idOf(peer), peer, 0, 0), store.put(idOf(peer), peer, 1, 0)];
    answer();
    expect(await Promise.all(verdicts)).toEqual([{ ok: true }, { ok: true }]);
    expect(store.all).toHaveLength(2);
  });

  it("does not remove what was replaced while a suspicion was being checked", async () => {
    const { store, trust, answer } = createSlowStore();
    const first = store.put(idOf(peer), peer, 0, 0);
    answer();
    await first;
    trust.revoke(peer);
    const removed = store.suspect(({ pkiId }) => pkiId === idOf(peer), 1, 0);
    store.remove(idOf(peer), "replaced");
    answer();
    expect(await removed).toEqual([]);
  });
});
