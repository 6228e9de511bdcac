import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:tls";
import { expect } from "vitest";
import { expectOrderedBlocks, ordererBlocks, peerBlocks } from "../harness/blocks.js";
import { bothSeats, ourSeat, quickMembership, type Scenario } from "../harness/scenario.js";
import { host, twoOrganizations } from "../harness/shape.js";
import { waitForView } from "../harness/views.js";

const viewPatienceMs = 30_000;
/** More than a responder gives at once and a requester buffers. */
const many = 60;

export const blocks: readonly Scenario[] = [
  {
    name: "as static leader of its organization it brings every block to Go peers that ask no orderer",
    shape: twoOrganizations,
    seats: bothSeats,
    async run(stage) {
      const { network } = stage;
      const followers = [network.peer("Org1", 0), network.peer("Org1", 1)];
      const [seat, other] = [network.peer("Org1", 2), network.peer("Org2", 0)];
      const all = [...followers, seat, other];
      await network.startOrderers();
      await stage.sit(seat, { leader: true });
      for (const peer of followers) await peer.start();
      await other.start({ leader: true });
      await waitForView(all, all, { patienceMs: viewPatienceMs });
      for (let round = 1; round <= 5; round++) {
        await network.submit(4);
        await network.settled(all, 1 + 4 * round);
      }
      // Without the seat nothing new arrives, which shows whom it came through.
      await seat.stop();
      await network.submit(3);
      expect(await network.settled([other], 24)).toBe(24);
      expect(await Promise.all(followers.map((peer) => peer.height()))).toEqual([21, 21]);
      await stage.sit(seat, { leader: true });
      await network.settled(all, 24);
      await expectOrderedBlocks(network, seat, 24);
    },
  },
  {
    name: "two organizations that have no other peers run on a real orderer",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const leaders = [network.peer("Org1", 0), network.peer("Org2", 0)];
      const followers = [network.peer("Org1", 1), network.peer("Org2", 1)];
      const all = [...leaders, ...followers];
      await network.startOrderers();
      for (const peer of leaders) await stage.sit(peer, { leader: true });
      for (const peer of followers) await stage.sit(peer);
      for (let round = 1; round <= 5; round++) {
        await network.submit(4);
        await network.settled(all, 1 + 4 * round);
      }
      await waitForView(all, all, { patienceMs: viewPatienceMs, height: 21 });
      for (const peer of all) await expectOrderedBlocks(network, peer, 21);
    },
  },
  {
    name: "a Go peer that joins when nobody else is left, orderer included, catches up by state transfer",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const [leader, late, seat] = [network.peer("Org1", 0), network.peer("Org1", 1), network.peer("Org1", 2)];
      await network.startOrderers();
      await leader.start({ leader: true });
      await stage.sit(seat);
      await network.submit(many);
      const height = await network.settled([leader, seat], 1 + many);
      await leader.stop();
      await network.orderer.stop();
      await late.start({ bootstrap: [seat] });
      await network.settled([late, seat], height);
      await waitForView([late, seat], [late, seat], { patienceMs: viewPatienceMs, height });
    },
  },
  {
    name: "joining late, with only a Go peer left, it catches up from it",
    shape: twoOrganizations,
    seats: bothSeats,
    peerEnv: quickMembership,
    async run(stage) {
      const { network } = stage;
      const [leader, seat] = [network.peer("Org1", 0), network.peer("Org1", 2)];
      await network.startOrderers();
      await leader.start({ leader: true });
      await network.submit(many);
      const height = await network.settled([leader], 1 + many);
      const wanted = await ordererBlocks(network, height);
      await network.orderer.stop();
      await stage.sit(seat);
      await network.settled([leader, seat], height);
      await waitForView([leader, seat], [leader, seat], { patienceMs: viewPatienceMs, height });
      expect(await peerBlocks(network, seat, height)).toEqual(wanted);
    },
  },
  {
    name: "nothing is fetched from an orderer with a certificate of another authority",
    shape: twoOrganizations,
    seats: ourSeat,
    async run(stage) {
      const { network } = stage;
      const seat = network.peer("Org1", 0);
      await network.startOrderers();
      await network.orderer.stop();
      const tls = join(network.peer("Org1", 1).folder, "tls");
      const impostor = createServer({
        cert: readFileSync(join(tls, "server.crt")),
        key: readFileSync(join(tls, "server.key")),
        ALPNProtocols: ["h2"],
      });
      let connections = 0;
      impostor.on("connection", () => connections++);
      const [, port] = network.orderer.endpoint.split(":");
      await new Promise<void>((listening) => impostor.listen(Number(port), host, listening));
      stage.onEnd(() => new Promise((closed) => impostor.close(() => closed())));
      await stage.sit(seat, { leader: true });
      await expect
        .poll(async () => (await seat.channel()).deliver?.lastFailure, { timeout: 30_000 })
        .toMatch(/certificate/);
      expect(connections).toBeGreaterThan(0);
      expect(await seat.height()).toBe(1);
    },
  },
];
