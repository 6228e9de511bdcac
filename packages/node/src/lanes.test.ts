import type { ConnectionInfo, Received } from "@gossip/comm";
import { channelMac, type MessageCryptoService, type SecurityAdvisor, unsigned } from "@gossip/crypto";
import { createFakeCrypto, type FakeCrypto, makeFakeBlock } from "@gossip/crypto/testing";
import { dataMessage, stateInfo } from "@gossip/proto/testing";
import type { MaybePromise } from "@gossip/runtime";
import { describe, expect, test } from "vitest";
import { alive, channelName, meet, Scene, sealed } from "../test/support/scene.js";
import { Lanes } from "./lanes.js";

const connection = () => ({}) as ConnectionInfo;

/** Lanes whose handler ends when the test says so; `log` tells what happened. */
function setUp(handle?: (name: string) => MaybePromise<void>) {
  const log: string[] = [];
  const finish = new Map<string, () => void>();
  const faults: unknown[] = [];
  const nameOf = ({ bytes }: Received) => String.fromCharCode(...bytes);
  const lanes = new Lanes({
    handle(received) {
      const name = nameOf(received);
      log.push(`begin ${name}`);
      return handle === undefined ? new Promise((resolve) => finish.set(name, resolve)) : handle(name);
    },
    onFault: (error) => faults.push(error),
  });
  const take = (from: ConnectionInfo, name: string) =>
    lanes.take({ from, bytes: new TextEncoder().encode(name), respond() {}, done: () => log.push(`done ${name}`) });
  const end = async (name: string) => {
    finish.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lanes, log, faults, take, end };
}

describe("Lanes", () => {
  test("7.3: handle messages of one connection one after the other, those of another meanwhile", async () => {
    const { lanes, log, take, end } = setUp();
    const [one, other] = [connection(), connection()];
    take(one, "a");
    take(one, "b");
    take(other, "x");
    expect(log).toEqual(["begin a", "begin x"]);
    await end("x");
    await end("a");
    expect(log).toEqual(["begin a", "begin x", "done x", "done a", "begin b"]);
    await end("b");
    expect(log.at(-1)).toBe("done b");
    expect(lanes.size).toBe(0);
  });

  test("7.3: never wait where handling is synchronous, and keep nothing of the connection", () => {
    const { lanes, log, take } = setUp(() => {});
    const from = connection();
    take(from, "a");
    take(from, "b");
    expect(log).toEqual(["begin a", "done a", "begin b", "done b"]);
    expect(lanes.size).toBe(0);
  });

  test("7.2: report what is thrown and what is rejected as a fault", async () => {
    const broken = setUp((name) => {
      if (name === "a") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    });
    broken.take(connection(), "a");
    broken.take(connection(), "b");
    await new Promise((resolve) => setImmediate(resolve));
    expect(broken.faults.map((fault) => (fault as Error).message)).toEqual(["thrown", "rejected"]);
  });
});

describe("a node whose cryptography takes its time", () => {
  /** Verdicts are those of the moment of asking, and come `pace.ms` later. */
  function slow(scene: Scene, pace: { ms: number }) {
    const later = <T>(value: T) =>
      new Promise<T>((resolve) => scene.clock.schedule(scene.clock.now() + pace.ms, () => resolve(value)));
    return (crypto: FakeCrypto): MessageCryptoService & SecurityAdvisor => ({
      ...crypto,
      verify: (...of) => later(crypto.verify(...of)),
      verifyByChannel: (...of) => later(crypto.verifyByChannel(...of)),
      verifyBlock: (...of) => later(crypto.verifyBlock(...of)),
      sign: (payload) => later(crypto.sign(payload)),
    });
  }

  async function slowNode() {
    const scene = new Scene();
    const pace = { ms: 1 };
    const met = await meet(scene, { wrap: slow(scene, pace) });
    const faults: unknown[] = [];
    met.node.on("fault", (error) => faults.push(error));
    return { scene, pace, faults, ...met };
  }

  test("lives when an identity runs out while a signature of it is checked, and keeps nothing of its owner", async () => {
    const { scene, pace, faults, node, channel, crypto, say } = await slowNode();
    const author = createFakeCrypto({ org: "org1", name: "author", trust: scene.trust });
    scene.trust.expire(author.identity, Number(scene.clock.nowNanos() / 1_000_000n) + 4_500);
    await say(sealed(alive(crypto, 1n), crypto));
    await say(sealed(alive(author, 1n), author));
    expect(node.members.map(({ pkiId }) => pkiId)).toContain(author.pkiId);
    await scene.run(3_000);
    pace.ms = 6_000;
    await say(sealed(stateInfo({ pkiId: author.pkiId, channelMac: channelMac(author.pkiId, channelName) }), author));
    await scene.run(30_000);
    expect(faults).toEqual([]);
    expect(node.drops.get("gate/unknown-identity")).toBe(1);
    expect(channel.members.map(({ pkiId }) => pkiId)).not.toContain(author.pkiId);
    await scene.close();
  });

  test("pushes a block on once when two copies of it are checked at the same time", async () => {
    const { scene, pace, ledger, to, comm, crypto } = await slowNode();
    const others = ["one", "other"].map((name) => scene.stranger(name));
    const [one, other] = others as [(typeof others)[0], (typeof others)[0]];
    for (const peer of [{ comm, crypto }, one, other]) {
      peer.comm.send(to, sealed(alive(peer.crypto, 1n), peer.crypto));
      await scene.run(100);
      const mac = channelMac(peer.crypto.pkiId, channelName);
      const properties = { ledgerHeight: 0n, leftChannel: false, chaincodes: [] };
      peer.comm.send(to, sealed(stateInfo({ pkiId: peer.crypto.pkiId, channelMac: mac, properties }), peer.crypto));
    }
    await scene.run(1_000);
    pace.ms = 500;
    const data = makeFakeBlock({ channel: channelName, number: 0n, data: [Uint8Array.of(1)] });
    const push = unsigned(dataMessage({ channel: channelName, payload: { blockNumber: 0n, data, privateData: [] } }));
    one.comm.send(to, push);
    other.comm.send(to, push);
    await scene.run(2_000);
    expect(ledger.height).toBe(1n);
    const blocksOf = (heard: readonly { readonly type: string }[]) =>
      heard.filter(({ type }) => type === "data").length;
    expect([blocksOf(one.heard) + blocksOf(other.heard)]).toEqual([1]);
    await scene.close();
  });

  test("7.2: closes in the midst of its checks and signatures without a fault", async () => {
    const { scene, pace, faults, node, crypto, comm, to } = await slowNode();
    pace.ms = 500;
    const info = stateInfo({ pkiId: crypto.pkiId, channelMac: channelMac(crypto.pkiId, channelName) });
    comm.send(to, sealed(alive(crypto, 1n), crypto));
    comm.send(to, sealed(info, crypto));
    await scene.run(100);
    const closed = node.close();
    await scene.run(5_000);
    await closed;
    expect(faults).toEqual([]);
    await scene.close();
  });
});
