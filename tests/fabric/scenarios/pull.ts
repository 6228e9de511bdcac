/** Blocks that were not pushed to a peer, and that it pulls (protocol page 05 §9). */

import { readMessage } from "@gossip/proto";
import { expect } from "vitest";
import { expectOrderedBlocks } from "../harness/blocks.js";
import { describeSaid } from "../harness/eavesdropping.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, quickAbsenceMs, quickMembership, type Scenario } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { waitForAbsence, waitForView } from "../harness/views.js";
import type { Said } from "../harness/wire.js";

const viewPatienceMs = 30_000;
/** Fewer than a peer keeps to be pulled, which is eleven. */
const missed = 6;

/** Nobody asks for a range of blocks. */
const noStateTransfer = { ...quickMembership, CORE_PEER_GOSSIP_STATE_ENABLED: "false" };

/** Numbers of the blocks that `to` was given in pulls. */
function pulledBlocks(said: readonly Said[], to: FabricPeer): ReadonlySet<number> {
  const updates = said.flatMap(({ to: whom, message }) =>
    whom === to && message.type === "update" && message.pullType === "block" ? message.data : [],
  );
  return new Set(
    updates.flatMap(({ payload }) => {
      const item = readMessage(payload);
      return item.ok && item.value.type === "data" ? [Number(item.value.payload.blockNumber)] : [];
    }),
  );
}

function story(name: string, whoLags: "seat" | "go"): Scenario {
  return {
    name,
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: noStateTransfer,
    async run(stage) {
      const { network } = stage;
      const [leader, late] = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const all = [leader, late];
      const start = (peer: FabricPeer) => {
        const options = { leader: peer === leader };
        return (peer === late) === (whoLags === "seat") ? stage.sit(peer, options) : peer.start(options);
      };
      await network.startOrderers();
      for (const peer of all) await start(peer);
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.submit(4);
      const before = await network.settled(all, 5);
      await late.stop();
      // A Go peer goes on dialling for a while, and what it has to push would arrive after all.
      await waitForAbsence([leader], late, quickAbsenceMs);
      await network.submit(missed);
      await network.settled([leader], before + missed);
      await start(late);
      const height = await network.settled(all, before + missed);

      const { said } = network.wire;
      const pulled = pulledBlocks(said, late);
      for (let number = before; number < height; number++) expect([...pulled]).toContain(number);
      const asked = said.filter(({ message }) => message.type === "state-request");
      expect(describeSaid(asked), "ranges asked for").toEqual([]);
      // And what is pushed from now on is taken as before.
      await network.submit(2);
      expect(await network.settled(all, height + 2)).toBe(height + 2);
      await expectOrderedBlocks(network, late, height + 2);
    },
  };
}

export const pull: readonly Scenario[] = [
  story("a Go peer pulls from it the blocks that were not pushed, without state transfer", "go"),
  story("it pulls from a Go peer the blocks that were not pushed to it, without state transfer", "seat"),
];
