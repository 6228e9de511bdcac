import { createFakeCrypto, type FakeCrypto } from "@gossip/crypto/testing";
import { leadershipMessage } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

function says(crypto: FakeCrypto, sequence: bigint, isDeclaration = true) {
  const message = leadershipMessage({
    channel: channelName,
    pkiId: crypto.pkiId,
    time: { incarnation: 1n, sequence },
    isDeclaration,
  });
  return sealed(message, crypto);
}

describe("leadership messages", () => {
  test("08/E18, 8.5: show who leads, as long as it declares itself", async () => {
    const { channel, crypto, say } = await befriend(scene);
    expect(await say(says(crypto, 1n, false))).toEqual([]);
    expect(channel.leaders).toEqual([]);
    expect(await say(says(crypto, 2n))).toEqual([]);
    expect(channel.leaders).toMatchObject([{ pkiId: crypto.pkiId, org: "org1" }]);
    await scene.run(4_950);
    expect(channel.leaders).toMatchObject([{ lastSeenMs: 5_000 }]);
    await say(says(crypto, 3n));
    await scene.run(9_000);
    expect(channel.leaders).toHaveLength(1);
    await scene.run(2_000);
    expect([channel.leaders, channel.isLeader]).toEqual([[], false]);
  });

  test("08/E17, 8.1: change nothing for a static leader, which sends none itself", async () => {
    const { channel, crypto, say, heard } = await befriend(scene, { leader: true });
    await say(sealed(info(crypto, 1n), crypto));
    expect(await say(says(crypto, 2n))).toEqual([]);
    await scene.run(30_000);
    expect(channel.isLeader).toBe(true);
    expect(heard.map(({ type }) => type)).not.toContain("leadership");
  });

  test("8.4: are passed on to nobody", async () => {
    const { crypto, say, to } = await befriend(scene);
    const other = scene.stranger("other");
    for (const message of [alive(other.crypto, 1n), info(other.crypto, 1n)]) {
      other.comm.send(to, sealed(message, other.crypto));
    }
    await say(says(crypto, 1n));
    await scene.run(1_000);
    expect(other.heard.map(({ type }) => type)).toContain("alive");
    expect(other.heard.map(({ type }) => type)).not.toContain("leadership");
  });

  test("08/E26, 6.1, 8.2, 8.3: are refused when they are no news, before a signature is checked; forged ones by name", async () => {
    const { crypto, channel, say, costOf } = await befriend(scene);
    await say(says(crypto, 5n));
    expect(await say(says(crypto, 5n))).toEqual(["gate/not-news"]);
    const old = leadershipMessage({
      channel: channelName,
      pkiId: crypto.pkiId,
      time: { incarnation: 1n, sequence: 4n },
    });
    expect((await costOf(old)).signatures).toBe(0);
    expect(await say({ ...says(crypto, 6n), signature: new Uint8Array(16) })).toEqual(["gate/bad-signature"]);
    expect(channel.leaders).toHaveLength(1);
  });

  test("08/E22, 8.2: are taken only of and from our organization, and of authors whose identity is known", async () => {
    const own = await befriend(scene);
    const foreign = scene.stranger("foreign", "org2");
    foreign.comm.send(own.to, sealed(alive(foreign.crypto, 1n), foreign.crypto));
    await scene.run(50);
    expect(await own.say(says(foreign.crypto, 1n))).toEqual(["gate/not-own-organization"]);
    foreign.comm.send(own.to, says(own.crypto, 1n));
    await scene.run(50);
    expect(own.node.drops.get("gate/not-own-organization")).toBe(2);
    const unknown = createFakeCrypto({ org: "org1", name: "unknown", trust: scene.trust });
    expect(await own.say(says(unknown, 1n))).toEqual(["gate/unknown-identity"]);
    expect(own.channel.leaders).toEqual([]);
    expect(await own.say(says(own.crypto, 1n))).toEqual([]);
    expect(own.channel.leaders).toHaveLength(1);
  });

  test("08/E12, 8.13: go to members of our own organization alone, which are the view of an election", async () => {
    const own = await befriend(scene, { join: { election: true } });
    const foreign = scene.stranger("foreign", "org2");
    foreign.comm.send(own.to, sealed(alive(foreign.crypto, 1n), foreign.crypto));
    await scene.run(50);
    foreign.comm.send(own.to, sealed(info(foreign.crypto, 1n, 1_000n), foreign.crypto));
    await own.say(sealed(info(own.crypto, 1n), own.crypto));
    expect(own.channel.members).toHaveLength(2);
    await scene.run(8_000);
    expect(own.heardOf("leadership").map(({ isDeclaration }) => isDeclaration)).toEqual([false, true]);
    expect(foreign.heard.map(({ type }) => type)).not.toContain("leadership");
    // However high the ledger that the other organization claims to have.
    expect(own.channel.isLeader).toBe(true);
    expect(await own.say(says(scene.stranger("unseen").crypto, 1n))).toEqual(["gate/unknown-identity"]);
  });

  test("8.2: in a flood cost no more signatures than anybody needs", async () => {
    const { comm, crypto, to, node } = await befriend(scene, { config: { maxQuestionsPerSecond: 5 } });
    for (let sequence = 1n; sequence <= 50n; sequence++) comm.send(to, says(crypto, sequence));
    await scene.run(1);
    expect(node.drops.get("gate/too-often")).toBe(45);
  });
});
