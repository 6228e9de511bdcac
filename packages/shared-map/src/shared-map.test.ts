import { authorOf, entryOf, SharedMapNetwork } from "@gossip/shared-map/testing";
import { describe, expect, test } from "vitest";
import { sharedMapDefaults } from "./config.js";
import { encodeDigest } from "./digest.js";
import { compareVersions } from "./entry.js";

const minute = 60_000;
const hour = 60 * minute;

/** Names that hold the same, and know each other. */
function network(names: readonly string[], options: ConstructorParameters<typeof SharedMapNetwork>[0] = {}) {
  const net = new SharedMapNetwork(options);
  for (const name of names) net.start(name);
  net.runFor(1_000);
  return net;
}

const quiet = { pushPeerNum: 0 };

describe("writing", () => {
  test("14.25: a write is in the own map as soon as it is signed", () => {
    const net = network(["a"]);
    net.set("a", "flag", "on");
    expect(net.view("a")).toEqual({ flag: "on" });
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "written", outcome: "stored" });
  });

  test("to delete what has no value is told as such, and writes nothing", () => {
    const net = network(["a"]);
    net.delete("a", "flag");
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "written", outcome: "nothing-to-delete" });
    expect(net.map("a").held.entries).toBe(0);
  });

  test("a write that a newer one overtook while it was signed is told as such", () => {
    const net = network(["a"]);
    const { map } = { map: net.map("a") };
    const wallMs = net.wallMs;
    const value = Uint8Array.of(1);
    const [sign] = map.step({ type: "write", id: 1, key: "k", value, wallMs }, net.clock.now());
    if (sign?.type !== "sign") throw new Error(`expected sign, got ${sign?.type}`);
    map.step(
      { type: "entry", entry: entryOf("b", "k", "newer", sign.counter + 1n), from: authorOf("b"), wallMs },
      1_000,
    );
    const late = { type: "signed" as const, id: 1, entry: entryOf("a", "k", "late", sign.counter), wallMs };
    expect(map.step(late, 1_000)).toEqual([{ type: "written", id: 1, outcome: "superseded" }]);
  });

  test("14.26: each change of a value is told, with what was before", () => {
    const net = network(["a", "b"]);
    net.set("a", "k", "1");
    net.runFor(100);
    net.set("b", "k", "2");
    net.runFor(100);
    net.delete("a", "k");
    net.runFor(100);
    const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
    for (const name of ["a", "b"]) {
      expect(
        net.changes(name).map(({ entry, previous, cause }) => [text(previous?.value), text(entry?.value), cause]),
      ).toEqual([
        [undefined, "1", "written"],
        ["1", "2", "written"],
        ["2", undefined, "deleted"],
      ]);
    }
  });
});

describe("versions", () => {
  const at = (counter: bigint, author: string, text = "x") => entryOf(author, "k", text, counter);

  test("14.8: clock before author before hash", () => {
    expect(compareVersions(at(2n, "a"), at(1n, "b"))).toBe(1);
    expect(compareVersions(at(1n, "a"), at(1n, "b"))).toBe(-1);
    const [one, other] = [at(1n, "a", "one"), at(1n, "a", "other")];
    expect(compareVersions(one, other)).toBe(one.hash < other.hash ? -1 : 1);
    expect(compareVersions(at(1n, "a"), at(1n, "a"))).toBe(0);
  });

  test("14.8: an older entry never replaces a newer one", () => {
    const net = network(["a"]);
    const counter = net.wallMs;
    net.give("a", { type: "entry", entry: entryOf("b", "k", "new", counter), from: authorOf("b") });
    net.give("a", { type: "entry", entry: entryOf("c", "k", "old", counter - 1), from: authorOf("c") });
    expect(net.view("a")).toEqual({ k: "new" });
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "dropped", reason: "stale" });
  });

  test("14.8: two writes that a liar gave one clock end alike everywhere", () => {
    const writes = ["one", "other"].map((text) => entryOf("liar", "k", text, 1_704_067_200_000));
    const views = [writes, writes.toReversed()].map((order) => {
      const net = network(["a"]);
      for (const entry of order) net.give("a", { type: "entry", entry, from: authorOf("liar") });
      return net.view("a");
    });
    expect(views[0]).toEqual(views[1]);
  });

  test("14.9: a write is newer than all that its author had seen, though the author's clock is slow", () => {
    const net = new SharedMapNetwork();
    net.start("fast", { skewMs: 10 * minute });
    net.start("slow");
    net.runFor(1_000);
    net.set("fast", "k", "first");
    net.runFor(1_000);
    net.set("slow", "k", "second");
    net.runFor(1_000);
    expect(net.view("fast")).toEqual({ k: "second" });
    expect(net.view("slow")).toEqual({ k: "second" });
  });

  test("14.9: of writes that knew nothing of each other, the later one wins", () => {
    const net = network(["a", "b"]);
    net.partition(["a"], ["b"]);
    for (let more = 0; more < 50; more++) net.set("a", "k", "early, and often");
    net.runFor(1_000);
    net.set("b", "k", "late");
    net.heal();
    net.runFor(20_000);
    expect(net.view("a")).toEqual({ k: "late" });
  });

  test("14.10: a clock too far ahead is refused, and does not move ours", () => {
    const net = network(["a"]);
    const ahead = net.wallMs + sharedMapDefaults.maxClockAheadMs;
    const give = (counter: bigint) =>
      net.give("a", { type: "entry", entry: entryOf("liar", "k", "x", counter), from: authorOf("liar") });
    give(2n ** 64n - 1n);
    give(BigInt(ahead) + 1n);
    expect(net.view("a")).toEqual({});
    expect(net.outputs.map(({ output }) => output)).toMatchObject([
      { reason: "clock-ahead" },
      { reason: "clock-ahead" },
    ]);
    give(BigInt(ahead));
    net.set("a", "k", "mine");
    expect(net.view("a")).toEqual({ k: "mine" });
    expect(net.map("a").get("k")?.counter).toBe(BigInt(ahead) + 1n);
    net.set("a", "other", "x");
    expect(net.map("a").get("other")?.counter).toBe(BigInt(net.wallMs));
  });

  test("14.11: whoever restarts learns its own entries back", () => {
    const net = network(["a", "b"]);
    net.set("a", "k", "before");
    net.runFor(1_000);
    net.stop("a");
    net.runFor(1_000);
    net.start("a");
    net.runFor(1_000);
    expect(net.view("a")).toEqual({ k: "before" });
  });

  test("14.11: what it writes before that is newer all the same", () => {
    const net = network(["a", "b"]);
    for (let more = 0; more < 20; more++) net.set("a", "k", `before ${more}`);
    net.runFor(1_000);
    net.stop("a");
    net.runFor(1);
    net.start("a");
    net.set("a", "k", "after");
    net.runFor(20_000);
    for (const name of ["a", "b"]) expect(net.view(name)).toEqual({ k: "after" });
  });
});

describe("a wall clock that was set back", () => {
  test("14.11: a write is not older than the incarnation", () => {
    const net = new SharedMapNetwork();
    const map = net.start("a", { skewMs: 5_000 });
    const write = { type: "write" as const, id: 1, key: "k", value: Uint8Array.of(1), wallMs: net.wallMs - 60_000 };
    expect(map.step(write, net.clock.now())).toMatchObject([{ type: "sign", counter: BigInt(net.wallMs + 5_000) }]);
  });
});

describe("deletion", () => {
  const ttl = { tombstoneTtlMs: hour };

  test("14.12: a tombstone is offered to whoever comes later, and keeps an old copy away", () => {
    const net = network(["a", "b"], { config: ttl });
    net.set("a", "k", "x");
    net.runFor(1_000);
    net.partition(["b"], ["a"]);
    net.delete("a", "k");
    net.runFor(30 * minute);
    net.heal();
    net.runFor(30_000);
    for (const name of ["a", "b"]) {
      expect(net.view(name)).toEqual({});
      expect(net.map(name).held.entries).toBe(1);
    }
  });

  test("14.12: it goes everywhere when its time is over, though some got it late", () => {
    const net = network(["a", "b"], { config: ttl });
    net.set("a", "k", "x");
    net.delete("a", "k");
    net.runFor(hour - minute);
    net.start("c");
    net.runFor(10_000);
    expect(net.map("c").held.entries).toBe(1);
    net.runFor(minute);
    for (const name of ["a", "b", "c"]) expect(net.map(name).held).toEqual({ entries: 0, bytes: 0 });
    net.runFor(hour);
    for (const name of ["a", "b", "c"]) expect(net.map(name).held.entries).toBe(0);
  });

  test("14.13: an old copy that turns up after that is deleted where it is, and comes back nowhere", () => {
    const net = network(["a", "b", "lost"], { config: ttl });
    net.set("a", "k", "x");
    net.runFor(1_000);
    net.partition(["a", "b"], ["lost"]);
    net.delete("a", "k");
    net.runFor(2 * hour);
    expect(net.view("lost")).toEqual({ k: "x" });
    expect(net.map("a").held.entries).toBe(0);
    net.start("new");
    net.heal();
    net.runFor(2 * minute);
    for (const name of net.names) expect(net.view(name), name).toEqual({});
    for (const name of ["a", "b"]) expect(net.changes(name).at(-1), name).toMatchObject({ cause: "deleted" });
  });

  test("14.13: an older copy of what is buried is refused", () => {
    const net = network(["a"], { config: ttl });
    const then = net.wallMs;
    net.set("a", "k", "x");
    net.delete("a", "k");
    net.runFor(2 * hour);
    net.give("a", { type: "entry", entry: entryOf("b", "k", "old", then), from: authorOf("b") });
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "dropped", reason: "deleted-before" });
    expect(net.view("a")).toEqual({});
    net.set("a", "k", "new");
    expect(net.view("a")).toEqual({ k: "new" });
  });

  test("14.13: no more are remembered than the bound, the oldest forgotten first", () => {
    const net = network(["a"], { config: { ...ttl, maxBuried: 2 } });
    for (const key of ["1", "2", "3"]) net.set("a", key, "x");
    for (const key of ["1", "2", "3"]) {
      net.delete("a", key);
      net.runFor(1_000);
    }
    net.runFor(2 * hour);
    const refusals = ["1", "2", "3"].map((key) =>
      net.map("a").refusal({ ...entryOf("b", key, "old", 1), isDeleted: false }, net.wallMs),
    );
    expect(refusals).toEqual([undefined, "deleted-before", "deleted-before"]);
  });

  test("14.13: who deletes much makes only its own deletions forgotten", () => {
    const net = network(["a"], { config: { ...ttl, maxBuried: 3 } });
    const counter = net.wallMs;
    for (const key of ["1", "2"]) {
      net.give("a", { type: "entry", entry: entryOf("b", key, undefined, counter), from: authorOf("b") });
    }
    for (let at = 0; at < 10; at++) {
      const entry = entryOf("liar", `l${at}`, undefined, counter + 1 + at);
      net.give("a", { type: "entry", entry, from: authorOf("liar") });
    }
    net.runFor(2 * hour);
    const refusalOf = (key: string) =>
      net.map("a").refusal({ ...entryOf("b", key, "old", 1), isDeleted: false }, net.wallMs);
    expect(["1", "2", "l8", "l9"].map(refusalOf)).toEqual([
      "deleted-before",
      "deleted-before",
      undefined,
      "deleted-before",
    ]);
  });

  test("14.14: a tombstone whose time is over deletes an older copy, and is refused by everybody else", () => {
    const net = network(["with", "without"], { config: { ...ttl, ...quiet } });
    const then = net.wallMs;
    net.partition(["with"], ["without"]);
    net.give("with", { type: "entry", entry: entryOf("b", "k", "old", then), from: authorOf("b") });
    net.runFor(2 * hour);
    for (const name of ["with", "without"]) {
      net.give(name, { type: "entry", entry: entryOf("b", "k", undefined, then + 1), from: authorOf("b") });
      expect(net.map(name).held.entries).toBe(0);
    }
    expect(net.changes("with").at(-1)).toMatchObject({ cause: "deleted" });
    expect(net.outputs.at(-1)).toMatchObject({ node: "without", output: { type: "dropped", reason: "expired" } });
  });
});

describe("spreading", () => {
  const noPull = { pull: { pullPeerNum: 1, pullIntervalMs: hour, maxPullIntervalMs: hour, minRoundIntervalMs: hour } };

  test("14.15: push reaches all without a round of pull", () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`);
    const net = network(names, noPull);
    net.sent.clear();
    net.set("n0", "k", "x");
    net.runFor(100);
    expect(names.filter((name) => net.view(name)["k"] !== "x").length).toBeLessThanOrEqual(1);
    expect(net.sent.get("hello") ?? 0).toBe(0);
    expect(net.sent.get("entry")).toBeLessThanOrEqual(sharedMapDefaults.pushPeerNum * names.length);
  });

  test("14.15: nothing goes back, to the author, or twice", () => {
    const net = network(["a", "b", "c"], noPull);
    net.sent.clear();
    net.set("a", "k", "x");
    net.runFor(100);
    // a tells b and c; each tells the other, not a.
    expect(net.sent.get("entry")).toBe(4);
  });

  test("14.15: nor to whom it came from, where that is not the author", () => {
    const net = network(["a", "b", "c", "d"], noPull);
    net.give("a", { type: "entry", entry: entryOf("b", "k", "x", 1_000), from: authorOf("c") });
    const told = net
      .map("a")
      .step(
        { type: "entry", entry: entryOf("b", "l", "x", 1_000), from: authorOf("c"), wallMs: net.wallMs },
        net.clock.now(),
      );
    expect(told.flatMap((output) => (output.type === "push" ? [output.to] : []))).toEqual([authorOf("d")]);
  });

  test("14.18: a digest that nobody asked for is given nothing", () => {
    const net = network(["a", "b"], noPull);
    net.set("a", "k", "x");
    const digest = { type: "digest" as const, from: authorOf("b"), nonce: 1n, digests: [], wallMs: net.wallMs };
    expect(net.map("a").step(digest, net.clock.now())).toMatchObject([{ type: "dropped", reason: "unknown-nonce" }]);
  });

  test("14.15: what came by pull is not pushed on", () => {
    const net = network(["a", "b", "c"]);
    for (let key = 0; key < 50; key++) net.set("a", `k${key}`, "x");
    net.runFor(1_000);
    net.sent.clear();
    net.start("late");
    net.runFor(20_000);
    expect(Object.keys(net.view("late"))).toHaveLength(50);
    // Some of it may be given, by those whom its digest tells before it has all.
    expect(net.sent.get("update")).toBeGreaterThanOrEqual(1);
    expect(net.sent.get("entry") ?? 0).toBeLessThan(50);
  });

  test("14.16: pull finds what push missed, and asks for nothing that it would refuse", () => {
    const net = network(["a", "b"], { config: quiet });
    net.set("a", "k", "x");
    net.runFor(20_000);
    expect(net.view("b")).toEqual({ k: "x" });
    const map = net.map("b");
    const held = map.get("k");
    if (held === undefined) throw new Error("expected the entry to be held");
    const requestsFor = (entries: readonly Parameters<typeof encodeDigest>[0][]) => {
      const now = net.clock.now();
      const wallMs = net.wallMs;
      const hellos = map.step({ type: "peer-up", peer: { pkiId: authorOf("a"), endpoint: "" }, wallMs }, now);
      const hello = hellos.find((output) => output.type === "send-hello");
      if (hello === undefined) throw new Error("expected a hello");
      const digests = entries.map(encodeDigest);
      const from = authorOf("a");
      return map
        .step({ type: "digest", from, nonce: hello.nonce, digests, wallMs }, now)
        .flatMap((output) => (output.type === "send-request" ? output.digests : []));
    };
    const name = (key: string, counter: bigint, isDeleted = false) => ({
      ...entryOf("z", key, isDeleted ? undefined : "x", counter),
      isDeleted,
    });
    const newer = name("k", held.counter + 1n);
    net.runFor(1_000);
    expect(
      requestsFor([
        name("k", held.counter - 1n),
        { ...held, isDeleted: false },
        name("ahead", 2n ** 60n),
        name("gone", 1n, true),
        newer,
      ]),
    ).toEqual([encodeDigest(newer)]);
  });

  test("14.17: between maps that are the same, a round is a hello and nothing more", () => {
    const net = network(["a", "b"]);
    for (let key = 0; key < 20; key++) net.set("a", `k${key}`, "x");
    net.delete("b", "k3");
    net.runFor(20_000);
    net.sent.clear();
    net.runFor(60_000);
    expect(net.sent.get("hello")).toBeGreaterThan(5);
    expect([...net.sent.keys()]).toEqual(["hello"]);
  });

  test("14.17: maps are not taken for the same because the sums of their hashes are", () => {
    const net = network(["a", "b"], { config: quiet });
    const hashed = (key: string, counter: number, hash: number) => {
      return { ...entryOf("liar", key, "x", counter), hash: hash.toString(16).padStart(32, "0") };
    };
    const sets = { a: [hashed("k", 1, 1), hashed("l", 2, 4)], b: [hashed("k", 2, 2), hashed("l", 1, 3)] };
    for (const [name, entries] of Object.entries(sets)) {
      for (const entry of entries) net.give(name, { type: "entry", entry, from: authorOf("liar") });
    }
    net.runFor(60_000);
    const versions = (name: string) => [...net.map(name).all].map(({ key, counter }) => [key, counter]).sort();
    for (const name of ["a", "b"])
      expect(versions(name)).toEqual([
        ["k", 2n],
        ["l", 2n],
      ]);
  });

  test("14.18: whoever asks gives what the other lacks, or holds an older one of", () => {
    const net = network(["a", "b"], { config: quiet });
    net.partition(["a"], ["b"]);
    net.set("a", "only a", "x");
    net.set("b", "only b", "x");
    net.set("b", "both", "old");
    net.runFor(1);
    net.set("a", "both", "new");
    net.heal();
    // One round of a alone.
    net.give("a", { type: "peer-up", peer: { pkiId: authorOf("b"), endpoint: "" } });
    net.runFor(300);
    for (const name of ["a", "b"]) expect(net.view(name)).toEqual({ both: "new", "only a": "x", "only b": "x" });
  });

  test("14.18: no more at once than the bound, and all in the end", () => {
    const net = network(["a", "b"], { config: { ...quiet, maxGiven: 3 }, pull: { pullPeerNum: 1 } });
    net.partition(["a"], ["b"]);
    for (let key = 0; key < 10; key++) net.set("a", `k${key}`, "x");
    net.set("b", "to be told", "x");
    net.heal();
    net.sent.clear();
    net.give("a", { type: "peer-up", peer: { pkiId: authorOf("b"), endpoint: "" } });
    net.runFor(100);
    expect(net.sent.get("entry")).toBe(3);
    net.runFor(60_000);
    expect(Object.keys(net.view("b"))).toHaveLength(11);
  });

  test("14.19: a member that comes up has everything within moments", () => {
    const net = network(["a", "b"]);
    for (let key = 0; key < 20; key++) net.set("a", `k${key}`, "x");
    net.runFor(10_000);
    net.start("c");
    net.runFor(500);
    expect(Object.keys(net.view("c"))).toHaveLength(20);
  });
});

describe("bounds", () => {
  const small = { maxEntriesPerAuthor: 3, maxEntries: 8 };
  const writes = Array.from({ length: 6 }, (_, at) => entryOf("liar", `k${at}`, "x", 1_000 + at));
  const give = (net: SharedMapNetwork, name: string, entries: readonly ReturnType<typeof entryOf>[]) => {
    for (const entry of entries) net.give(name, { type: "entry", entry, from: authorOf("liar") });
  };

  test("14.20: an author with too many keeps its newest, whatever the order", () => {
    for (const order of [writes, writes.toReversed(), [3, 0, 5, 1, 4, 2].flatMap((at) => writes[at] ?? [])]) {
      const net = network(["a"], { config: small });
      net.set("a", "mine", "x");
      give(net, "a", order);
      expect(Object.keys(net.view("a"))).toEqual(["k3", "k4", "k5", "mine"]);
      // Every value that went was told.
      const told = net.changes("a").reduce((sum, { entry }) => sum + (entry === undefined ? -1 : 1), 0);
      expect(told).toBe(4);
    }
  });

  test("14.20: nor more octets than its share", () => {
    const net = network(["a"], { config: { maxEntryBytes: 1_000, maxValueBytes: 1_000, maxBytesPerAuthor: 3_000 } });
    give(
      net,
      "a",
      writes.map(({ key, counter }) => entryOf("liar", key, "x".repeat(800), counter)),
    );
    expect(Object.keys(net.view("a"))).toEqual(["k3", "k4", "k5"]);
    expect(net.map("a").held.bytes).toBeLessThanOrEqual(3_000);
  });

  test("14.20: replicas agree of an author that chose the sizes of its entries, whatever the order", () => {
    const config = { maxEntryBytes: 1_000, maxValueBytes: 1_000, maxBytesPerAuthor: 3_000 };
    // Only the newest, and then the second: the small one would fit behind what does not.
    const sized = [150, 900, 850, 850, 300].map((size, at) => entryOf("liar", `k${at}`, "x".repeat(size), 1_000 + at));
    const orders = [
      [0, 1, 2, 3, 4],
      [4, 3, 2, 1, 0],
      [4, 0, 3, 1, 2],
      [2, 3, 4, 0, 1],
      [0, 2, 3, 4, 1],
    ];
    const views = orders.map((order) => {
      const net = network(["a"], { config });
      give(
        net,
        "a",
        order.flatMap((at) => sized[at] ?? []),
      );
      const { bytes } = net.map("a").held;
      expect(bytes).toBeLessThanOrEqual(3_000);
      // What is refused by its size once would be asked for in every round.
      const wanted = sized.filter(
        (one) => net.map("a").refusal({ ...one, isDeleted: false }, net.wallMs) === undefined,
      );
      expect(wanted).toEqual([]);
      return Object.keys(net.view("a"));
    });
    for (const view of views) expect(view).toEqual(views[0]);
  });

  test("14.20: a key that another has written since is not the author's any more", () => {
    const net = network(["a"], { config: small });
    give(net, "a", writes.slice(0, 3));
    give(net, "a", [entryOf("other", "k0", "taken over", 2_000)]);
    give(net, "a", writes.slice(3, 4));
    expect(net.view("a")).toEqual({ k0: "taken over", k1: "x", k2: "x", k3: "x" });
  });

  test("14.21: a full map refuses further keys, and takes changes of those it has", () => {
    const net = network(["a"], { config: small });
    for (const author of ["p", "q", "r"]) {
      give(
        net,
        "a",
        [1, 2, 3].map((at) => entryOf(author, `${author}${at}`, "x", at)),
      );
    }
    expect(net.map("a").held.entries).toBe(8);
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "dropped", reason: "map-full" });
    give(net, "a", [entryOf("p", "p1", "changed", 9)]);
    expect(net.view("a")["p1"]).toBe("changed");
    net.set("a", "mine", "x");
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "written", outcome: "map-full" });
  });

  test("14.21: nor is it more octets than the bound, though the keys that it has grow", () => {
    const config = { maxEntryBytes: 1_000, maxValueBytes: 1_000, maxBytesPerAuthor: 3_000, maxBytes: 3_500 };
    const net = network(["a"], { config });
    for (const size of [100, 800]) {
      for (const [at, author] of ["p", "q", "r", "s", "t"].entries()) {
        give(net, "a", [entryOf(author, author, "x".repeat(size), size + at)]);
      }
    }
    expect(net.map("a").held.bytes).toBeLessThanOrEqual(3_500);
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "dropped", reason: "map-full" });
  });

  test("14.22: an own write beyond the own share is refused, and costs nothing", () => {
    const net = network(["a"], { config: small });
    for (const key of ["1", "2", "3", "4"]) net.set("a", key, "x");
    expect(net.outputs.at(-1)?.output).toMatchObject({ type: "written", outcome: "author-full" });
    expect(Object.keys(net.view("a"))).toEqual(["1", "2", "3"]);
    net.set("a", "1", "changed");
    expect(net.view("a")["1"]).toBe("changed");
  });

  test("14.22: writes that wait for their signatures count", () => {
    const net = network(["a"], { config: small });
    const map = net.map("a");
    const types = ["1", "2", "3", "4"].flatMap((key, id) => {
      const write = { type: "write" as const, id, key, value: Uint8Array.of(1), wallMs: net.wallMs };
      return map.step(write, net.clock.now()).map(({ type }) => type);
    });
    expect(types).toEqual(["sign", "sign", "sign", "written"]);
    map.step({ type: "sign-failed", id: 0, wallMs: net.wallMs }, net.clock.now());
    const again = { type: "write" as const, id: 9, key: "5", value: Uint8Array.of(1), wallMs: net.wallMs };
    expect(map.step(again, net.clock.now())).toMatchObject([{ type: "sign" }]);
  });
});

describe("authors that go", () => {
  test("14.23: everything of an author that is not trusted any more goes, and is told", () => {
    const net = network(["a", "b"]);
    net.set("a", "mine", "x");
    net.set("b", "its", "x");
    net.set("b", "gone", "x");
    net.runFor(100);
    net.delete("b", "gone");
    net.runFor(100);
    net.give("a", { type: "author-removed", author: authorOf("b") });
    expect(net.view("a")).toEqual({ mine: "x" });
    expect(net.map("a").held.entries).toBe(1);
    expect([...net.map("a").all].map(({ author }) => author)).toEqual([authorOf("a")]);
    expect(net.changes("a").at(-1)).toMatchObject({ key: "its", entry: undefined, cause: "removed" });
  });

  test("14.23: what it buried counts no more either", () => {
    const net = network(["a"], { config: { tombstoneTtlMs: hour } });
    net.give("a", { type: "entry", entry: entryOf("b", "k", undefined, net.wallMs), from: authorOf("b") });
    net.runFor(2 * hour);
    const old = { ...entryOf("c", "k", "old", 1), isDeleted: false };
    expect(net.map("a").refusal(old, net.wallMs)).toBe("deleted-before");
    net.give("a", { type: "author-removed", author: authorOf("b") });
    expect(net.map("a").refusal(old, net.wallMs)).toBeUndefined();
  });

  test("14.24: entries stay when their author does not come back", () => {
    const net = network(["a", "b"]);
    net.set("a", "k", "x");
    net.runFor(1_000);
    net.stop("a");
    net.runFor(48 * hour);
    net.start("c");
    net.runFor(1_000);
    expect(net.view("c")).toEqual({ k: "x" });
  });
});
