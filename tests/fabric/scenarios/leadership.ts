/** Who brings an organization its blocks, when that is not settled beforehand (protocol pages 08, 09). */

import { expectOrderedBlocks } from "../harness/blocks.js";
import { organizationGroup, updateConfig } from "../harness/config-update.js";
import { pkiIdOfPeer } from "../harness/eavesdropping.js";
import type { FabricNetwork } from "../harness/network.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { mspIdOf, org3, twoOrganizations } from "../harness/shape.js";
import { until } from "../harness/until.js";
import { waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;
const electionPatienceMs = 60_000;

const quickElection = {
  ...quickMembership,
  CORE_PEER_GOSSIP_USELEADERELECTION: "true",
  CORE_PEER_GOSSIP_ORGLEADER: "false",
  CORE_PEER_GOSSIP_ELECTION_STARTUPGRACEPERIOD: "5s",
  CORE_PEER_GOSSIP_ELECTION_LEADERALIVETHRESHOLD: "4s",
  CORE_PEER_GOSSIP_ELECTION_LEADERELECTIONDURATION: "2s",
};

/** As Fabric's metric says. */
async function isLeader({ channel }: FabricNetwork, peer: FabricPeer): Promise<boolean> {
  return (await peer.metrics()).includes(`\ngossip_leader_election_leader{channel="${channel}"} 1\n`);
}

/**
 * Waits until exactly one of `peers` leads, and, if our node sits in the seat, it has heard that one and no other declare it:
 * at the start of an election there can be two for a moment.
 */
async function electedLeader({ network, seat: who }: Stage, peers: readonly FabricPeer[], seat?: FabricPeer) {
  let heard: readonly string[] = [];
  const question = async () => {
    const leads = await Promise.all(peers.map((peer) => isLeader(network, peer)));
    const [leader, ...rest] = peers.filter((_, index) => leads[index]);
    if (leader === undefined || rest.length > 0) return false;
    if (seat === undefined || who === "go") return leader;
    const { leader: isOurs, leaders } = await seat.channel();
    heard = leaders.map(({ pkiId }) => pkiId);
    if (leader === seat) return isOurs && heard.length === 0 && leader;
    return !isOurs && heard.length === 1 && heard[0] === pkiIdOfPeer(leader) && leader;
  };
  return await until("a single leader that all know", question, electionPatienceMs, () => heard.join(", "));
}

export const leadership: readonly Scenario[] = [
  {
    name: "beside Go peers that elect their leader it follows whoever that is",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickElection,
    async run(stage) {
      const { network } = stage;
      const [first, second, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      const all = [first, second, seat];
      const bootstrap = all;
      await network.startOrderers();
      await first.start({ bootstrap });
      await second.start({ bootstrap });
      await electedLeader(stage, [first, second]);
      await stage.sit(seat, { bootstrap });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      const leader = await electedLeader(stage, [first, second], seat);
      const rest = all.filter((peer) => peer !== leader);
      await network.submit(5);
      await network.settled(all, 6);

      await leader.kill();
      await electedLeader(stage, rest, seat);
      await network.submit(5);
      const height = await network.settled(rest, 11);
      await leader.start({ bootstrap });
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await electedLeader(stage, all, seat);
      await network.submit(5);
      await expectOrderedBlocks(network, seat, await network.settled(all, 16));
    },
  },
  {
    name: "leadership moves between it and Go peers in both directions, as leaders are killed ten times",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickElection,
    async run(stage) {
      const { network } = stage;
      const [first, second, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      const all = [first, second, seat];
      const bootstrap = all;
      const start = (peer: FabricPeer) => (peer === seat ? stage.sit(seat, { bootstrap }) : peer.start({ bootstrap }));
      await network.startOrderers();
      for (const peer of all) await start(peer);
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      const ledBy: FabricPeer[] = [];
      let height = 1;
      for (let round = 0; round < 10; round++) {
        const leader = await electedLeader(stage, all, seat);
        ledBy.push(leader);
        await network.submit(2);
        height = await network.settled(all, height + 1);
        await leader.kill();
        const rest = all.filter((peer) => peer !== leader);
        ledBy.push(await electedLeader(stage, rest, leader === seat ? undefined : seat));
        await network.submit(2);
        height = await network.settled(rest, height + 1);
        await start(leader);
        await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      }
      const moves = ledBy.slice(1).map((peer, at) => [ledBy[at] === seat, peer === seat].join());
      if (!moves.includes("true,false") || !moves.includes("false,true")) {
        const order = ledBy.map(({ name }) => name).join(", ");
        throw new Error(`expected the seat to gain and to lose leadership, got ${order}`);
      }
      await network.submit(3);
      await expectOrderedBlocks(network, seat, await network.settled(all, height + 1));
    },
  },
  {
    name: "leading an organization that came later, it begins with a block 0 in which that is not",
    shape: { ...twoOrganizations, later: [org3] },
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const [a, b] = [network.peer("Org1", 0), network.peer("Org2", 0)];
      const seat = network.peer("Org3", 0);
      const before = [a, b];
      const all = [...before, seat];
      await network.startOrderers();
      for (const peer of before) await peer.start({ leader: true });
      await network.submit(3);
      await network.settled(before, 4);
      const group = await organizationGroup(network, "Org3");
      await updateConfig(network, [a, b], ({ channel_group }) => {
        const application = channel_group.groups["Application"];
        if (application !== undefined) application.groups[mspIdOf("Org3")] = group;
      });
      await network.submit(3);
      await network.settled(before, 8);
      await stage.sit(seat, { leader: true });
      await network.settled(all, 8);
      await network.submit(3);
      const height = await network.settled(all, 11);
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await expectOrderedBlocks(network, seat, height);
    },
  },
];
