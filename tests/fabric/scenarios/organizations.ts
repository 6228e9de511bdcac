/** What organizations tell one another, and what they keep to themselves (protocol pages 02 §7.2, 04 §15). */

import { expect } from "vitest";
import { describeSaid, internally, isAbroad, mentions, pkiIdOfPeer } from "../harness/eavesdropping.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, quickMembership, type Scenario } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { until } from "../harness/until.js";
import { waitForView } from "../harness/views.js";
import type { Said } from "../harness/wire.js";

const viewPatienceMs = 30_000;

export const organizations: readonly Scenario[] = [
  {
    name: "internal endpoints, and members without an external one, stay inside their organization",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: { ...quickMembership, CORE_PEER_GOSSIP_MEMBERSHIPTRACKERINTERVAL: "1s" },
    async run(stage) {
      const { network } = stage;
      const [go1, hiddenGo1] = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const [seat, hiddenSeat] = [network.peer("Org1", 2), network.peer("Org1", 3)];
      const [go2, hiddenGo2, seat2] = [network.peer("Org2", 0), network.peer("Org2", 1), network.peer("Org2", 2)];
      const shown = [go1, seat, go2, seat2];
      const hidden = [hiddenGo1, hiddenSeat, hiddenGo2];
      const all = [...shown, ...hidden];
      await network.startOrderers();
      await go1.start({ leader: true });
      await go2.start({ leader: true });
      for (const peer of [hiddenGo1, hiddenGo2]) await peer.start({ concealed: true });
      for (const peer of [seat, seat2]) await stage.sit(peer);
      await stage.sit(hiddenSeat, { concealed: true });

      const known = (peer: FabricPeer) =>
        all.filter(
          (other) =>
            other !== peer &&
            (other.organization === peer.organization || (!hidden.includes(other) && !hidden.includes(peer))),
        );
      for (const peer of all) {
        await until(
          `${peer.name} to know ${known(peer).length} members of the channel`,
          async () => (await membersKnown(peer)) === known(peer).length,
          viewPatienceMs,
        );
      }
      await waitForView(shown, shown, { patienceMs: viewPatienceMs });
      await network.submit(5);
      await network.settled(all, 6);
      for (const peer of all)
        expect(await membersKnown(peer), `members known to ${peer.name}`).toBe(known(peer).length);

      const { said } = network.wire;
      for (const peer of all) {
        const [atHome, abroad] = split(internally(said, peer), peer);
        expect(describeSaid(abroad), `messages that give away the internal endpoint of ${peer.name}`).toEqual([]);
        expect(atHome.length, `messages with the internal endpoint of ${peer.name}`).toBeGreaterThan(0);
      }
      for (const peer of hidden) {
        const [, abroad] = split(mentions(said, pkiIdOfPeer(peer)), peer);
        expect(describeSaid(abroad), `messages that tell the other organization of ${peer.name}`).toEqual([]);
      }
      for (const peer of shown) {
        const [, abroad] = split(mentions(said, pkiIdOfPeer(peer)), peer);
        expect(abroad.length, `messages that tell the other organization of ${peer.name}`).toBeGreaterThan(0);
      }
      if (stage.seat === "ours") await expectOwnView(hiddenSeat, known(hiddenSeat));
      if (stage.seat === "ours") await expectOwnView(seat, known(seat));
    },
  },
];

/** What stayed inside the organization of `peer`, and what did not. */
function split(said: readonly Said[], peer: FabricPeer): readonly [atHome: readonly Said[], abroad: readonly Said[]] {
  return [said.filter((one) => !isAbroad(one, peer)), said.filter((one) => isAbroad(one, peer))];
}

/** Members of the channel whom a peer counts, by Fabric's metric. */
async function membersKnown(peer: FabricPeer): Promise<number> {
  const [, count] = /^gossip_membership_total_peers_known\{[^}]*\} (\d+)$/m.exec(await peer.metrics()) ?? [];
  return Number(count ?? -1);
}

/** Of our node: it knows these and nobody else, and internal endpoints of its own organization only. */
async function expectOwnView(peer: FabricPeer, others: readonly FabricPeer[]): Promise<void> {
  const { members } = await peer.members();
  const internal = members.map(({ internalEndpoint }) => internalEndpoint);
  const own = others.filter(({ organization }) => organization === peer.organization);
  expect(internal.filter((endpoint) => endpoint !== "").sort()).toEqual(
    own.map((other) => other.internalEndpoint).sort(),
  );
  expect(members.length).toBe(others.length);
}
