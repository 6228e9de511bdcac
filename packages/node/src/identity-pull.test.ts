import { unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto } from "@gossip/crypto/testing";
import { type Envelope, type PkiId, pkiIdFromBytes, pkiIdToBytes, readMessage } from "@gossip/proto";
import { digestMessage, helloMessage, peerIdentity, requestMessage, updateMessage } from "@gossip/proto/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { befriend } from "../test/support/befriend.js";
import { alive, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const header = { tag: "empty", channel: "", pullType: "identity" } as const;

/** A victim, and a stranger that tells it of identities by pull. */
async function meetTeller() {
  const met = await befriend(scene);
  const ofIdentities = <T extends "hello" | "digest" | "request" | "update">(type: T) =>
    met.heardOf(type).filter((message) => "pullType" in message && message.pullType === "identity");
  let nonce = 0n;
  return {
    ...met,
    ofIdentities,
    /** What the victim offers to the stranger. */
    async offered(): Promise<readonly PkiId[]> {
      await met.say(unsigned(helloMessage({ ...header, pullNonce: ++nonce })));
      const digest = met
        .heardOf("digest")
        .find(({ pullType, pullNonce }) => pullType === "identity" && pullNonce === nonce);
      return (digest?.digests ?? []).map(pkiIdFromBytes).sort();
    },
    /** What the victim gives to the stranger, of what it has offered. */
    async given(pkiId: PkiId): Promise<readonly Envelope[]> {
      await met.say(unsigned(requestMessage({ ...header, pullNonce: nonce, digests: [pkiIdToBytes(pkiId)] })));
      const update = met.heardOf("update").find(({ pullNonce }) => pullNonce === nonce);
      return update?.data ?? [];
    },
    /** Offers these to the victim, when it next asks: its nonce, and what it requests. */
    async offer(...pkiIds: readonly PkiId[]) {
      const [hellos, requests] = [met.heardOf("hello").length, met.heardOf("request").length];
      const isNew = () =>
        met
          .heardOf("hello")
          .slice(hellos)
          .find(({ pullType }) => pullType === "identity");
      for (let waited = 0; isNew() === undefined && waited < 20_000; waited += 25) await scene.run(25);
      const pullNonce = isNew()?.pullNonce ?? 0n;
      await met.say(unsigned(digestMessage({ ...header, pullNonce, digests: pkiIds.map(pkiIdToBytes) })));
      await scene.run(100);
      const [request] = met.heardOf("request").slice(requests);
      return { pullNonce, requested: (request?.digests ?? []).map(pkiIdFromBytes).sort() };
    },
    update: (pullNonce: bigint, ...data: readonly Envelope[]) =>
      met.say(unsigned(updateMessage({ ...header, pullNonce, data }))),
  };
}

function other(name: string): FakeCrypto {
  return createFakeCrypto({ org: "org1", name, trust: scene.trust });
}

function itemOf(one: FakeCrypto, { pkiId = one.pkiId } = {}): Envelope {
  return sealed(peerIdentity({ pkiId, identity: one.identity }), one);
}

test("05/19, 5.20, 5.21: a node offers its own identity and those that it pulled, and no others that it knows", async () => {
  const { node, crypto, offered, offer, update } = await meetTeller();
  // The stranger's identity is known by handshake and by alive message.
  expect(await offered()).toEqual([node.pkiId]);
  const { pullNonce, requested } = await offer(crypto.pkiId);
  expect(requested, "which is pulled once more").toEqual([crypto.pkiId]);
  await update(pullNonce, itemOf(crypto));
  expect(await offered()).toEqual([crypto.pkiId, node.pkiId].sort());
});

test("05/18, 5.23: an identity with a bad signature, or under another PKI-ID, is not taken and costs no other", async () => {
  const { node, offered, offer, update } = await meetTeller();
  const [forged, mislabelled, good] = ["forged", "mislabelled", "good"].map(other) as [
    FakeCrypto,
    FakeCrypto,
    FakeCrypto,
  ];
  const wrong = other("wrong").pkiId;
  const first = await offer(wrong, good.pkiId);
  await update(first.pullNonce, itemOf(mislabelled, { pkiId: wrong }), itemOf(good));
  expect(await offered()).toEqual([good.pkiId, node.pkiId].sort());
  await scene.run(4_000);
  const second = await offer(forged.pkiId);
  await update(second.pullNonce, { ...itemOf(forged), signature: new Uint8Array(16) });
  expect(await offered()).toEqual([good.pkiId, node.pkiId].sort());
  expect(node.refusals.map(({ reason }) => reason).sort()).toEqual(["bad-signature", "pki-id-mismatch"]);
});

test("5.23: a pulled identity is given on as its owner signed it", async () => {
  const { offered, given, offer, update } = await meetTeller();
  const one = other("one");
  // With a field that this version does not know, which decoding and encoding again would lose.
  const payload = Buffer.concat([itemOf(one).payload, Buffer.from("fa3e00", "hex")]);
  const envelope = { payload: new Uint8Array(payload), signature: one.sign(payload) };
  const { pullNonce } = await offer(one.pkiId);
  await update(pullNonce, envelope);
  expect(await offered()).toContain(one.pkiId);
  expect(await given(one.pkiId)).toEqual([envelope]);
  expect(readMessage(envelope.payload)).toMatchObject({ ok: true, value: { type: "peer-identity" } });
});

test("05/20, 5.25: a known identity is not requested again; one that was revoked is not either, nor offered any more", async () => {
  const { node, offered, offer, update } = await meetTeller();
  const one = other("one");
  const { pullNonce } = await offer(one.pkiId);
  await update(pullNonce, itemOf(one));
  await scene.run(4_000);
  expect((await offer(one.pkiId)).requested).toEqual([]);
  scene.trust.revoke(one.identity);
  expect(await node.suspect(() => true)).toEqual([one.pkiId]);
  expect(await offered()).toEqual([node.pkiId]);
  expect((await offer(one.pkiId)).requested).toEqual([]);
});

test("05/21, 5.20: the own identity does not fall out of use", async () => {
  const { node, offered, say, crypto } = await meetTeller();
  for (let hour = 0; hour < 3; hour++) {
    await scene.run(3_600_000);
    await say(sealed(alive(crypto, BigInt(hour + 2)), crypto));
    expect(await offered()).toEqual([node.pkiId]);
  }
});

test("5.20: members of other organizations are asked too", async () => {
  const { to } = await meetTeller();
  const foreign = scene.stranger("foreign", "org2");
  foreign.comm.send(to, sealed(alive(foreign.crypto, 1n), foreign.crypto));
  await scene.run(5_000);
  expect(foreign.heard.filter(({ type }) => type === "hello")).toContainEqual(expect.objectContaining(header));
});

test("5.12: what can be no PKI-ID is not asked for", async () => {
  const { node, offer } = await meetTeller();
  const [longest, tooLong] = [64, 65].map((length) => pkiIdFromBytes(new Uint8Array(length).fill(7))) as [PkiId, PkiId];
  expect((await offer(tooLong, longest)).requested).toEqual([longest]);
  expect(node.drops.get("pull/malformed-digest")).toBe(1);
});

test("5.24: an update that was not asked for is dropped before anything inside is verified", async () => {
  const { costOf, node, offered } = await meetTeller();
  const data = [itemOf(other("one"))];
  expect(await costOf(updateMessage({ ...header, pullNonce: 99n, data }))).toMatchObject({
    signatures: 0,
    identities: 0,
  });
  expect(node.drops.get("gate/unsolicited")).toBe(1);
  expect(await offered()).toEqual([node.pkiId]);
});

test("7.37: what was asked for costs a peer as much as what it pushes", async () => {
  const { offer, comm, to, crypto, update, checks, node } = await meetTeller();
  const some = Array.from({ length: 20 }, (_, index) => other(`some${index}`));
  const { pullNonce } = await offer(...some.map(({ pkiId }) => pkiId));
  const forged = {
    ...sealed(alive(crypto, 2n, { identity: new Uint8Array(0) }), crypto),
    signature: new Uint8Array(16),
  };
  for (let index = 0; index < 100; index++) comm.send(to, forged);
  await scene.run(0);
  const before = { ...checks };
  await update(pullNonce, ...some.map((one) => itemOf(one)));
  expect(checks).toEqual(before);
  expect(node.drops.get("gate/too-often")).toBe(20);
});

test("5.26: who tells of somebody unknown is asked at once; then more is asked of members", async () => {
  const { ofIdentities, say, update, heardOf } = await meetTeller();
  await scene.run(4_000);
  const before = ofIdentities("hello").length;
  expect(before, "in the first round").toBe(1);
  await scene.run(300);
  const unknown = other("unknown");
  await say(sealed(alive(unknown, 1n, { identity: new Uint8Array(0) }), unknown));
  expect(ofIdentities("hello").length).toBe(2);
  const { pullNonce = 0n } =
    heardOf("hello")
      .filter(({ pullType }) => pullType === "identity")
      .at(-1) ?? {};
  await say(unsigned(digestMessage({ ...header, pullNonce, digests: [pkiIdToBytes(unknown.pkiId)] })));
  await scene.run(100);
  const questions = heardOf("membership-request").length;
  await update(pullNonce, itemOf(unknown));
  await scene.run(300);
  expect(heardOf("membership-request").length).toBeGreaterThan(questions);
});
