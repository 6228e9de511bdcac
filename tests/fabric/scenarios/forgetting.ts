/** Who is dead, for how long, and who is never forgotten (protocol page 04 §11). */

import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { FabricNetwork } from "../harness/network.js";
import type { FabricPeer } from "../harness/peer.js";
import { bothSeats, type Scenario } from "../harness/scenario.js";
import { twoOrganizations } from "../harness/shape.js";
import { memberOf, ownStanding, standings, waitForStanding } from "../harness/standing.js";
import { until } from "../harness/until.js";
import { waitForAbsence, waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;
const expiryMs = 5_000;
const ttlFactor = 3;
/** After a member's last words. */
const ttlMs = expiryMs * ttlFactor;
/** Members are asked for each pull interval; the rest is for checks of expiry, which are rounded to tenths. */
const slackMs = 5_000;

/** Membership that forgets within seconds. */
const quickForgetting = {
  CORE_PEER_GOSSIP_ALIVETIMEINTERVAL: "1s",
  CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT: `${expiryMs / 1000}s`,
  CORE_PEER_GOSSIP_MSGEXPIRATIONFACTOR: String(ttlFactor),
  CORE_PEER_GOSSIP_RECONNECTINTERVAL: "2s",
  CORE_PEER_GOSSIP_PULLINTERVAL: "2s",
  CORE_PEER_GOSSIP_DIGESTWAITTIME: "500ms",
  CORE_PEER_GOSSIP_REQUESTWAITTIME: "750ms",
  CORE_PEER_GOSSIP_RESPONSEWAITTIME: "1s",
};

/** Waits until a peer has forgotten another: ours by what it holds, a Go peer by what it logs. */
async function forgotten(network: FabricNetwork, observer: FabricPeer, gone: FabricPeer): Promise<void> {
  const member = memberOf(gone);
  if (observer.seat === "ours") return await waitForStanding(network, [observer], member, "unknown", ttlMs + slackMs);
  const removal = new RegExp(`Removing member: .*PKIID: ${member.pkiId}`);
  await until(`${observer.name} to forget ${gone.name}`, async () => removal.test(observer.log), ttlMs + slackMs);
}

export const forgetting: readonly Scenario[] = [
  {
    name: "who stays away is dead, then forgotten and not brought back by others, and is welcome again",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: quickForgetting,
    async run(stage) {
      const { network } = stage;
      const [leader, follower, lost] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 3)];
      const [seat, lostSeat] = [network.peer("Org1", 2), network.peer("Org1", 4)];
      const stay = [leader, follower, seat];
      const all = [...stay, lost, lostSeat];
      await network.startOrderers();
      await leader.start({ leader: true });
      for (const peer of [follower, lost]) await peer.start();
      for (const peer of [seat, lostSeat]) await stage.sit(peer);
      await waitForView(all, all, { patienceMs: viewPatienceMs });

      await Promise.all([lost.kill(), lostSeat.kill()]);
      await waitForAbsence(stay, lost, expiryMs + slackMs);
      await waitForAbsence(stay, lostSeat, expiryMs + slackMs);
      for (const gone of [lost, lostSeat]) await waitForStanding(network, stay, memberOf(gone), "dead", slackMs);
      for (const gone of [lost, lostSeat]) {
        for (const observer of stay) await forgotten(network, observer, gone);
      }

      // Nobody takes it from a slower one now. But a Go peer may: it forgets so long after the last message that was pushed
      // to it, and when another tells of a later one, it holds that member dead for ever (page 04 §19.6).
      const since = performance.now();
      await delay(ttlMs / 2);
      for (const observer of stay) {
        for (const gone of [lost, lostSeat]) {
          const told = standings(network, observer, memberOf(gone), since);
          expect(told.length, `answers of ${observer.name}`).toBeGreaterThan(0);
          const allowed = observer.seat === "ours" ? ["unknown"] : ["unknown", "dead"];
          for (const one of told) expect(allowed, `what ${observer.name} tells of ${gone.name}`).toContain(one);
          if (observer.seat === "ours") expect(await ownStanding(observer, memberOf(gone))).toBe("unknown");
        }
      }

      await network.submit(2);
      await network.settled(stay, 3);
      await lost.start();
      await stage.sit(lostSeat);
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.settled(all, 3);
    },
  },
  {
    name: "bootstrap and anchor peers are never forgotten, and sought until they are back",
    shape: twoOrganizations,
    seats: bothSeats,
    isWired: true,
    peerEnv: quickForgetting,
    async run(stage) {
      const { network } = stage;
      const [anchor, leader, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      const foreign = network.peer("Org2", 0);
      const stay = [leader, seat];
      const all = [anchor, foreign, ...stay];
      await network.startOrderers();
      await anchor.start();
      await leader.start({ leader: true });
      await foreign.start({ leader: true });
      await stage.sit(seat);
      await waitForView(all, all, { patienceMs: viewPatienceMs });

      await Promise.all([anchor.kill(), foreign.kill()]);
      for (const gone of [anchor, foreign]) await waitForAbsence(stay, gone, expiryMs + slackMs);
      await delay(ttlMs + slackMs);
      await waitForStanding(network, stay, memberOf(anchor), "dead", slackMs);

      // Neither can dial: who sees them again has found them.
      for (const peer of all) {
        for (const back of [anchor, foreign]) if (peer !== back) network.wire.cut(back, peer);
      }
      await network.submit(2);
      await network.settled(stay, 3);
      await anchor.start();
      await foreign.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      await network.settled(all, 3);
    },
  },
];
