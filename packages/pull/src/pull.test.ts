import { describe, expect, test } from "vitest";
import { alice, bob, carol, lines, setup } from "../test/support/one-machine.js";
import { digestOf, nameOf, pkiIdOf, textOf } from "./testing/index.js";

describe("Pull as initiator", () => {
  test("5.3: Pull starts its first round soon after its start, and then one per interval", () => {
    const { pass } = setup({ peers: ["alice"] });
    expect(lines(pass(250))).toEqual(["hello to alice"]);
    expect(lines(pass(3_500))).toEqual([]);
    expect(lines(pass(500))).toEqual(["hello to alice"]);
    expect(lines(pass(40_000)), "silence is no reason to ask less often").toHaveLength(10);
  });

  test("5.2: Pull greets pullPeerNum peers, each under a nonce of its own", () => {
    const { hello } = setup({ peers: ["a", "b", "c", "d", "e"] });
    const nonces = hello();
    expect(nonces.size).toBe(3);
    expect(new Set(nonces.values()).size).toBe(3);
    expect([...nonces.values()]).not.toContain(0n);
  });

  test("5.2: Pull without peers asks nobody and tries again", () => {
    const { pull, pass } = setup();
    expect(pass(10_000)).toEqual([]);
    expect(pull.deadline).toBeLessThan(15_000);
  });

  test("5.6, 5.7: Pull requests what it lacks, and nothing else, as soon as all have answered", () => {
    const { hello, digest, update } = setup({ items: ["1", "3"], peers: ["alice"] });
    const nonce = hello().get(alice);
    expect(lines(digest(alice, nonce, "0", "1", "2", "3"))).toEqual(["request to alice: 0 2"]);
    expect(lines(update(alice, nonce, "0", "2"))).toEqual(["accept of alice: 0 2"]);
  });

  test("5.6: Pull waits a little for others after the first digest, then requests, then again when another comes", () => {
    const { hello, digest, pass } = setup({ peers: ["alice", "bob", "carol"] });
    const nonces = hello();
    expect(digest(alice, nonces.get(alice), "1")).toEqual([]);
    expect(lines(pass(50))).toEqual(["request to alice: 1"]);
    expect(digest(bob, nonces.get(bob), "1", "2")).toEqual([]);
    expect(lines(pass(50))).toEqual(["request to bob: 2"]);
    expect(lines(digest(carol, nonces.get(carol), "2", "3"))).toEqual(["request to carol: 3"]);
  });

  test("5.5: Pull requests each digest from exactly one owner, drawn by chance", () => {
    const { hello, digest } = setup({ peers: ["alice", "bob"] });
    const texts = Array.from({ length: 200 }, (_, at) => `${at}`);
    const nonces = hello();
    digest(alice, nonces.get(alice), ...texts);
    const requests = digest(bob, nonces.get(bob), ...texts).filter((output) => output.type === "send-request");
    const requested = requests.flatMap(({ digests }) => digests.map(textOf));
    expect(requested.sort()).toEqual(texts.sort());
    for (const { digests } of requests) expect(digests.length).toBeGreaterThan(60);
  });

  test("05/N4, 5.4, 5.5: Pull gains a peer nothing by repeating a digest", () => {
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

  test("05/5, 5.4, 5.10: Pull refuses digests under a nonce that it did not give to that peer", () => {
    const { hello, digest, update, pull } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    expect(lines(digest(carol, 0n, "5", "6"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(lines(digest(carol, nonces.get(alice), "5"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(lines(digest(bob, nonces.get(alice), "5"))).toEqual(["dropped 1 of bob: unknown-nonce"]);
    expect(lines(update(carol, 0n, "5", "6"))).toEqual(["dropped 1 of carol: unknown-nonce"]);
    expect(pull.wantsUpdate(carol, 0n)).toBe(false);
  });

  test("5.4: Pull refuses a digest that comes too late", () => {
    const { hello, digest, pass } = setup({ peers: ["alice"] });
    const nonce = hello().get(alice);
    pass(1_001);
    expect(lines(digest(alice, nonce, "1"))).toEqual(["dropped 1 of alice: late-digest"]);
  });

  test("05/N5, 5.10: Pull refuses an update before its request, after the end of its round, and of another peer", () => {
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

  test("05/N6, 5.9, 5.10: Pull accepts from a peer only what it requested of it, and each item once", () => {
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

  test("5.8: Pull asks again in a later round for what did not come, the same peer only when its round is over", () => {
    const { hello, digest, pass } = setup({ peers: ["alice"] });
    digest(alice, hello().get(alice), "1");
    pass(2_000);
    expect(lines(digest(alice, hello().get(alice), "1")), "still owed by the first round").toEqual([]);
    expect(lines(pass(1_000)), "which is over now").toContain("request to alice: 1");
    pass(3_500);
    expect(lines(digest(alice, hello().get(alice), "1"))).toEqual(["request to alice: 1"]);
  });

  test("5.7: Pull does not request an item that arrived otherwise in the meantime", () => {
    const { hello, digest, store, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), "1", "2");
    store.add(digestOf("1"), "1");
    expect(lines(pass(50))).toEqual(["request to alice: 2"]);
  });

  test("5.11: Pull remembers for a while whose item failed verification, and asks others for it", () => {
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
    expect(lines(pass(100))).toEqual([]);
    expect(lines(digest(bob, again.get(bob), "bad"))).toEqual(["request to bob: bad"]);
    pass(61_000);
    const later = hello();
    digest(alice, later.get(alice), "bad");
    expect(lines(digest(bob, later.get(bob)))).toEqual(["request to alice: bad"]);
  });

  test("5.11: Pull does not ask that peer for it in another round either, in which it was offered before", () => {
    const { hello, digest, refuse, pass } = setup({ peers: ["alice"] });
    const first = hello().get(alice);
    digest(alice, first, "bad");
    pass(250);
    digest(alice, hello().get(alice), "bad");
    expect(lines(refuse(alice, first, "bad"))).toEqual(["dropped 1 of alice: refused-item"]);
    expect(lines(pass(3_500)).filter((line) => line.startsWith("request"))).toEqual([]);
  });

  test("5.12: Pull takes no more digests than it allows, and none that is empty or too long", () => {
    const { hello, digest } = setup({ peers: ["alice"], config: { maxDigests: 3, maxDigestBytes: 4 } });
    const outputs = digest(alice, hello().get(alice), "", "long one", "1", "2");
    expect(lines(outputs)).toEqual([
      "dropped 1 of alice: too-many-digests",
      "dropped 2 of alice: malformed-digest",
      "request to alice: 1",
    ]);
  });

  test("5.27: Pull keys digests by octets, not by text", () => {
    const { hello, step } = setup({ peers: ["alice"] });
    const digests = [new Uint8Array([0xff]), new Uint8Array([0xfe]), new Uint8Array([0xc3, 0x28])];
    const [request] = step({ type: "digest", from: alice, nonce: hello().get(alice) ?? 0n, digests });
    expect(request).toMatchObject({ type: "send-request", digests });
  });

  test("5.2, 5.3: Pull starts a round on news at once, but not within the shortest interval, and asks who has the news", () => {
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

  test("5.2: Pull keeps one place of each round for all, whoever makes news", () => {
    const honest = ["a", "b", "c", "d"];
    const { step, pass } = setup({ peers: [...honest, "x", "y", "z"] });
    const asked = new Set<string>();
    pass(1_000);
    for (let round = 0; round < 100; round++) {
      const outputs = pass(100);
      for (const name of ["x", "y", "z"]) {
        outputs.push(...step({ type: "pull-now", peer: { pkiId: pkiIdOf(name), endpoint: `${name}:7051` } }));
      }
      outputs.push(...pass(150));
      for (const output of outputs) if (round > 0 && output.type === "send-hello") asked.add(nameOf(output.to.pkiId));
    }
    expect([...asked]).toEqual(expect.arrayContaining(honest));
  });

  test("5.8: Pull keeps concurrent rounds apart: each has its own nonces and its own end", () => {
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
