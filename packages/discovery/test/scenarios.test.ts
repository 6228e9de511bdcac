/** Scenarios of protocol page 04 §18 that need several nodes; the timings are those of the page. */

import { DiscoveryNetwork, externalOf, internalOf, nameOf, pkiIdOf, type Traffic } from "@gossip/discovery/testing";
import { describe, expect, test } from "vitest";

const fast = {
  aliveTimeIntervalMs: 300,
  aliveExpirationTimeoutMs: 3_000,
  aliveCheckIntervalMs: 300,
  reconnectIntervalMs: 3_000,
  pullIntervalMs: 300,
};
const ttlMs = 3_000 * 20;

function names(count: number, prefix = "p"): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

function of(traffic: readonly Traffic[], kind: Traffic["kind"]): Traffic[] {
  return traffic.filter((entry) => entry.kind === kind);
}

describe("a network with the stock timings", () => {
  test.each([2, 6, 14, 40])(
    "4.28, 4.30, 4.31: of %i peers with one bootstrap peer converges within a second of its start",
    (count) => {
      const network = new DiscoveryNetwork({ seed: count });
      for (const name of names(count)) network.start(name, { bootstrap: ["p0"] });
      expect(network.converge(10_000)).toBeLessThanOrEqual(1_000);
    },
  );

  test("4.31: stays converged for an hour, with bounded traffic", () => {
    const network = new DiscoveryNetwork();
    const peers = names(6);
    for (const name of peers) network.start(name, { bootstrap: ["p0"] });
    network.runFor(10_000);
    const before = network.traffic.length;
    for (let minute = 0; minute < 60; minute++) {
      network.runFor(60_000);
      expect(network.isConverged).toBe(true);
    }
    const perPeerAndSecond = (network.traffic.length - before) / (3_600 * peers.length);
    // A heartbeat of each member, pushed by everybody to three: 0.2 × 6 × 3; three requests and answers in 4 s.
    expect(perPeerAndSecond).toBeLessThan(0.2 * 6 * 3 + 1.5 + 0.1);
  });

  test("4.36, 4.42: finds together again after a partition of ten minutes, longer than anybody is remembered", () => {
    const network = new DiscoveryNetwork();
    for (const name of names(6)) network.start(name, { bootstrap: ["p0", "p3"] });
    network.runFor(5_000);
    network.partition(["p3", "p4", "p5"]);
    network.runFor(600_000);
    expect(network.membersOf("p0")).toEqual(["p1", "p2"]);
    expect(network.membersOf("p4")).toEqual(["p3", "p5"]);
    expect(network.deadOf("p4")).toEqual(["p0"]);
    network.heal();
    expect(network.converge(60_000)).toBeLessThan(35_000);
  });

  test("4.29: reports a killed peer dead after the expiration time at the latest, and alive again after its return", () => {
    const network = new DiscoveryNetwork();
    for (const name of names(6)) network.start(name, { bootstrap: ["p0"] });
    network.runFor(10_000);
    network.stop("p4");
    network.runFor(27_500);
    for (const name of ["p0", "p1", "p2", "p3", "p5"]) expect(network.deadOf(name)).toEqual(["p4"]);
    network.start("p4", { bootstrap: ["p0"] });
    expect(network.converge(10_000)).toBeLessThanOrEqual(1_000);
  });
});

describe("scenarios of page 04 §18", () => {
  test("04/4: ten nodes in a ring, each taken for foreign by the next, all meet; no first request carries a secret", () => {
    const network = new DiscoveryNetwork({ config: fast, disclosure: () => () => "public" });
    const peers = names(10);
    peers.forEach((name, at) => {
      const next = peers[(at + 1) % 10] as string;
      network.start(name, { org: `Org${at}MSP`, anchors: [{ name: next, role: "foreign-anchor" }] });
    });
    expect(network.converge(10_000)).toBeLessThan(5_000);
    for (const name of peers) {
      const [first] = of(network.traffic, "request").filter(({ from }) => from === name);
      expect(first?.input).toMatchObject({ type: "membership-request" });
      expect(first?.input?.type === "membership-request" && first.input.self.envelope.secret).toBeUndefined();
    }
  });

  test("04/9: changed metadata and a changed endpoint are seen by all within a heartbeat or two", () => {
    const network = new DiscoveryNetwork({ config: fast });
    for (const name of names(5)) network.start(name, { bootstrap: ["p0", "p1"] });
    network.runFor(2_000);
    network.give("p2", { type: "update-self", metadata: new Uint8Array([42]) });
    network.give("p3", { type: "update-self", endpoint: "moved.external:7051" });
    network.runFor(600);
    for (const name of ["p0", "p1", "p4"]) {
      expect(network.discovery(name).lookup(pkiIdOf("p2"))?.metadata).toEqual(new Uint8Array([42]));
      expect(network.discovery(name).lookup(pkiIdOf("p3"))?.endpoint).toBe("moved.external:7051");
    }
  });

  test("04/10: without push, sync alone keeps a full membership alive", () => {
    const config = { ...fast, pullIntervalMs: 1_000, pullPeerNum: 9 };
    const network = new DiscoveryNetwork({ config, fanOut: 0 });
    for (const name of names(10)) network.start(name, { bootstrap: ["p0"] });
    network.runFor(3_000);
    for (let round = 0; round < 12; round++) {
      network.runFor(1_000);
      expect(network.isConverged).toBe(true);
    }
    expect(of(network.traffic, "alive")).toEqual([]);
  });

  test("04/12: two of five stop, the others see two members within the expiration time", () => {
    const network = new DiscoveryNetwork({ config: fast });
    for (const name of names(5)) network.start(name, { bootstrap: ["p0"] });
    network.runFor(2_000);
    network.stop("p3");
    network.stop("p4");
    network.runFor(3_300);
    for (const name of names(3)) expect(network.membersOf(name)).toHaveLength(2);
  });

  test("04/13: thirteen nodes find each other when their bootstrap nodes start after them", () => {
    const network = new DiscoveryNetwork({ config: fast });
    for (const name of names(13)) network.start(name, { bootstrap: ["boot0", "boot1"] });
    network.runFor(1_000);
    for (const name of names(2, "boot")) network.start(name, { bootstrap: ["boot0", "boot1"] });
    expect(network.converge(10_000)).toBeLessThan(5_000);
    network.runFor(1_000);
    for (const name of names(13)) {
      for (const member of network.discovery(name).members) {
        expect(member.internalEndpoint).toBe(internalOf(nameOf(member.pkiId)));
        expect(member.endpoint).toBe(externalOf(nameOf(member.pkiId)));
        expect(network.discovery(name).lookup(member.pkiId)).toBe(member);
      }
    }
  });

  test("04/15: three groups are merged by a node that knows all three, and stay merged after its death", () => {
    const network = new DiscoveryNetwork({ config: fast });
    const groups = ["a", "b", "c"].map((group) => names(4, group));
    for (const group of groups) for (const name of group) network.start(name, { bootstrap: [group[0] as string] });
    network.runFor(2_000);
    expect(network.membersOf("a1")).toEqual(["a0", "a2", "a3"]);
    network.start("connector", { bootstrap: ["a0", "b0", "c0"] });
    network.converge(5_000);
    for (const name of groups.flat()) expect(network.membersOf(name)).toHaveLength(12);
    network.stop("connector");
    network.runFor(5_000);
    for (const name of groups.flat()) expect(network.membersOf(name)).toHaveLength(11);
  });

  test("04/16, 4.44: a policy that lets only even nodes know each other across groups is kept, secrets included", () => {
    const isEven = (name: string) => Number(name.slice(1)) % 2 === 0;
    const isOneGroup = (a: string, b: string) => a[0] === b[0];
    const mayKnow = (a: string, b: string) => isOneGroup(a, b) || (isEven(a) && isEven(b));
    const network = new DiscoveryNetwork({
      config: { ...fast, pullPeerNum: 9 },
      fanOut: 0,
      disclosure: () => (target, subject) => {
        const [to, about] = [nameOf(target.pkiId), nameOf(subject.pkiId)];
        return !mayKnow(to, about) ? "nothing" : isOneGroup(to, about) ? "all" : "public";
      },
    });
    const all = [...names(5, "a"), ...names(5, "b")];
    for (const name of all) {
      const org = name[0] === "a" ? "OrgA" : "OrgB";
      const anchors = isEven(name) ? ([{ name: "b0", role: "foreign-anchor" }] as const) : [];
      network.start(name, { org, bootstrap: [`${name[0]}0`], anchors: org === "OrgA" ? anchors : [] });
    }
    network.runFor(5_000);
    for (const name of all) {
      expect(network.membersOf(name)).toEqual(all.filter((other) => other !== name && mayKnow(name, other)).sort());
      for (const member of network.discovery(name).members) {
        if (!isOneGroup(name, nameOf(member.pkiId))) expect(member.internalEndpoint).toBe("");
      }
    }
    network.stop("a0");
    network.runFor(5_000);
    for (const name of all.filter((other) => other !== "a0")) {
      expect(network.deadOf(name)).toEqual(mayKnow(name, "a0") ? ["a0"] : []);
    }
  });

  test("04/17: who is told that an identity switched pings its endpoint no more, others do", () => {
    const network = new DiscoveryNetwork({ config: fast });
    const everybody = ["p1", "p2", "p3"];
    for (const name of everybody) network.start(name, { bootstrap: everybody });
    network.runFor(2_000);
    network.stop("p2");
    network.runFor(8_000);
    const pings = (from: string) => of(network.traffic, "ping").filter((entry) => entry.from === from).length;
    expect(pings("p1")).toBeGreaterThan(0);
    expect(pings("p3")).toBeGreaterThan(0);
    network.give("p1", { type: "identity-removed", pkiId: pkiIdOf("p2") });
    const before = { p1: pings("p1"), p3: pings("p3") };
    network.runFor(10_000);
    expect(pings("p1")).toBe(before.p1);
    expect(pings("p3")).toBeGreaterThan(before.p3);
  });

  test("04/18: of two stopped nodes nothing is left after their time to live, the others are intact", () => {
    const network = new DiscoveryNetwork({ config: fast });
    for (const name of names(4)) network.start(name, { bootstrap: ["p0"] });
    network.runFor(2_000);
    network.stop("p2");
    network.stop("p3");
    network.runFor(25 * 3_000);
    for (const [name, other] of [
      ["p0", "p1"],
      ["p1", "p0"],
    ] as const) {
      expect(network.membersOf(name)).toEqual([other]);
      expect(network.deadOf(name)).toEqual([]);
      expect(network.discovery(name).lookup(pkiIdOf("p2"))).toBeUndefined();
    }
  });

  test("04/20, 4.35: replays of everything said before a node was forgotten change nothing", () => {
    const network = new DiscoveryNetwork({ config: fast });
    for (const name of names(3)) network.start(name, { bootstrap: ["p0"] });
    network.runFor(2_000);
    const recorded = network.traffic.filter(({ to, input }) => to === "p0" && input !== undefined);
    network.stop("p1");
    network.stop("p2");
    network.runFor(ttlMs + 5_000);
    expect([network.membersOf("p0"), network.deadOf("p0")]).toEqual([[], []]);
    const before = network.outputs.length;
    for (const { input } of recorded) if (input !== undefined) network.give("p0", input);
    expect([network.membersOf("p0"), network.deadOf("p0")]).toEqual([[], []]);
    const said = new Set(network.outputs.slice(before).map(({ output }) => output.type));
    expect([...said].sort()).toEqual(["dropped", "respond-membership"]);
    expect(recorded.length).toBeGreaterThan(20);
  });

  test("04/22: a node that is refused by one peer learns everybody through another", () => {
    const network = new DiscoveryNetwork({
      config: fast,
      disclosure: (self) => (target, subject) => {
        const isRefused = self === "d1" && nameOf(target.pkiId) === "d2";
        return isRefused ? "nothing" : subject.endpoint !== "" ? "all" : "nothing";
      },
    });
    network.start("d1");
    network.start("d2", { bootstrap: ["d1"] });
    network.start("d3", { bootstrap: ["d1", "d2"] });
    expect(network.converge(10_000)).toBeLessThan(5_000);
    const refused = of(network.traffic, "response").filter(({ from, to }) => from === "d1" && to === "d2");
    expect(refused).toEqual([]);
  });

  test("04/23, 4.36: a bootstrap peer is never forgotten, and brings the network back", () => {
    const network = new DiscoveryNetwork({
      config: { ...fast, aliveExpirationTimeoutMs: 600, aliveCheckIntervalMs: 60 },
    });
    for (const name of names(3)) network.start(name, { bootstrap: ["p1"] });
    network.runFor(2_000);
    network.stop("p0");
    network.stop("p1");
    network.runFor(600 * 20 + 5_000);
    expect(network.membersOf("p2")).toEqual([]);
    expect(network.deadOf("p2")).toEqual(["p1"]);
    for (const name of ["p0", "p1"]) network.start(name, { bootstrap: ["p1"] });
    expect(network.converge(20_000)).toBeLessThan(10_000);
  });

  test("04/24, 4.36: of two dead members only the anchor is remembered, and leads back", () => {
    const network = new DiscoveryNetwork({ config: { ...fast, msgExpirationFactor: 5 } });
    const anchors = [{ name: "p0", role: "own-anchor" }] as const;
    for (const name of names(3)) network.start(name, { anchors });
    network.runFor(2_000);
    network.stop("p0");
    network.stop("p1");
    network.runFor(5 * 3_000 + 4_000);
    expect(network.deadOf("p2")).toEqual(["p0"]);
    for (const name of ["p0", "p1"]) network.start(name, { anchors });
    expect(network.converge(20_000)).toBeLessThan(10_000);
  });

  test("04/29: fifteen members in three groups, whose connector dies and returns with new metadata", () => {
    const network = new DiscoveryNetwork({ config: fast });
    const groups = ["a", "b", "c"].map((group) => names(5, group));
    for (const group of groups) for (const name of group) network.start(name, { bootstrap: [group[0] as string] });
    const bootstrap = ["a0", "b0", "c0"];
    network.start("connector", { bootstrap, metadata: new Uint8Array([1]) });
    network.runFor(5_000);
    for (const name of groups.flat()) expect(network.membersOf(name)).toHaveLength(15);
    network.stop("connector");
    network.runFor(4_000);
    for (const name of groups.flat()) expect(network.membersOf(name)).toHaveLength(14);
    network.start("connector", { bootstrap, metadata: new Uint8Array([2]) });
    network.runFor(2_000);
    for (const name of groups.flat()) {
      expect(network.membersOf(name)).toHaveLength(15);
      expect(network.discovery(name).lookup(pkiIdOf("connector"))?.metadata).toEqual(new Uint8Array([2]));
    }
  });

  test("04/31, 4.45: two organizations meet through their anchors; no internal endpoint crosses over", () => {
    const network = new DiscoveryNetwork({ config: fast });
    const orgs = ["a", "b"].map((org) => names(5, org));
    for (const org of orgs) {
      const [letter] = org[0] as string;
      const other = letter === "a" ? "b0" : "a0";
      for (const [at, name] of org.entries()) {
        network.start(name, {
          org: `Org${letter}`,
          isExternal: at < 2,
          bootstrap: [org[0] as string],
          anchors: [{ name: other, role: "foreign-anchor" }],
        });
      }
    }
    network.runFor(10_000);
    for (const org of orgs) {
      for (const [at, name] of org.entries()) {
        const members = network.discovery(name).members;
        const foreign = members.filter(({ pkiId }) => nameOf(pkiId)[0] !== name[0]);
        expect(members.length - foreign.length).toBe(4);
        expect(foreign.map(({ internalEndpoint }) => internalEndpoint)).toEqual(foreign.map(() => ""));
        expect(foreign.length).toBe(at < 2 ? 2 : 0);
      }
    }
  });

  test("04/32, 4.44: of four organizations in a web of channels, each learns only those it shares a channel with", () => {
    const network = new DiscoveryNetwork({ config: fast });
    // A-B, A-C, B-C and B-D share a channel; D is known to B alone.
    const neighbours: Record<string, string> = { a: "bc", b: "acd", c: "ab", d: "b" };
    const peers = Object.keys(neighbours).flatMap((org) => names(3, org));
    for (const name of peers) {
      const [org = ""] = name;
      const anchors = [...(neighbours[org] ?? "")].map(
        (other) => ({ name: `${other}0`, role: "foreign-anchor" }) as const,
      );
      network.start(name, { org: `Org${org}`, isExternal: Number(name[1]) < 2, bootstrap: [`${org}0`], anchors });
    }
    network.runFor(20_000);
    for (const name of peers) {
      const [org = "", at] = name;
      const others = network.membersOf(name).filter((other) => !other.startsWith(org));
      const reachable = Number(at) < 2 ? [...(neighbours[org] ?? "")].flatMap((other) => names(2, other)) : [];
      expect(others, name).toEqual(reachable.sort());
    }
    const authorsOf = ({ input }: Traffic) => {
      if (input?.type === "alive") return [input.alive];
      if (input?.type === "membership-request") return [input.self];
      return input?.type === "membership-response" ? [...input.alive, ...input.dead] : [];
    };
    for (const traffic of network.traffic) {
      if (traffic.from[0] === traffic.to[0]) continue;
      for (const { message, envelope } of authorsOf(traffic)) {
        const author = nameOf(message.member.pkiId);
        expect([traffic.from[0], traffic.to[0]], `${traffic.from} to ${traffic.to} of ${author}`).toContain(author[0]);
        expect(Number(author[1])).toBeLessThan(2);
        expect(envelope.secret).toBeUndefined();
      }
    }
  });
});
