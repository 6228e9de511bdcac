import { readFileSync } from "node:fs";
import { blockDataHash, blockHash, type RejectReason } from "@gossip/crypto";
import { type ChannelBundle, createChannelBundle, lastConfigIndex, readConfigBlock, verifyBlock } from "@gossip/fabric";
import {
  type Block,
  encodeMetadata,
  encodeSignedEnvelope,
  type Metadata,
  type MetadataSignature,
  readBlock,
  readMetadata,
  readPayload,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { curveOrders, encodeEcdsaSignature, readEcdsaSignature } from "../src/signature/ecdsa.js";

// Recorded from a throw-away network of Fabric v3.1.5; the README beside them tells how.
const numbers = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const blocks = numbers.map((number) => {
  const url = new URL(`../../proto/test/fixtures/blocks/${number}.block`, import.meta.url);
  const block = readBlock(new Uint8Array(readFileSync(url)));
  if (!block.ok) throw new Error(block.detail);
  return block.value;
});
const [genesis = fail("block 0"), one = fail("block 1"), two = fail("block 2")] = blocks;
const bundle = genesisBundle();

describe("The recorded channel", () => {
  test("is what its network was configured as", () => {
    expect(bundle).toMatchObject({
      channelId: "mychannel",
      sequence: 0n,
      consensusType: "etcdraft",
      organizations: [
        { mspId: "Org1MSP", anchors: ["127.0.0.1:17151"] },
        { mspId: "Org2MSP", anchors: ["127.0.0.1:17251"] },
      ],
      orderers: [{ address: "127.0.0.1:17050", org: "OrdererMSP" }],
    });
  });

  test.each(numbers.slice(1))("has a block %i that verifies with the keys in block 0", (number) => {
    const [before, block] = [blocks[number - 1] ?? fail("a block"), blocks[number] ?? fail("a block")];
    const previousHash = blockHash(before.header);
    expect(verifyBlock(bundle, BigInt(number), block, { previousHash })).toEqual({ ok: true });
    expect(lastConfigIndex(block)).toBe(0n);
  });

  test("13.9, 13.61: has a block 0 that nobody signed, so it is refused from whoever sends it", () => {
    expect(verifyBlock(bundle, 0n, genesis)).toMatchObject({ ok: false, reason: "bad-block-signature" });
  });
});

type Corruption = readonly [name: string, corrupt: (block: Block) => Block, reason: RejectReason, detail?: RegExp];

/** What a block is changed to, and why it must be refused then. */
const corruptions: readonly Corruption[] = [
  ["a bit of a signature flipped", resigned((bytes) => flipped(bytes, bytes.length - 1)), "bad-block-signature"],
  ["a high S", resigned(highS), "bad-block-signature", /high S/],
  ["no signature", withSignatures(() => []), "bad-block-signature", /got none/],
  ["an empty signature", resigned(() => new Uint8Array(0)), "bad-block-signature"],
  ["another creator's name over the signature", signedBy(endorser()), "bad-block-signature", /bad-signature/],
  [
    "a nonce that was not signed",
    withSignatures((all) =>
      all.map(({ signatureHeader, ...rest }) => ({
        ...rest,
        signatureHeader: flipped(signatureHeader, signatureHeader.length - 1),
      })),
    ),
    "bad-block-signature",
  ],
  [
    "a signature header that does not decode",
    withSignatures((all) => all.map((one) => ({ ...one, signatureHeader: new Uint8Array([0xff]) }))),
    "bad-block-signature",
    /signature header/,
  ],
  [
    "a consenter's number, which only V3_0 has",
    withSignatures((all) =>
      all.map((one) => ({
        ...one,
        signatureHeader: new Uint8Array(0),
        identifierHeader: new Uint8Array([0x08, 0x01]),
      })),
    ),
    "bad-block-signature",
  ],
  [
    "65 signatures",
    withSignatures((all) => all.flatMap((one) => new Array<MetadataSignature>(65).fill(one))),
    "bad-block-signature",
    /at most 64/,
  ],
  [
    "another signed value",
    withMetadata((metadata) => ({ ...metadata, value: new Uint8Array([0x0a, 0x02, 0x08, 0x01]) })),
    "bad-block-signature",
  ],
  [
    "the metadata of the block before",
    (block) => ({ ...block, metadata: block === one ? two.metadata : one.metadata }),
    "bad-block-signature",
  ],
  [
    "metadata slot 0 that does not decode",
    (block) => ({ ...block, metadata: [new Uint8Array([0xff]), ...block.metadata.slice(1)] }),
    "malformed-block",
    /metadata slot 0/,
  ],
  ["no metadata", (block) => ({ ...block, metadata: [] }), "malformed-block", /metadata/],
  ["another previous hash", withHeader({ previousHash: new Uint8Array(32) }), "bad-block-signature"],
  ["another data hash", withHeader({ dataHash: new Uint8Array(32) }), "bad-data-hash"],
  [
    "another number",
    (block) => ({ ...block, header: { ...block.header, number: block.header.number + 1n } }),
    "wrong-block-number",
  ],
  ["no transactions", (block) => ({ ...block, data: [] }), "malformed-block"],
  ["a transaction twice", (block) => ({ ...block, data: [...block.data, ...block.data] }), "bad-data-hash"],
  ["a transaction of which one bit flipped", withData((bytes) => flipped(bytes, bytes.length - 1)), "bad-data-hash"],
  [
    "transactions of the same hash cut elsewhere",
    cutElsewhere,
    "malformed-block",
    /one encoding, got another at index 0/,
  ],
  [
    "a transaction with an empty one behind it",
    (block) => ({ ...block, data: [...block.data, new Uint8Array(0)] }),
    "malformed-block",
    /index 1/,
  ],
  [
    "a field that nobody knows behind a transaction",
    withData((bytes) => joined(bytes, [0x1a, 0x01, 0x00])),
    "malformed-block",
  ],
  ["a length with a zero byte too many", withData(longLength), "malformed-block"],
  ["a transaction whose parts are swapped", withData(swappedParts), "malformed-block"],
  [
    "a transaction without its signature",
    withData((bytes) => encodeSignedEnvelope({ ...envelopeOf(bytes), signature: new Uint8Array(0) })),
    "malformed-block",
  ],
  ["a transaction that does not decode", withData(() => new Uint8Array([0xff])), "malformed-block"],
];

describe.each(numbers.slice(1))("Recorded block %i", (number) => {
  const block = blocks[number] ?? fail("a block");

  const cases = corruptions.map(([name, corrupt, reason, detail = /expected/]) => ({ name, corrupt, reason, detail }));

  test.each(cases)("13.56: is refused with $name", ({ corrupt, reason, detail }) => {
    const verdict = verifyBlock(bundle, block.header.number, corrupt(block));
    expect(verdict).toMatchObject({ ok: false, reason, detail: expect.stringMatching(detail) });
  });

  test("is refused under another number, in another channel, and after another block", () => {
    expect(verifyBlock(bundle, block.header.number + 1n, block)).toMatchObject({ reason: "wrong-block-number" });
    const other = otherChannel();
    expect(verifyBlock(other, block.header.number, block)).toMatchObject({ reason: "wrong-channel" });
    const previousHash = blockHash({ ...block.header, number: 99n });
    expect(verifyBlock(bundle, block.header.number, block, { previousHash })).toMatchObject({
      reason: "malformed-block",
      detail: expect.stringContaining("previous hash"),
    });
  });

  test("13.6: verifies with the metadata that a peer adds, and with what Go reads of a signature", () => {
    const filter = [block.metadata[0], block.metadata[1], new Uint8Array([0]), undefined, new Uint8Array([1, 2])];
    const served = { ...block, metadata: filter.map((slot) => slot ?? new Uint8Array(0)) };
    expect(verifyBlock(bundle, block.header.number, served)).toEqual({ ok: true });
    const trailing = resigned((bytes) => joined(bytes, [0xde, 0xad]))(block);
    expect(verifyBlock(bundle, block.header.number, trailing)).toEqual({ ok: true });
  });

  test("verifies with a second signature that is bad, since one is enough", () => {
    const more = withSignatures((all) => [...all.map((one) => ({ ...one, signature: new Uint8Array(3) })), ...all]);
    expect(verifyBlock(bundle, block.header.number, more(block))).toEqual({ ok: true });
  });
});

test("A cut that keeps the data hash keeps it indeed, so only the form tells the two apart", () => {
  expect(blockDataHash(cutElsewhere(one).data)).toEqual(one.header.dataHash);
});

function genesisBundle(): ChannelBundle {
  const config = readConfigBlock(genesis);
  if (!config.ok) throw new Error(config.detail);
  return createChannelBundle(config.value.channelId, config.value.envelope.config);
}

function otherChannel(): ChannelBundle {
  const config = readConfigBlock(genesis);
  if (!config.ok) throw new Error(config.detail);
  return createChannelBundle("otherchannel", config.value.envelope.config);
}

function withHeader(change: Partial<Block["header"]>) {
  return (block: Block): Block => ({ ...block, header: { ...block.header, ...change } });
}

function withData(change: (bytes: Uint8Array) => Uint8Array) {
  return (block: Block): Block => ({ ...block, data: block.data.map(change) });
}

function withMetadata(change: (metadata: Metadata) => Metadata) {
  return (block: Block): Block => {
    const [slot = fail("slot 0"), ...rest] = block.metadata;
    const metadata = readMetadata(slot);
    if (!metadata.ok) throw new Error(metadata.detail);
    return { ...block, metadata: [encodeMetadata(change(metadata.value)), ...rest] };
  };
}

function withSignatures(change: (all: readonly MetadataSignature[]) => readonly MetadataSignature[]) {
  return withMetadata((metadata) => ({ ...metadata, signatures: change(metadata.signatures) }));
}

function resigned(change: (signature: Uint8Array) => Uint8Array) {
  return withSignatures((all) => all.map((one) => ({ ...one, signature: change(one.signature) })));
}

/** The creator replaced by that of an endorsed transaction: valid, but no orderer, and not who signed. */
function signedBy(signatureHeader: Uint8Array) {
  return withSignatures((all) => all.map((one) => ({ ...one, signatureHeader })));
}

/** The header under which the client of block 1 signed its transaction. */
function endorser(): Uint8Array {
  const payload = readPayload(envelopeOf(one.data[0] ?? fail("a transaction")).payload);
  if (!payload.ok) throw new Error(payload.detail);
  return payload.value.signatureHeaderBytes;
}

/** The same signature with the other of the two S that fit (protocol page 13 §1.5). */
function highS(signature: Uint8Array): Uint8Array {
  const { r, s } = readEcdsaSignature(signature) ?? fail("an ECDSA signature");
  return encodeEcdsaSignature({ r, s: curveOrders["P-256"].order - s });
}

/** The class of CVE-2023-46132: other transactions with the same concatenation. */
function cutElsewhere(block: Block): Block {
  const [transaction = fail("a transaction")] = block.data;
  const { payload } = envelopeOf(transaction);
  const end = encodeSignedEnvelope({ payload, signature: new Uint8Array(0) }).length;
  return { ...block, data: [transaction.subarray(0, end), transaction.subarray(end)] };
}

/** The payload's length in one byte more than it needs. */
function longLength(bytes: Uint8Array): Uint8Array {
  const end = bytes.findIndex((byte, index) => index > 0 && byte < 0x80);
  const last = bytes[end] ?? fail("a length");
  return joined(bytes.subarray(0, end), [last | 0x80, 0x00], bytes.subarray(end + 1));
}

/** The signature before the payload: the same message to a lenient reader. */
function swappedParts(bytes: Uint8Array): Uint8Array {
  const { payload, signature } = envelopeOf(bytes);
  const none = new Uint8Array(0);
  return joined(encodeSignedEnvelope({ payload: none, signature }), encodeSignedEnvelope({ payload, signature: none }));
}

function envelopeOf(bytes: Uint8Array): { readonly payload: Uint8Array; readonly signature: Uint8Array } {
  const envelope = readSignedEnvelope(bytes);
  if (!envelope.ok) throw new Error(envelope.detail);
  return envelope.value;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function fail(what: string): never {
  throw new Error(`expected ${what} in the fixtures`);
}
