/** What leaves a node for peers that chance chooses, and in which order (protocol page 06). */
import { unsigned } from "@gossip/crypto";
import { makeFakeBlock } from "@gossip/crypto/testing";
import type { GossipMessage, MessageOf, MessageType } from "@gossip/proto";
import { dataMessage, stateResponse } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, block, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

const of = <T extends MessageType>(heard: readonly GossipMessage[], type: T) =>
  heard.filter((message): message is MessageOf<T> => message.type === type);
const blocksOf = (heard: readonly GossipMessage[]) => of(heard, "data").map(({ payload }) => payload.blockNumber);

/** A victim with two members of its organization and channel, of which the first does the talking. */
async function twoMembers(
  options: { readonly height?: bigint; readonly isSlow?: boolean; readonly leader?: boolean } = {},
) {
  const { height = 0n, isSlow = false, leader = false } = options;
  const met = await befriend(scene, { leader });
  await met.say(sealed(info(met.crypto, 1n, height), met.crypto));
  const other = scene.stranger("other", "org1", { isSlow });
  other.comm.send(met.to, sealed(alive(other.crypto, 1n), other.crypto));
  other.comm.send(met.to, sealed(info(other.crypto, 1n, 0n), other.crypto));
  await scene.run(1_000);
  return { ...met, other };
}

describe("what a node passes on", () => {
  test("6.7, 6.8: an alive message that is news, once, and not to whom it came from", async () => {
    const { say, crypto, heard, other } = await twoMembers();
    const sequences = (list: readonly GossipMessage[]) =>
      of(list, "alive")
        .filter(({ member }) => member.pkiId === crypto.pkiId)
        .map(({ time }) => time.sequence);
    const before = sequences(other.heard).length;
    for (const sequence of [2n, 2n, 3n]) await say(sealed(alive(crypto, sequence), crypto));
    expect(sequences(other.heard).slice(before)).toEqual([2n, 3n]);
    expect(sequences(heard)).toEqual([]);
  });

  test("6.7, 6.8: a state info that is news, once, and not to whom it came from", async () => {
    const { say, crypto, heard, other } = await twoMembers();
    const sequences = (list: readonly GossipMessage[]) =>
      of(list, "state-info")
        .filter(({ pkiId }) => pkiId === crypto.pkiId)
        .map(({ time }) => time.sequence);
    const before = sequences(other.heard).length;
    for (const sequence of [2n, 2n, 3n]) await say(sealed(info(crypto, sequence, 0n), crypto));
    expect(sequences(other.heard).slice(before)).toEqual([2n, 3n]);
    expect(sequences(heard)).toEqual([]);
  });

  test("6.7, 6.8: a pushed block that was news, once, and not to whom it came from", async () => {
    const { say, heard, other } = await twoMembers();
    for (const number of [0n, 0n]) await say(unsigned(dataMessage({ channel: channelName, payload: block(number) })));
    expect([blocksOf(other.heard), blocksOf(heard)]).toEqual([[0n], []]);
  });

  test("6.7: no block that it got by state transfer", async () => {
    const { say, heard, other, channel } = await twoMembers({ height: 2n });
    await scene.run(15_000);
    const [request] = of(heard, "state-request");
    const payloads = [block(0n)];
    await say(unsigned(stateResponse({ channel: channelName, nonce: request?.nonce ?? 0n, payloads })));
    await scene.run(1_000);
    expect([channel.height, blocksOf(other.heard), blocksOf(heard)]).toEqual([1n, [], []]);
  });

  test("06/21, 6.7: the blocks of its own orderer, and its own heartbeats and state infos", async () => {
    const { node, channel, heard, other } = await twoMembers({ leader: true });
    await channel.publish(0n, makeFakeBlock({ channel: channelName, number: 0n, data: [Uint8Array.of(1)] }));
    await scene.run(10_000);
    expect([blocksOf(other.heard), blocksOf(heard)]).toEqual([[0n], [0n]]);
    for (const list of [heard, other.heard]) {
      expect(of(list, "alive").some(({ member }) => member.pkiId === node.pkiId)).toBe(true);
      const heights = of(list, "state-info").filter(({ pkiId }) => pkiId === node.pkiId);
      expect(heights.at(-1)?.properties?.ledgerHeight).toBe(1n);
    }
  });
});

describe("towards a peer that is slow", () => {
  test("6.13, 6.15, 3.25: what is urgent overtakes the blocks that wait, and blocks keep their order", async () => {
    const { node, channel, ledger, other } = await twoMembers({ leader: true, isSlow: true });
    const count = 180n;
    for (let number = 0n; number < count; number++) {
      const data = [Uint8Array.of(1)];
      const previousHash = ledger.lastHash;
      await channel.publish(number, makeFakeBlock({ channel: channelName, number, previousHash, data }));
      await scene.run(20);
    }
    const read = other.heard.length;
    expect(read).toBeLessThan(30);
    node.setMetadata(Uint8Array.of(42));
    await scene.run(10_000);
    expect(other.heard).toHaveLength(read);
    other.release();
    await scene.run(1_000);
    const blocks = blocksOf(other.heard);
    expect(blocks).toEqual([...blocks].sort((a, b) => Number(a - b)));
    expect(blocks).toHaveLength(Number(count));
    const at = (is: (message: GossipMessage) => boolean) => other.heard.findIndex(is);
    const alives = at((one) => one.type === "alive" && one.member.metadata[0] === 42);
    const infos = at((one) => one.type === "state-info" && one.properties?.ledgerHeight === count);
    const last = at((one) => one.type === "data" && one.payload.blockNumber === count - 1n);
    expect([alives, infos].map((place) => place > read && place < last - 50)).toEqual([true, true]);
  });
});
