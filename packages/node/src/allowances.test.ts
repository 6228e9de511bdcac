import { unsigned } from "@gossip/crypto";
import { createFakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { dataMessage, stateRequest } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** The sequence of alive messages that the victim holds of its only member. */
const sequenceOf = ({ node }: Awaited<ReturnType<typeof befriend>>) => node.members[0]?.sequence;

describe("7.37: what an author may say", () => {
  test("7.37: alive messages beyond the rate of their author are not verified, and the newest is taken again later", async () => {
    const met = await befriend(scene, { config: { maxNewsPerSecond: 2 } });
    for (let sequence = 2n; sequence <= 200n; sequence++)
      met.comm.send(met.to, sealed(alive(met.crypto, sequence), met.crypto));
    const before = met.checks.signatures;
    await scene.run(10);
    // Ten seconds' worth, of which the first meeting was one.
    expect(met.checks.signatures - before).toBe(19);
    expect(sequenceOf(met)).toBe(20n);
    expect(met.node.drops.get("gate/too-often")).toBe(180);
    await scene.run(1_000);
    await met.say(sealed(alive(met.crypto, 201n), met.crypto));
    expect(sequenceOf(met)).toBe(201n);
  });

  test("7.37: forgeries in the name of another cost the other nothing", async () => {
    const met = await befriend(scene, { config: { maxNewsPerSecond: 1 } });
    const liar = scene.stranger("liar");
    for (let sequence = 2n; sequence < 52n; sequence++) {
      liar.comm.send(met.to, { ...sealed(alive(met.crypto, sequence), met.crypto), signature: new Uint8Array(16) });
    }
    await scene.run(100);
    expect(met.node.drops.get("gate/bad-signature")).toBe(50);
    for (let sequence = 60n; sequence < 69n; sequence++) await met.say(sealed(alive(met.crypto, sequence), met.crypto));
    expect(sequenceOf(met)).toBe(68n);
  });

  test("7.37: state infos are counted apart from alive messages, and those of a member apart from another's", async () => {
    const met = await befriend(scene, { config: { maxNewsPerSecond: 1 } });
    for (let height = 1n; height <= 30n; height++)
      met.comm.send(met.to, sealed(info(met.crypto, height, height), met.crypto));
    await scene.run(10);
    expect(met.channel.members[0]?.properties.ledgerHeight).toBe(10n);
    await met.say(sealed(alive(met.crypto, 9n), met.crypto));
    expect(sequenceOf(met)).toBe(9n);
    const other = createFakeCrypto({ org: "org1", name: "other", trust: scene.trust });
    await met.say(sealed(alive(other, 1n), other));
    await met.say(sealed(info(other, 1n, 7n), other));
    expect(met.channel.members.map(({ properties }) => properties.ledgerHeight)).toEqual([10n, 7n]);
  });
});

describe("7.37: what a peer may cost", () => {
  test("7.37: who sends forgeries without end is believed nothing for a while, and others are", async () => {
    const met = await befriend(scene);
    const other = scene.stranger("other");
    const forged = (sequence: bigint) => ({
      ...sealed(alive(other.crypto, sequence), other.crypto),
      signature: new Uint8Array(16),
    });
    const before = met.checks.signatures;
    for (let sequence = 1n; sequence <= 1_000n; sequence++) met.comm.send(met.to, forged(sequence));
    await scene.run(10);
    expect(met.checks.signatures - before).toBe(100);
    expect(await met.say(sealed(alive(met.crypto, 2n), met.crypto))).toEqual(["gate/too-often"]);
    other.comm.send(met.to, sealed(alive(other.crypto, 5n), other.crypto));
    await scene.run(1_000);
    expect(met.node.members).toHaveLength(2);
    expect(await met.say(sealed(alive(met.crypto, 3n), met.crypto))).toEqual([]);
  });

  test("7.37: identities that nobody has heard of cost a peer as much as signatures do", async () => {
    const met = await befriend(scene);
    const before = met.checks.identities;
    const stray = new Uint8Array(16);
    for (let index = 0; index < 300; index++) {
      const made = createFakeCrypto({ org: "org1", name: `made${index}`, trust: scene.trust });
      met.comm.send(met.to, { ...sealed(alive(made, 1n), made), signature: stray });
    }
    await scene.run(10);
    expect(met.checks.identities - before).toBe(100);
  });

  test("7.37: who pushes blocks that are refused is looked at once a second", async () => {
    const met = await befriend(scene);
    const wrong = makeFakeBlock({ channel: "another", number: 0n, data: [Uint8Array.of(1)] });
    const push = unsigned(
      dataMessage({ channel: channelName, payload: { blockNumber: 0n, data: wrong, privateData: [] } }),
    );
    for (let index = 0; index < 200; index++) met.comm.send(met.to, push);
    await scene.run(10);
    expect(met.checks.blocks).toBe(20);
    expect(met.node.drops.get("gate/too-often")).toBe(180);
    const good = makeFakeBlock({ channel: channelName, number: 0n, data: [Uint8Array.of(1)] });
    await scene.run(1_000);
    await met.say(
      unsigned(dataMessage({ channel: channelName, payload: { blockNumber: 0n, data: good, privateData: [] } })),
    );
    expect(met.ledger.height).toBe(1n);
  });

  test("7.37: requests for blocks are looked at a thousand times a second", async () => {
    const met = await befriend(scene);
    const before = met.checks.signatures;
    for (let batch = 0; batch < 12; batch++) {
      for (let index = 0; index < 100; index++) met.comm.send(met.to, unsigned(stateRequest({ channel: channelName })));
      await scene.run(0);
    }
    expect(met.checks.signatures - before).toBe(1_000);
    expect(met.node.drops.get("gate/too-often")).toBe(200);
  });
});
