import { type PkiId, pkiId } from "@gossip/proto";
import { encodeRevocationList, encodeRevocationListBody } from "@gossip/proto/ed25519";
import { readBlock } from "@gossip/proto/fabric";
import { describe, expect, it } from "vitest";
import { createTestCrypto, createTestOrganization, testChannelConfig } from "../testing/organizations.js";
import { makeBlock, makeTransaction } from "./block.js";
import { createSigner } from "./keys.js";
import { decodeRevocationLists, encodeRevocationLists, makeRevocationList, parseRevocationList } from "./revocation.js";

const [org1, org2, orderers] = [
  createTestOrganization("Org1MSP"),
  createTestOrganization("Org2MSP"),
  createTestOrganization("OrdererMSP"),
];
const [self, peer1, peer2] = [org1.issue("self"), org1.issue("peer1"), org1.issue("peer2")];
const orderer = orderers.issue("orderer0", { role: "orderer" });
const someId = pkiId("ab".repeat(32));

function createCrypto() {
  const crypto = createTestCrypto(self, { organizations: [org1] });
  crypto.setChannel(testChannelConfig("demo", [org1], [orderers]));
  return crypto;
}

function idOf(identity: Uint8Array): PkiId {
  return createCrypto().pkiIdOf(identity) ?? ("" as PkiId);
}

const listOf = (number: bigint, revoked: readonly PkiId[] = [], org = org1, signer = org) =>
  makeRevocationList({ org: org.id, rootPrivateKey: signer.root.privateKey, number, revoked });

const error = (code: string, text: string) => expect.objectContaining({ code, message: expect.stringContaining(text) });

describe("a revocation list", () => {
  it("2.29: in force refuses those it names, at once and until a later list leaves them out", () => {
    const crypto = createCrypto();
    const signature = peer1.sign(new Uint8Array(1));
    expect(crypto.verify(peer1.identity, signature, new Uint8Array(1))).toEqual({ ok: true });
    expect(crypto.setRevocationList(listOf(1n, [idOf(peer1.identity)]))).toBe(true);
    expect(crypto.verify(peer1.identity, signature, new Uint8Array(1))).toMatchObject({ reason: "revoked-identity" });
    expect(crypto.validateIdentity(peer2.identity)).toEqual({ ok: true });
    expect(crypto.orgOf(peer1.identity)).toBe(org1.id);
    expect(crypto.setRevocationList(listOf(2n))).toBe(true);
    expect(crypto.validateIdentity(peer1.identity)).toEqual({ ok: true });
  });

  it("2.29: of one organization says nothing of another's identities", () => {
    const crypto = createTestCrypto(self, { organizations: [org1, org2] });
    crypto.setRevocationList(listOf(1n, [idOf(peer1.identity)], org2));
    expect(crypto.validateIdentity(peer1.identity)).toEqual({ ok: true });
  });

  it("2.30: counts only if the organization's root key signed it, as a revocation list", () => {
    const crypto = createCrypto();
    expect(() => crypto.setRevocationList(listOf(1n, [], org1, org2))).toThrow(error("untrusted", "Org1MSP"));
    const body = encodeRevocationListBody({ version: 1, org: org1.id, number: 1n, revoked: [someId] });
    const asCertificate = encodeRevocationList({ body, signature: createSigner(org1.root.privateKey)(body) });
    expect(() => crypto.setRevocationList(asCertificate)).toThrow(error("untrusted", "Org1MSP"));
    expect(() => crypto.setRevocationList(listOf(1n, [], org2))).toThrow(error("not-found", "Org2MSP"));
  });

  it("2.30: does not give way to an earlier one, nor to another of its number", () => {
    const crypto = createCrypto();
    const list = listOf(2n, [idOf(peer1.identity)]);
    crypto.setRevocationList(list);
    expect(crypto.setRevocationList(list)).toBe(false);
    expect(() => crypto.setRevocationList(listOf(1n))).toThrow(error("conflict", "got 1"));
    expect(() => crypto.setRevocationList(listOf(2n))).toThrow(error("conflict", "another with that number"));
    expect(crypto.validateIdentity(peer1.identity)).toMatchObject({ reason: "revoked-identity" });
  });

  it("2.31: takes from an orderer the blocks it signs, and has signed", () => {
    const crypto = createCrypto();
    const nonce = new Uint8Array(24);
    const transaction = { channelId: "demo", data: new Uint8Array(1), nonce, timestampNanos: 5n, ...peer1 };
    const data = [makeTransaction(transaction)];
    const bytes = makeBlock({
      number: 1n,
      previousHash: new Uint8Array(32),
      data,
      lastConfigIndex: 0n,
      nonce,
      ...orderer,
    });
    const block = readBlock(bytes);
    if (!block.ok) throw new Error(block.detail);
    const signed = (number: bigint, revoked: readonly PkiId[]) =>
      crypto.setRevocationList(listOf(number, revoked, orderers));
    expect(signed(1n, [])).toBe(true);
    const before = crypto.verifyBlock("demo", 1n, block.value);
    expect(signed(2n, [idOf(orderer.identity)])).toBe(true);
    const after = crypto.verifyBlock("demo", 1n, block.value);
    expect([before.ok, after]).toEqual([true, expect.objectContaining({ reason: "bad-block-signature" })]);
  });

  it("refuses to be made for nobody, or of too many", () => {
    const make = (overrides: Partial<Parameters<typeof makeRevocationList>[0]>) => () =>
      makeRevocationList({
        org: "Org1MSP",
        rootPrivateKey: org1.root.privateKey,
        number: 1n,
        revoked: [],
        ...overrides,
      });
    expect(make({ org: "" })).toThrow(error("invalid-argument", "organization"));
    expect(make({ revoked: Array.from({ length: 65_537 }, () => someId) })).toThrow(error("invalid-argument", "65536"));
    expect(make({ rootPrivateKey: new Uint8Array(31) })).toThrow(error("invalid-argument", "32 bytes"));
  });

  it("names each identity once, in order", () => {
    const other = pkiId("01".repeat(32));
    expect(parseRevocationList(listOf(3n, [someId, other, someId]))).toMatchObject({
      org: "Org1MSP",
      number: 3n,
      revoked: [other, someId],
    });
  });

  it("refuses bytes that are none, and a version from the future", () => {
    expect(() => parseRevocationList(Uint8Array.of(0x0a, 0x05))).toThrow(error("malformed", "revocation lists"));
    const body = encodeRevocationListBody({ version: 2, org: "Org1MSP", number: 1n, revoked: [] });
    const future = encodeRevocationList({ body, signature: new Uint8Array(64) });
    expect(() => parseRevocationList(future)).toThrow(error("malformed", "version 1, got 2"));
  });
});

describe("a file of revocation lists", () => {
  const lists = [listOf(1n, [someId]), listOf(7n, [], org2)];

  it("holds those of several organizations, with words of people between them", () => {
    const [first = "", second = ""] = lists.map((list) => encodeRevocationLists([list]));
    expect(decodeRevocationLists(encodeRevocationLists(lists))).toEqual(lists);
    expect(decodeRevocationLists(`# org1\r\n${first.replaceAll("\n", "\r\n")}\n# org2\n${second}`)).toEqual(lists);
    expect(decodeRevocationLists("")).toEqual([]);
  });

  it("is refused when it was cut, or holds something else", () => {
    const text = encodeRevocationLists(lists);
    expect(() => decodeRevocationLists(text.slice(0, -10))).toThrow(error("malformed", "cut"));
    expect(() => decodeRevocationLists(text.replaceAll("REVOCATION LIST", "KEY"))).toThrow(error("malformed", "cut"));
  });
});
