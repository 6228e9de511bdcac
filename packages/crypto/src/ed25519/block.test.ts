import { type ChannelConfig, encodeChannelConfig } from "@gossip/proto/ed25519";
import {
  type Block,
  blockHeaderBytes,
  encodeBlock,
  encodeMetadata,
  encodeSignatureHeader,
  encodeSignedEnvelope,
  type Metadata,
  readBlock,
  readMetadata,
  readOrdererBlockMetadata,
  readPayload,
  readSignedEnvelope,
} from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import { blockDataHash } from "../hash.js";
import {
  createTestCrypto,
  createTestOrganization,
  type TestMember,
  testChannelConfig,
} from "../testing/organizations.js";
import {
  makeBlock,
  makeGenesisBlock,
  makeTransaction,
  readGenesisBlock,
  signedBlockBytes,
  transactionData,
} from "./block.js";

const org1 = createTestOrganization("Org1MSP");
const org2 = createTestOrganization("Org2MSP");
const ordererOrg = createTestOrganization("OrdererMSP");
const orderer = ordererOrg.issue("orderer0", { role: "orderer" });
const client = org1.issue("user", { role: "client" });
const config = testChannelConfig("demo", [org1, org2], [ordererOrg]);
const none = new Uint8Array(0);
const nonce = new Uint8Array(24).fill(9);
const previousHash = new Uint8Array(32).fill(1);
const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const concat = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

const crypto = createTestCrypto(org1.issue("peer0"), { organizations: [org1] });
crypto.setChannel(config);

function transaction(text: string, channelId = "demo"): Uint8Array {
  return makeTransaction({ channelId, data: utf8(text), nonce, timestampNanos: 1_700_000_000_123_456_789n, ...client });
}

function decode(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(block.detail);
  return block.value;
}

function slot0(block: Block): Metadata {
  const metadata = readMetadata(block.metadata[0] ?? none);
  if (!metadata.ok) throw new Error(metadata.detail);
  return metadata.value;
}

function block(
  changes: { readonly signer?: TestMember; readonly data?: readonly Uint8Array[]; readonly number?: bigint } = {},
): Block {
  const { signer = orderer, data = [transaction("one"), transaction("two")], number = 4n } = changes;
  return decode(makeBlock({ number, previousHash, data, lastConfigIndex: 0n, nonce, ...signer }));
}

/** The block with its signatures replaced. */
function resigned(of: Block, signatures: Metadata["signatures"]): Block {
  return { ...of, metadata: [encodeMetadata({ ...slot0(of), signatures }), ...of.metadata.slice(1)] };
}

function signature(of: Block, signer: TestMember) {
  const signatureHeader = encodeSignatureHeader({ creator: signer.identity, nonce });
  const signed = signedBlockBytes(slot0(of).value, signatureHeader, blockHeaderBytes(of.header));
  return { signatureHeader, signature: signer.sign(signed), identifierHeader: none };
}

describe("makeGenesisBlock", () => {
  const genesis = decode(makeGenesisBlock(config));

  it("13.14: makes a block 0 of the form of page 13 §4.2, always the same", () => {
    expect(genesis.header).toEqual({ number: 0n, previousHash: none, dataHash: blockDataHash(genesis.data) });
    expect(genesis.data).toHaveLength(1);
    expect(genesis.metadata.map(hex)).toEqual(["0a020a00", "", "", "", ""]);
    expect(makeGenesisBlock(config)).toEqual(makeGenesisBlock(config));
  });

  it("holds the configuration that readGenesisBlock gives back", () => {
    const full: ChannelConfig = {
      ...config,
      sequence: 3n,
      organizations: [{ id: "Org1MSP", rootPublicKey: org1.rootPublicKey, anchors: ["peer0:7051", "peer1:7051"] }],
    };
    expect(readGenesisBlock(makeGenesisBlock(full))).toEqual(full);
  });

  it("13.9, 13.16: satisfies no verification, as nobody signed it", () => {
    expect(crypto.verifyBlock("demo", 0n, genesis)).toMatchObject({ reason: "bad-block-signature" });
  });
});

describe("13.15: readGenesisBlock", () => {
  const good = decode(makeGenesisBlock(config));
  const entry = (configured: ChannelConfig, name: string) => {
    const other = decode(makeGenesisBlock({ ...configured, channelId: name })).data[0] ?? none;
    return other;
  };
  /** A genesis block around other data, with the data hash that belongs to it. */
  const around = (...data: readonly Uint8Array[]) =>
    encodeBlock({ ...good, data, header: { ...good.header, dataHash: blockDataHash(data) } });

  it("accepts, as a control, the block around its own data", () => {
    expect(readGenesisBlock(around(...good.data))).toEqual(config);
  });

  const table: readonly [string, Uint8Array, string][] = [
    ["bytes that are no block", new Uint8Array([0xff, 0xff]), "expected a genesis block, got bytes that are no block"],
    [
      "another number",
      encodeBlock({ ...good, header: { ...good.header, number: 1n } }),
      "expected block 0 in a genesis block, got block 1",
    ],
    [
      "another data hash",
      encodeBlock({ ...good, header: { ...good.header, dataHash: previousHash } }),
      "expected the hash of the data",
    ],
    ["no transaction", around(), "one CONFIG transaction"],
    ["two transactions", around(entry(config, "demo"), entry(config, "demo")), "one CONFIG transaction"],
    ["a transaction that configures nothing", around(transaction("one")), "one CONFIG transaction"],
  ];
  for (const [what, bytes, text] of table) {
    it(`refuses ${what}`, () => {
      const malformed = expect.objectContaining({ code: "malformed", message: expect.stringContaining(text) });
      expect(() => readGenesisBlock(bytes)).toThrow(malformed);
    });
  }

  it("refuses the configuration of another channel than its header names", () => {
    const bytes = Buffer.from(makeGenesisBlock(config));
    const inner = Buffer.from(encodeChannelConfig(config));
    const at = bytes.indexOf(inner);
    const name = inner.indexOf("demo");
    expect(at).toBeGreaterThan(0);
    bytes.write("damo", at + name, "latin1");
    const renamed = decode(bytes);
    expect(() => readGenesisBlock(around(...renamed.data))).toThrow("expected the configuration of channel demo");
  });
});

describe("13.20: makeTransaction", () => {
  it("signs exactly the payload, with the author's identity, nonce and transaction id in it", () => {
    const envelope = readSignedEnvelope(transaction("one"));
    if (!envelope.ok) throw new Error(envelope.detail);
    const payload = readPayload(envelope.value.payload);
    if (!payload.ok) throw new Error(payload.detail);
    const { channelHeader, signatureHeader, data } = payload.value;
    expect(signatureHeader).toEqual({ creator: client.identity, nonce });
    expect(channelHeader).toMatchObject({
      type: "message",
      channelId: "demo",
      timestampNanos: 1_700_000_000_123_456_789n,
    });
    expect(channelHeader.txId).toMatch(/^[0-9a-f]{64}$/);
    expect(data).toEqual(utf8("one"));
    const by = crypto.verifyByChannel("demo", client.identity, envelope.value.signature, envelope.value.payload);
    expect(by).toEqual({ ok: true });
  });

  it("keeps any bytes, none included", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    for (const data of [all, none]) {
      const made = makeTransaction({ channelId: "demo", data, nonce, timestampNanos: 0n, ...client });
      expect(transactionData(made)).toEqual(data);
    }
  });
});

describe("transactionData", () => {
  it("gives nothing for garbage, for no bytes and for a configuration", () => {
    expect(transactionData(new Uint8Array([0xff]))).toBeUndefined();
    expect(transactionData(none)).toBeUndefined();
    expect(transactionData(decode(makeGenesisBlock(config)).data[0] ?? none)).toBeUndefined();
  });
});

describe("makeBlock", () => {
  it("fills the five slots of page 13 §4.1, with the index of the last configuration in the first two", () => {
    const made = decode(
      makeBlock({ number: 7n, previousHash, data: [transaction("one")], lastConfigIndex: 1n, nonce, ...orderer }),
    );
    expect(made.header).toEqual({ number: 7n, previousHash, dataHash: blockDataHash(made.data) });
    expect(made.metadata.map(({ length }) => length > 0)).toEqual([true, true, false, false, false]);
    expect(readOrdererBlockMetadata(slot0(made).value)).toMatchObject({ ok: true, value: { lastConfigIndex: 1n } });
    expect(hex(made.metadata[1] ?? none)).toBe("0a020801");
  });

  it("makes blocks that verify", () => {
    for (const number of [1n, 127n, 128n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect(crypto.verifyBlock("demo", number, block({ number }))).toEqual({ ok: true });
    }
  });
});

describe("02/10.3e, 2.5, 13.10, 13.11: verifyBlock", () => {
  const good = block();
  const [one = none, two = none] = good.data;
  const by = (signer: TestMember) => resigned(good, [signature(good, signer)]);
  const withHash = (data: readonly Uint8Array[]) => block({ data });

  it("accepts the blocks that the corrupted ones below are made from", () => {
    expect(crypto.verifyBlock("demo", 4n, good)).toEqual({ ok: true });
    expect(crypto.verifyBlock("demo", 4n, by(orderer))).toEqual({ ok: true });
    expect(crypto.verifyBlock("demo", 4n, withHash([one, two]))).toEqual({ ok: true });
  });

  it("2.20: accepts a block with one good signature among others", () => {
    const others = [signature(good, client), signature(good, orderer)];
    expect(crypto.verifyBlock("demo", 4n, resigned(good, others))).toEqual({ ok: true });
  });

  it("13.6: accepts the metadata that a peer fills in, for nobody signs it", () => {
    const metadata = [...good.metadata.slice(0, 2), new Uint8Array([0, 0]), none, new Uint8Array([1])];
    expect(crypto.verifyBlock("demo", 4n, { ...good, metadata })).toEqual({ ok: true });
  });

  it("2.20: accepts an old block whose orderer's certificate has expired since", () => {
    const retired = ordererOrg.issue("orderer0", { role: "orderer", notAfterMs: 1_000 });
    expect(crypto.verifyBlock("demo", 4n, by(retired))).toEqual({ ok: true });
  });

  it("13.13: accepts a later configuration block, whose transaction needs no signature, by its orderer", () => {
    const [configuration = none] = decode(makeGenesisBlock(config)).data;
    expect(crypto.verifyBlock("demo", 4n, withHash([configuration]))).toEqual({ ok: true });
    expect(crypto.verifyBlock("demo", 4n, withHash([configuration, one]))).toMatchObject({ reason: "malformed-block" });
  });

  const unsignedTx = (() => {
    const envelope = readSignedEnvelope(one);
    return envelope.ok ? encodeSignedEnvelope({ payload: envelope.value.payload, signature: none }) : none;
  })();
  const impostors = createTestOrganization("OrdererMSP-not");
  const flippedSignature = signature(good, orderer);
  flippedSignature.signature[5] = (flippedSignature.signature[5] ?? 0) ^ 1;
  const headerOf = (creator: Uint8Array) => ({
    ...signature(good, orderer),
    signatureHeader: encodeSignatureHeader({ creator, nonce }),
  });

  const table: readonly [string, Block, string][] = [
    ["another number than claimed", block({ number: 5n }), "wrong-block-number"],
    ["no transactions", { ...good, data: [] }, "malformed-block"],
    ["no transactions, consistently", withHash([]), "malformed-block"],
    ["a first transaction that does not decode", withHash([new Uint8Array([0xff]), two]), "malformed-block"],
    ["a first transaction of another channel", withHash([transaction("one", "other"), two]), "wrong-channel"],
    ["no metadata", { ...good, metadata: [] }, "malformed-block"],
    ["a transaction without signature", withHash([one, unsignedTx]), "malformed-block"],
    [
      "an unknown field after a transaction",
      withHash([one, concat(two, new Uint8Array([0x7a, 0]))]),
      "malformed-block",
    ],
    [
      "two transactions joined in one, under the same data hash",
      { ...good, data: [concat(one, two)] },
      "malformed-block",
    ],
    ["transactions in another order", { ...good, data: [two, one] }, "bad-data-hash"],
    ["a transaction less", { ...good, data: [one] }, "bad-data-hash"],
    ["another data hash", { ...good, header: { ...good.header, dataHash: previousHash } }, "bad-data-hash"],
    [
      "another previous hash",
      { ...good, header: { ...good.header, previousHash: new Uint8Array(32) } },
      "bad-block-signature",
    ],
    [
      "signatures that do not decode",
      { ...good, metadata: [new Uint8Array([0xff]), ...good.metadata.slice(1)] },
      "malformed-block",
    ],
    ["no signatures", resigned(good, []), "bad-block-signature"],
    ["a flipped bit in the signature", resigned(good, [flippedSignature]), "bad-block-signature"],
    [
      "an altered last configuration index",
      {
        ...good,
        metadata: [encodeMetadata({ ...slot0(good), value: new Uint8Array([0x0a, 0x02, 0x08, 0x01]) })],
      },
      "bad-block-signature",
    ],
    [
      "the signature of an orderer who is not of the channel",
      by(impostors.issue("o", { role: "orderer" })),
      "bad-block-signature",
    ],
    ["the signature of the orderers' admin", by(ordererOrg.issue("admin", { role: "admin" })), "bad-block-signature"],
    [
      "the signature of an orderer of a reader's organization",
      by(org1.issue("o", { role: "orderer" })),
      "bad-block-signature",
    ],
    [
      "another's signature under the orderer's name",
      resigned(good, [
        { ...signature(good, client), signatureHeader: encodeSignatureHeader({ creator: orderer.identity, nonce }) },
      ]),
      "bad-block-signature",
    ],
    ["a signer without identity", resigned(good, [headerOf(none)]), "bad-block-signature"],
    [
      "one signer that does not decode beside a good one",
      resigned(good, [signature(good, orderer), { ...flippedSignature, signatureHeader: new Uint8Array([0xff]) }]),
      "bad-block-signature",
    ],
    [
      "more signatures than there can be orderers",
      resigned(
        good,
        Array.from({ length: 65 }, () => signature(good, orderer)),
      ),
      "bad-block-signature",
    ],
  ];
  for (const [what, corrupted, reason] of table) {
    it(`refuses a block with ${what}`, () => {
      expect(crypto.verifyBlock("demo", 4n, corrupted)).toMatchObject({ ok: false, reason });
    });
  }

  it("refuses a good block of a channel we are not in", () => {
    const data = [transaction("one", "other")];
    expect(crypto.verifyBlock("other", 4n, block({ data }))).toMatchObject({ reason: "unknown-channel" });
  });

  it("refuses by the new configuration the orderers it leaves out", () => {
    const fresh = createTestCrypto(org1.issue("peer0"), { organizations: [org1] });
    fresh.setChannel(config);
    expect(fresh.verifyBlock("demo", 4n, good)).toEqual({ ok: true });
    fresh.setChannel(testChannelConfig("demo", [org1], [createTestOrganization("Other")]));
    expect(fresh.verifyBlock("demo", 4n, good)).toMatchObject({ reason: "bad-block-signature" });
  });
});
