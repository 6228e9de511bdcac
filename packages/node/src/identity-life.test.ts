import { type KnownIdentity, type MessageCryptoService, type SecurityAdvisor, unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, FakeTrust, fakeIdentity, makeFakeBlock } from "@gossip/crypto/testing";
import { type PkiId, pkiIdFromBytes } from "@gossip/proto";
import {
  digestMessage,
  helloMessage,
  leadershipMessage,
  membershipResponse,
  peerIdentity,
  updateMessage,
} from "@gossip/proto/testing";
import type { LogFields, Logger, MaybePromise } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { info } from "../test/support/befriend.js";
import { alive, channelName, meet, Scene, sealed } from "../test/support/scene.js";
import type { Channel, GossipNode } from "./api.js";

/** Paper tests of protocol page 02 §5.4, §5.5, §11.9, §11.13 and §11.16, end to end over the fake crypto. */

const all = (): boolean => true;
const dayMs = 86_400_000;
const idOf = (name: string, org = "org1"): PkiId => pkiIdFromBytes(fakeIdentity(org, name));

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Everything in which a node shows a PKI-ID to operators and others. */
function traces({ node, channel }: { readonly node: GossipNode; readonly channel: Channel }, pkiId: PkiId) {
  const places = {
    members: node.members,
    deadMembers: node.deadMembers,
    connections: node.connections,
    channelMembers: channel.members,
    leaders: channel.leaders,
  };
  return Object.entries(places).flatMap(([place, shown]) => (shown.some((one) => one.pkiId === pkiId) ? [place] : []));
}

/** Four nodes, the last of which is another organization's. */
async function network() {
  const nodes = [
    await scene.node("peer0"),
    await scene.node("peer1", { bootstrap: ["peer0:7051"] }),
    await scene.node("peer2", { bootstrap: ["peer0:7051"] }),
    await scene.node("other", { org: "org2", join: { anchors: [] } }),
  ] as const;
  await nodes[3].channel.updateConfig({
    organizations: [nodes[0].node.org, nodes[3].node.org],
    anchors: [{ org: nodes[0].node.org, endpoint: "peer0:7051" }],
  });
  await scene.run(8_000);
  for (const { node } of nodes) expect(node.members).toHaveLength(3);
  return nodes;
}

describe("an identity that is revoked", () => {
  test("02/10.3h, 2.11, 2.12, 2.24: is gone from every place as soon as it is suspected, and its peer sees nobody", async () => {
    const [peer0, peer1, peer2, other] = await network();
    const revoked = peer2.node.pkiId;
    scene.trust.revoke(fakeIdentity("org1", "peer2"));
    for (const { node } of [peer0, peer1, other]) expect(await node.suspect(all)).toEqual([revoked]);
    for (const one of [peer0, peer1, other]) expect(traces(one, revoked)).toEqual([]);

    expect(await peer2.node.suspect(all)).toEqual([revoked]);
    expect(peer2.node.health).toMatchObject({ ok: false, detail: expect.stringContaining("was revoked") });
    await scene.run(120_000);
    for (const one of [peer0, peer1, other]) {
      expect(traces(one, revoked)).toEqual([]);
      expect(one.node.members).toHaveLength(2);
    }
    expect(peer2.node.members).toEqual([]);
    expect(peer2.node.connections).toEqual([]);
  });

  test("2.22: does not come back from a peer that still advertises it, and costs no more questions", async () => {
    // Who has another trust does not know of the revocation: it goes on to offer identity and alive messages.
    const wrap = () => createFakeCrypto({ org: "org1", name: "peer1", trust: new FakeTrust() });
    const peer0 = await scene.node("peer0");
    const peer1 = await scene.node("peer1", { bootstrap: ["peer0:7051"], wrap });
    const peer2 = await scene.node("peer2", { bootstrap: ["peer1:7051"] });
    await scene.run(8_000);
    const revoked = peer2.node.pkiId;
    expect(traces(peer0, revoked)).toContain("members");
    scene.trust.revoke(peer2.crypto.identity);
    await peer0.node.suspect(all);
    // For ten seconds its alive messages carry the identity, which is judged each time it comes.
    await scene.run(5_000);
    const refusals = () => peer0.node.drops.get("gate/revoked-identity") ?? 0;
    const before = refusals();
    await scene.run(120_000);
    expect(traces(peer1, revoked)).toContain("members");
    expect(traces(peer0, revoked)).toEqual([]);
    expect(refusals()).toBe(before);
  });

  test("2.22: is a reason to ask nobody, when an alive message names it, as others are", async () => {
    const { node, crypto, say, heard } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    const [revoked, unknown] = ["revoked", "unknown"].map((name) =>
      createFakeCrypto({ org: "org1", name, trust: scene.trust }),
    ) as [FakeCrypto, FakeCrypto];
    await say(sealed(alive(revoked, 1n), revoked));
    scene.trust.revoke(revoked.identity);
    await node.suspect(all);
    const asksAfter = async (one: FakeCrypto) => {
      const hellos = () =>
        heard.filter((message) => message.type === "hello" && message.pullType === "identity").length;
      const rounds = hellos();
      for (let waited = 0; hellos() === rounds && waited < 20_000; waited += 100) await scene.run(100);
      await scene.run(1_000);
      const before = hellos();
      await say(sealed(alive(one, 2n, { identity: new Uint8Array(0) }), one));
      await scene.run(500);
      return hellos() > before;
    };
    expect([await asksAfter(revoked), await asksAfter(unknown)]).toEqual([false, true]);
  });

  test("2.24: only those that the predicate picks are judged, and it sees each identity", async () => {
    const [peer0, , peer2, other] = await network();
    const seen: KnownIdentity[] = [];
    scene.trust.revoke(fakeIdentity("org1", "peer2"));
    scene.trust.revoke(fakeIdentity("org2", "other"));
    const gone = await peer0.node.suspect((identity) => {
      seen.push(identity);
      return identity.org === "org2";
    });
    expect(seen.map(({ pkiId }) => pkiId)).toEqual(expect.arrayContaining([peer0.node.pkiId, other.node.pkiId]));
    expect(gone).toEqual([other.node.pkiId]);
    expect(traces(peer0, peer2.node.pkiId)).toContain("members");
  });

  test("2.11: is gone as soon as a channel is joined, whose organizations may be judged otherwise", async () => {
    const { node, channel, crypto, say } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    scene.trust.revoke(crypto.identity);
    await node.join("another", { ledger: createMemoryLedger(), organizations: [node.org] });
    expect(traces({ node, channel }, crypto.pkiId)).toEqual([]);
  });

  test("2.24: a predicate that throws fails for whoever gave it, and for nobody else", async () => {
    const { node } = await scene.node("peer0");
    const faults: unknown[] = [];
    node.on("fault", (error) => faults.push(error));
    const broken = () => {
      throw new Error("broken");
    };
    await expect(node.suspect(broken)).rejects.toThrow("broken");
    expect(await node.suspect(all)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("2.12: what it declared and said of itself in a channel goes with it", async () => {
    const { node, channel, crypto, say } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    const declaration = leadershipMessage({
      channel: channelName,
      pkiId: crypto.pkiId,
      time: { incarnation: 1n, sequence: 1n },
      isDeclaration: true,
    });
    await say(sealed(declaration, crypto));
    expect(traces({ node, channel }, crypto.pkiId)).toEqual(["members", "connections", "leaders"]);
    scene.trust.revoke(crypto.identity);
    await node.suspect(all);
    expect(traces({ node, channel }, crypto.pkiId)).toEqual([]);
  });
});

describe("an identity that comes back", () => {
  test("2.12: has said nothing of itself in the channel, before it does so anew", async () => {
    const { node, channel, crypto, say } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    await say(sealed(info(crypto, 1n), crypto));
    const declaration = { channel: channelName, pkiId: crypto.pkiId, time: { incarnation: 1n, sequence: 1n } };
    await say(sealed(leadershipMessage({ ...declaration, isDeclaration: true }), crypto));
    const everywhere = ["members", "connections", "channelMembers", "leaders"];
    expect(traces({ node, channel }, crypto.pkiId)).toEqual(everywhere);
    const wallMs = Number(scene.clock.nowNanos() / 1_000_000n);
    scene.trust.expire(crypto.identity, wallMs - 1);
    expect(await node.suspect(all)).toEqual([crypto.pkiId]);
    scene.trust.expire(crypto.identity, wallMs + dayMs);
    await scene.run(6_000);
    await say(sealed(alive(crypto, 2n), crypto));
    expect(traces({ node, channel }, crypto.pkiId)).toEqual(["members", "connections"]);
    await say(sealed(info(crypto, 1n), crypto));
    expect(traces({ node, channel }, crypto.pkiId)).toEqual(["members", "connections", "channelMembers"]);
  });
});

describe("an identity that goes while the crypto takes its time", () => {
  /** A victim whose crypto, of what `isHeld` says, answers when it is let go; and a stranger that is its member. */
  async function meetSlow() {
    const waiting: (() => void)[] = [];
    const held: { isHeld(call: "sign" | "verify", identity: Uint8Array): boolean } = { isHeld: () => false };
    const later = <T>(isHeld: boolean, answer: T): MaybePromise<T> =>
      isHeld ? new Promise((resolve) => waiting.push(() => resolve(answer))) : answer;
    const wrap = (fake: FakeCrypto): MessageCryptoService & SecurityAdvisor => ({
      ...fake,
      sign: (payload) => later(held.isHeld("sign", fake.identity), fake.sign(payload)),
      verify: (identity, signature, payload) =>
        later(held.isHeld("verify", identity), fake.verify(identity, signature, payload)),
    });
    const met = await meet(scene, { wrap });
    await met.say(sealed(alive(met.crypto, 1n), met.crypto));
    await scene.run(500);
    return {
      ...met,
      /** Revokes the identity while something is held, and lets that go. */
      async revokeMeanwhile(identity: Uint8Array) {
        expect(waiting, "what is held").not.toEqual([]);
        scene.trust.revoke(identity);
        await met.node.suspect(all);
        held.isHeld = () => false;
        for (const resolve of waiting.splice(0)) resolve();
        for (let turn = 0; turn < 50; turn++) await scene.run(0);
      },
      holdVerifying(of: FakeCrypto) {
        held.isHeld = (call, identity) => call === "verify" && Buffer.compare(identity, of.identity) === 0;
      },
      holdSigning() {
        held.isHeld = (call) => call === "sign";
      },
    };
  }
  const made = (name: string) => createFakeCrypto({ org: "org1", name, trust: scene.trust });

  test("2.12: makes nobody a member by the message that was being verified", async () => {
    const { node, crypto, say, holdVerifying, revokeMeanwhile } = await meetSlow();
    const author = made("author");
    holdVerifying(author);
    await say(sealed(alive(author, 1n), author));
    await revokeMeanwhile(author.identity);
    expect(node.members.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId]);
    expect(node.drops.get("gate/unknown-identity")).toBe(1);
  });

  test("2.12: makes nobody a member by a response of which other entries were being verified", async () => {
    const { node, crypto, say, heard, holdVerifying, revokeMeanwhile } = await meetSlow();
    const nonce = heard.findLast(({ type }) => type === "membership-request")?.nonce ?? 0n;
    const [told, next] = [made("told"), made("next")];
    holdVerifying(next);
    await say(unsigned(membershipResponse({ nonce, alive: [told, next].map((one) => sealed(alive(one, 1n), one)) })));
    await revokeMeanwhile(told.identity);
    expect(node.members.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId, next.pkiId]);
  });

  test("2.12: is not offered for an update of which other items were being verified", async () => {
    const { node, say, heard, holdVerifying, revokeMeanwhile } = await meetSlow();
    const [hello] = heard.filter((message) => message.type === "hello" && message.pullType === "identity");
    const pullNonce = hello?.type === "hello" ? hello.pullNonce : 0n;
    const pull = { pullType: "identity", tag: "empty", channel: "", pullNonce } as const;
    const [told, next] = [made("told"), made("next")];
    await say(unsigned(digestMessage({ ...pull, digests: [told.identity, next.identity] })));
    holdVerifying(next);
    const data = [told, next].map((one) => sealed(peerIdentity({ pkiId: one.pkiId, identity: one.identity }), one));
    await say(unsigned(updateMessage({ ...pull, data })));
    await revokeMeanwhile(told.identity);
    await say(unsigned(helloMessage({ ...pull, pullNonce: 7n })));
    const digest = heard.findLast(({ type }) => type === "digest");
    const offered = digest?.type === "digest" ? digest.digests.map(pkiIdFromBytes) : [];
    expect(offered).toEqual([node.pkiId, next.pkiId]);
  });

  test("2.12: leaves no connection whose own side was being signed", async () => {
    const { node, to, crypto, holdSigning, revokeMeanwhile } = await meetSlow();
    const other = scene.stranger("other");
    holdSigning();
    other.comm.send(to, sealed(alive(other.crypto, 1n), other.crypto));
    await scene.run(100);
    await revokeMeanwhile(other.crypto.identity);
    expect(node.connections.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId]);
  });
});

describe("an identity that expires", () => {
  test("02/10.3h, 2.10, 2.12, 7.1: is gone everywhere within five seconds, and its peer says so of itself and goes on", async () => {
    const endMs = 30_000;
    scene.trust.expire(fakeIdentity("org1", "peer2"), Number(scene.clock.nowNanos() / 1_000_000n) + endMs);
    const [peer0, peer1, peer2, other] = await network();
    await scene.run(endMs - scene.clock.now());
    expect(traces(peer0, peer2.node.pkiId)).toContain("members");
    await scene.run(5_100);
    for (const one of [peer0, peer1, other]) expect(traces(one, peer2.node.pkiId)).toEqual([]);
    expect(peer2.node.health).toMatchObject({ ok: false, detail: expect.stringContaining("has expired") });
    await scene.run(60_000);
    for (const one of [peer0, peer1, other]) expect(traces(one, peer2.node.pkiId)).toEqual([]);
    await peer2.channel.publish(0n, makeFakeBlock({ channel: channelName, number: 0n, data: [Uint8Array.of(1)] }));
    expect(peer2.channel.height).toBe(1n);
  });

  test("2.28: is told in the view of its member", async () => {
    const at = Number(scene.clock.nowNanos() / 1_000_000n) + dayMs;
    scene.trust.expire(fakeIdentity("org1", "peer2"), at);
    const [peer0, , peer2] = await network();
    const expiries = peer0.node.members.map(({ pkiId, expiresAtWallMs }) => [pkiId, expiresAtWallMs]);
    expect(expiries).toContainEqual([peer2.node.pkiId, at]);
    expect(expiries).toContainEqual([idOf("peer1"), undefined]);
    expect(peer2.node.expiresAtWallMs).toBe(at);
  });
});

describe("a renewed identity at the same endpoint", () => {
  const renew = async (leavesBehind: { readonly node: GossipNode }) => {
    await Promise.all([leavesBehind.node.close(), scene.run(1_000)]);
    return await scene.node("peer2", { identity: "peer2.renewed", bootstrap: ["peer0:7051"] });
  };

  test("2.26: while the old one is valid, takes its place within seconds, dead lists included", async () => {
    const [peer0, peer1, peer2, other] = await network();
    const renewed = await renew(peer2);
    await scene.run(5_000);
    for (const one of [peer0, peer1, other]) {
      expect(traces(one, peer2.node.pkiId)).toEqual([]);
      expect(traces(one, renewed.node.pkiId)).toContain("members");
      expect(traces(one, renewed.node.pkiId)).toContain("channelMembers");
    }
    expect(renewed.node.members).toHaveLength(3);
    await scene.run(120_000);
    for (const one of [peer0, peer1, other, renewed]) expect(traces(one, peer2.node.pkiId)).toEqual([]);
  });

  test("2.26: after the old one has expired, connects again without a restart of anybody, as a bootstrap peer too", async () => {
    const endMs = 20_000;
    const wallMs = () => Number(scene.clock.nowNanos() / 1_000_000n);
    scene.trust.expire(fakeIdentity("org1", "peer0"), wallMs() + endMs);
    const [peer0, peer1, peer2, other] = await network();
    await scene.run(endMs + 300_000);
    for (const one of [peer1, peer2, other]) expect(traces(one, peer0.node.pkiId)).toEqual([]);
    await Promise.all([peer0.node.close(), scene.run(1_000)]);
    // It knows nobody: the others find it, whose bootstrap and anchor peer it is.
    const renewed = await scene.node("peer0", { identity: "peer0.renewed", bootstrap: ["peer1:7051"] });
    await scene.run(5_000);
    for (const one of [peer1, peer2, other]) {
      expect(traces(one, renewed.node.pkiId)).toContain("members");
      expect(traces(one, peer0.node.pkiId)).toEqual([]);
    }
  });

  test("2.22: the replaced one comes back when its peer does, since it is still valid", async () => {
    const [peer0, peer1, peer2, other] = await network();
    const renewed = await renew(peer2);
    await scene.run(5_000);
    await Promise.all([renewed.node.close(), scene.run(1_000)]);
    const lastIncarnation = renewed.node.incarnation;
    const back = await scene.node("peer2", { bootstrap: ["peer0:7051"], lastIncarnation });
    // An endpoint is asked who is there only now and then.
    await scene.run(40_000);
    for (const one of [peer0, peer1, other]) {
      expect(traces(one, back.node.pkiId)).toContain("members");
      expect(traces(one, renewed.node.pkiId)).toEqual([]);
    }
  });
});

describe("an identity that nobody uses", () => {
  test("2.22, 2.23: stays while its member is known, goes an hour later, and is not pulled back until it is heard of", async () => {
    const { node, crypto, say, heard } = await meet(scene);
    await say(sealed(alive(crypto, 1n), crypto));
    const quiet = createFakeCrypto({ org: "org1", name: "quiet", trust: scene.trust });
    await say(sealed(alive(quiet, 1n), quiet));
    const knows = async (pkiId: PkiId) => {
      const known: PkiId[] = [];
      await node.suspect((identity) => known.push(identity.pkiId) < 0);
      return known.includes(pkiId);
    };
    expect(await knows(quiet.pkiId)).toBe(true);
    // Dead after 25 s, forgotten 500 s after it was last heard of.
    await scene.run(600_000);
    expect(node.deadMembers).toEqual([]);
    await scene.run(2_900_000);
    expect(await knows(quiet.pkiId)).toBe(true);
    await scene.run(1_000_000);
    expect(await knows(quiet.pkiId)).toBe(false);

    // A neighbour that still offers it.
    const offer = async (identity = quiet.identity) => {
      heard.length = 0;
      await say(sealed(alive(crypto, 1_000n + BigInt(scene.clock.now())), crypto));
      while (!heard.some(({ type }) => type === "hello")) await scene.run(100);
      const hello = heard.find(({ type }) => type === "hello");
      if (hello?.type !== "hello") throw new Error("expected a hello");
      // The fake's PKI-ID is the identity.
      await say(unsigned(digestMessage({ pullType: "identity", pullNonce: hello.pullNonce, digests: [identity] })));
      await scene.run(1_500);
      return heard.some((message) => message.type === "request");
    };
    expect(await offer()).toBe(false);
    const stranger = createFakeCrypto({ org: "org1", name: "unheard-of", trust: scene.trust });
    expect(await offer(stranger.identity)).toBe(true);
    await say(sealed(alive(quiet, 9_999_999n, { identity: new Uint8Array(0) }), quiet));
    expect(await offer()).toBe(true);
  });
});

describe("the own identity", () => {
  function recorder() {
    const warnings: (LogFields | undefined)[] = [];
    const log: Logger = {
      debug() {},
      info() {},
      warn: (message, fields) => void (message.includes("own identity expires") && warnings.push(fields)),
      error() {},
      child: () => log,
    };
    return { log, warnings };
  }

  test("7.1: that is revoked or has expired lets no node start", async () => {
    scene.trust.revoke(fakeIdentity("org1", "peer0"));
    scene.trust.expire(fakeIdentity("org1", "peer1"), Number(scene.clock.nowNanos() / 1_000_000n) - 1);
    for (const name of ["peer0", "peer1"]) await expect(scene.node(name)).rejects.toMatchObject({ code: "untrusted" });
  });

  test("2.27: is warned of once, when seven days are left, however far away that was at the start", async () => {
    const { log, warnings } = recorder();
    let days = 0;
    const startMs = Number(scene.clock.nowNanos() / 1_000_000n);
    const wall = { nowNanos: () => BigInt(startMs + days * dayMs) * 1_000_000n };
    scene.trust.expire(fakeIdentity("org1", "peer0"), startMs + 60 * dayMs);
    await scene.node("peer0", { log, wall });
    for (days = 1; days <= 53; days++) await scene.run(6_000);
    expect(warnings).toEqual([]);
    for (days = 54; days <= 59; days++) await scene.run(6_000);
    expect(warnings).toEqual([{ at: new Date(startMs + 60 * dayMs).toISOString() }]);
  });

  test("2.27: is warned of at the start, when less is left", async () => {
    const { log, warnings } = recorder();
    scene.trust.expire(fakeIdentity("org1", "peer0"), Number(scene.clock.nowNanos() / 1_000_000n) + 6 * dayMs);
    await scene.node("peer0", { log });
    expect(warnings).toHaveLength(1);
    await scene.run(60_000);
    expect(warnings).toHaveLength(1);
  });
});
