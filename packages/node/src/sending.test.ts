import { orgId } from "@gossip/proto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listen, network, settle } from "../test/support/programs.js";
import { channelName, Scene } from "../test/support/scene.js";
import type { GossipNode } from "./api.js";
import { type DirectMessage, isApplication, type SendOutcome } from "./service.js";

const inChannel = { channel: channelName, topic: "topic", data: Uint8Array.of(1) };

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

describe("07/N10, 7.48: sending by criteria", () => {
  /** Four in the channel, of which three answer as told. */
  async function four(answers: readonly ((received: DirectMessage) => void)[]) {
    const nodes = await network(scene, ["a", "b", "c", "d"]);
    const others = nodes.slice(1).map(({ node }) => node);
    const heard = others.map((node, at) => listen(node, isApplication("topic"), answers[at]));
    const criteria = { channel: channelName, maxPeers: 10, minAcks: 0, timeoutMs: 500 };
    const send = (more: Partial<Parameters<GossipNode["sendByCriteria"]>[0]>) =>
      settle(scene, nodes[0]?.node.sendByCriteria({ ...criteria, ...more }, inChannel));
    const counts = () => heard.map(({ length }) => length);
    return { send, others, counts };
  }
  const agree = (received: DirectMessage) => received.acknowledge();
  const silent = () => {};
  const refuse = (received: DirectMessage) => received.acknowledge("uh-oh");

  test("07/N10, 7.48: with no peers does nothing, and refuses criteria that cannot be met", async () => {
    const { send, counts } = await four([agree, agree, agree]);
    expect(await send({ maxPeers: 0, timeoutMs: 0, minAcks: 3, channel: "nowhere" })).toEqual({
      acknowledged: [],
      failed: [],
    });
    expect(await send({ timeoutMs: 0 })).toMatch(/^invalid-argument: expected timeoutMs above 0, got 0/);
    expect(await send({ maxPeers: 2, minAcks: 3 })).toMatch(/^invalid-argument/);
    expect(await send({ channel: "nowhere" })).toMatch(/^invalid-argument/);
    expect(await send({ minAcks: 10 })).toBe("unavailable: expected at least 10 members that qualify, got 3");
    await scene.run(1_000);
    expect(counts()).toEqual([0, 0, 0]);
  });

  test("07/N10, 7.48: without acknowledgements waits for nobody", async () => {
    const { send, counts } = await four([silent, silent, silent]);
    expect(await send({})).toEqual({ acknowledged: [], failed: [] });
    await scene.run(100);
    expect(counts()).toEqual([1, 1, 1]);
  });

  test("07/N10, 7.48: resolves when enough have acknowledged", async () => {
    const { send, others } = await four([agree, silent, agree]);
    const outcome = await send({ minAcks: 2 });
    expect(outcome).toMatchObject({ failed: [] });
    expect(new Set((outcome as SendOutcome).acknowledged)).toEqual(new Set([others[0]?.pkiId, others[2]?.pkiId]));
  });

  test("07/N10, 7.48: says who did not acknowledge, and why", async () => {
    const { send } = await four([agree, silent, silent]);
    expect(await send({ minAcks: 3 })).toBe("timeout: expected 3 acknowledgements, got 1: 2 × timed-out");
    await scene.close();
    scene = new Scene();
    const refusing = await four([agree, refuse, refuse]);
    expect(await refusing.send({ minAcks: 3 })).toBe(
      "unavailable: expected 3 acknowledgements, got 1: 2 × refused: uh-oh",
    );
  });

  test("07/N10, 7.48: chooses among those who qualify, at random, and no more than it may", async () => {
    const { send, others, counts } = await four([silent, silent, agree]);
    expect(await send({ minAcks: 2, isEligible: ({ pkiId }) => pkiId !== others[2]?.pkiId })).toMatch(
      /^timeout: expected 2 acknowledgements, got 0: 2 × timed-out/,
    );
    expect(counts()).toEqual([1, 1, 0]);
    for (let count = 0; count < 30; count++) await send({ maxPeers: 1 });
    await scene.run(100);
    expect(counts().reduce((sum, count) => sum + count, 0)).toBe(32);
    expect(Math.min(...counts())).toBeGreaterThan(2);
    expect(await send({ minAcks: 1, organization: orgId("org2") })).toMatch(/^unavailable: expected at least 1/);
  });
});
