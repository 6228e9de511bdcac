import { channelMac, unsigned } from "@gossip/crypto";
import { dataMessage } from "@gossip/proto/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { befriend, block, info } from "../test/support/befriend.js";
import { alive, channelName, Scene, sealed } from "../test/support/scene.js";

const forgedSignature = new Uint8Array(16);

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

describe("a block too far ahead to be kept", () => {
  test("7.7, 7.27: is looked at once a second, so that a straggler notices that it is one", async () => {
    const { node, costOf, say } = await befriend(scene);
    const push = (number: bigint) => dataMessage({ channel: channelName, payload: block(number) });
    expect((await costOf(push(500n))).blocks).toBe(1);
    expect((await costOf(push(501n))).blocks).toBe(0);
    expect([node.drops.get("state/beyond-window"), node.drops.get("gate/not-news")]).toEqual([1, 1]);
    await scene.run(1_000);
    const forged = { ...block(502n), data: block(503n).data };
    expect(await say(unsigned(dataMessage({ channel: channelName, payload: forged })))).toEqual([
      "gate/wrong-block-number",
    ]);
  });

  test("is what is looked at, and not one that we have", async () => {
    const { costOf, ledger } = await befriend(scene);
    const push = dataMessage({ channel: channelName, payload: block(0n) });
    expect((await costOf(push)).blocks).toBe(1);
    expect(ledger.height).toBe(1n);
    expect((await costOf(push)).blocks).toBe(0);
  });

  test("7.7: is not pushed on", async () => {
    const { say, heard, comm, crypto, to } = await befriend(scene);
    await say(sealed(info(crypto, 1n, 0n), crypto));
    const other = scene.stranger("other");
    other.comm.send(to, sealed(alive(other.crypto, 1n), other.crypto));
    other.comm.send(to, sealed(info(other.crypto, 1n, 0n), other.crypto));
    await scene.run(1_000);
    comm.send(to, unsigned(dataMessage({ channel: channelName, payload: block(500n) })));
    await scene.run(100);
    comm.send(to, unsigned(dataMessage({ channel: channelName, payload: block(0n) })));
    await scene.run(100);
    const pushed = [...heard, ...other.heard].flatMap((message) =>
      message.type === "data" ? [message.payload.blockNumber] : [],
    );
    expect(pushed).toEqual([0n]);
  });
});

describe("state info of a channel that a node is not in", () => {
  async function outside() {
    const victim = await befriend(scene);
    const own = scene.stranger("own");
    const foreign = scene.stranger("foreign", "org2");
    for (const { comm, crypto } of [own, foreign]) comm.send(victim.to, sealed(alive(crypto, 1n), crypto));
    await scene.run(1_000);
    const elsewhere = (channel: string, sequence: bigint) =>
      sealed({ ...info(victim.crypto, sequence), channelMac: channelMac(victim.crypto.pkiId, channel) }, victim.crypto);
    const heardBy = ({ heard }: Pick<typeof own, "heard">) =>
      heard.flatMap((message) =>
        message.type === "state-info" && message.pkiId === victim.crypto.pkiId ? [message.time.sequence] : [],
      );
    return { ...victim, own, foreign, elsewhere, heardBy };
  }

  test("07/V4, 7.13: is passed on once to the own organization, channel by channel, and never to another", async () => {
    const { say, own, foreign, elsewhere, heardBy, heard, channel } = await outside();
    expect(await say(elsewhere("b", 200n))).toEqual([]);
    expect(await say(elsewhere("a", 100n))).toEqual([]);
    expect(await say(elsewhere("a", 100n))).toEqual(["gate/not-news"]);
    expect(await say(elsewhere("a", 101n))).toEqual([]);
    expect(heardBy(own)).toEqual([200n, 100n, 101n]);
    expect(heardBy(foreign)).toEqual([]);
    expect(heardBy({ heard })).toEqual([]);
    expect(channel.members).toEqual([]);
  });

  test("7.13: is taken from nobody outside the own organization, and from nobody who forged it", async () => {
    const { say, own, foreign, elsewhere, heardBy, node, to } = await outside();
    foreign.comm.send(to, elsewhere("a", 1n));
    await scene.run(50);
    expect(node.drops.get("gate/no-such-channel")).toBe(1);
    expect(await say({ ...elsewhere("a", 1n), signature: forgedSignature })).toEqual(["gate/bad-signature"]);
    expect(heardBy(own)).toEqual([]);
  });

  test("7.13: is passed on without what was hung on it, and not at all if no channel can have its MAC", async () => {
    const { say, own, elsewhere, heardBy, crypto } = await outside();
    const padding = { payload: new Uint8Array(10), signature: new Uint8Array(10) };
    expect(await say({ ...elsewhere("a", 1n), secret: padding })).toEqual([]);
    expect(heardBy(own)).toEqual([1n]);
    expect(own.envelopes.filter(({ secret }) => secret?.payload.length === 10)).toEqual([]);
    const shortMac = sealed({ ...info(crypto, 2n), channelMac: Uint8Array.of(1) }, crypto);
    expect(await say(shortMac)).toEqual(["gate/no-such-channel"]);
    expect(heardBy(own)).toEqual([1n]);
  });

  test("7.13: is passed on no more often than anybody needs", async () => {
    const { comm, to, own, elsewhere, heardBy, node } = await outside();
    for (let sequence = 0n; sequence < 300n; sequence++) comm.send(to, elsewhere(`channel ${sequence}`, 1n));
    await scene.run(100);
    expect(node.drops.get("gate/too-often")).toBeGreaterThan(100);
    expect(heardBy(own)).toHaveLength(100);
  });
});
