import type { Feature } from "@gossip/comm";
import { seal, unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto } from "@gossip/crypto/testing";
import { type Envelope, type GossipMessage, orgId, type SharedEntry } from "@gossip/proto";
import { digestMessage, helloMessage, requestMessage, sharedEntry, updateMessage } from "@gossip/proto/testing";
import { sharedMapDefaults } from "@gossip/shared-map";
import { afterEach, describe, expect, test } from "vitest";
import { info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";
import type { SharedChange, SharedMapView } from "./api.js";
import { digestOf } from "./shared-map.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
const viewOf = (shared: SharedMapView) =>
  Object.fromEntries(shared.entries().map(({ key, value }) => [key, text(value)]));

let scene: Scene;
afterEach(() => scene.close());

/** Nodes that are members of the channel and know each other. */
async function network(names: readonly string[], options: Parameters<Scene["node"]>[1] = {}) {
  scene = new Scene();
  const nodes = [];
  for (const name of names) nodes.push(await scene.node(name, { bootstrap: [`${names[0]}:7051`], ...options }));
  await scene.run(3_000);
  return nodes;
}

/** A write takes a few turns of the event loop, which virtual time does not wait for. */
async function write(writing: Promise<unknown>): Promise<void> {
  let isDone = false;
  const finished = writing.finally(() => {
    isDone = true;
  });
  finished.catch(() => {});
  while (!isDone) await scene.run(1);
  await finished;
}

describe("the shared map among nodes", () => {
  test("14.25: what one writes, and deletes, all come to see", async () => {
    const nodes = await network(["a", "b", "c"]);
    await write(nodes[0]?.channel.shared.set("flag", bytes("on")) ?? Promise.reject());
    expect(viewOf(nodes[0]?.channel.shared as SharedMapView)).toEqual({ flag: "on" });
    await scene.run(500);
    for (const { channel } of nodes) expect(viewOf(channel.shared)).toEqual({ flag: "on" });
    expect(nodes[1]?.channel.shared.get("flag")).toMatchObject({ author: nodes[0]?.node.pkiId, org: "org1" });
    await write(nodes[2]?.channel.shared.delete("flag") ?? Promise.reject());
    await scene.run(500);
    for (const { channel } of nodes) expect(channel.shared.size).toBe(0);
  });

  test("14.11, 14.19: a node that joins late, or again, gets everything at once", async () => {
    const [first] = await network(["a"]);
    await write(first?.channel.shared.set("k", bytes("v")) ?? Promise.reject());
    const late = await scene.node("b", { bootstrap: ["a:7051"] });
    await scene.run(1_500);
    expect(viewOf(late.channel.shared)).toEqual({ k: "v" });
    await write(late.channel.shared.set("mine", bytes("1")));
    await scene.run(500);
    const closing = late.node.close();
    await scene.run(100);
    await closing;
    const again = await scene.node("b", { bootstrap: ["a:7051"], lastIncarnation: late.node.incarnation });
    await write(again.channel.shared.set("mine", bytes("2")));
    await scene.run(3_000);
    for (const one of [first, again]) expect(one && viewOf(one.channel.shared)).toEqual({ k: "v", mine: "2" });
  });

  test("14.25: what no node would take is refused to the caller", async () => {
    const [a] = await network(["a"], {
      config: { sharedMap: { maxEntriesPerAuthor: 2 } },
      join: { mayWriteShared: ({ key }) => !key.startsWith("not mine/") },
    });
    const shared = a?.channel.shared as SharedMapView;
    const { maxKeyBytes, maxValueBytes } = sharedMapDefaults;
    const wrong: readonly (readonly [string, Uint8Array, string])[] = [
      ["", bytes("v"), "invalid-argument"],
      ["k".repeat(maxKeyBytes + 1), bytes("v"), "invalid-argument"],
      ["é".repeat(maxKeyBytes / 2 + 1), bytes("v"), "invalid-argument"],
      ["\ud800", bytes("v"), "invalid-argument"],
      ["k", new Uint8Array(maxValueBytes + 1), "too-large"],
      ["not mine/k", bytes("v"), "untrusted"],
    ];
    for (const [key, value, code] of wrong) {
      await expect(write(shared.set(key, value)), `${key.slice(0, 5)} ${value.length}`).rejects.toMatchObject({ code });
    }
    for (const key of ["1", "2"]) await write(shared.set(key, bytes("v")));
    await expect(write(shared.set("3", bytes("v")))).rejects.toMatchObject({ code: "too-large" });
    await a?.channel.leave();
    await expect(shared.set("1", bytes("v"))).rejects.toMatchObject({ code: "closed" });
  });

  test("14.26: listeners are told of each change, and one that throws harms nobody", async () => {
    const [a, b] = await network(["a", "b"]);
    const told: SharedChange[] = [];
    b?.channel.shared.on("change", () => {
      throw new Error("in a listener");
    });
    const stop = b?.channel.shared.on("change", (change) => told.push(change));
    await write(a?.channel.shared.set("k", bytes("1")) ?? Promise.reject());
    await scene.run(200);
    await write(b?.channel.shared.set("k", bytes("2")) ?? Promise.reject());
    await write(a?.channel.shared.delete("gone already") ?? Promise.reject());
    expect(
      told.map(({ key, entry, previous, cause }) => [key, text(entry?.value), text(previous?.value), cause]),
    ).toEqual([
      ["k", "1", undefined, "written"],
      ["k", "2", "1", "written"],
    ]);
    stop?.();
    await write(b?.channel.shared.delete("k") ?? Promise.reject());
    expect(told).toHaveLength(2);
  });

  test("14.26: an iteration that is slow is told of the newest change of each key, and ends with the channel", async () => {
    const [a] = await network(["a"]);
    const shared = a?.channel.shared as SharedMapView;
    const seen: string[] = [];
    const gone = new AbortController();
    const reading = (async () => {
      for await (const { key, entry } of shared.changes()) seen.push(`${key}=${text(entry?.value)}`);
    })();
    const aborted = (async () => {
      for await (const _ of shared.changes({ signal: gone.signal })) break;
    })();
    gone.abort();
    await aborted;
    await Promise.all(
      ["1", "2", "3"].flatMap((value) => [shared.set("k", bytes(value)), shared.set("l", bytes(value))]),
    );
    while (seen.length < 2) await undefined;
    await a?.channel.leave();
    await reading;
    expect(seen.at(-2)).toBe("k=3");
    expect(seen.at(-1)).toBe("l=3");
    expect(seen.length).toBeLessThan(6);
  });

  test("a node that has it switched off neither tells nor takes part", async () => {
    scene = new Scene();
    const on = await scene.node("on");
    const off = await scene.node("off", { bootstrap: ["on:7051"], config: { sharedMap: { enabled: false } } });
    await scene.run(3_000);
    expect(on.channel.members).toHaveLength(1);
    await write(on.channel.shared.set("k", bytes("v")));
    await scene.run(20_000);
    expect(off.channel.shared.size).toBe(0);
    expect([...off.node.drops].filter(([reason]) => /feature|shared/.test(reason))).toEqual([]);
    await expect(off.channel.shared.set("k", bytes("v"))).rejects.toMatchObject({ code: "unavailable" });
  });
});

/** A peer that speaks for itself, of a build that has the feature or not, and a node with an entry to tell of. */
async function meetPeer(features: readonly Feature[], options: Parameters<Scene["node"]>[1] = {}) {
  scene = new Scene();
  const { node, channel } = await scene.node("victim", options);
  const peer = scene.stranger("peer", "org1", { features });
  const to = { pkiId: node.pkiId, endpoint: node.endpoint };
  let sequence = 0n;
  const say = async (envelope: Envelope, target = peer) => {
    const before = new Map(node.drops);
    target.comm.send(to, envelope);
    await scene.run(50);
    return [...node.drops].filter(([reason, count]) => count !== (before.get(reason) ?? 0)).map(([reason]) => reason);
  };
  const join = async (member = peer) => {
    sequence++;
    await say(sealed(alive(member.crypto, sequence), member.crypto), member);
    await say(sealed(info(member.crypto, sequence), member.crypto), member);
  };
  await join();
  return { node, channel, peer, say, join, to };
}

function entryBy(crypto: FakeCrypto, overrides: Partial<SharedEntry> = {}): SharedEntry {
  const counter = BigInt(scene.clock.nowNanos() / 1_000_000n);
  const header = { channel: channelName, pkiId: crypto.pkiId, identity: crypto.identity, counter };
  return sharedEntry({ ...header, key: "k", value: bytes("v"), ...overrides });
}

const isOurs = (message: GossipMessage) =>
  message.type === "shared-entry" || ("pullType" in message && message.pullType === "shared");

describe("the shared map and builds without it", () => {
  test("14.2, 14.4: a peer whose handshake does not name it never gets an octet of it", async () => {
    const { channel, node, peer } = await meetPeer([]);
    expect(channel.members).toHaveLength(1);
    await write(channel.shared.set("k", bytes("v")));
    await scene.run(30_000);
    await write(channel.shared.delete("k"));
    await scene.run(30_000);
    expect(peer.heard.length).toBeGreaterThan(10);
    expect(peer.heard.filter(isOurs)).toEqual([]);
    // Nor was any queued for it, to be dropped at the last moment.
    expect([...node.drops.keys()].filter((reason) => reason.includes("not-understood"))).toEqual([]);
  });

  test("14.4: one whose handshake names it does", async () => {
    const { channel, peer } = await meetPeer(["shared-map"]);
    await write(channel.shared.set("k", bytes("v")));
    await scene.run(10_000);
    expect(new Set(peer.heard.filter(isOurs).map(({ type }) => type))).toEqual(new Set(["hello", "shared-entry"]));
  });

  test("14.2, 14.4: nor does one that comes back as such a build, though it had it before", async () => {
    const { channel, peer, join } = await meetPeer(["shared-map"]);
    await write(channel.shared.set("k", bytes("v")));
    await scene.run(5_000);
    expect(peer.heard.some(isOurs)).toBe(true);
    const closing = peer.comm.close();
    await scene.run(100);
    await closing;
    // Written while it is away, so that it waits for the next connection.
    await write(channel.shared.set("k", bytes("w")));
    const stock = scene.stranger("peer", "org1");
    await join(stock);
    await write(channel.shared.set("k", bytes("x")));
    await scene.run(15_000);
    expect(channel.members).toHaveLength(1);
    expect(stock.heard.length).toBeGreaterThan(5);
    expect(stock.heard.filter(isOurs)).toEqual([]);
  });

  test("14.3: what such a peer sends of it is dropped, unread", async () => {
    const { channel, peer, say } = await meetPeer([]);
    const pull = { channel: channelName, pullType: "shared", pullNonce: 1n } as const;
    const all: readonly Envelope[] = [
      sealed(entryBy(peer.crypto), peer.crypto),
      unsigned(helloMessage({ ...pull })),
      unsigned(digestMessage({ ...pull, digests: [bytes("d")] })),
      unsigned(requestMessage({ ...pull, digests: [bytes("d")] })),
      unsigned(updateMessage({ ...pull, data: [] })),
    ];
    for (const envelope of all) expect(await say(envelope)).toEqual(["gate/feature-not-announced"]);
    expect(channel.shared.size).toBe(0);
  });
});

describe("the gate of the shared map", () => {
  test("14.6: takes an entry that is good", async () => {
    const { channel, peer, say } = await meetPeer(["shared-map"]);
    expect(await say(sealed(entryBy(peer.crypto), peer.crypto))).toEqual([]);
    expect(viewOf(channel.shared)).toEqual({ k: "v" });
  });

  test("14.6: takes one of an author it never met, by the identity it carries", async () => {
    const { channel, peer, say } = await meetPeer(["shared-map"]);
    const absent = createFakeCrypto({ org: "org2", name: "absent", trust: scene.trust });
    expect(await say(sealed(entryBy(absent), absent))).toEqual([]);
    expect(channel.shared.get("k")).toMatchObject({ author: absent.pkiId, org: "org2" });
    expect(peer.crypto.pkiId).not.toBe(absent.pkiId);
  });

  const { maxKeyBytes, maxValueBytes } = sharedMapDefaults;
  test.each<readonly [string, Partial<SharedEntry>, string]>([
    ["an empty key", { key: "" }, "gate/invalid-field"],
    ["a key that is too long", { key: "k".repeat(maxKeyBytes + 1) }, "gate/invalid-field"],
    ["a value that is too large", { value: new Uint8Array(maxValueBytes + 1) }, "gate/invalid-field"],
    ["a whole that is too large", { identity: new Uint8Array(40_000) }, "gate/invalid-field"],
    ["a tombstone with a value", { isDeleted: true }, "gate/invalid-field"],
    ["another identity than its author's", { identity: bytes("org1:other") }, "gate/pki-id-mismatch"],
    ["a clock that is far ahead", { counter: 2n ** 60n }, "gate/clock-ahead"],
  ])("14.6: refuses an entry with %s", async (_, overrides, reason) => {
    const { channel, peer, say } = await meetPeer(["shared-map"]);
    expect(await say(sealed(entryBy(peer.crypto, overrides), peer.crypto))).toEqual([reason]);
    expect(channel.shared.size).toBe(0);
  });

  test("14.5: an entry of one channel is none in another", async () => {
    const { channel, node, peer, say } = await meetPeer(["shared-map"]);
    const other = sealed(entryBy(peer.crypto, { channel: "other" }), peer.crypto);
    expect(await say(other)).toEqual(["gate/no-such-channel"]);
    // In the name of ours, but signed for the other.
    const { payload } = sealed(entryBy(peer.crypto), peer.crypto);
    expect(await say({ payload, signature: other.signature })).toEqual(["gate/bad-signature"]);
    expect(channel.shared.size).toBe(0);
    expect(node.refusals).toHaveLength(1);
  });

  test("14.5: nor is one with anything about it changed", async () => {
    const { channel, peer, say } = await meetPeer(["shared-map"]);
    const entry = entryBy(peer.crypto);
    const { signature } = sealed(entry, peer.crypto);
    const changes: readonly Partial<SharedEntry>[] = [
      { key: "l" },
      { value: bytes("w") },
      { value: new Uint8Array(0), isDeleted: true },
      { counter: entry.counter + 1n },
    ];
    for (const change of changes) {
      const { payload } = unsigned({ ...entry, ...change });
      expect(await say({ payload, signature }), Object.keys(change).join()).toEqual(["gate/bad-signature"]);
    }
    expect(channel.shared.size).toBe(0);
  });

  test("14.6: refuses authors that are not of the channel, or may not write the key", async () => {
    const { channel, peer, say } = await meetPeer(["shared-map"], {
      join: {
        organizations: [orgId("org1")],
        mayWriteShared: ({ key, org }) => key !== "theirs" || org === "org9",
      },
    });
    const foreigner = createFakeCrypto({ org: "org2", name: "foreigner", trust: scene.trust });
    expect(await say(sealed(entryBy(foreigner), foreigner))).toEqual(["gate/subject-not-in-channel"]);
    const theirs = sealed(entryBy(peer.crypto, { key: "theirs" }), peer.crypto);
    expect(await say(theirs)).toEqual(["gate/not-allowed-to-write"]);
    expect(channel.shared.size).toBe(0);
  });

  test("14.6: what is no news costs no signature", async () => {
    let checks = 0;
    const { peer, say } = await meetPeer(["shared-map"], {
      wrap: (crypto) => ({
        ...crypto,
        verify(identity, signature, payload) {
          checks++;
          return crypto.verify(identity, signature, payload);
        },
      }),
    });
    const entry = sealed(entryBy(peer.crypto), peer.crypto);
    await say(entry);
    const before = checks;
    expect(await say(entry)).toEqual(["gate/not-news"]);
    expect(await say(sealed(entryBy(peer.crypto, { counter: 5n }), peer.crypto))).toEqual(["gate/not-news"]);
    expect(checks).toBe(before);
  });

  test("14.7: takes of one author no more than a burst at once, and goes on at the rate", async () => {
    const { channel, node, peer, to } = await meetPeer(["shared-map"]);
    const flood = (from: number) => {
      for (let at = from; at < from + 150; at++) {
        peer.comm.send(to, seal(entryBy(peer.crypto, { key: `k${at}` }), peer.crypto) as Envelope);
      }
    };
    flood(0);
    await scene.run(50);
    expect(channel.shared.size).toBe(100);
    expect(node.drops.get("gate/too-often")).toBe(50);
    await scene.run(1_000);
    flood(200);
    await scene.run(50);
    expect(channel.shared.size).toBe(110);
  });

  test("14.7: and pull brings what was left out", async () => {
    scene = new Scene();
    const a = await scene.node("a");
    for (let at = 0; at < 200; at++) await write(a.channel.shared.set(`k${at}`, bytes("v")));
    const b = await scene.node("b", { bootstrap: ["a:7051"] });
    await scene.run(3_000);
    expect(b.channel.shared.size).toBe(200);
  });

  test("14.6: refuses an author whom the policy of the channel does not let read", async () => {
    const outsider = orgId("org2");
    const { channel, peer, say } = await meetPeer(["shared-map"], {
      wrap: (crypto) => ({
        ...crypto,
        verifyByChannel(id, identity, signature, payload) {
          if (crypto.orgOf(identity) !== outsider) return crypto.verifyByChannel(id, identity, signature, payload);
          return { ok: false, reason: "policy-not-satisfied", detail: "expected a reader" } as const;
        },
      }),
    });
    const author = createFakeCrypto({ org: outsider, name: "author", trust: scene.trust });
    expect(await say(sealed(entryBy(author), author))).toEqual(["gate/policy-not-satisfied"]);
    expect(await say(sealed(entryBy(peer.crypto), peer.crypto))).toEqual([]);
    expect(channel.shared.size).toBe(1);
  });

  test("14.5, 14.6: judges what it asked for as what is pushed, and takes nothing else with it", async () => {
    const { channel, node, peer, say } = await meetPeer(["shared-map"]);
    const heard = async <T extends "hello" | "request">(type: T) => {
      for (;;) {
        const found = peer.heard.findLast((message) => message.type === type && message.pullType === "shared");
        if (found !== undefined) return found as Extract<GossipMessage, { readonly type: T }>;
        await scene.run(50);
      }
    };
    const entries = [
      entryBy(peer.crypto, { key: "good" }),
      entryBy(peer.crypto, { key: "of another channel", channel: "other" }),
      entryBy(peer.crypto, { key: "tagged otherwise", tag: "empty" }),
    ];
    const items = entries.map((entry) => ({ entry, envelope: sealed(entry, peer.crypto) }));
    const { pullNonce } = await heard("hello");
    const pull = { channel: channelName, pullType: "shared", pullNonce } as const;
    const digests = items.map(({ entry, envelope }) => digestOf(entry, envelope));
    await say(unsigned(digestMessage({ ...pull, digests })));
    expect((await heard("request")).digests).toHaveLength(3);
    const [good, foreign, tagged] = items.map(({ envelope }) => envelope);
    const uninvited = sealed(entryBy(peer.crypto, { key: "uninvited" }), peer.crypto);
    const data = [foreign, uninvited, tagged, good, good].flatMap((one) => one ?? []);
    const before = node.drops.get("gate/invalid-field") ?? 0;
    expect(await say(unsigned(updateMessage({ ...pull, data })))).toEqual(
      expect.arrayContaining(["gate/invalid-field", "gate/unsolicited", "gate/repeated"]),
    );
    expect((node.drops.get("gate/invalid-field") ?? 0) - before).toBe(2);
    expect(viewOf(channel.shared)).toEqual({ good: "v" });
  });

  test("answers hellos up to a rate", async () => {
    const { channel, node, peer, to } = await meetPeer(["shared-map"], { config: { maxQuestionsPerSecond: 5 } });
    await write(channel.shared.set("k", bytes("v")));
    for (let pullNonce = 1n; pullNonce <= 20n; pullNonce++) {
      peer.comm.send(to, unsigned(helloMessage({ channel: channelName, pullType: "shared", pullNonce })));
    }
    await scene.run(50);
    expect(peer.heard.filter((message) => message.type === "digest" && message.pullType === "shared")).toHaveLength(5);
    expect(node.drops.get("gate/too-often")).toBe(15);
  });

  test("unsolicited updates are dropped before anything in them is looked at", async () => {
    const { channel, peer, say } = await meetPeer(["shared-map"]);
    const data = [sealed(entryBy(peer.crypto), peer.crypto)];
    const update = updateMessage({ channel: channelName, pullType: "shared", pullNonce: 77n, data });
    expect(await say(unsigned(update))).toEqual(["gate/unsolicited"]);
    expect(channel.shared.size).toBe(0);
  });
});

describe("authors of the shared map that go", () => {
  test("14.23: what a revoked author wrote goes, and does not come back", async () => {
    const [a, b, c] = await network(["a", "b", "c"]);
    if (a === undefined || b === undefined || c === undefined) throw new Error("expected three nodes");
    await write(c.channel.shared.set("its", bytes("v")));
    await write(a.channel.shared.set("mine", bytes("v")));
    await scene.run(500);
    const told: SharedChange[] = [];
    b.channel.shared.on("change", (change) => told.push(change));
    scene.trust.revoke(c.crypto.identity);
    await a.node.suspect(() => true);
    await scene.run(100);
    expect(viewOf(a.channel.shared)).toEqual({ mine: "v" });
    // b has not heard of it yet, and offers it.
    await scene.run(10_000);
    expect(viewOf(a.channel.shared)).toEqual({ mine: "v" });
    await b.node.suspect(() => true);
    await scene.run(1_000);
    expect(viewOf(b.channel.shared)).toEqual({ mine: "v" });
    expect(told).toMatchObject([{ key: "its", entry: undefined, cause: "removed" }]);
  });

  test("14.23: what an organization wrote goes when it leaves the channel", async () => {
    const { channel, say } = await meetPeer(["shared-map"]);
    const other = createFakeCrypto({ org: "org2", name: "other", trust: scene.trust });
    await say(sealed(entryBy(other), other));
    expect(channel.shared.size).toBe(1);
    channel.updateConfig({ organizations: [orgId("org1")], anchors: [] });
    await scene.run(6_000);
    expect(channel.shared.size).toBe(0);
    expect(await say(sealed(entryBy(other, { counter: 1_900_000_000_000n }), other))).not.toEqual([]);
  });

  test("14.24: what an author wrote stays when it is forgotten for disuse", async () => {
    const { channel, node, say, join } = await meetPeer(["shared-map"]);
    const absent = createFakeCrypto({ org: "org2", name: "absent", trust: scene.trust });
    await say(sealed(entryBy(absent), absent));
    await scene.run(2 * 3_600_000);
    expect(node.refusals).toEqual([]);
    expect(channel.shared.get("k")).toMatchObject({ author: absent.pkiId, org: undefined });
    // And it may write again.
    await join();
    expect(await say(sealed(entryBy(absent, { value: bytes("w") }), absent))).toEqual([]);
    expect(viewOf(channel.shared)).toEqual({ k: "w" });
  });
});
