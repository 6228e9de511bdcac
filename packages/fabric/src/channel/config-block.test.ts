import {
  type Block,
  encodeLastConfig,
  encodeMetadata,
  encodeOrdererBlockMetadata,
  readBlock,
} from "@gossip/proto/fabric";
import { describe, expect, test } from "vitest";
import { makeConfigTransaction, makeGenesisBlock, makeTransaction } from "../testing/blocks.js";
import { makeChannelConfig } from "../testing/channels.js";
import { makeOrganization } from "../testing/organizations.js";
import { lastConfigIndex, readConfigBlock } from "./config-block.js";

const org1 = makeOrganization("Org1MSP");
const creator = org1.issue("orderer0", "orderer");
const config = makeChannelConfig({ organizations: [org1], ordererOrganizations: [org1], sequence: 3n });
const none = new Uint8Array(0);

describe("readConfigBlock", () => {
  test("reads the channel and its configuration, signed or not", () => {
    const genesis = readBlock(makeGenesisBlock("payments", config));
    if (!genesis.ok) throw new Error(genesis.detail);
    expect(readConfigBlock(genesis.value)).toMatchObject({
      ok: true,
      value: { channelId: "payments", envelope: { config: { sequence: 3n }, lastUpdate: none } },
    });
    const signed = readConfigBlock(blockOf(makeConfigTransaction({ channelId: "payments", creator, config })));
    expect(signed).toMatchObject({
      ok: true,
      value: { channelId: "payments", envelope: { config: { sequence: 3n } } },
    });
  });

  test("tells a block that is no config block from a config block that cannot be read", () => {
    const transaction = makeTransaction({ channelId: "payments", creator, data: none });
    const configTransaction = makeConfigTransaction({ channelId: "payments", creator, config });
    const broken = makeTransaction({ channelId: "payments", creator, type: "config", data: new Uint8Array([0xff]) });
    for (const data of [[], [transaction], [configTransaction, configTransaction], [new Uint8Array([0xff])]]) {
      expect(readConfigBlock(blockOf(...data))).toMatchObject({ ok: false, reason: "no-content" });
    }
    expect(readConfigBlock(blockOf(broken))).toMatchObject({ ok: false, reason: "undecodable" });
  });
});

describe("13.62: lastConfigIndex", () => {
  const signed = (index: bigint | undefined) =>
    encodeMetadata({
      value: encodeOrdererBlockMetadata({ lastConfigIndex: index, consenterMetadata: none }),
      signatures: [],
    });
  const unsigned = (index: bigint) => encodeMetadata({ value: encodeLastConfig({ index }), signatures: [] });

  test.each([
    ["what the orderers signed", [signed(5n), unsigned(9n)], 5n],
    ["0 when they signed that", [signed(0n), unsigned(9n)], 0n],
    ["what slot 1 says when they signed nothing, as before 1.4.1", [none, unsigned(9n)], 9n],
    ["0 when slot 1 is there and empty", [none, none], 0n],
  ] as const)("gives %s", (_, metadata, index) => {
    expect(lastConfigIndex({ ...blockOf(), metadata })).toBe(index);
  });

  test.each([
    ["no metadata", []],
    ["nothing signed and no slot 1", [none]],
    ["something signed that has no index", [consenterOnly()]],
    ["slot 0 that does not decode", [new Uint8Array([0xff])]],
    ["a signed value that does not decode", [encodeMetadata({ value: new Uint8Array([0xff]), signatures: [] })]],
    ["slot 1 that does not decode", [none, new Uint8Array([0xff])]],
    [
      "a value of slot 1 that does not decode",
      [none, encodeMetadata({ value: new Uint8Array([0xff]), signatures: [] })],
    ],
  ])("throws for %s", (_, metadata) => {
    expect(() => lastConfigIndex({ ...blockOf(), metadata })).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  function consenterOnly(): Uint8Array {
    const value = encodeOrdererBlockMetadata({ lastConfigIndex: undefined, consenterMetadata: new Uint8Array([1]) });
    return encodeMetadata({ value, signatures: [] });
  }
});

function blockOf(...data: readonly Uint8Array[]): Block {
  return { header: { number: 7n, previousHash: none, dataHash: none }, data, metadata: [] };
}
