/** Scenarios of protocol page 05 §11 that need several nodes; the timings are those of the page. */

import { digestOf, PullNetwork, pkiIdOf } from "@gossip/pull/testing";
import { describe, expect, test } from "vitest";

const fast = {
  pullIntervalMs: 500,
  digestWaitTimeMs: 100,
  requestWaitTimeMs: 200,
  responseWaitTimeMs: 200,
  minRoundIntervalMs: 500,
};

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`);
}

describe("scenarios of page 05 §11", () => {
  test("05/2: a node takes over what another gains, until that one stops", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1");
    network.start("p2", { peers: ["p1"] });
    let next = 0;
    for (let ms = 0; ms < 800; ms += 10) {
      network.add("p1", `${next++}`);
      network.runFor(10);
    }
    network.runFor(600);
    network.stop("p1");
    const held = network.itemsOf("p2");
    expect(held).toHaveLength(80);
    network.runFor(3_000);
    expect(network.itemsOf("p2")).toEqual(held);
  });

  test("05/3: ten nodes with one item each, all asking all, end with ten items each", () => {
    const names = numbers(0, 9).map((at) => `p${at}`);
    const network = new PullNetwork({ config: fast });
    for (const name of names) {
      network.start(name, { items: [name], peers: names.filter((other) => other !== name) });
      network.runFor(50);
    }
    network.runFor(4_000);
    for (const name of names) expect(network.itemsOf(name)).toEqual(names);
  });

  test("05/4: what is offered, requested and sent is exactly what should be", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { items: ["1", "3"], peers: ["p2"] });
    network.start("p2", { items: ["0", "1", "2", "3"] });
    network.runFor(500);
    expect(network.messages.slice(0, 4).map(({ kind, from, items }) => [kind, from, items.join(" ")])).toEqual([
      ["hello", "p1", ""],
      ["digest", "p2", "0 1 2 3"],
      ["request", "p1", "0 2"],
      ["update", "p2", "0 2"],
    ]);
    expect(network.itemsOf("p1")).toEqual(["0", "1", "2", "3"]);
  });

  test("05/6: three initiators draw from one responder at the same time", () => {
    const network = new PullNetwork({ config: fast });
    for (const name of ["a", "b", "c"]) network.start(name, { peers: ["p"] });
    network.start("p", { items: numbers(1, 4) });
    network.runFor(600);
    for (const name of ["a", "b", "c"]) expect(network.itemsOf(name)).toEqual(numbers(1, 4));
  });

  test("05/7: of a peer that is too slow nothing arrives, of the other everything", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { peers: ["p2", "p3"] });
    network.start("p2", { items: numbers(1, 4), slownessMs: 600 });
    network.start("p3", { items: numbers(5, 8) });
    network.runFor(3_000);
    expect(network.itemsOf("p1")).toEqual(numbers(5, 8));
  });

  test("05/8: two nodes that ask each other end with the same items", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { items: ["1", "3"], peers: ["p2"] });
    network.start("p2", { items: ["0", "2"], peers: ["p1"] });
    network.runFor(1_000);
    expect(network.itemsOf("p1")).toEqual(numbers(0, 3));
    expect(network.itemsOf("p2")).toEqual(numbers(0, 3));
  });

  test("05/9: requests spread over all who were asked, and go to nobody else", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { peers: ["p2", "p3", "p4"] });
    for (const name of ["p2", "p3", "p4", "p5"]) network.start(name, { items: numbers(0, 99) });
    network.runFor(600);
    const requests = network.messages.filter(({ kind }) => kind === "request");
    expect(new Set(requests.map(({ to }) => to))).toEqual(new Set(["p2", "p3", "p4"]));
    expect(requests.flatMap(({ items }) => items)).toHaveLength(100);
    expect(network.itemsOf("p1")).toHaveLength(100);
  });

  test("05/10: an egress filter gives each requester its own part", () => {
    const network = new PullNetwork({ config: fast });
    const egress = (requester: string) => (item: string) => Number(item) % 2 === (requester === "p2" ? 0 : 1);
    network.start("p1", { items: numbers(0, 5), egress });
    network.start("p2", { peers: ["p1"] });
    network.start("p3", { peers: ["p1"] });
    network.runFor(1_000);
    expect(network.itemsOf("p2")).toEqual(["0", "2", "4"]);
    expect(network.itemsOf("p3")).toEqual(["1", "3", "5"]);
  });

  test("05/11: a node starts and stops, and does nothing any more then", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { items: ["1"], peers: ["p2"] });
    network.start("p2", { items: ["2"], peers: ["p1"] });
    network.runFor(510);
    network.stop("p1");
    network.runFor(50);
    const said = network.messages.length;
    network.give("p1", { type: "hello", from: pkiIdOf("p2"), nonce: 7n });
    network.runFor(5_000);
    expect(network.messages.slice(said).filter(({ from }) => from === "p1")).toEqual([]);
  });

  test("05/12, 05/14: what is removed on both sides stays away, what is added follows in the next round", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { items: ["0", "1", "2"] });
    network.start("p2", { peers: ["p1"] });
    network.runFor(600);
    expect(network.itemsOf("p2")).toEqual(["0", "1", "2"]);
    for (const name of ["p1", "p2"]) network.delete(name, "0");
    network.add("p1", "10");
    const before = network.messages.length;
    network.runFor(600);
    expect(new Set(network.messages.slice(before).map(({ kind }) => kind))).toEqual(
      new Set(["hello", "digest", "request", "update"]),
    );
    expect(network.itemsOf("p2")).toEqual(["1", "10", "2"]);
  });

  test("05/15: what is not wanted is not requested, though it is offered", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { peers: ["p2"], refuses: (item) => Number(item) < 2 });
    network.start("p2", { items: numbers(0, 3) });
    network.runFor(1_000);
    expect(network.itemsOf("p1")).toEqual(["2", "3"]);
    expect(network.messages.filter(({ kind }) => kind === "request").map(({ items }) => items)).toEqual([["2", "3"]]);
  });

  test("05/16: an update under a nonce never issued is refused, where the reference takes it", () => {
    const network = new PullNetwork({ config: fast });
    network.start("p1", { peers: [] });
    network.start("p2", { items: ["0", "1", "2"] });
    network.give("p2", { type: "hello", from: pkiIdOf("p1"), nonce: 0n });
    network.give("p2", { type: "request", from: pkiIdOf("p1"), nonce: 0n, digests: ["0", "1", "2"].map(digestOf) });
    network.runFor(100);
    expect(network.messages.map(({ kind, items }) => [kind, items.length])).toEqual([
      ["digest", 3],
      ["update", 3],
    ]);
    expect(network.itemsOf("p1")).toEqual([]);
    const dropped = network.outputs.filter(({ output }) => output.type === "dropped");
    expect(dropped.map(({ node, output }) => [node, output.type === "dropped" && output.reason])).toEqual([
      ["p1", "unknown-nonce"],
      ["p1", "unknown-nonce"],
    ]);
  });

  test("5.6: with the stock timings an item crosses as fast as the messages, not after a second", () => {
    const network = new PullNetwork();
    network.start("p1", { peers: ["p2", "p3"] });
    for (const name of ["p2", "p3"]) network.start(name, { items: [name] });
    network.runFor(250 + 4 * 5);
    expect(network.itemsOf("p1")).toEqual(["p2", "p3"]);
  });
});
