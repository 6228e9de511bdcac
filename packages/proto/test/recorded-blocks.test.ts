import { createHash } from "node:crypto";
import type { Decoded } from "@gossip/proto";
import {
  type Block,
  blockDataBytes,
  blockHeaderBytes,
  encodeBlock,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  encodePayload,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  isCanonicalTransaction,
  readBlock,
  readMetadata,
  readOrdererBlockMetadata,
  readPayload,
  readSerializedIdentity,
  readSignatureHeader,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { blockFile, blockNumbers, toHex } from "./fixtures.js";

describe.each(blockNumbers)("recorded block %i", (number) => {
  const bytes = blockFile(number);
  const block = valueIn(readBlock(bytes));

  test("has its number and encodes again to the same bytes", () => {
    expect(block.header.number).toBe(BigInt(number));
    expect(toHex(encodeBlock(block))).toBe(toHex(bytes));
  });

  test("13.3, 13.5: has the SHA-256 of its data bytes as data hash", () => {
    expect(toHex(block.header.dataHash)).toBe(sha256(blockDataBytes(block.data)));
  });

  test("13.2, 13.5: has the SHA-256 of the header bytes before it as previous hash", () => {
    const before = number === 0 ? undefined : valueIn(readBlock(blockFile(number - 1)));
    const expected = before === undefined ? "" : sha256(blockHeaderBytes(before.header));
    expect(toHex(block.header.previousHash)).toBe(expected);
  });

  test("has transactions whose envelopes, payloads and headers encode again to the same bytes", () => {
    expect(block.data).toHaveLength(1);
    for (const transaction of block.data) {
      const envelope = valueIn(readSignedEnvelope(transaction));
      expect(toHex(encodeSignedEnvelope(envelope))).toBe(toHex(transaction));
      const payload = valueIn(readPayload(envelope.payload));
      expect(payload.channelHeader.channelId).toBe("mychannel");
      expect(payload.channelHeader.timestampNanos).toBeGreaterThan(1_700_000_000_000_000_000n);
      expect(toHex(encodePayload(payload))).toBe(toHex(envelope.payload));
    }
  });

  test("13.4: is canonical in its transactions, unless it is the unsigned genesis block", () => {
    for (const transaction of block.data) expect(isCanonicalTransaction(transaction)).toBe(number > 0);
  });

  test("has five metadata slots, and in the first what the orderer signed", () => {
    expect(block.metadata).toHaveLength(5);
    const signatures = valueIn(readMetadata(slot(block, 0)));
    expect(toHex(encodeMetadata(signatures))).toBe(toHex(slot(block, 0)));
    expect(signatures.signatures).toHaveLength(number === 0 ? 0 : 1);
    for (const { signatureHeader, identifierHeader, signature } of signatures.signatures) {
      const header = valueIn(readSignatureHeader(signatureHeader));
      expect(toHex(encodeSignatureHeader(header))).toBe(toHex(signatureHeader));
      expect(valueIn(readSerializedIdentity(header.creator)).mspId).toBe("OrdererMSP");
      expect(header.nonce).toHaveLength(24);
      expect(signature.length).toBeGreaterThan(60);
      expect(identifierHeader).toHaveLength(0);
    }
    const metadata = valueIn(readOrdererBlockMetadata(signatures.value));
    expect(metadata.lastConfigIndex).toBeLessThanOrEqual(BigInt(number));
    expect(toHex(encodeOrdererBlockMetadata(metadata))).toBe(toHex(signatures.value));
  });
});

test("the genesis block has the first metadata slot that page 13 §10 names", () => {
  expect(toHex(slot(valueIn(readBlock(blockFile(0))), 0))).toBe("0a020a00");
});

test("13.7, 13.8: config blocks carry a config transaction and later blocks what endorsers signed", () => {
  const types = blockNumbers.map((number) => {
    const [transaction] = valueIn(readBlock(blockFile(number))).data;
    const envelope = valueIn(readSignedEnvelope(transaction ?? new Uint8Array(0)));
    return valueIn(readPayload(envelope.payload)).channelHeader.type;
  });
  expect(types.slice(0, 1)).toEqual(["config"]);
  expect(types.slice(1)).toEqual(types.slice(1).map(() => "endorser-transaction"));
});

function valueIn<T>(result: Decoded<T>): T {
  if (result.ok) return result.value;
  throw new Error(`${result.reason}: ${result.detail}`);
}

function slot(block: Block, index: number): Uint8Array {
  return block.metadata[index] ?? new Uint8Array(0);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
