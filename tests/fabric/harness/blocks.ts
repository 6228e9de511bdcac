import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLedger } from "@gossip/ledger";
import { type Block, blockHeaderBytes, readBlock } from "@gossip/proto/fabric";
import { expect } from "vitest";
import type { FabricNetwork } from "./network.js";
import type { FabricPeer } from "./peer.js";

/** Tools that run side by side; each loads a whole Fabric program. */
const width = 4;

/** What two honest sources of a block must agree on: peers fill in metadata slots 2 and 4 (protocol page 13 §4.1). */
interface Essence {
  readonly headerHash: string;
  readonly data: readonly string[];
  /** The orderer's signatures and the number of the last config block. */
  readonly metadata: readonly string[];
}

function essenceOf(bytes: Uint8Array): Essence {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(`expected a block, got bytes that are none: ${block.detail}`);
  const { header, data, metadata } = block.value;
  return {
    headerHash: createHash("sha256").update(blockHeaderBytes(header)).digest("hex"),
    data: data.map(hex),
    metadata: [0, 1].map((slot) => hex(metadata[slot] ?? new Uint8Array())),
  };
}

export function blockOf(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(`expected a block, got bytes that are none: ${block.detail}`);
  return block.value;
}

/** All blocks below `height` as an orderer serves them. */
export function ordererBlocks(
  network: FabricNetwork,
  height: number,
  orderer = network.orderer,
): Promise<readonly Essence[]> {
  return inTurn(height, async (blockNumber) => essenceOf(await network.fetchBlock(String(blockNumber), orderer)));
}

/**
 * Expects every block below `height` in a peer's ledger to be one that an orderer serves. BFT orderers may each keep
 * another quorum of signatures for the same block, so there any of theirs will do.
 */
export async function expectOrderedBlocks(network: FabricNetwork, peer: FabricPeer, height: number): Promise<void> {
  const served: (readonly Essence[])[] = [];
  for (const orderer of network.orderers) served.push(await ordererBlocks(network, height, orderer));
  const held = await peerBlocks(network, peer, height);
  expect(held.length, `height of ${peer.name}`).toBe(height);
  for (const [index, essence] of held.entries()) {
    expect(
      served.map((blocks) => blocks[index]),
      `block ${index} of ${peer.name}`,
    ).toContainEqual(essence);
  }
}

/** All blocks in a peer's ledger. It is stopped for it: of our node, what counts is what lies on its disk. */
export async function peerBlocks(
  network: FabricNetwork,
  peer: FabricPeer,
  height: number,
): Promise<readonly Essence[]> {
  if (peer.seat === "go") {
    const all = await inTurn(height, async (blockNumber) => {
      const file = join(network.dir, `${peer.name}-${blockNumber}.block`);
      await peer.cli(["channel", "fetch", String(blockNumber), file, "-c", network.channel]);
      return essenceOf(await readFile(file));
    });
    await peer.stop();
    return all;
  }
  await peer.stop();
  const ledger = await createLedger({ dir: join(peer.data, "ledgers"), channel: network.channel });
  try {
    const all: Essence[] = [];
    for await (const { bytes } of ledger.blocks()) all.push(essenceOf(bytes));
    return all;
  } finally {
    await ledger.close();
  }
}

async function inTurn<T>(count: number, make: (index: number) => Promise<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for (let start = 0; start < count; start += width) {
    const indexes = Array.from({ length: Math.min(width, count - start) }, (_, offset) => start + offset);
    all.push(...(await Promise.all(indexes.map(make))));
  }
  return all;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
