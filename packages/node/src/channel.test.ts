import { GossipError } from "@gossip/runtime";
import { createMemoryLedger, makeChain } from "@gossip/state/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Scene } from "../test/support/scene.js";
import type { Channel } from "./api.js";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Lets virtual time pass, and everything settle that waits for a promise and not for time. */
async function elapse(ms: number): Promise<void> {
  for (let part = 0; part < 4; part++) {
    await new Promise((resolve) => setImmediate(resolve));
    await scene.run(ms / 4);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** A ledger whose commits wait, and fail, as the test says. */
function heldLedger() {
  const ledger = createMemoryLedger();
  const commit = ledger.commit.bind(ledger);
  const held: (() => void)[] = [];
  const control = { isHolding: false, failure: undefined as Error | undefined };
  ledger.commit = async (number, bytes) => {
    if (control.isHolding) await new Promise<void>((resolve) => held.push(resolve));
    if (control.failure !== undefined) throw control.failure;
    await commit(number, bytes);
  };
  const release = () => {
    control.isHolding = false;
    for (const resume of held.splice(0)) resume();
  };
  return { ledger, control, release };
}

async function leader(blockBufferSize = 20) {
  const held = heldLedger();
  const { node, channel } = await scene.node("leader", {
    leader: true,
    ledger: held.ledger,
    config: { state: { blockBufferSize } },
  });
  return { node, channel, ...held };
}

/** Publishes all of them as an orderer's stream would; `published` tells how far it is. */
function feed(channel: Channel, blocks: readonly Uint8Array[]) {
  const state = { published: 0, error: undefined as unknown };
  const next = async () => {
    for (const [number, bytes] of blocks.entries()) {
      await channel.publish(BigInt(number), bytes);
      state.published++;
    }
  };
  next().catch((error: unknown) => {
    state.error = error;
  });
  return state;
}

/** Reads until the end; `numbers` tells what came, `ended` whether it is over. */
function follow(channel: Channel, options?: Parameters<Channel["blocks"]>[0]) {
  const seen = { numbers: [] as bigint[], ended: false };
  const read = async () => {
    for await (const { number } of channel.blocks(options)) seen.numbers.push(number);
    seen.ended = true;
  };
  void read();
  return seen;
}

describe("publishing", () => {
  test("9.3, 10.7: waits while the buffer is full, and goes on when a commit has made room", async () => {
    const { channel, control, release } = await leader(2);
    control.isHolding = true;
    const state = feed(channel, makeChain(10));
    await elapse(1_000);
    // The fourth fills the buffer: its promise waits for room for the fifth.
    expect([state.published, channel.buffered.blocks, channel.height]).toEqual([3, 4, 0n]);
    release();
    await elapse(1_000);
    expect([state.published, channel.buffered.blocks, channel.height]).toEqual([10, 0, 10n]);
  });

  test("ends with the channel, even while it waits for room", async () => {
    const { node, channel, control } = await leader(1);
    control.isHolding = true;
    const state = feed(channel, makeChain(10));
    await elapse(100);
    expect(state.published).toBeLessThan(10);
    await Promise.all([node.close(), elapse(1_000)]);
    expect(state.error).toMatchObject({ code: "closed" });
    await expect(channel.publish(0n, new Uint8Array(1))).rejects.toMatchObject({ code: "closed" });
  });

  test("of one block twice commits it once", async () => {
    const { channel } = await leader();
    const [genesis = new Uint8Array(0)] = makeChain(1);
    await channel.publish(0n, genesis);
    await channel.publish(0n, genesis);
    await elapse(100);
    expect(channel.height).toBe(1n);
  });
});

describe("reading blocks", () => {
  test("gives the committed ones from where it is told, and then each as it comes, in order", async () => {
    const { channel } = await leader();
    const blocks = makeChain(5);
    feed(channel, blocks.slice(0, 3));
    await elapse(100);
    const [all, fromSecond, fresh] = [follow(channel, { from: 0n }), follow(channel, { from: 1n }), follow(channel)];
    await elapse(100);
    expect([all.numbers, fromSecond.numbers, fresh.numbers]).toEqual([[0n, 1n, 2n], [1n, 2n], []]);
    await channel.publish(3n, blocks[3] as Uint8Array);
    await elapse(100);
    expect([all.numbers.at(-1), fromSecond.numbers.at(-1), fresh.numbers]).toEqual([3n, 3n, [3n]]);
    expect(await channel.block(3n)).toEqual(blocks[3]);
  });

  test("ends when its signal aborts, at once or before it began, and lets go of the signal", async () => {
    const { channel } = await leader();
    const abort = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = abort;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (type: string, listener: () => void) => {
      listeners.add(listener);
      add(type, listener);
    };
    signal.removeEventListener = (type: string, listener: () => void) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    const [aborted, other] = [follow(channel, { signal }), follow(channel)];
    await elapse(100);
    expect(listeners.size).toBe(1);
    abort.abort();
    await elapse(100);
    expect([aborted.ended, other.ended, listeners.size]).toEqual([true, false, 0]);
    const late = follow(channel, { signal });
    await elapse(100);
    expect(late.ended).toBe(true);
    feed(channel, makeChain(1));
    await elapse(100);
    expect([aborted.numbers, other.numbers]).toEqual([[], [0n]]);
  });

  test("ends when the channel closes", async () => {
    const { node, channel } = await leader();
    const seen = follow(channel);
    await elapse(100);
    await Promise.all([node.close(), elapse(1_000)]);
    expect(seen.ended).toBe(true);
  });
});

describe("health", () => {
  test("tells why commits stopped, and that they work again, and no block is lost", async () => {
    const { channel, control } = await leader();
    expect([channel.health, channel.lastBlock]).toEqual([{ ok: true }, undefined]);
    control.failure = new GossipError("storage", "no space left on device");
    const blocks = makeChain(3);
    feed(channel, blocks);
    await elapse(1_000);
    expect(channel.health).toEqual({ ok: false, detail: "block 0 cannot be committed: no space left on device" });
    expect(channel.buffered.blocks).toBe(3);
    control.failure = undefined;
    await elapse(20_000);
    expect([channel.health, channel.height]).toEqual([{ ok: true }, 3n]);
    expect(channel.lastBlock?.number).toBe(2n);
  });
});
