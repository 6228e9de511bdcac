import { seededRandom, wake } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { alice, bob, carol, lines, setup } from "../test/support/one-machine.js";
import { Partners } from "./partners.js";
import { digestOf, nameOf, pkiIdOf } from "./testing/index.js";

/** Lets rounds pass in which Alice offers the same, and tells the pauses between them. */
function pauses(machine: ReturnType<typeof setup>, rounds: number, ...offered: string[]): number[] {
  const found: number[] = [];
  for (let since = 0; found.length < rounds; ) {
    const step = 50;
    const hellos = machine.pass(step).filter((output) => output.type === "send-hello");
    since += step;
    if (hellos.length === 0) continue;
    found.push(since);
    since = 0;
    for (const { to, nonce } of hellos) if (to.pkiId === alice) machine.digest(alice, nonce, ...offered);
  }
  return found.slice(1);
}

describe("The pause between rounds", () => {
  test("5.31: doubles while peers answer and have nothing that is lacking, up to its bound", () => {
    const machine = setup({ items: ["1"], peers: ["alice"] });
    expect(pauses(machine, 7, "1")).toEqual([4_000, 8_000, 16_000, 16_000, 16_000, 16_000].map(near));
  });

  test("5.31: is the shortest again as soon as a round finds something", () => {
    const machine = setup({ items: ["1"], peers: ["alice"] });
    pauses(machine, 7, "1");
    expect(pauses(machine, 4, "1", "2").slice(1)).toEqual([4_000, 4_000].map(near));
  });

  test("5.31: is the shortest again with news", () => {
    const machine = setup({ items: ["1"], peers: ["alice"] });
    pauses(machine, 7, "1");
    machine.pass(3_500);
    machine.digest(alice, machine.hello().get(alice), "1");
    expect(pauses(machine, 4, "1")).toEqual([8_000, 16_000, 16_000].map(near));
  });

  test("5.31: stays the same while nobody answers", () => {
    const machine = setup({ peers: ["alice"] });
    expect(lines(machine.pass(40_250))).toHaveLength(11);
  });

  test("5.31: stays the same while somebody does not answer, who may have what is lacking", () => {
    const machine = setup({ items: ["1"], peers: ["alice", "bob"] });
    expect(pauses(machine, 5, "1")).toEqual([4_000, 4_000, 4_000, 4_000].map(near));
  });

  test("5.31: doubles while nobody answers, where silence is an answer, and nobody passes its turn for it", () => {
    const machine = setup({ peers: ["alice", "bob"], config: { pullPeerNum: 1 }, isSilenceAnAnswer: true });
    expect(pauses(machine, 7)).toEqual([4_000, 8_000, 16_000, 16_000, 16_000, 16_000].map(near));
    const asked = machine.pass(16_000_000).flatMap((output) => (output.type === "send-hello" ? [output.to.pkiId] : []));
    machine.digest(alice, machine.hello().get(alice), "1");
    expect(asked.filter((pkiId) => pkiId === alice).length / asked.length).toBeCloseTo(0.5, 1);
  });

  test("5.3: a machine that is not eager begins within the interval, and at once with news", () => {
    const firsts = Array.from({ length: 200 }, (_, seed) => {
      const { pull, step } = setup({ peers: ["alice"], seed, isEager: false });
      step(wake);
      return pull.deadline;
    });
    expect(Math.max(...firsts)).toBeLessThanOrEqual(4_000);
    expect(Math.max(...firsts)).toBeGreaterThan(3_800);
    expect(Math.min(...firsts)).toBeLessThan(200);
    expect(lines(setup({ peers: ["alice"], isEager: false }).step({ type: "pull-now" }))).toHaveLength(1);
  });

  test("5.31: stays the same when its bound is the pause itself", () => {
    const machine = setup({ items: ["1"], peers: ["alice"], config: { maxPullIntervalMs: 4_000 } });
    expect(pauses(machine, 5, "1")).toEqual([4_000, 4_000, 4_000, 4_000].map(near));
  });
});

describe("Who is asked", () => {
  const peers = ["a", "b", "c", "d", "e", "f"].map((name) => ({ pkiId: pkiIdOf(name), endpoint: `${name}:1` }));
  const drawn = (partners: Partners, from: readonly (typeof peers)[number][] = peers) => {
    const random = seededRandom(5);
    const counts = new Map<string, number>();
    for (let round = 0; round < 600; round++) {
      for (const { pkiId } of partners.draw(from, 3, random)) {
        counts.set(nameOf(pkiId), (counts.get(nameOf(pkiId)) ?? 0) + 1);
      }
    }
    return counts;
  };

  test("5.28: those that were silent are drawn less often, and not never", () => {
    const partners = new Partners();
    for (let round = 0; round < 10; round++) partners.asked(pkiIdOf("a"), true);
    const counts = drawn(partners);
    expect(counts.get("a")).toBeGreaterThan(10);
    expect(counts.get("a")).toBeLessThan(70);
    for (const name of ["b", "c", "d", "e", "f"]) expect(counts.get(name)).toBeGreaterThan(250);
    partners.asked(pkiIdOf("a"), false);
    expect(drawn(partners).get("a"), "until it has answered").toBeGreaterThan(250);
  });

  test("5.28: those that were silent are asked when there are no others", () => {
    const partners = new Partners();
    for (const { pkiId } of peers) for (let round = 0; round < 10; round++) partners.asked(pkiId, true);
    expect(partners.draw(peers, 3, seededRandom(1))).toHaveLength(3);
    expect(partners.draw(peers.slice(0, 2), 3, seededRandom(1))).toHaveLength(2);
  });

  test("5.28: who lets a request wait, or leaves the hello unanswered, counts as silent, who delivers does not", () => {
    const names = ["alice", "bob", "carol"];
    const machine = setup({ peers: names, items: ["0"], config: { pullPeerNum: 1, maxPullIntervalMs: 4_000 } });
    const times = new Map(names.map((name) => [name, 0]));
    for (let passed = 0; passed < 1_000_000; passed += 50) {
      for (const output of machine.pass(50)) {
        if (output.type !== "send-hello") continue;
        const name = nameOf(output.to.pkiId);
        times.set(name, (times.get(name) ?? 0) + 1);
        // Bob says nothing; Carol offers what she then does not send.
        if (name === "alice") machine.digest(alice, output.nonce, "0");
        if (name === "carol") machine.digest(carol, output.nonce, "1");
      }
    }
    expect(times.get("alice")).toBeGreaterThan(150);
    expect(Math.min(times.get("bob") ?? 0, times.get("carol") ?? 0)).toBeGreaterThan(5);
    expect(Math.max(times.get("bob") ?? 0, times.get("carol") ?? 0)).toBeLessThan(50);
  });

  test("5.28: nobody is blamed for what came otherwise in the meantime", () => {
    const machine = setup({ peers: ["alice", "bob"], config: { pullPeerNum: 1 } });
    const times = new Map([alice, bob].map((pkiId) => [pkiId, 0]));
    for (let passed = 0; passed < 1_000_000; passed += 50) {
      for (const output of machine.pass(50)) {
        if (output.type !== "send-hello") continue;
        const { pkiId } = output.to;
        times.set(pkiId, (times.get(pkiId) ?? 0) + 1);
        machine.digest(pkiId, output.nonce, `${passed}`);
        if (pkiId === bob) machine.update(bob, output.nonce, `${passed}`);
        machine.store.add(digestOf(`${passed}`), `${passed}`);
      }
    }
    expect(Math.min(...times.values())).toBeGreaterThan(0.4 * Math.max(...times.values()) + 20);
  });

  test("5.32: those that are likely to hold something come first, but for one place", () => {
    const likely = peers.map((peer, at) => (at < 4 ? { ...peer, isPreferred: true } : peer));
    const counts = drawn(new Partners(), likely);
    const [e, f] = [counts.get("e") ?? 0, counts.get("f") ?? 0];
    expect(e + f).toBeGreaterThan(200);
    expect(e + f).toBeLessThan(600);
    const few = peers.map((peer, at) => (at < 1 ? { ...peer, isPreferred: true } : peer));
    expect(drawn(new Partners(), few).get("a")).toBe(600);
  });
});

/** To the grain of the test's steps. */
function near(ms: number): unknown {
  return expect.closeTo(ms, -2);
}
