import type { PkiId } from "@gossip/proto";
import { describe, expect, test } from "vitest";
import { alice, bob, carol, lines, setup } from "../test/support/one-machine.js";
import { textOf } from "./testing/index.js";

describe("Pull as responder", () => {
  test("5.13, 5.14: Pull answers a hello with what it holds, and a request with the items", () => {
    const { step, request } = setup({ items: ["0", "1", "2"] });
    expect(lines(step({ type: "hello", from: alice, nonce: 7n }))).toEqual(["digest to alice: 0 1 2"]);
    expect(lines(request(alice, 7n, "0", "2"))).toEqual(["update to alice: 0 2"]);
  });

  test("05/N1, 5.13: Pull with nothing to offer does not answer", () => {
    const { step, request } = setup();
    expect(step({ type: "hello", from: alice, nonce: 7n })).toEqual([]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["dropped 1 of alice: unknown-nonce"]);
  });

  test("5.14: Pull answers a repeated hello again, and several requests under one nonce", () => {
    const { step, request } = setup({ items: ["0", "1"] });
    step({ type: "hello", from: alice, nonce: 7n });
    expect(lines(step({ type: "hello", from: alice, nonce: 8n }))).toEqual(["digest to alice: 0 1"]);
    expect(lines(request(alice, 7n, "0"))).toEqual(["update to alice: 0"]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["update to alice: 1"]);
    expect(lines(request(alice, 8n, "1"))).toEqual(["update to alice: 1"]);
  });

  test("05/N2, 5.14: Pull serves a nonce only to the peer whose hello had it", () => {
    const { step, request } = setup({ items: ["1"] });
    step({ type: "hello", from: alice, nonce: 7n });
    expect(lines(request(bob, 7n, "1"))).toEqual(["dropped 1 of bob: unknown-nonce"]);
    expect(lines(request(alice, 7n, "1"))).toEqual(["update to alice: 1"]);
  });

  test("05/N3, 5.14: Pull forgets a hello after requestWaitTimeMs, counted from its last repetition", () => {
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

  test("05/13, 5.15, 5.16: Pull shows and gives each requester only what it may see", () => {
    const egress = (requester: PkiId) => (item: string) => (Number(item) % 2 === 0) === (requester === alice);
    const { step, request } = setup({ items: ["0", "1", "2", "3"], egress });
    expect(lines(step({ type: "hello", from: alice, nonce: 1n }))).toEqual(["digest to alice: 0 2"]);
    expect(lines(step({ type: "hello", from: bob, nonce: 1n }))).toEqual(["digest to bob: 1 3"]);
    expect(lines(request(alice, 1n, "0", "1", "2", "3"))).toEqual([
      "dropped 2 of alice: unavailable-item",
      "update to alice: 0 2",
    ]);
  });

  test("5.15: Pull sends nothing when it holds nothing of what is requested", () => {
    const { step, request } = setup({ items: ["1"] });
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "9"))).toEqual(["dropped 1 of alice: unavailable-item"]);
  });

  test("5.17: Pull cuts a large answer into updates, and sends an item that is too large alone", () => {
    const { step, request } = setup({ items: ["aaaa", "bbbb", "cccc", "d".repeat(20)], config: { maxUpdateBytes: 8 } });
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "aaaa", "bbbb", "cccc", "d".repeat(20)))).toEqual([
      "update to alice: aaaa bbbb",
      "update to alice: cccc",
      `update to alice: ${"d".repeat(20)}`,
    ]);
  });

  test("5.18: Pull offers a random part when it holds more than fits into a message", () => {
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

  test("5.14: Pull gives no more items under one nonce than it would offer, each once per request", () => {
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
    step({ type: "hello", from: alice, nonce: 1n });
    expect(lines(request(alice, 1n, "0")), "nor by repeating the hello").toEqual([
      "dropped 1 of alice: too-many-requests",
    ]);
  });

  test("5.19: Pull remembers so many hellos per peer and in all, the newest", () => {
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
