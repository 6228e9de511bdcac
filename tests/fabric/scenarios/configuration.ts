import { expectOrderedBlocks } from "../harness/blocks.js";
import {
  addRevocationList,
  applicationGroup,
  organizationGroup,
  setAnchors,
  updateConfig,
} from "../harness/config-update.js";
import { bothSeats, quickMembership, type Scenario } from "../harness/scenario.js";
import { mspIdOf, org1, org2, org3, peerName, twoOrganizations } from "../harness/shape.js";
import { waitForAbsence, waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;

export const configuration: readonly Scenario[] = [
  {
    name: "a third organization joins and anchor peers change while all run",
    shape: { ...twoOrganizations, later: [org3] },
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const [a, b, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      const [other, third] = [network.peer("Org2", 0), network.peer("Org3", 0)];
      const before = [a, b, other, seat];
      const all = [...before, third];
      await network.startOrderers();
      await a.start({ leader: true });
      await b.start();
      await other.start({ leader: true });
      await stage.sit(seat);
      await waitForView(before, before, { patienceMs: viewPatienceMs });

      const group = await organizationGroup(network, "Org3");
      await updateConfig(network, [a, other], ({ channel_group }) => {
        const application = channel_group.groups["Application"];
        if (application !== undefined) application.groups[mspIdOf("Org3")] = group;
      });
      await network.settled(before, 2);
      await third.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });

      // The seat becomes the only anchor of its organization; then the third starts anew, and has no other way.
      await updateConfig(network, [a], (config) => setAnchors(applicationGroup(config, "Org1"), [seat]));
      await updateConfig(network, [other], (config) => setAnchors(applicationGroup(config, "Org2"), []));
      await network.submit(2);
      const height = await network.settled(all, 6);
      await third.stop();
      await third.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await expectOrderedBlocks(network, seat, height);
    },
  },
  {
    name: "four BFT orderers in a channel of capability V3_0, one of which dies",
    shape: { ...twoOrganizations, consensus: "bft", orderers: 4, capability: "V3_0" },
    seats: bothSeats,
    async run(stage) {
      const { network } = stage;
      const [a, b, other, seat] = [
        network.peer("Org1", 0),
        network.peer("Org1", 1),
        network.peer("Org2", 0),
        network.peer("Org1", 2),
      ];
      const all = [a, b, other, seat];
      await network.startOrderers();
      await a.start({ leader: true });
      await b.start();
      await other.start({ leader: true });
      await stage.sit(seat, { leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(10);
      const height = await network.settled(all, 2);
      await network.orderers[3]?.kill();
      await network.submit(10);
      const last = await network.settled(all, height + 1);
      network.orderers[3]?.start();
      await expectOrderedBlocks(network, seat, last);
    },
  },
  {
    name: "an organization whose peers sign with Ed25519, in a channel of capability V3_0",
    shape: {
      ...twoOrganizations,
      organizations: [{ ...org1, keys: "ed25519" }, org2],
      capability: "V3_0",
    },
    seats: bothSeats,
    async run(stage) {
      const { network } = stage;
      const [a, b, other, seat] = [
        network.peer("Org1", 0),
        network.peer("Org1", 1),
        network.peer("Org2", 0),
        network.peer("Org1", 2),
      ];
      const all = [a, b, other, seat];
      await network.startOrderers();
      await stage.sit(seat, { leader: true });
      await a.start();
      await b.start();
      await other.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(10);
      const height = await network.settled(all, 11);
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await expectOrderedBlocks(network, seat, height);
    },
  },
  {
    name: "an organization whose root has issued an intermediate authority, which issues everybody",
    shape: twoOrganizations,
    seats: bothSeats,
    authorities: { Org1: "intermediate" },
    async run(stage) {
      const { network } = stage;
      const [a, seat, other] = [network.peer("Org1", 0), network.peer("Org1", 2), network.peer("Org2", 0)];
      const all = [a, seat, other];
      await network.startOrderers();
      await stage.sit(seat, { leader: true });
      await a.start();
      await other.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(10);
      const height = await network.settled(all, 11);
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await expectOrderedBlocks(network, seat, height);
    },
  },
  {
    name: "a peer whose certificate a config block revokes is cut off",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickMembership,
    authorities: { Org2: "root" },
    async run(stage) {
      const { network } = stage;
      const [a, seat] = [network.peer("Org1", 0), network.peer("Org1", 2)];
      const [other, revoked] = [network.peer("Org2", 0), network.peer("Org2", 1)];
      const rest = [a, seat, other];
      await network.startOrderers();
      await a.start({ leader: true });
      await stage.sit(seat);
      await other.start({ leader: true });
      await revoked.start();
      await waitForView([...rest, revoked], [...rest, revoked], { patienceMs: viewPatienceMs });

      const list = stage.authority("Org2").revoke(peerName("Org2", 1));
      await updateConfig(network, [other], (config) => addRevocationList(applicationGroup(config, "Org2"), list));
      // Go peers judge anew only when organizations or anchors change, too.
      await updateConfig(network, [a], (config) => setAnchors(applicationGroup(config, "Org1"), [seat]));
      await waitForAbsence(rest, revoked, viewPatienceMs);
      await network.submit(5);
      const height = await network.settled(rest, 8);
      await waitForView(rest, rest, { patienceMs: viewPatienceMs, height });
    },
  },
  {
    name: "peers and orderers that demand a TLS certificate of everybody",
    shape: { ...twoOrganizations, clientAuthRequired: true, later: [org3] },
    seats: bothSeats,
    async run(stage) {
      const { network } = stage;
      const [a, seat] = [network.peer("Org1", 0), network.peer("Org1", 2)];
      const [other, third] = [network.peer("Org2", 0), network.peer("Org3", 0)];
      const before = [a, seat, other];
      await network.startOrderers();
      // One after the other: before it has joined, a peer knows the authority of no other organization.
      await a.start();
      await other.start({ leader: true });
      await stage.sit(seat, { leader: true });
      await waitForView(before, before, { patienceMs: viewPatienceMs });
      await network.submit(10);
      await network.settled(before, 11);

      // Whose authority becomes known with a config block only.
      const group = await organizationGroup(network, "Org3");
      await updateConfig(network, [a, other], ({ channel_group }) => {
        const application = channel_group.groups["Application"];
        if (application !== undefined) application.groups[mspIdOf("Org3")] = group;
      });
      await network.settled(before, 12);
      await third.start({ leader: true });
      const all = [...before, third];
      const height = await network.settled(all, 12);
      await waitForView(all, all, { patienceMs: viewPatienceMs, height });
      await expectOrderedBlocks(network, seat, height);
    },
  },
];
