import { blockHash, type RejectReason } from "@gossip/crypto";
import { type Block, type Config, readBlock } from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { createChannelBundle } from "../channel/bundle.js";
import { readConfigBlock } from "../channel/config-block.js";
import {
  makeBlock,
  makeConfigTransaction,
  makeConsenter,
  makeGenesisBlock,
  makeTransaction,
  type TestBlockOptions,
  type TestBlockSigner,
} from "../testing/blocks.js";
import { anyOf, changePolicy, makeChannelConfig, role } from "../testing/channels.js";
import { makeOrganization, type TestMember } from "../testing/organizations.js";
import { makeRevocationList } from "../testing/revocation-lists.js";
import { maxBlockBytes, verifyBlock } from "./verify-block.js";

const org1 = makeOrganization("Org1MSP");
const ordererOrg = makeOrganization("OrdererMSP");
const client = org1.issue("client0", "client");
const orderer = ordererOrg.issue("orderer0", "orderer");
const raftConfig = makeChannelConfig({ organizations: [org1], ordererOrganizations: [ordererOrg] });
const raft = createChannelBundle("payments", raftConfig);
const transactions = [1, 2].map((byte) => transaction(new Uint8Array([byte])));
const previousHash = new Uint8Array(32).fill(7);

describe("A block of a Raft channel", () => {
  const block = blockOf({ signers: [{ member: orderer }] });

  test("13.60: verifies by the signature of any member of an orderer organization", () => {
    expect(verifyBlock(raft, 5n, block, { previousHash })).toEqual({ ok: true });
    expect(verifyBlock(raft, 5n, blockOf({ signers: [{ member: ordererOrg.issue("user", "client") }] }))).toEqual({
      ok: true,
    });
  });

  test("13.33: verifies by an orderer whose certificate has expired, as blocks of last year must", () => {
    const member = ordererOrg.issue("old", "orderer", { notAfterMs: 1_600_000_000_000 });
    expect(verifyBlock(raft, 5n, blockOf({ signers: [{ member }] }))).toEqual({ ok: true });
  });

  test.each<readonly [string, TestMember]>([
    ["a member of an application organization", org1.issue("peer0")],
    ["an organization that nobody knows", makeOrganization("Org9MSP").issue("orderer", "orderer")],
    ["an impostor of the orderers", makeOrganization("OrdererMSP").issue("orderer", "orderer")],
  ])("is refused by the signature of %s", (_, member) => {
    expect(verifyBlock(raft, 5n, blockOf({ signers: [{ member }] }))).toMatchObject({ reason: "bad-block-signature" });
  });

  test("is refused by somebody other than an orderer where the policy names the role", () => {
    const config = changePolicy(raftConfig, ["Orderer"], "BlockValidation", anyOf([role("OrdererMSP", "orderer")]));
    const strict = createChannelBundle("payments", config);
    const byClient = blockOf({ signers: [{ member: ordererOrg.issue("user", "client") }] });
    expect(verifyBlock(strict, 5n, byClient)).toMatchObject({ reason: "bad-block-signature" });
    expect(verifyBlock(strict, 5n, block)).toEqual({ ok: true });
  });

  test("is refused where there is no policy BlockValidation", () => {
    const lacking = createChannelBundle(
      "payments",
      changePolicy(raftConfig, ["Orderer"], "BlockValidation", undefined),
    );
    expect(verifyBlock(lacking, 5n, block)).toMatchObject({
      reason: "bad-block-signature",
      detail: expect.stringContaining("/Channel/Orderer/BlockValidation"),
    });
  });

  test("is refused in another channel, though the same orderers sign for both", () => {
    expect(verifyBlock(createChannelBundle("bonds", raftConfig), 5n, block)).toMatchObject({ reason: "wrong-channel" });
  });

  test("verifies by a creator's signature with capability V3_0 too, as a Raft channel has then", () => {
    const config = makeChannelConfig({
      organizations: [org1],
      ordererOrganizations: [ordererOrg],
      capabilities: ["V3_0"],
    });
    expect(verifyBlock(createChannelBundle("payments", config), 5n, block)).toEqual({ ok: true });
  });

  test("13.56: is refused when it is larger than a peer can send", () => {
    const metadata = [...block.metadata.slice(0, 4), new Uint8Array(maxBlockBytes)];
    expect(verifyBlock(raft, 5n, { ...block, metadata })).toMatchObject({
      reason: "malformed-block",
      detail: expect.stringContaining(`at most ${maxBlockBytes} bytes`),
    });
  });
});

describe("13.57: Transactions of a block", () => {
  const [first = none(), second = none()] = transactions;
  const block = blockOf({ signers: [{ member: orderer }] });
  const both = new Uint8Array(Buffer.concat(transactions));

  // All keep the data hash, and with it the orderers' signature (the class of CVE-2023-46132).
  test.each<readonly [string, readonly Uint8Array[]]>([
    ["joined into one, which reads as the last", [both]],
    ["cut a byte later", [both.subarray(0, first.length + 1), both.subarray(first.length + 1)]],
    ["cut a byte earlier", [both.subarray(0, first.length - 1), both.subarray(first.length - 1)]],
    ["with an empty one before", [none(), first, second]],
    ["with an empty one between", [first, none(), second]],
    ["with an empty one behind", [first, second, none()]],
  ])("%s are refused", (_, data) => {
    expect(verifyBlock(raft, 5n, { ...block, data })).toMatchObject({ ok: false, reason: "malformed-block" });
  });

  test("in another order are refused by their hash", () => {
    expect(verifyBlock(raft, 5n, { ...block, data: [second, first] })).toMatchObject({ reason: "bad-data-hash" });
  });
});

describe("A config block", () => {
  const creator = orderer;
  const config: Config = { ...raftConfig, sequence: 1n };
  const valid = makeConfigTransaction({ channelId: "payments", creator, config });
  const signers = [{ member: orderer }];

  test("13.52: verifies by the configuration before it", () => {
    expect(verifyBlock(raft, 5n, blockOf({ data: [valid], signers }))).toEqual({ ok: true });
  });

  test("is refused when its configuration cannot be read, before anybody stores it", () => {
    const broken = makeTransaction({ channelId: "payments", creator, type: "config", data: new Uint8Array([0xff]) });
    expect(verifyBlock(raft, 5n, blockOf({ data: [broken], signers }))).toMatchObject({
      reason: "malformed-block",
      detail: expect.stringContaining("a configuration that can be read"),
    });
  });

  test("13.57: is refused in another encoding, and when it is joined of two transactions", () => {
    const [other = none()] = transactions;
    for (const data of [[joined(other, valid)], [joined(valid, new Uint8Array([0x1a, 0x00]))]]) {
      expect(verifyBlock(raft, 5n, blockOf({ data, signers }))).toMatchObject({ reason: "malformed-block" });
    }
  });

  test("13.61: that is the genesis block under another number is refused, for nobody signed it", () => {
    const genesis = parsed(makeGenesisBlock("payments", raftConfig));
    const posing = { ...genesis, header: { ...genesis.header, number: 1n } };
    expect(verifyBlock(raft, 1n, posing)).toMatchObject({ reason: "bad-block-signature" });
  });
});

describe("13.58, 13.59: A block of a BFT channel with four consenters", () => {
  const orderers = [1, 2, 3, 4].map((id) => ({ id, member: ordererOrg.issue(`orderer${id}`, "orderer") }));
  const consenters = orderers.map(({ id, member }) => makeConsenter(id, "OrdererMSP", member));
  const options = { organizations: [org1], ordererOrganizations: [ordererOrg], capabilities: ["V3_0"], consenters };
  const bft = createChannelBundle("payments", makeChannelConfig(options));
  const [one = fail(), two = fail(), three = fail(), four = fail()] = orderers.map(
    ({ id, member }): TestBlockSigner => ({ member, identifier: id }),
  );
  const member = ordererOrg.issue("orderer9", "orderer");

  test.each<readonly [string, readonly TestBlockSigner[], RejectReason | undefined]>([
    ["three", [one, two, three], undefined],
    ["all, in any order", [four, two, three, one], undefined],
    ["three by certificate", [one, two, three].map(({ member }) => ({ member })), undefined],
    ["three, each by number or by certificate", [one, { member: two.member }, three], undefined],
    ["two", [one, two], "bad-block-signature"],
    ["nobody", [], "bad-block-signature"],
    ["two, one of them twice", [one, two, one], "bad-block-signature"],
    ["two, one of them under two headers", [one, two, { member: one.member }], "bad-block-signature"],
    ["two and a number that nobody has", [one, two, { member: three.member, identifier: 9 }], "bad-block-signature"],
    ["three and a number that nobody has", [{ member, identifier: 9 }, one, two, three], undefined],
    ["two and one under another's number", [one, two, { member: three.member, identifier: 4 }], "bad-block-signature"],
    ["two and an orderer that is no consenter", [one, two, { member }], "bad-block-signature"],
  ])("signed by %s", (_, signers, reason) => {
    expect(verifyBlock(bft, 5n, blockOf({ signers }))).toMatchObject(reason === undefined ? { ok: true } : { reason });
  });

  test("tells which number nobody has", () => {
    const verdict = verifyBlock(bft, 5n, blockOf({ signers: [one, { member, identifier: 77 }] }));
    expect(verdict).toMatchObject({ detail: expect.stringContaining("no consenter has number 77") });
  });

  test("13.58: is not signed by number without capability V3_0, though the policy names the same orderers", () => {
    const old = createChannelBundle("payments", makeChannelConfig({ ...options, capabilities: ["V2_0"] }));
    expect(verifyBlock(old, 5n, blockOf({ signers: [one, two, three] }))).toMatchObject({
      reason: "bad-block-signature",
    });
    const byCertificate = [one, two, three].map(({ member }) => ({ member }));
    expect(verifyBlock(old, 5n, blockOf({ signers: byCertificate }))).toEqual({ ok: true });
  });

  test("does not count a consenter whom its organization revoked", () => {
    const revocationList = [makeRevocationList(ordererOrg.root, { serials: [three.member.serial] })];
    const revoking = { ...ordererOrg, config: { ...ordererOrg.config, revocationList } };
    const bundle = createChannelBundle("payments", makeChannelConfig({ ...options, ordererOrganizations: [revoking] }));
    expect(verifyBlock(bundle, 5n, blockOf({ signers: [one, two, three] }))).toMatchObject({
      reason: "bad-block-signature",
    });
    expect(verifyBlock(bundle, 5n, blockOf({ signers: [one, two, three, four] }))).toEqual({ ok: true });
  });

  test("13.52: is judged by the consenters before a config block that replaces them, and the next by those after it", () => {
    const newcomers = [5, 6, 7, 8].map((id) => ({
      identifier: id,
      member: ordererOrg.issue(`orderer${id}`, "orderer"),
    }));
    const replaced = newcomers.map(({ identifier, member }) => makeConsenter(identifier, "OrdererMSP", member));
    const config = makeChannelConfig({ ...options, consenters: replaced, sequence: 1n });
    const data = [makeConfigTransaction({ channelId: "payments", creator: one.member, config })];
    const block = blockOf({ data, signers: [one, two, three], lastConfigIndex: 5n });
    expect(verifyBlock(bft, 5n, block)).toEqual({ ok: true });
    const read = readConfigBlock(block);
    if (!read.ok) throw new Error(read.detail);
    const after = bft.next(read.value.envelope);
    expect(verifyBlock(after, 5n, block)).toMatchObject({ reason: "bad-block-signature" });
    const following = { number: 6n, previousHash: blockHash(block.header), lastConfigIndex: 5n };
    expect(verifyBlock(after, 6n, blockOf({ ...following, signers: [one, two, three] }))).toMatchObject({ ok: false });
    expect(verifyBlock(after, 6n, blockOf({ ...following, signers: newcomers }), following)).toEqual({ ok: true });
  });
});

/** Consenters and how many of them must sign (protocol page 13 §10). */
test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 4],
  [6, 4],
  [7, 5],
  [10, 7],
  [13, 9],
])("Of %i consenters %i must sign", (count, quorum) => {
  const signers = Array.from({ length: count }, (_, index): TestBlockSigner => {
    return { identifier: index + 1, member: ordererOrg.issue(`orderer${index}`, "orderer") };
  });
  const consenters = signers.map(({ identifier = 0, member }) => makeConsenter(identifier, "OrdererMSP", member));
  const bundle = createChannelBundle(
    "payments",
    makeChannelConfig({
      organizations: [org1],
      ordererOrganizations: [ordererOrg],
      capabilities: ["V3_0"],
      consenters,
    }),
  );
  expect(verifyBlock(bundle, 5n, blockOf({ signers: signers.slice(0, quorum) }))).toEqual({ ok: true });
  expect(verifyBlock(bundle, 5n, blockOf({ signers: signers.slice(1, quorum) }))).toMatchObject({ ok: false });
});

function blockOf(options: Partial<TestBlockOptions> & Pick<TestBlockOptions, "signers">): Block {
  return parsed(makeBlock({ number: 5n, previousHash, data: transactions, ...options }));
}

function parsed(bytes: Uint8Array): Block {
  const block = readBlock(bytes);
  if (!block.ok) throw new Error(block.detail);
  return block.value;
}

function transaction(data: Uint8Array): Uint8Array {
  return makeTransaction({ channelId: "payments", creator: client, data });
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function none(): Uint8Array {
  return new Uint8Array(0);
}

function fail(): never {
  throw new Error("expected four orderers");
}
