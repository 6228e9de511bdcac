import { describe, expect, it } from "vitest";
import { peersOf, planNetwork, portCount, portOf } from "./layout.js";

const shape = { orgs: 2, peers: 3, channel: "demo", election: "static" } as const;

describe("planNetwork", () => {
  it("names organizations and peers, and makes the first of each its leader", () => {
    const layout = planNetwork(shape, 7050);
    expect(layout.orderer).toEqual({ name: "orderer0", org: "orderer", endpoint: "127.0.0.1:7050" });
    expect(peersOf(layout).map(({ name, isLeader }) => [name, isLeader])).toEqual([
      ["peer0.org1", true],
      ["peer1.org1", false],
      ["peer2.org1", false],
      ["peer0.org2", true],
      ["peer1.org2", false],
      ["peer2.org2", false],
    ]);
  });

  it("gives every listener a port of its own, in one row", () => {
    const layout = planNetwork(shape, 7050);
    const endpoints = [layout.orderer.endpoint, ...peersOf(layout).flatMap((peer) => [peer.endpoint, peer.operations])];
    const ports = endpoints.map(portOf).sort((a, b) => a - b);
    expect(ports).toEqual(Array.from({ length: portCount(shape) }, (_, index) => 7050 + index));
  });

  it("lets no peer bootstrap from itself or from another organization", () => {
    for (const { peers } of planNetwork(shape, 7050).organizations) {
      const own = peers.map(({ endpoint }) => endpoint);
      for (const peer of peers) {
        expect(peer.bootstrap).not.toContain(peer.endpoint);
        expect(own).toEqual(expect.arrayContaining([...peer.bootstrap]));
        expect(peer.bootstrap.length).toBeGreaterThan(0);
      }
    }
  });

  it.each([
    [{ ...shape, orgs: 0 }, 7050, "expected orgs to be an integer from 1 to 64, got 0"],
    [{ ...shape, peers: 1.5 }, 7050, "expected peers to be an integer from 1 to 64, got 1.5"],
    [{ ...shape, orgs: 9, peers: 8 }, 7050, "expected at most 64 peers in all, got 9 organizations of 8"],
    [{ ...shape, channel: "Demo" }, 7050, 'begins with a letter, got "Demo"'],
    [{ ...shape, channel: "../x" }, 7050, 'got "../x"'],
    [shape, 65_530, "expected a base port from 1 to 65523, since this network takes 13 ports, got 65530"],
    [shape, 0, "got 0"],
  ])("refuses %j at port %i", (wrong, port, text) => {
    expect(() => planNetwork(wrong, port)).toThrow(text);
  });
});
