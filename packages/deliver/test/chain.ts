import { blockHash, makeBlock, makeGenesisBlock, makeTransaction } from "@gossip/crypto";
import { createTestCrypto, createTestOrganization, testChannelConfig } from "@gossip/crypto/testing";
import { type Block, readBlock } from "@gossip/proto/fabric";
import type { ChainPosition } from "../src/index.js";

const org1 = createTestOrganization("Org1MSP");
const orderers = createTestOrganization("OrdererMSP");
const orderer = orderers.issue("orderer0", { role: "orderer" });

/** The leader's identity and key. */
export const leader = org1.issue("peer0");
const config = testChannelConfig("demo", [org1], [orderers]);
export const genesis = makeGenesisBlock(config);

export const crypto = createTestCrypto(leader, { organizations: [org1] });
crypto.setChannel(config);

/** `count` blocks from number 0 on, each but the first with one transaction, signed by the orderer. */
export function chain(count: number, dataBytes = 10): Uint8Array[] {
  const blocks = [genesis];
  for (let number = 1; number < count; number++) {
    blocks.push(nextBlock(blocks.at(-1) ?? genesis, { dataBytes }));
  }
  return blocks;
}

/** The block after `last`; `signer` is the orderer unless a test wants another. */
export function nextBlock(last: Uint8Array, options: { dataBytes?: number; signer?: typeof orderer } = {}): Uint8Array {
  const { dataBytes = 10, signer = orderer } = options;
  const { header } = decoded(last);
  const number = header.number + 1n;
  const nonce = new Uint8Array(24).fill(Number(number % 256n));
  const data = new Uint8Array(dataBytes).fill(Number(number % 256n));
  return makeBlock({
    number,
    previousHash: blockHash(header),
    data: [makeTransaction({ channelId: "demo", data, nonce, timestampNanos: 1n, ...leader })],
    lastConfigIndex: 0n,
    nonce,
    ...signer,
  });
}

export function decoded(block: Uint8Array): Block {
  const result = readBlock(block);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

/** Where a ledger with these blocks ends. */
export function positionAfter(blocks: readonly Uint8Array[]): ChainPosition {
  const last = blocks.at(-1);
  if (last === undefined) return { next: 0n, lastHash: new Uint8Array(0) };
  const { header } = decoded(last);
  return { next: header.number + 1n, lastHash: blockHash(header) };
}
