import { ElectionNetwork, type ElectionNetworkOptions, pkiIdOf } from "@gossip/election/testing";
import { expect, test } from "vitest";

/** The scenarios of the reference's page 08 §11, with its test values unless a test says otherwise. */

const [G, S, T, D] = [500, 100, 500, 500];
const config = {
  startupGracePeriodMs: G,
  membershipSampleIntervalMs: S,
  leaderAliveThresholdMs: T,
  leaderElectionDurationMs: D,
};

function networkOf(names: readonly string[], options: ElectionNetworkOptions = {}): ElectionNetwork {
  const network = new ElectionNetwork({ config, noticeMs: 20, ...options });
  for (const name of names) network.start(name);
  return network;
}

const peers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `p${from + at}`);

test("08/E1: of ten that start together, the lowest leads", () => {
  const network = networkOf(peers(0, 9).reverse());
  network.runFor(G + D + T);
  expect(network.leaders).toEqual(["p0"]);
  expect(network.callbacks("p0")).toBe("+");
  expect(
    peers(1, 9)
      .map((name) => network.callbacks(name))
      .join(""),
  ).toBe("");
});

test("08/E2: who leads goes on leading, whoever joins with a lower PKI-ID", () => {
  const network = networkOf([]);
  for (const name of ["p3", "p2", "p1", "p0"]) {
    network.start(name);
    network.runFor(G + D + T / 2);
  }
  expect(network.leaders).toEqual(["p3"]);
  expect(network.callbacks("p3")).toBe("+");
});

test("08/E3: nobody says anything after its stop", () => {
  const network = networkOf(peers(0, 3));
  network.runFor(G + D + T);
  for (const name of peers(0, 3)) network.give(name, { type: "stop" });
  const stopped = network.clock.now();
  network.runFor(6 * T);
  expect(network.sent(stopped + 1)).toEqual([]);
  expect(network.callbacks("p0")).toBe("+-");
  expect(network.leaders).toEqual([]);
});

test("08/E4: of two groups that meet, the leader of the lower PKI-ID stays", () => {
  const network = networkOf([]);
  network.partition(peers(0, 3));
  for (const name of peers(0, 7)) network.start(name);
  network.runFor(G + D + T);
  expect(network.leaders).toEqual(["p0", "p4"]);
  network.heal();
  network.runFor(5 * T);
  expect(network.leaders).toEqual(["p0"]);
  expect(peers(0, 7).map((name) => network.callbacks(name))).toEqual(["+", "", "", "", "+-", "", "", ""]);
});

test("08/E5: after the leader is gone, the lowest of those who are left leads", () => {
  const network = networkOf([]);
  for (const name of ["p5", "p4", "p3", "p2"]) {
    network.start(name);
    network.runFor(G + D + T / 2);
  }
  expect(network.leaders).toEqual(["p5"]);
  network.stop("p5");
  network.runFor(T / 2 + 3 * T);
  expect(network.leaders).toEqual(["p2"]);
});

test("08/E6: who yields twice loses leadership once, and leaves it to another", () => {
  const network = networkOf(peers(0, 5));
  network.runFor(G + D + T);
  network.give("p0", { type: "yield", reason: "requested" });
  network.give("p0", { type: "yield", reason: "requested" });
  expect(network.callbacks("p0")).toBe("+-");
  expect(network.election("p0").isYielding).toBe(true);
  network.runFor(2 * T + D);
  expect(network.leaders).toEqual(["p1"]);
  expect(network.election("p0").isYielding).toBe(false);
  network.runFor(10 * T);
  expect(network.leaders).toEqual(["p1"]);
});

test("08/E7: whoever yields alone leads again, though not at once", () => {
  const network = networkOf(["p0"]);
  network.runFor(S + 2 * D);
  expect(network.leaders).toEqual(["p0"]);
  network.give("p0", { type: "yield", reason: "no-orderer" });
  network.runFor(T);
  expect(network.leaders).toEqual([]);
  network.runFor(2 * D);
  expect(network.leaders).toEqual(["p0"]);
});

test("08/E8: two that yield in turn lead in turn", () => {
  const network = networkOf(["p0", "p1"]);
  network.runFor(G + D + T);
  expect(network.leaders).toEqual(["p0"]);
  network.give("p0", { type: "yield", reason: "requested" });
  network.runFor(2 * T + D);
  expect(network.leaders).toEqual(["p1"]);
  network.give("p1", { type: "yield", reason: "requested" });
  network.runFor(2 * T + D);
  expect(network.leaders).toEqual(["p0"]);
});

test("08/E9: all alone everybody leads, and together again the lowest does", () => {
  const network = networkOf(peers(0, 5));
  network.runFor(G + D + T);
  network.partition(...peers(0, 5).map((name) => [name]));
  network.runFor(T / 2 + 2 * T);
  expect(network.leaders).toEqual(peers(0, 5));
  network.heal();
  network.runFor(T / 2 + 2 * T);
  expect(network.leaders).toEqual(["p0"]);
  expect(peers(0, 5).map((name) => network.callbacks(name))).toEqual(["+", ...peers(1, 5).map(() => "+-")]);
});

test("08/E10, 08/E14: what is told of leadership follows it: gained, lost, gained", () => {
  const network = networkOf(["p0"]);
  network.runFor(S + 2 * D);
  network.give("p0", { type: "yield", reason: "delivery-failed" });
  network.runFor(T + 2 * D);
  expect(network.callbacks("p0")).toBe("+-+");
  expect(network.election("p0").history.map(({ leader, reason }) => [leader, reason])).toEqual([
    [pkiIdOf("p0"), "elected"],
    [undefined, "delivery-failed"],
    [pkiIdOf("p0"), "elected"],
  ]);
});

test("08/E11: a candidate proposes, then declares itself, with one sequence for both", () => {
  const network = networkOf(["p0", "p1"]);
  network.runFor(2 * S + D + 100);
  const said = network.sent().filter(({ peer }) => peer === "p0");
  expect(said.map(({ output }) => output)).toEqual([
    { type: "send", time: { incarnation: 1n, sequence: 1n }, isDeclaration: false },
    { type: "send", time: { incarnation: 1n, sequence: 2n }, isDeclaration: true },
  ]);
});

test("08/E13: a declaration makes everybody know the leader, who answers nothing", () => {
  const network = networkOf(["p0", "p1", "p2"]);
  network.runFor(2 * S + D + 100);
  expect(peers(0, 2).map((name) => network.election(name).leader)).toEqual(peers(0, 2).map(() => pkiIdOf("p0")));
  expect(network.sent().filter(({ output }) => output.type === "send" && output.isDeclaration)).toHaveLength(1);
});

test("08/E16: with the defaults, one of ten leads within thirty seconds", () => {
  const network = networkOf(peers(0, 9), { config: {} });
  network.runFor(30_000);
  expect(network.leaders).toEqual(["p0"]);
  expect(
    peers(0, 9)
      .map((name) => network.callbacks(name))
      .join(""),
  ).toBe("+");
});

test("08/E20: elections of two channels are two; each has one leader, before and after it dies", () => {
  const [a, b] = [networkOf(peers(0, 9)), networkOf(["p1", "p3", "p5", "p7"])];
  for (const channel of [a, b]) channel.runFor(G + D + T);
  expect([a.leaders, b.leaders]).toEqual([["p0"], ["p1"]]);
  for (const channel of [a, b]) {
    channel.stop("p0");
    channel.stop("p1");
    channel.runFor(3 * T);
  }
  expect([a.leaders, b.leaders]).toEqual([["p2"], ["p3"]]);
});

test("08/E21: a leader that reaches no orderer leaves it to another", () => {
  const network = networkOf(["p0", "p1"], { config: { ...config, leaderAliveThresholdMs: 5_000 } });
  network.runFor(1_000);
  expect(network.leaders).toEqual(["p0"]);
  network.give("p0", { type: "yield", reason: "no-orderer" });
  network.runFor(10_000);
  expect(network.leaders).toEqual(["p1"]);
  expect(network.election("p0").leader).toBe(pkiIdOf("p1"));
});

test("08/E23: after the leader is stopped the other leads, and blocks go on", () => {
  const network = networkOf(["p0", "p1"], { blocksPerSecond: 20 });
  network.runFor(2_000);
  network.stop("p0");
  network.runFor(3_000);
  expect(network.leaders).toEqual(["p1"]);
  expect(network.heightOf("p1")).toBe(network.ordered);
});

test("08/E24: a leader answers a declaration of a higher PKI-ID, once that one has settled, and the other steps down", () => {
  const network = networkOf([]);
  network.partition(["p5"]);
  for (const name of ["p5", "p9"]) network.start(name);
  network.runFor(S + 2 * D);
  expect(network.leaders).toEqual(["p5", "p9"]);
  const healed = network.clock.now();
  network.heal();
  network.runFor(20 + S + 50 + 10);
  expect(network.leaders).toEqual(["p5"]);
  expect(network.callbacks("p9")).toBe("+-");
  expect(network.sent(healed).some(({ peer }) => peer === "p5")).toBe(true);
});

test("08/E27: a proposal that is older than a round does not count in the next", () => {
  const network = networkOf(["p3"]);
  network.start("p1", { isIdle: true });
  network.runFor(2 * S + D + 100);
  expect(network.leaders).toEqual(["p3"]);
  network.give("p3", { type: "yield", reason: "requested" });
  network.say("p1", { incarnation: 1n, sequence: 1n }, false);
  // Its yield over, p3 stands: the proposal was heard long before.
  network.runFor(6 * T + D + 150);
  expect(network.leaders).toEqual(["p3"]);
});
