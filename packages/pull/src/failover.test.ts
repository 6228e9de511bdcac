import type { PkiId } from "@gossip/proto";
import { describe, expect, test } from "vitest";
import { alice, bob, carol, lines, setup } from "../test/support/one-machine.js";
import { nameOf, pkiIdOf, textOf } from "./testing/index.js";

/** Alice and Bob offer "1", and one of them was asked for it. */
function asked(options: Parameters<typeof setup>[0] = {}) {
  const machine = setup({ peers: ["alice", "bob"], ...options });
  const nonces = machine.hello();
  machine.digest(alice, nonces.get(alice), "1");
  const [request] = machine.digest(bob, nonces.get(bob), "1").filter((output) => output.type === "send-request");
  const first = request?.to.pkiId === alice ? alice : bob;
  const second = first === alice ? bob : alice;
  return { ...machine, nonces, first, second };
}

describe("Within a round", () => {
  test("5.29: Pull asks another that offers an item when the first lets it wait", () => {
    const { pass, second, first, nonces, update } = asked();
    expect(lines(pass(299))).toEqual([]);
    expect(lines(pass(1))).toEqual([`request to ${nameOf(second)}: 1`]);
    expect(lines(pass(700)), "and then nobody, for nobody is left").toEqual([]);
    expect(lines(update(first, nonces.get(first), "1")), "who is late is welcome").toEqual([
      `accept of ${nameOf(first)}: 1`,
    ]);
    expect(lines(update(second, nonces.get(second), "1")), "and the other comes too late").toEqual([
      `dropped 1 of ${nameOf(second)}: unknown-nonce`,
    ]);
  });

  test("5.29: Pull asks others for what a peer leaves out, counted from what it sent last", () => {
    const { hello, digest, update, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), "1", "2", "3");
    expect(lines(pass(50))).toEqual(["request to alice: 1 2 3"]);
    digest(bob, nonces.get(bob), "1", "2", "3", "4");
    pass(50);
    pass(200);
    update(alice, nonces.get(alice), "1");
    expect(lines(pass(299))).toEqual([]);
    expect(lines(pass(1))).toEqual(["request to bob: 2 3"]);
    expect(lines(update(bob, nonces.get(bob), "2"))).toEqual(["accept of bob: 2"]);
  });

  test("5.29: Pull asks another at once when an item of the first fails verification", () => {
    const { refuse, first, second, nonces } = asked();
    expect(lines(refuse(first, nonces.get(first), "1"))).toEqual([
      `dropped 1 of ${nameOf(first)}: refused-item`,
      `request to ${nameOf(second)}: 1`,
    ]);
  });

  test("5.29: Pull asks who offers an item later, when everybody asked before lets it wait", () => {
    const { hello, digest, pass } = setup({ peers: ["alice", "bob"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), "1");
    expect(lines(pass(50))).toEqual(["request to alice: 1"]);
    expect(lines(pass(350))).toEqual([]);
    expect(lines(digest(bob, nonces.get(bob), "1"))).toEqual(["request to bob: 1"]);
  });

  test("5.30: Pull asks nobody whose memory of our hello may be over", () => {
    const { pass, second } = asked({ config: { failoverMs: 1_199 } });
    expect(lines(pass(1_199))).toEqual([`request to ${nameOf(second)}: 1`]);
    const late = asked({ config: { failoverMs: 1_201 } });
    expect(lines(late.pass(1_500))).toEqual([]);
  });

  test("5.29: Pull asks nobody twice for an item while the first request may be answered", () => {
    const { hello, digest, pass } = setup({ peers: ["alice"] });
    digest(alice, hello().get(alice), "1");
    pass(1_000);
    digest(alice, hello().get(alice), "1");
    expect(lines(pass(1_000))).toEqual([]);
  });

  test("5.29: Pull leaves it at one request per item and round with an infinite patience", () => {
    const { pass } = asked({ config: { failoverMs: Number.POSITIVE_INFINITY } });
    expect(lines(pass(2_900))).toEqual([]);
  });

  test("5.29: Pull spreads the items of a silent peer over all others that offer them", () => {
    const names = Array.from({ length: 100 }, (_, at) => `${at}`);
    const { hello, digest, pass } = setup({ peers: ["alice", "bob", "carol"] });
    const nonces = hello();
    digest(alice, nonces.get(alice), ...names);
    pass(50);
    digest(bob, nonces.get(bob), ...names);
    digest(carol, nonces.get(carol), ...names);
    const requests = pass(300).filter((output) => output.type === "send-request");
    const of = (peer: PkiId) => requests.filter(({ to }) => to.pkiId === peer).flatMap(({ digests }) => digests);
    expect([...of(bob), ...of(carol)].map(textOf).sort()).toEqual([...names].sort());
    expect(Math.min(of(bob).length, of(carol).length)).toBeGreaterThan(30);
    expect(of(pkiIdOf("alice"))).toEqual([]);
  });
});
