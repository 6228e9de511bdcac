/** Peers that come back with a new certificate (protocol pages 02 §8, 04 §13.3). */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { describeSaid, mentions } from "../harness/eavesdropping.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, ourSeat, quickAbsenceMs, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { memberOf, ownStanding, standings, waitForStanding } from "../harness/standing.js";
import { until } from "../harness/until.js";
import { waitForAbsence, waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;
/**
 * How long a former identity may stay. A Go peer notices when the old one has fallen silent, and it has pinged the
 * endpoint and asked who is there: expiry, a round of reconnecting, and some for the answer that tells of it.
 */
const successionPatienceMs = 30_000;
/** How long the certificates are good that expire in the story; a network is up and talking by then. */
const shortLifeMs = 45_000;
const expiryPatienceMs = 15_000;

/**
 * Starts a place anew with a new identity of the same authority, and waits until nobody knows the old one, and everybody has
 * two blocks more.
 */
async function renewed(stage: Stage, all: readonly FabricPeer[], peer: FabricPeer, restart: () => Promise<void>) {
  const { network } = stage;
  const others = all.filter((one) => one !== peer);
  const height = await network.settled(all, 1);
  const former = memberOf(peer);
  await waitForStanding(network, others, former, "alive", viewPatienceMs);
  await peer.stop();
  stage.authority("Org1").renew(peer);
  await restart();
  await waitForStanding(network, others, memberOf(peer), "alive", viewPatienceMs);
  await waitForStanding(network, others, former, "unknown", successionPatienceMs);
  await waitForView(all, all, { patienceMs: viewPatienceMs });
  await network.submit(2);
  await network.settled(all, height + 2);
}

export const renewal: readonly Scenario[] = [
  {
    name: "peers of an organization get new certificates one by one, and the old ones are gone from all others",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: quickMembership,
    authorities: { Org1: "root" },
    async run(stage) {
      const { network } = stage;
      const [anchorSeat, leader] = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const [seat, follower] = [network.peer("Org1", 2), network.peer("Org1", 3)];
      const foreign = network.peer("Org2", 0);
      const all = [anchorSeat, leader, seat, follower, foreign];
      await network.startOrderers();
      await stage.sit(anchorSeat);
      await leader.start({ leader: true });
      await stage.sit(seat);
      await follower.start();
      await foreign.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await renewed(stage, all, follower, () => follower.start());
      await renewed(stage, all, seat, () => stage.sit(seat));
      await renewed(stage, all, anchorSeat, () => stage.sit(anchorSeat));
    },
  },
  {
    name: "whose certificate expires is gone at once, and welcome with a new one",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: quickMembership,
    authorities: { Org1: "root" },
    async run(stage) {
      const { network } = stage;
      const [leader, observer] = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const [running, stopped] = [network.peer("Org1", 2), network.peer("Org1", 3)];
      const foreign = network.peer("Org2", 0);
      const stay = [leader, observer, foreign];
      const expiring = [running, stopped];
      const all = [...stay, ...expiring];
      await network.startOrderers();
      await leader.start({ leader: true });
      await foreign.start({ leader: true });
      await stage.sit(observer);
      const expiry = Date.now() + shortLifeMs;
      for (const peer of expiring) stage.authority("Org1").renew(peer, { notAfterMs: expiry });
      await stage.sit(running);
      await stopped.start();
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      const former = expiring.map(memberOf);
      for (const member of former) await waitForStanding(network, stay, member, "alive", viewPatienceMs);
      await stopped.kill();
      await delay(Math.max(0, expiry - Date.now()));
      for (const peer of expiring) await waitForAbsence(stay, peer, expiryPatienceMs);
      for (const member of former) await waitForStanding(network, stay, member, "unknown", expiryPatienceMs);
      const since = performance.now();
      await network.submit(2);
      await network.settled(stay, 3);

      await running.stop();
      for (const peer of expiring) stage.authority("Org1").renew(peer);
      await stage.sit(running);
      await stopped.start();
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(2);
      await network.settled(all, 5);
      for (const member of former) {
        await waitForStanding(network, stay, member, "unknown", expiryPatienceMs);
        const still = mentions(network.wire.said, member.pkiId).filter(
          ({ from, at, message }) => from === observer && at > since && message.type !== "request",
        );
        // A Go peer may go on offering it.
        if (stage.seat === "ours") expect(describeSaid(still), `messages that tell of ${member.name}`).toEqual([]);
      }
    },
  },
  {
    name: "of who was dead before its certificate was renewed nothing is left, whatever Go peers still offer",
    shape: twoOrganizations,
    seats: ourSeat,
    isWired: true,
    // Go peers look after the dead rarely here, and so may keep the old one for long.
    peerEnv: { ...quickMembership, CORE_PEER_GOSSIP_RECONNECTINTERVAL: "10m" },
    authorities: { Org1: "root" },
    async run(stage) {
      const { network } = stage;
      const [leader, follower] = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const [seat, peer] = [network.peer("Org1", 2), network.peer("Org1", 3)];
      const stay = [leader, follower, seat];
      const all = [...stay, peer];
      await network.startOrderers();
      await leader.start({ leader: true });
      await follower.start();
      await peer.start();
      await stage.sit(seat);
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      const former = memberOf(peer);
      await peer.kill();
      await waitForAbsence(stay, peer, quickAbsenceMs);
      await waitForStanding(network, stay, former, "dead", successionPatienceMs);

      stage.authority("Org1").renew(peer);
      await peer.start();
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await waitForStanding(network, [seat], former, "unknown", successionPatienceMs);
      // Some rounds in which the others offer it again, as a dead member and as an identity.
      const since = performance.now();
      const told = () => standings(network, seat, former, since);
      const held = new Set<string>();
      const question = async () => {
        held.add(await ownStanding(seat, former));
        return told().length >= 6;
      };
      await until("our node to be asked for members some times", question, successionPatienceMs);
      expect([...held], "what our node holds").toEqual(["unknown"]);
      expect([...new Set(told())], "what our node tells").toEqual(["unknown"]);
    },
  },
];
