/** How peers come to know identities, and part with them (protocol pages 02, 05 §8). */

import { expect } from "vitest";
import { describeSaid, mentions, pkiIdOfPeer, pulledIdentities } from "../harness/eavesdropping.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { until } from "../harness/until.js";
import { sightings } from "../harness/views.js";

const viewPatienceMs = 30_000;

/** Alive messages carry no identity; zero would mean the default. */
const pullOnly = { ...quickMembership, CORE_PEER_GOSSIP_PUBLISHCERTPERIOD: "1ms" };

interface Triangle {
  readonly hub: FabricPeer;
  /** Two that cannot reach one another. */
  readonly ends: readonly [FabricPeer, FabricPeer];
}

/** Both ends learn who the other is from the hub alone, hold each other to be alive, and have the blocks. */
async function learnsByPull({ network }: Stage, { hub, ends }: Triangle): Promise<void> {
  const { wire } = network;
  const [a, b] = ends;
  for (const [end, other] of [
    [a, b],
    [b, a],
  ] as const) {
    await until(
      `${end.name} to have pulled the identity of ${other.name}`,
      async () => pulledIdentities(wire.said, end).get(pkiIdOfPeer(other)) === hub,
      viewPatienceMs,
    );
    // A Go peer holds whom it cannot reach dead until it hears of it again: so one look may miss it.
    await until(
      `${end.name} to see ${other.name}`,
      async () => (await sightings(end)).has(other.endpoint),
      viewPatienceMs,
    );
  }
  await network.submit(5);
  await network.settled([hub, a, b], 6);
  const between = wire.said.filter(({ from, to }) => ends.includes(from) && ends.includes(to));
  expect(describeSaid(between), "messages over the path that is cut").toEqual([]);
  const carried = wire.said.filter(({ message }) => message.type === "alive" && message.identity.length > 0);
  expect(describeSaid(carried), "alive messages with an identity").toEqual([]);
  expect(mentions(wire.said, pkiIdOfPeer(a)).some(({ to }) => to === b)).toBe(true);
}

export const identities: readonly Scenario[] = [
  {
    name: "two Go peers that cannot reach one another learn from it alone who the other is",
    shape: { ...twoOrganizations, anchors: {} },
    seats: bothSeats,
    isWired: true,
    peerEnv: pullOnly,
    async run(stage) {
      const { network } = stage;
      const [hub, a, b] = [network.peer("Org1", 2), network.peer("Org1", 0), network.peer("Org1", 1)];
      network.wire.cut(a, b);
      network.wire.cut(b, a);
      await network.startOrderers();
      await stage.sit(hub, { leader: true });
      await a.start({ bootstrap: [hub] });
      await b.start({ bootstrap: [hub] });
      await learnsByPull(stage, { hub, ends: [a, b] });
    },
  },
  {
    name: "cut off from a Go peer, it learns from another who that is, and is learnt of",
    shape: { ...twoOrganizations, anchors: {} },
    seats: bothSeats,
    isWired: true,
    peerEnv: pullOnly,
    async run(stage) {
      const { network } = stage;
      const [hub, seat, far] = [network.peer("Org1", 0), network.peer("Org1", 2), network.peer("Org1", 1)];
      network.wire.cut(seat, far);
      network.wire.cut(far, seat);
      await network.startOrderers();
      await hub.start({ leader: true });
      await far.start();
      await stage.sit(seat);
      await learnsByPull(stage, { hub, ends: [seat, far] });
    },
  },
  {
    name: "Go peers of two organizations that cannot reach one another learn from it alone who the other is",
    // It is how the other organization finds this one.
    shape: { ...twoOrganizations, anchors: { Org1: 2 } },
    seats: bothSeats,
    isWired: true,
    peerEnv: pullOnly,
    async run(stage) {
      const { network } = stage;
      const [hub, own, foreign] = [network.peer("Org1", 2), network.peer("Org1", 0), network.peer("Org2", 0)];
      network.wire.cut(own, foreign);
      network.wire.cut(foreign, own);
      await network.startOrderers();
      await stage.sit(hub, { leader: true });
      await own.start({ bootstrap: [hub] });
      await foreign.start({ leader: true });
      await learnsByPull(stage, { hub, ends: [own, foreign] });
    },
  },
  {
    name: "cut off from a Go peer of another organization, it learns of it, and is learnt of, through its own",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: pullOnly,
    async run(stage) {
      const { network } = stage;
      const [hub, seat, foreign] = [network.peer("Org1", 0), network.peer("Org1", 2), network.peer("Org2", 0)];
      network.wire.cut(seat, foreign);
      network.wire.cut(foreign, seat);
      await network.startOrderers();
      await hub.start({ leader: true });
      await foreign.start({ leader: true });
      await stage.sit(seat);
      await learnsByPull(stage, { hub, ends: [seat, foreign] });
    },
  },
];
