import { reject, unsigned } from "@gossip/crypto";
import { makeFakeBlock } from "@gossip/crypto/testing";
import { orgId, type StateResponse } from "@gossip/proto";
import { encodePayload, encodeSignedEnvelope } from "@gossip/proto/fabric";
import { dataMessage, stateResponse } from "@gossip/proto/testing";
import { silentLogger } from "@gossip/runtime";
import { createMemoryLedger } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";
import type { JoinOptions } from "./api.js";
import type { GossipOptions } from "./config.js";

const utf8 = new TextEncoder();

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Blocks that link to each other, which every fake accepts. */
function chain(length: number, { configAt = -1 } = {}): readonly Uint8Array[] {
  const ledger = createMemoryLedger();
  return Array.from({ length }, (_, index) => {
    const number = BigInt(index);
    const data = [index === configAt ? configTransaction() : utf8.encode(`tx ${number}`)];
    const bytes = makeFakeBlock({ channel: channelName, number, previousHash: ledger.lastHash, data });
    ledger.commit(number, bytes);
    return bytes;
  });
}

/** A transaction of type CONFIG; what is in it, nobody here looks at. */
function configTransaction(): Uint8Array {
  const nothing = new Uint8Array(0);
  const noTime = { timestampNanos: undefined, txId: "", epoch: 0n, version: 0 };
  const payload = encodePayload({
    channelHeader: { type: "config", channelId: channelName, ...noTime, extension: nothing, tlsCertHash: nothing },
    signatureHeader: { creator: nothing, nonce: nothing },
    data: nothing,
  });
  return encodeSignedEnvelope({ payload, signature: nothing });
}

function pushOf(blocks: readonly Uint8Array[], number: number) {
  const payload = { blockNumber: BigInt(number), data: blocks[number] as Uint8Array, privateData: [] };
  return unsigned(dataMessage({ channel: channelName, payload }));
}

/** Lets everything settle that waits for a promise and not for time. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("onCommitted", () => {
  test("7.33: is told of each block in order, before the next is committed, and the height follows it", async () => {
    const blocks = chain(3);
    const told: string[] = [];
    const waiting: (() => void)[] = [];
    const ledger = createMemoryLedger();
    const onCommitted: JoinOptions["onCommitted"] = async (number, block) => {
      told.push(
        `${number} of ${ledger.height}, same bytes: ${Buffer.compare(block, blocks[Number(number)] ?? block) === 0}`,
      );
      await new Promise<void>((resolve) => waiting.push(resolve));
      return undefined;
    };
    const { channel, comm, to } = await befriend(scene, { ledger, join: { onCommitted } });
    for (const number of [0, 1, 2]) comm.send(to, pushOf(blocks, number));
    await scene.run(50);
    expect([told, channel.height]).toEqual([["0 of 1, same bytes: true"], 0n]);
    for (let round = 0; round < 3; round++) {
      waiting.shift()?.();
      await settle();
    }
    expect(told).toEqual(["0 of 1, same bytes: true", "1 of 2, same bytes: true", "2 of 3, same bytes: true"]);
    expect(channel.height).toBe(3n);
  });

  test("7.34: that fails stops commits and says so, and is called again until it works, for the same block, stored once", async () => {
    let failure: Error | undefined = new Error("the policy is unreadable");
    const told: bigint[] = [];
    const onCommitted: JoinOptions["onCommitted"] = (number) => {
      told.push(number);
      if (failure !== undefined) throw failure;
      return undefined;
    };
    const { channel, node, ledger, say } = await befriend(scene, { join: { onCommitted } });
    const faults: unknown[] = [];
    node.on("fault", (error) => faults.push(error));
    const blocks = chain(2);
    await say(pushOf(blocks, 0));
    await say(pushOf(blocks, 1));
    expect(channel.health).toEqual({
      ok: false,
      detail: "block 0 cannot be committed: it is stored and not in force: the policy is unreadable",
    });
    expect([ledger.height, channel.height, faults]).toEqual([1n, 0n, []]);
    failure = undefined;
    await scene.run(20_000);
    expect([channel.health, ledger.height, channel.height]).toEqual([{ ok: true }, 2n, 2n]);
    expect(told.filter((number) => number === 0n).length).toBeGreaterThan(1);
    expect(told.at(-1)).toBe(1n);
  });

  test("is not called once the channel is closed", async () => {
    const told: bigint[] = [];
    const held: (() => void)[] = [];
    const ledger = createMemoryLedger();
    const commit = ledger.commit.bind(ledger);
    ledger.commit = async (number, bytes) => {
      await new Promise<void>((resolve) => held.push(resolve));
      await commit(number, bytes);
    };
    const onCommitted: JoinOptions["onCommitted"] = (number) => void told.push(number);
    const { node, say } = await befriend(scene, { ledger, join: { onCommitted } });
    await say(pushOf(chain(1), 0));
    await Promise.all([node.close(), scene.run(1_000)]);
    for (const resume of held) resume();
    await settle();
    expect([ledger.height, told]).toEqual([1n, []]);
  });
});

describe("a change of trust", () => {
  /** A node whose block 0 changes trust as the test says. */
  async function changing(change: () => void, distrusted: ReadonlySet<bigint> = new Set(), config = {}) {
    let isChanged = false;
    const verified: string[] = [];
    return {
      verified,
      met: await befriend(scene, {
        config,
        join: {
          onCommitted: (number) => {
            if (number !== 0n) return undefined;
            change();
            isChanged = true;
            return "trust-changed";
          },
        },
        wrap: (crypto) => ({
          ...crypto,
          verifyBlock(channel, number, block) {
            verified.push(`${number}${isChanged ? " anew" : ""}`);
            return isChanged && distrusted.has(number)
              ? reject("bad-block-signature", "expected an orderer of the channel, got one that was removed")
              : crypto.verifyBlock(channel, number, block);
          },
        }),
      }),
    };
  }

  test("7.33: has blocks that wait verified again, and none that came after", async () => {
    const window = 2 * 20;
    const { met, verified } = await changing(() => {}, new Set(), { state: { windowBlocks: window } });
    const blocks = chain(30);
    for (const number of [2, 1, 0]) await met.say(pushOf(blocks, number));
    expect(verified).toEqual(["2", "1", "0", "1 anew", "2 anew"]);
    expect(met.channel.height).toBe(3n);
    verified.length = 0;
    const more = chain(window + 3);
    for (let number = 3; number < window + 3; number++) await met.say(pushOf(more, number));
    expect(verified.filter((one) => one === `${window} anew`)).toHaveLength(2);
    expect(verified.filter((one) => one === `${window + 1} anew`)).toHaveLength(1);
  });

  test("7.33: has one that is not good any more dropped by its reason, and a better one is fetched and committed", async () => {
    const distrusted = new Set([1n]);
    const { met } = await changing(() => {}, distrusted);
    const blocks = chain(3);
    await met.say(sealed(info(met.crypto, 1n, 3n), met.crypto));
    for (const number of [1, 0]) await met.say(pushOf(blocks, number));
    expect(met.channel.height).toBe(1n);
    expect(met.node.refusals.at(-1)).toMatchObject({
      what: "block",
      reason: "bad-block-signature",
      from: met.crypto.pkiId,
      org: "org1",
    });
    distrusted.clear();
    await scene.run(3_000);
    const request = met.heardOf("state-request").at(-1);
    expect(request).toMatchObject({ start: 1n });
    const payloads: StateResponse["payloads"] = [1, 2].map((number) => ({
      blockNumber: BigInt(number),
      data: blocks[number] as Uint8Array,
      privateData: [],
    }));
    await met.say(unsigned(stateResponse({ channel: channelName, nonce: request?.nonce ?? 0n, payloads })));
    expect(met.channel.height).toBe(3n);
  });

  test("13.55: judges identities: who is revoked is forgotten and cut off", async () => {
    const { met } = await changing(() => scene.trust.revoke(other.crypto.identity));
    const other = scene.stranger("other");
    other.comm.send(met.to, sealed(alive(other.crypto, 1n), other.crypto));
    other.comm.send(met.to, sealed(info(other.crypto, 1n), other.crypto));
    await met.say(sealed(info(met.crypto, 1n), met.crypto));
    expect(met.channel.members).toHaveLength(2);
    await met.say(pushOf(chain(1), 0));
    expect(met.channel.members.map(({ pkiId }) => pkiId)).toEqual([met.crypto.pkiId]);
    expect(met.node.members.map(({ pkiId }) => pkiId)).toEqual([met.crypto.pkiId]);
    expect(met.node.connections.map(({ pkiId }) => pkiId)).not.toContain(other.crypto.pkiId);
  });

  test("7.15: judges state infos: who may not read the channel any more is no member of it, though it stays known", async () => {
    const { met } = await changing(() => scene.trust.setChannel(channelName, ["org1"]));
    const foreign = scene.stranger("foreign", "org2");
    foreign.comm.send(met.to, sealed(alive(foreign.crypto, 1n), foreign.crypto));
    foreign.comm.send(met.to, sealed(info(foreign.crypto, 1n), foreign.crypto));
    await met.say(sealed(info(met.crypto, 1n), met.crypto));
    expect(met.channel.members).toHaveLength(2);
    await met.say(pushOf(chain(1), 0));
    expect(met.channel.members.map(({ pkiId }) => pkiId)).toEqual([met.crypto.pkiId]);
    expect(met.node.members).toHaveLength(2);
    expect(met.node.drops.get("channel/not-trusted-now")).toBe(1);
  });
});

describe("blocks behind one that changes trust", () => {
  /** A node whose block 1 is a config block that takes its time, and whose later blocks only new orderers sign. */
  async function behind(options: { readonly isRefused?: boolean; readonly config?: GossipOptions } = {}) {
    let isChanged = false;
    const held: (() => void)[] = [];
    const met = await befriend(scene, {
      config: options.config ?? {},
      join: {
        onCommitted: async (number) => {
          if (number !== 1n) return undefined;
          await new Promise<void>((resolve) => held.push(resolve));
          isChanged = options.isRefused !== true;
          return "trust-changed";
        },
      },
      wrap: (crypto) => ({
        ...crypto,
        verifyBlock(channel, number, block) {
          return number < 2n || isChanged
            ? crypto.verifyBlock(channel, number, block)
            : reject("bad-block-signature", "expected an orderer of the channel, got a new one");
        },
      }),
    });
    const pass = async () => {
      for (let turn = 0; turn < 3; turn++) {
        await settle();
        await scene.run(50);
      }
    };
    const putInForce = async () => {
      for (const resume of held.splice(0)) resume();
      await pass();
    };
    return { met, pass, putInForce };
  }
  const blocks = chain(4, { configAt: 1 });

  test("7.7: wait until it is in force, and nobody is blamed", async () => {
    const { met, pass, putInForce } = await behind();
    for (const number of [0, 1, 2, 3]) met.comm.send(met.to, pushOf(blocks, number));
    await pass();
    expect([met.ledger.height, met.channel.height]).toEqual([2n, 1n]);
    await putInForce();
    expect([met.channel.height, met.node.refusals]).toEqual([4n, []]);
  });

  test("are refused by name when it does not help, and do not hold up what else the peer says for longer", async () => {
    const { met, pass, putInForce } = await behind({ isRefused: true });
    for (const number of [0, 1, 2]) met.comm.send(met.to, pushOf(blocks, number));
    met.comm.send(met.to, sealed(info(met.crypto, 1n), met.crypto));
    await pass();
    expect(met.channel.members).toEqual([]);
    await putInForce();
    expect(met.channel.members).toHaveLength(1);
    expect(met.node.refusals).toMatchObject([{ what: "block", reason: "bad-block-signature" }]);
  });

  test("do not hold up anything while commits fail", async () => {
    const met = await befriend(scene, {
      join: {
        onCommitted: () => {
          throw new Error("this release does not know it");
        },
      },
      wrap: (crypto) => ({
        ...crypto,
        verifyBlock: (channel, number, block) =>
          number === 1n
            ? reject("bad-block-signature", "expected an orderer, got a new one")
            : crypto.verifyBlock(channel, number, block),
      }),
    });
    for (const number of [0, 1]) await met.say(pushOf(blocks, number));
    await met.say(sealed(info(met.crypto, 1n), met.crypto));
    expect(met.channel.members).toHaveLength(1);
    expect(met.channel.health).toMatchObject({ ok: false });
  });

  test("10.19: in answers are asked for again when it is in force, and nobody is blamed", async () => {
    const { met, pass, putInForce } = await behind({ config: { state: { minResponseTimeoutMs: 3_000 } } });
    await met.say(sealed(info(met.crypto, 1n, 4n), met.crypto));
    await scene.run(1_000);
    const answer = async () => {
      const request = met.heardOf("state-request").at(-1);
      const numbers = [0, 1, 2, 3].filter((number) => BigInt(number) >= (request?.start ?? 0n));
      const payloads = numbers.map((number) => ({
        blockNumber: BigInt(number),
        data: blocks[number] as Uint8Array,
        privateData: [],
      }));
      const nonce = request?.nonce ?? 0n;
      met.comm.send(met.to, unsigned(stateResponse({ channel: channelName, nonce, payloads })));
      await pass();
      return request?.start;
    };
    expect(await answer()).toBe(0n);
    expect([met.channel.height, met.heardOf("state-request")]).toMatchObject([1n, [{ start: 0n }]]);
    expect(met.node.drops.get("gate/behind-config")).toBe(2);
    await putInForce();
    expect(await answer()).toBe(2n);
    expect([met.channel.height, met.node.refusals]).toEqual([4n, []]);
    expect(met.node.drops.get("gate/behind-config")).toBe(2);
  });

  test("10.19: of answers are refused by name at once when no config block can stand before them", async () => {
    const { met, pass } = await behind({ isRefused: true, config: { state: { minResponseTimeoutMs: 3_000 } } });
    const plain = chain(4);
    await met.say(sealed(info(met.crypto, 1n, 4n), met.crypto));
    await scene.run(1_000);
    const [request] = met.heardOf("state-request");
    const payloads = plain.map((data, number) => ({ blockNumber: BigInt(number), data, privateData: [] }));
    met.comm.send(met.to, unsigned(stateResponse({ channel: channelName, nonce: request?.nonce ?? 0n, payloads })));
    await pass();
    expect(met.node.refusals).toMatchObject([{ what: "block", reason: "bad-block-signature" }]);
    expect(met.node.drops.get("gate/behind-config")).toBeUndefined();
  });
});

describe("blocks of answers that came otherwise meanwhile", () => {
  test("10.19: are nobody's fault when who signed them is not trusted any more", async () => {
    let isDistrusted = false;
    const met = await befriend(scene, {
      config: { state: { minResponseTimeoutMs: 3_000 } },
      wrap: (crypto) => ({
        ...crypto,
        verifyBlock: (channel, number, block) =>
          isDistrusted
            ? reject("bad-block-signature", "expected an orderer of the channel, got one that was removed")
            : crypto.verifyBlock(channel, number, block),
      }),
    });
    const blocks = chain(3);
    await met.say(sealed(info(met.crypto, 1n, 3n), met.crypto));
    await scene.run(1_000);
    const [request] = met.heardOf("state-request");
    for (const number of [0, 1, 2]) await met.say(pushOf(blocks, number));
    expect(met.channel.height).toBe(3n);
    isDistrusted = true;
    const payloads = blocks.map((data, number) => ({ blockNumber: BigInt(number), data, privateData: [] }));
    const answer = stateResponse({ channel: channelName, nonce: request?.nonce ?? 0n, payloads });
    expect(await met.say(unsigned(answer))).toEqual(["gate/not-news"]);
    expect(met.node.drops.get("gate/not-news")).toBe(3);
    expect(met.node.refusals).toEqual([]);
  });
});

describe("updateConfig", () => {
  const [org1, org2, org3] = ["org1", "org2", "org3"].map(orgId) as [
    ReturnType<typeof orgId>,
    ReturnType<typeof orgId>,
    ReturnType<typeof orgId>,
  ];

  async function withForeign() {
    const met = await befriend(scene);
    const foreign = scene.stranger("foreign", "org2");
    foreign.comm.send(met.to, sealed(alive(foreign.crypto, 1n), foreign.crypto));
    foreign.comm.send(met.to, sealed(info(foreign.crypto, 1n), foreign.crypto));
    await met.say(sealed(info(met.crypto, 1n), met.crypto));
    expect(met.channel.members).toHaveLength(2);
    const connected = () => met.node.connections.map(({ pkiId }) => pkiId);
    return { ...met, foreign, connected };
  }

  test("7.32: forgets the members of an organization that left, and closes their connections", async () => {
    const { channel, foreign, crypto, connected, to } = await withForeign();
    expect(connected()).toContain(foreign.crypto.pkiId);
    channel.updateConfig({ organizations: [org1], anchors: [] });
    await scene.run(50);
    expect(channel.members.map(({ pkiId }) => pkiId)).toEqual([crypto.pkiId]);
    expect(connected()).not.toContain(foreign.crypto.pkiId);
    foreign.comm.send(to, sealed(info(foreign.crypto, 2n), foreign.crypto));
    await scene.run(50);
    expect(channel.members).toHaveLength(1);
  });

  test("keeps connections that another channel needs", async () => {
    const { node, channel, foreign, connected } = await withForeign();
    await node.join("other", { ledger: createMemoryLedger(), organizations: [org1, org2] });
    channel.updateConfig({ organizations: [org1], anchors: [] });
    await scene.run(50);
    expect(connected()).toContain(foreign.crypto.pkiId);
  });

  test("takes state infos of an organization that came", async () => {
    const { channel, to } = await withForeign();
    const late = scene.stranger("late", "org3");
    const tell = async (sequence: bigint) => {
      late.comm.send(to, sealed(alive(late.crypto, sequence), late.crypto));
      late.comm.send(to, sealed(info(late.crypto, sequence), late.crypto));
      await scene.run(50);
      return channel.members.map(({ pkiId }) => pkiId);
    };
    expect(await tell(1n)).not.toContain(late.crypto.pkiId);
    channel.updateConfig({ organizations: [org1, org2, org3], anchors: [] });
    expect(await tell(2n)).toContain(late.crypto.pkiId);
  });

  test("7.14, 7.29, 7.32: dials a new anchor, which makes it a member, and warns of one that cannot be dialled", async () => {
    const warned: unknown[] = [];
    const log = { ...silentLogger, warn: (text: string, fields?: object) => void warned.push([text, fields]) };
    const { channel, node } = await scene.node("peer0", {
      log: { ...log, child: () => ({ ...log, child: () => log }) },
    });
    const anchor = await scene.node("anchor");
    await scene.run(2_000);
    expect(node.members).toEqual([]);
    const anchors = ["anchor:7051", "peer0:7051", "nowhere"].map((endpoint) => ({ org: org1, endpoint }));
    channel.updateConfig({ organizations: [org1], anchors });
    await scene.run(2_000);
    expect(node.members.map(({ pkiId }) => pkiId)).toEqual([anchor.node.pkiId]);
    expect(warned).toContainEqual([
      "an anchor peer that cannot be dialled",
      { channel: channelName, org: org1, endpoint: "nowhere" },
    ]);
  });

  test("without our own organization is refused, and changes nothing", async () => {
    const { channel } = await withForeign();
    expect(() => channel.updateConfig({ organizations: [org2], anchors: [] })).toThrow(
      "expected own organization org1 among those of demo, got org2",
    );
    expect(channel.members).toHaveLength(2);
  });
});

describe("leaving", () => {
  test("7.35: tells the members, closes the channel, and lets it be joined again", async () => {
    const first = await scene.node("peer0");
    const second = await scene.node("peer1", { bootstrap: ["peer0:7051"] });
    await scene.run(3_000);
    expect(first.channel.members).toHaveLength(1);
    await Promise.all([second.channel.leave(), second.channel.leave(), scene.run(100)]);
    expect(first.channel.members).toEqual([]);
    expect([...second.node.channels.keys()]).toEqual([]);
    expect(first.node.members).toHaveLength(1);
    await expect(second.channel.publish(0n, new Uint8Array(1))).rejects.toMatchObject({ code: "closed" });
    expect(() => second.channel.updateConfig({ organizations: [orgId("org1")], anchors: [] })).toThrow("to be open");

    const again = await second.node.join(channelName, { ledger: second.ledger, organizations: [orgId("org1")] });
    await scene.run(1_000);
    expect(first.channel.members.map(({ pkiId }) => pkiId)).toEqual([second.node.pkiId]);
    await Promise.all([again.leave(), scene.run(100)]);
    expect(first.channel.members).toEqual([]);
  });

  test("of a channel that is closed, or whose state info cannot be signed, ends all the same", async () => {
    let isBroken = false;
    const { node, channel } = await scene.node("peer0", {
      wrap: (crypto) => ({
        ...crypto,
        sign(payload) {
          if (isBroken) throw new Error("the key is gone");
          return crypto.sign(payload);
        },
      }),
    });
    isBroken = true;
    await channel.leave();
    expect(node.channels.size).toBe(0);
    const other = await scene.node("peer1");
    await Promise.all([other.node.close(), scene.run(1_000)]);
    await expect(other.channel.leave()).resolves.toBeUndefined();
  });
});
