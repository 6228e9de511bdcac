import type { PkiId } from "@gossip/proto";
import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import type { PullConfig } from "./config.js";
import type { PullInput, PullOutput } from "./io.js";
import { ItemStore } from "./item-store.js";
import { Pull } from "./pull.js";
import { digestOf, nameOf, pkiIdOf, textOf } from "./testing/index.js";

const [alice, bob, carol] = ["alice", "bob", "carol"].map(pkiIdOf) as [PkiId, PkiId, PkiId];

interface SetupOptions {
  readonly items?: readonly string[];
  readonly peers?: readonly string[];
  readonly config?: Partial<PullConfig>;
  readonly egress?: (requester: PkiId) => (item: string) => boolean;
}

function setup({ items = [], peers = [], config = {}, egress }: SetupOptions = {}) {
  const store = new ItemStore<string>({ bytesOf: (item) => item.length, ...(egress && { egress }) });
  for (const item of items) store.add(digestOf(item), item);
  const pull = new Pull<string>({
    items: store,
    peers: () => peers.map((name) => ({ pkiId: pkiIdOf(name), endpoint: `${name}:7051` })),
    config,
    random: seededRandom(11),
  });
  let now = 0;
  const step = (input: PullInput<string> | Wake) => pull.step(input, now);
  return {
    pull,
    store,
    step,
    /** Starts a round now; the nonce of each peer's hello. */
    hello(): Map<PkiId, bigint> {
      const sent = step({ type: "pull-now" }).filter((output) => output.type === "send-hello");
      return new Map(sent.map(({ to, nonce }) => [to.pkiId, nonce]));
    },
    digest: (from: PkiId, nonce: bigint | undefined, ...texts: string[]) =>
      step({ type: "digest", from, nonce: nonce ?? 0n, digests: texts.map(digestOf) }),
    update: (from: PkiId, nonce: bigint | undefined, ...texts: string[]) =>
      step({
        type: "update",
        from,
        nonce: nonce ?? 0n,
        items: texts.map((item) => ({ digest: digestOf(item), item })),
      }),
    request: (from: PkiId, nonce: bigint, ...texts: string[]) =>
      step({ type: "request", from, nonce, digests: texts.map(digestOf) }),
    pass(ms: number): PullOutput<string>[] {
      const outputs: PullOutput<string>[] = [];
      const until = now + ms;
      while (pull.deadline <= until) {
        now = Math.max(now, pull.deadline);
        outputs.push(...step(wake));
      }
      now = until;
      return outputs;
    },
  };
}

/** Outputs as short lines: what a reader of a trace sees. */
function lines(outputs: readonly PullOutput<string>[]): string[] {
  return outputs.map((output) => {
    switch (output.type) {
      case "send-hello":
        return `hello to ${nameOf(output.to.pkiId)}`;
      case "send-digest":
        return `digest to ${nameOf(output.to)}: ${output.digests.map(textOf).sort().join(" ")}`;
      case "send-request":
        return `request to ${nameOf(output.to.pkiId)}: ${output.digests.map(textOf).sort().join(" ")}`;
      case "send-update":
        return `update to ${nameOf(output.to)}: ${[...output.items].sort().join(" ")}`;
      case "accept":
        return `accept of ${nameOf(output.from)}: ${output.items.map(({ item }) => item).join(" ")}`;
      case "dropped":
        return `dropped ${output.count} of ${nameOf(output.from)}: ${output.reason}`;
      default:
        return output satisfies never;
    }
  });
}

describe("Pull as initiator", () => {
  test("Pull starts its first round soon after its start, and then one per interval", () => {
    const { pass } = setup({ peers: ["alice"] });
    expect(lines(pass(250))).toEqual(["hello to alice"]);
    expect(lines(pass(3_500))).toEqual([]);
    expect(lines(pass(500))).toEqual(["hello to alice"]);
    expect(lines(pass(40_000))).toHaveLength(10);
  });

  test("Pull greets pullPeerNum peers, each under a nonce of its own", () => {
    const { hello } = setup({ peers: ["a", "b", "c", "d", "e"] });
    const nonces = hello();
    expect(nonces.size).toBe(3);
    expect(new Set(nonces.values()).size).toBe(3);
    expect([...nonces.values()]).not.toContain(0n);
  });

  test("Pull without peers asks nobody and tries again (§5.1)", () => {
    const { pull, pass } = setup();
    expect(pass(10_000)).toEqual([]);
    expect(pull.deadline).toBeLessThan(15_000);
  });

  test("Pull requests what it lacks, and nothing else, as soon as all have answered (scenario 4, §12.9)", () => {
    const { hello, digest, update } = setup({ items: ["1", "3"], peers: ["alice"] });
    const nonce = hello().get(alice);
    expect(lines(digest(alice, nonce, "0", "1", "2", "3"))).toEqual(["request to alice: 0 2"]);
    expect(lines(update(alice, nonce, "0", "2"))).toEqual(["accept of alice: 0 2"]);
  });

  test("Pull waits a little for others after the first digest, then requests, then again when another comes", () => {
    const { hello, digest, pass } = setup({ peers: ["alice", "bob", "carol"] });
    const nonces = hello();
    expect(digest(alice, nonces.get(alice), "1")).toEqual([]);
    expect(lines(pass(50))).toEqual(["request to alice: 1"]);
    expect(digest(bob, nonces.get(bob), "1", "2")).toEqual([]);
    expect(lines(pass(50))).toEqual(["request to bob: 2"]);
    expect(lines(digest(carol, nonces.get(carol), "2", "3"))).toEqual(["request to carol: 3"]);
  });

  test("Pull requests each digest from exactly one owner, drawn by chance (§10.7)", () => {
    const { hello, digest } = setup({ peers: ["alice", "bob"] });
    const texts = Array.from({ length: 200 }, (_, at) => `${at}`);
    const nonces = hello();
    digest(alice, nonces.get(alice), ...texts);
    const requests = digest(bob, nonces.get(bob), ...texts).filter((output) => output.type === "send-request");
    const requested = requests.flatMap(({ digests }) => digests.map(textOf));
    expect(requested.sort()).toEqual(texts.sort());
    for (const { digests } of requests) expect(digests.length).toBeGreaterThan(60);
  });

  test("Pull gains a peer nothing by repeating a digest (N4, §10.6)", () => {
    const { hello, digest } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    const texts = Array.from({ length: 100 }, (_, at) => `${at}`);
    const often = Array.from({ length: 20 }, () => texts).flat();
    digest(alice, nonces.get(alice), ...often);
    expect(lines(digest(alice, nonces.get(alice), "0"))).toEqual(["dropped 1 of alice: repeated-digest"]);
    const outputs = digest(bob, nonces.get(bob), ...texts);
    const ofBob = outputs.flatMap((output) =>
      output.type === "send-request" && output.to.pkiId === bob ? output.digests : [],
    );
    expect(ofBob.length).toBeGreaterThan(30);
    expect(ofBob.length).toBeLessThan(70);
  });

  test("Pull refuses digests under a nonce that it did not give to that peer (scenario 5, §12.1)", () => {
    const { hello, digest, update, pull } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    expect(lines(digest(carol, 0n, "5", "6"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(lines(digest(carol, nonces.get(alice), "5"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(lines(digest(bob, nonces.get(alice), "5"))).toEqual(["dropped 1 of bob: unknown-nonce"]);
    expect(lines(update(carol, 0n, "5", "6"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(pull.wantsUpdate(carol, 0n)).toBe(false);
  });

  test("Pull refuses a digest that comes too late (scenario 7)", () => {
    const { hello, digest, pass } = setup({ peers: ["alice"] });
    const nonce = hello().get(alice);
    pass(1_001);
    expect(lines(digest(alice, nonce, "1"))).toEqual(["dropped 1 of alice: late-digest"]);
  });

  test("Pull refuses an update before its request, after the end of its round, and of another peer (N5)", () => {
    const { hello, digest, update, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    const nonce = nonces.get(alice);
    expect(lines(update(alice, nonce, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
    digest(alice, nonce, "1");
    digest(bob, nonces.get(bob), "9");
    expect(lines(update(bob, nonce, "1"))).toEqual(["dropped 1 of bob: unknown-nonce"]);
    pass(3_000);
    expect(lines(update(alice, nonce, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
  });

  test("Pull accepts from a peer only what it requested of it, and each item once (N6, N9, §12.2)", () => {
    const { hello, digest, update, pull } = setup({ peers: ["alice"] });
    const nonce = hello().get(alice) ?? 0n;
    digest(alice, nonce, "1", "2");
    expect(pull.wantsItem(alice, nonce, digestOf("1"))).toBe(true);
    expect(pull.wantsItem(alice, nonce, digestOf("3"))).toBe(false);
    expect(pull.wantsItem(bob, nonce, digestOf("1"))).toBe(false);
    expect(lines(update(alice, nonce, "1", "3", "1"))).toEqual([
      "accept of alice: 1",
      "dropped 2 of alice: unrequested-item",
    ]);
    expect(lines(update(alice, nonce, "2"))).toEqual(["accept of alice: 2"]);
    expect(pull.wantsUpdate(alice, nonce)).toBe(false);
  });

  test("Pull asks again in a later round for what did not come", () => {
    const { hello, digest, pass } = setup({ peers: ["alice"] });
    digest(alice, hello().get(alice), "1");
    pass(2_000);
    expect(lines(digest(alice, hello().get(alice), "1")), "still owed by the first round").toEqual([]);
    pass(2_500);
    expect(lines(digest(alice, hello().get(alice), "1"))).toEqual(["request to alice: 1"]);
  });

  test("Pull does not request an item that arrived otherwise in the meantime", () => {
    const { hello, digest, store, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), "1", "2");
    store.add(digestOf("1"), "1");
    expect(lines(pass(50))).toEqual(["request to alice: 2"]);
  });

  test("Pull remembers for a while whose item failed verification, and asks others for it (§12.5)", () => {
    const { hello, digest, step, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), "bad", "good");
    digest(bob, nonces.get(bob), "other");
    const outputs = step({
      type: "update",
      from: alice,
      nonce: nonces.get(alice) ?? 0n,
      items: [{ digest: digestOf("good"), item: "good" }],
      refused: [digestOf("bad")],
    });
    expect(lines(outputs)).toEqual(["accept of alice: good", "dropped 1 of alice: refused-item"]);
    pass(1_000);
    const again = hello();
    digest(alice, again.get(alice), "bad");
    expect(lines(digest(bob, again.get(bob), "bad"))).toEqual(["request to bob: bad"]);
    pass(61_000);
    const later = hello();
    digest(alice, later.get(alice), "bad");
    expect(lines(digest(bob, later.get(bob)))).toEqual(["request to alice: bad"]);
  });

  test("Pull takes no more digests than it allows, and none that is empty or too long (§12.11)", () => {
    const { hello, digest } = setup({ peers: ["alice"], config: { maxDigests: 3, maxDigestBytes: 4 } });
    const outputs = digest(alice, hello().get(alice), "", "long one", "1", "2");
    expect(lines(outputs)).toEqual([
      "dropped 1 of alice: too-many-digests",
      "dropped 2 of alice: malformed-digest",
      "request to alice: 1",
    ]);
  });

  test("Pull keys digests by octets, not by text", () => {
    const { hello, step } = setup({ peers: ["alice"] });
    const digests = [new Uint8Array([0xff]), new Uint8Array([0xfe]), new Uint8Array([0xc3, 0x28])];
    const [request] = step({ type: "digest", from: alice, nonce: hello().get(alice) ?? 0n, digests });
    expect(request).toMatchObject({ type: "send-request", digests });
  });

  test("Pull starts a round on news at once, but not within the shortest interval, and asks who has the news", () => {
    const { step, pass } = setup({ peers: ["a", "b", "c", "d", "e", "f", "g", "h"] });
    pass(1_000);
    const news = { type: "pull-now", peer: { pkiId: carol, endpoint: "carol:7051" } } as const;
    expect(lines(step(news))).toContain("hello to carol");
    expect(lines(step(news))).toEqual([]);
    expect(lines(step({ type: "pull-now" }))).toEqual([]);
    const outputs = lines(pass(250));
    expect(outputs).toHaveLength(3);
    expect(outputs).toContain("hello to carol");
    expect(lines(pass(3_900))).toEqual([]);
    expect(lines(pass(200)), "the hint is used up").not.toContain("hello to carol");
  });

  test("Pull keeps concurrent rounds apart: each has its own nonces and its own end (§12.12)", () => {
    const { hello, digest, update, pass } = setup({ peers: ["alice"] });
    const first = hello().get(alice);
    digest(alice, first, "1");
    pass(2_900);
    const second = hello().get(alice);
    expect(second).not.toBe(first);
    digest(alice, second, "2");
    pass(200);
    expect(lines(update(alice, first, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
    expect(lines(update(alice, second, "2"))).toEqual(["accept of alice: 2"]);
  });
});

describe("Pull as responder", () => {
  test("Pull answers a hello with what it holds, and a request with the items", () => {
    const { step, request } = setup({ items: ["0", "1", "2"] });
    expect(lines(step({ type: "hello", from: alice, nonce: 7n }))).toEqual(["digest to alice: 0 1 2"]);
    expect(lines(request(alice, 7n, "0", "2"))).toEqual(["update to alice: 0 2"]);
  });

  test("Pull with nothing to offer does not answer (N1, §10.1)", () => {
    const { step, request } = setup();
    expect(step({ type: "hello", from: alice, nonce: 7n })).toEqual([]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
  });

  test("Pull answers a repeated hello again, and several requests under one nonce", () => {
    const { step, request } = setup({ items: ["0", "1"] });
    step({ type: "hello", from: alice, nonce: 7n });
    expect(lines(step({ type: "hello", from: alice, nonce: 8n }))).toEqual(["digest to alice: 0 1"]);
    expect(lines(request(alice, 7n, "0"))).toEqual(["update to alice: 0"]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["update to alice: 1"]);
    expect(lines(request(alice, 8n, "1"))).toEqual(["update to alice: 1"]);
  });

  test("Pull serves a nonce only to the peer whose hello had it (N2, §12.1)", () => {
    const { step, request } = setup({ items: ["1"] });
    step({ type: "hello", from: alice, nonce: 7n });
    expect(lines(request(bob, 7n, "1"))).toEqual(["dropped 1 of bob: unknown-nonce"]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["update to alice: 1"]);
  });

  test("Pull forgets a hello after requestWaitTimeMs, counted from its last repetition (N3)", () => {
    const { step, request, pass } = setup({
      items: ["1"],
      config: { requestWaitTimeMs: 150, digestWaitTimeMs: 100 },
    });
    step({ type: "hello", from: alice, nonce: 7n });
    pass(100);
    step({ type: "hello", from: alice, nonce: 7n });
    pass(80);
    expect(lines(request(alice, 7n, "1"))).toEqual(["update to alice: 1"]);
    pass(71);
    expect(lines(request(alice, 7n, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
  });

  test("Pull shows and gives each requester only what it may see (scenarios 10 and 13)", () => {
    const egress = (requester: PkiId) => (item: string) => (Number(item) % 2 === 0) === (requester === alice);
    const { step, request } = setup({ items: ["0", "1", "2", "3"], egress });
    expect(lines(step({ type: "hello", from: alice, nonce: 1n }))).toEqual(["digest to alice: 0 2"]);
    expect(lines(step({ type: "hello", from: bob, nonce: 1n }))).toEqual(["digest to bob: 1 3"]);
    expect(lines(request(alice, 1n, "0", "1", "2", "3"))).toEqual([
      "dropped 2 of alice: unavailable-item",
      "update to alice: 0 2",
    ]);
  });

  test("Pull sends nothing when it holds nothing of what is requested (§10.1)", () => {
    const { step, request } = setup({ items: ["1"] });
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "9"))).toEqual(["dropped 1 of alice: unavailable-item"]);
  });

  test("Pull cuts a large answer into updates, and sends an item that is too large alone (§12.11)", () => {
    const { step, request } = setup({ items: ["aaaa", "bbbb", "cccc", "d".repeat(20)], config: { maxUpdateBytes: 8 } });
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "aaaa", "bbbb", "cccc", "d".repeat(20)))).toEqual([
      "update to alice: aaaa bbbb",
      "update to alice: cccc",
      `update to alice: ${"d".repeat(20)}`,
    ]);
  });

  test("Pull offers a random part when it holds more than fits into a message", () => {
    const items = Array.from({ length: 20 }, (_, at) => `${at}`);
    const { step } = setup({ items, config: { maxDigests: 5 } });
    const seen = new Set<string>();
    for (let nonce = 1n; nonce <= 40n; nonce++) {
      const [output] = step({ type: "hello", from: alice, nonce });
      if (output?.type !== "send-digest") throw new Error("expected a digest");
      expect(output.digests).toHaveLength(5);
      for (const digest of output.digests) seen.add(textOf(digest));
    }
    expect(seen.size).toBe(20);
  });

  test("Pull gives no more items under one nonce than it would offer, each once per request", () => {
    const { step, request } = setup({ items: ["0", "1", "2"], config: { maxDigests: 3 } });
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "0", "0", "1", "2"))).toEqual([
      "dropped 1 of alice: too-many-digests",
      "update to alice: 0 1",
    ]);
    expect(lines(request(alice, 1n, "0", "1"))).toEqual([
      "dropped 1 of alice: too-many-requests",
      "update to alice: 0",
    ]);
  });

  test("Pull remembers so many hellos per peer and in all, the newest", () => {
    const { step, request } = setup({ items: ["1"], config: { maxHellosPerPeer: 2, maxHellos: 4 } });
    for (const nonce of [1n, 2n, 3n]) step({ type: "hello", from: alice, nonce });
    expect(lines(request(alice, 1n, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
    expect(lines(request(alice, 3n, "1"))).toEqual(["update to alice: 1"]);
    step({ type: "hello", from: bob, nonce: 1n });
    step({ type: "hello", from: carol, nonce: 1n });
    expect(lines(request(alice, 3n, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
    expect(lines(request(carol, 1n, "1"))).toEqual(["update to carol: 1"]);
  });
});
