import { makeFakeBlock } from "@gossip/crypto/testing";
import { orgId } from "@gossip/proto";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, info } from "../test/support/befriend.js";
import { network, settle } from "../test/support/programs.js";
import { channelName, Scene, sealed } from "../test/support/scene.js";
import { noLedger } from "./told-ledger.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Blocks that follow each other. */
function chain(length: number, channel = channelName): readonly Uint8Array[] {
  const ledger = createMemoryLedger();
  return Array.from({ length }, (_, number) => {
    const { lastHash: previousHash } = ledger;
    const bytes = makeFakeBlock({ channel, number: BigInt(number), previousHash, data: [Uint8Array.of(1)] });
    ledger.commit(BigInt(number), bytes);
    return bytes;
  });
}

const chaincode = { name: "assets", version: "1.0", metadata: Uint8Array.of(1, 2) };

describe("what a program tells of its peer", () => {
  test("07/C17, 7.49: chaincodes are signed and published at once, and stay in what is published later", async () => {
    const { channel, heardOf, say, crypto } = await befriend(scene);
    await say(sealed(info(crypto, 1n), crypto));
    const before = heardOf("state-info").length;
    channel.setChaincodes([chaincode]);
    await scene.run(20);
    const told = () => heardOf("state-info").slice(before);
    expect(told().map(({ properties }) => properties.chaincodes)).toEqual([[chaincode]]);
    await channel.publish(0n, chain(1)[0] as Uint8Array);
    await scene.run(500);
    expect(told().at(-1)?.properties).toMatchObject({ ledgerHeight: 1n, chaincodes: [chaincode] });
    channel.setChaincodes([]);
    await scene.run(500);
    expect(told().at(-1)?.properties.chaincodes).toEqual([]);
  });

  test("7.49: chaincodes without a name of their own, or too many for a state info, are refused to the caller", async () => {
    const { channel } = await scene.node("a");
    const set =
      (...chaincodes: Parameters<typeof channel.setChaincodes>[0]) =>
      () =>
        channel.setChaincodes(chaincodes);
    expect(set({ ...chaincode, name: "\ud800" })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(set({ ...chaincode, name: "" })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(set(chaincode, { ...chaincode, version: "2" })).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
    expect(set({ ...chaincode, metadata: new Uint8Array(40_000) })).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });

  test("7.50: a node without a ledger is a member at the height that its program tells, and takes and asks for no block", async () => {
    const [leader, told] = await network(scene, ["leader", "told"], (name) =>
      name === "told" ? { join: { ledger: noLedger(3n) } } : { leader: true },
    );
    const heights = () => leader?.channel.members.map(({ properties }) => properties.ledgerHeight);
    expect([heights(), told?.channel.height]).toEqual([[3n], 3n]);
    told?.channel.setHeight(7n);
    await scene.run(1_000);
    expect([heights(), told?.channel.height]).toEqual([[7n], 7n]);
    for (const [number, bytes] of chain(12).entries())
      await settle(scene, leader?.channel.publish(BigInt(number), bytes));
    await scene.run(30_000);
    expect([told?.channel.height, told?.channel.buffered.blocks, await told?.channel.block(0n)]).toEqual([
      7n,
      0,
      undefined,
    ]);
    expect(await settle(scene, told?.channel.add(chain(1)[0] as Uint8Array))).toMatch(/^invalid-argument/);
    expect(await settle(scene, told?.channel.publish(0n, chain(1)[0] as Uint8Array))).toMatch(/^invalid-argument/);
    expect(told?.node.health).toEqual({ ok: true });
  });

  test("7.50: who asks it for blocks gets an answer, without any, and goes on to another", async () => {
    const [, , late] = await network(scene, ["a", "told", "late"], (name) => {
      const ledger = createMemoryLedger();
      if (name === "a") for (const [number, bytes] of chain(5).entries()) ledger.commit(BigInt(number), bytes);
      return name === "told" ? { join: { ledger: noLedger(5n) } } : { ledger };
    });
    await scene.run(30_000);
    expect(late?.channel.height).toBe(5n);
  });

  test("7.50: a height is told only where there is no ledger that tells, and has 64 bits", async () => {
    const { channel } = await scene.node("a");
    expect(() => channel.setHeight(1n)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    const told = await scene.node("b", { join: { ledger: noLedger() } });
    for (const height of [-1n, 2n ** 64n])
      expect(() => told.channel.setHeight(height)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    await settle(scene, told.channel.leave());
    expect(() => told.channel.setHeight(1n)).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

test("7.50: a node without a ledger does not lead", async () => {
  const { node } = await scene.node("a");
  const join = (more: object) => node.join("other", { ledger: noLedger(), organizations: [orgId("org1")], ...more });
  await expect(join({ leader: true })).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(join({ election: true })).rejects.toMatchObject({ code: "invalid-argument" });
});

describe("blocks that came another way", () => {
  const [first, second, third] = chain(3) as [Uint8Array, Uint8Array, Uint8Array];

  test("7.51: are verified, committed in order, and pushed to nobody", async () => {
    const [a, b] = await network(scene, ["a", "b"], () => ({ config: { state: { enabled: false } } }));
    expect(await settle(scene, a?.channel.add(second))).toBe(true);
    expect(a?.channel.height).toBe(0n);
    expect(await settle(scene, a?.channel.add(first))).toBe(true);
    expect(await settle(scene, a?.channel.add(first))).toBe(false);
    await scene.run(50);
    expect([a?.channel.height, b?.channel.height]).toEqual([2n, 0n]);
  });

  test("7.51: wait for commits, in any order within the window, and not for what nobody brings", async () => {
    const { channel } = await scene.node("a", { config: { state: { blockBufferSize: 4 } } });
    const blocks = chain(40);
    const add = (number: number) => settle(scene, channel.add(blocks[number] as Uint8Array));
    for (const number of [3, 2, 1]) expect(await add(number)).toBe(true);
    expect(await add(4)).toMatch(/^invalid-argument: expected a block of demo near height 0/);
    expect(await add(0)).toBe(true);
    for (let number = 4; number < 40; number++) expect(await add(number)).toBe(true);
    const all = Promise.all(blocks.map((block) => channel.add(block)));
    expect(await settle(scene, all)).toEqual(blocks.map(() => false));
    expect(channel.height).toBe(40n);
  });

  test("7.51: that are no blocks, forged, of another channel or far away are refused to the caller", async () => {
    const { channel } = await scene.node("a");
    const add = (block: Uint8Array) => settle(scene, channel.add(block));
    const forged = third.slice();
    forged[forged.length - 20] = (forged[forged.length - 20] as number) ^ 1;
    expect(await add(Uint8Array.of(0xff))).toMatch(/^malformed: expected a block/);
    expect(await add(forged)).toMatch(/^(untrusted|malformed): expected/);
    expect(await add(chain(1, "other")[0] as Uint8Array)).toMatch(/^untrusted: .*wrong-channel/);
    expect(await add(chain(200).at(-1) as Uint8Array)).toMatch(
      /^invalid-argument: expected a block of demo near height 0/,
    );
    expect([channel.height, channel.buffered.blocks]).toEqual([0n, 0]);
  });
});
