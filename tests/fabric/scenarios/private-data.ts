import { bothSeats, quickMembership, type Scenario } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;

/** An endorsement fails unless another peer of the organization has acknowledged its private data. */
const demandAnAcknowledgement = {
  CORE_PEER_GOSSIP_PVTDATA_IMPLICITCOLLECTIONDISSEMINATIONPOLICY_REQUIREDPEERCOUNT: "1",
  CORE_PEER_GOSSIP_PVTDATA_IMPLICITCOLLECTIONDISSEMINATIONPOLICY_MAXPEERCOUNT: "1",
};

export const privateData: readonly Scenario[] = [
  {
    name: "an endorser's private data is acknowledged, kept over a restart, and given to a Go peer that needs it",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: { ...quickMembership, ...demandAnAcknowledgement },
    async run(stage) {
      const { network } = stage;
      const [leader, late, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      await network.startOrderers();
      await leader.start({ leader: true });
      await stage.sit(seat);
      await waitForView([leader, seat], [leader, seat], { patienceMs: viewPatienceMs });
      await network.approve(leader, "basic");
      await network.settled([leader, seat], 2);
      await leader.stop();
      await seat.kill();
      await stage.sit(seat, { leader: true });
      // Only the seat can have given it: what is approved is private data of the organization.
      await late.start({ bootstrap: [seat] });
      await network.settled([late, seat], 2);
      await late.cli(["lifecycle", "chaincode", "queryapproved", "-C", network.channel, "-n", "basic"]);
    },
  },
];
