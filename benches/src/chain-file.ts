/** A chain in one file, one block after the other, and their lengths in another one, so that peers read it without keeping it. */

import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { blockHash } from "@gossip/crypto";
import { makeBlock, makeGenesisBlock, type makeOrganization, makeTransaction } from "@gossip/fabric/testing";
import { readBlock } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import { checkNextBlock, type Ledger } from "@gossip/state";

type Config = Parameters<typeof makeGenesisBlock>[1];
type Member = ReturnType<ReturnType<typeof makeOrganization>["issue"]>;

/** Writes a chain of so many blocks of one transaction each, signed by this orderer. */
export function writeChain(
  path: string,
  options: { channelId: string; config: Config; orderer: Member; client: Member; blocks: number; blockBytes: number },
): void {
  const { channelId, config, orderer, client, blocks, blockBytes } = options;
  const file = openSync(path, "w");
  const genesis = makeGenesisBlock(channelId, config);
  const filler = new Uint8Array(blockBytes);
  const lengths = new Uint32Array(blocks);
  let previousHash: Uint8Array = new Uint8Array();
  for (let number = 0n; number < BigInt(blocks); number++) {
    const data = [makeTransaction({ channelId, creator: client, txId: `tx ${number}`, data: filler })];
    const bytes = number === 0n ? genesis : makeBlock({ number, previousHash, data, signers: [{ member: orderer }] });
    lengths[Number(number)] = bytes.length;
    writeSync(file, bytes);
    previousHash = hashOf(bytes);
  }
  closeSync(file);
  writeFileSync(lengthsOf(path), lengths);
}

function lengthsOf(path: string): string {
  return `${path}.lengths`;
}

/** A ledger that has the whole chain of a file. */
export function chainLedger(path: string): Ledger {
  const offsets = offsetsOf(path);
  const file = openSync(path, "r");
  const read = (number: bigint): Uint8Array | undefined => {
    const place = offsets[Number(number)];
    if (place === undefined) return undefined;
    const bytes = new Uint8Array(place.length);
    readSync(file, bytes, 0, place.length, place.at);
    return bytes;
  };
  const height = BigInt(offsets.length);
  const last = read(height - 1n) as Uint8Array;
  return {
    height,
    lastHash: hashOf(last),
    read,
    commit: () => {
      throw new GossipError("storage", "expected nothing to be committed, as the whole chain is here");
    },
    close: () => closeSync(file),
  };
}

/** A ledger that checks blocks as any other, and has none but the first to show. */
export function forgetfulLedger(genesis: Uint8Array): Ledger {
  const tip = { height: 1n, lastHash: hashOf(genesis) };
  return {
    get height() {
      return tip.height;
    },
    get lastHash() {
      return tip.lastHash;
    },
    read: (number) => (number === 0n ? genesis : undefined),
    commit(number, bytes) {
      tip.lastHash = checkNextBlock(tip, number, bytes).hash;
      tip.height = number + 1n;
    },
    close: () => {},
  };
}

function offsetsOf(path: string): readonly { readonly at: number; readonly length: number }[] {
  const bytes = readFileSync(lengthsOf(path));
  const lengths = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  let at = 0;
  return [...lengths].map((length) => {
    at += length;
    return { at: at - length, length };
  });
}

function hashOf(bytes: Uint8Array): Uint8Array {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(block.detail);
  return blockHash(block.value.header);
}
