import { expect } from "vitest";
import { expectOrderedBlocks } from "../harness/blocks.js";
import { bothSeats, quickAbsenceMs, quickMembership, type Scenario, type Stage } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { waitForAbsence, waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;

/** Two peers of Org1 and one of Org2 that are Go's, and the seat as a third of Org1. */
function places({ network }: Stage) {
  const [leader, follower] = [network.peer("Org1", 0), network.peer("Org1", 1)];
  const other = network.peer("Org2", 0);
  const seat = network.peer("Org1", 2);
  return { leader, follower, other, seat, go: [leader, follower, other], all: [leader, follower, other, seat] };
}

async function followsAndIsSeen(stage: Stage): Promise<void> {
  const { network } = stage;
  const { leader, follower, seat, go, all } = places(stage);
  await waitForView(all, all, { patienceMs: viewPatienceMs });
  for (const peer of go) {
    const seen = (await peer.discover()).find(({ Endpoint }) => Endpoint === seat.endpoint);
    expect(seen?.Identity, `${peer.name} tells the seat's identity`).toBe(seat.certificate);
  }
  if (stage.seat === "ours") {
    const { members } = await seat.members();
    const listed = members.map(({ endpoint, org, state }) => `${org} ${endpoint} ${state}`);
    expect(listed.sort()).toEqual(go.map(({ endpoint, mspId }) => `${mspId} ${endpoint} alive`).sort());
  }
  for (let round = 1; round <= 5; round++) {
    await network.submit(4);
    await network.settled(all, 1 + 4 * round);
  }
  await network.approve(leader, "basic");
  const height = await network.settled(all, 22);
  await waitForView(all, all, { patienceMs: viewPatienceMs, height });
  await follower.cli(["lifecycle", "chaincode", "queryapproved", "-C", network.channel, "-n", "basic"]);
  await expectOrderedBlocks(network, seat, height);
}

export const membership: readonly Scenario[] = [
  {
    name: "a follower is listed by every peer with identity and height, lists them all, and has the orderer's blocks",
    shape: twoOrganizations,
    seats: bothSeats,
    async run(stage) {
      const { leader, follower, other, seat } = places(stage);
      await stage.network.startOrderers();
      await leader.start({ leader: true });
      await follower.start();
      await other.start({ leader: true });
      await stage.sit(seat);
      await followsAndIsSeen(stage);
    },
  },
  {
    name: "the same with core.yaml as it is shipped, where every peer pulls its blocks from the orderer",
    shape: twoOrganizations,
    seats: bothSeats,
    async run(stage) {
      const { leader, follower, other, seat } = places(stage);
      await stage.network.startOrderers();
      await leader.start({ stock: true });
      await follower.start({ stock: true });
      await other.start({ stock: true });
      await stage.sit(seat, { stock: true });
      await followsAndIsSeen(stage);
    },
  },
  {
    name: "who is killed is dropped within the configured expiry and seen again after its return, in both directions",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const { leader, follower, other, seat, go, all } = places(stage);
      await network.startOrderers();
      await leader.start({ leader: true });
      await follower.start();
      await other.start({ leader: true });
      await stage.sit(seat);
      await waitForView(all, all, { patienceMs: viewPatienceMs });

      await seat.kill();
      await waitForAbsence(go, seat, quickAbsenceMs);
      await network.submit(3);
      await network.settled(go, 4);
      await stage.sit(seat);
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.settled(all, 4);

      await follower.kill();
      const rest = all.filter((peer) => peer !== follower);
      await waitForAbsence(rest, follower, quickAbsenceMs);
      await network.submit(3);
      await network.settled(rest, 7);
      await follower.start();
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.settled(all, 7);
    },
  },
  {
    name: "a starting Go peer that knows nobody else finds everyone",
    // Nobody but the seat is an anchor, or the starting peer would know others from the channel's first block.
    shape: { ...twoOrganizations, anchors: { Org1: 2 } },
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const { leader, follower, other, seat, all } = places(stage);
      await network.startOrderers();
      await leader.start({ leader: true });
      await other.start({ leader: true });
      await stage.sit(seat);
      const before = [leader, other, seat];
      await waitForView(before, before, { patienceMs: viewPatienceMs });
      await follower.start({ bootstrap: [seat] });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(2);
      await network.settled(all, 3);
    },
  },
];
