import { readFileSync } from "node:fs";
import { blockDataHash } from "@gossip/crypto";
import { createChannelBundle, FabricCrypto, readConfigBlock, verifyBlock } from "@gossip/fabric";
import { makeMember, makeOrganization } from "@gossip/fabric/testing";
import { type Block, encodeBlock, encodeConfig, readBlock, readConfig } from "@gossip/proto/fabric";
import { GossipError } from "@gossip/runtime";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMsp } from "../src/msp/msp.js";

const blocks = [0, 1, 2, 3, 4, 5, 6, 7].map(recordedBlock);
const [genesis = fail(), ...signed] = blocks;
const read = readConfigBlock(genesis);
if (!read.ok) throw new Error(read.detail);
const { config } = read.value.envelope;
const bundle = createChannelBundle("mychannel", config);

/** A place in some bytes, whatever their length. */
const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const change = fc.record({ at: position, kind: fc.constantFrom("flip", "cut", "repeat"), bit: fc.nat(7) });
const changes = fc.array(change, { minLength: 1, maxLength: 4 });

describe("A signed block", () => {
  test("that was changed anywhere is refused, unless what the orderer signed is the same", () => {
    fc.assert(
      fc.property(fc.constantFrom(...signed), changes, (block, changes) => {
        const mutant = readBlock(changes.reduce(mutate, encodeBlock(block)));
        if (!mutant.ok) return;
        if (!verifyBlock(bundle, block.header.number, mutant.value).ok) return;
        expect(mutant.value.header).toStrictEqual(block.header);
        expect(mutant.value.data).toStrictEqual(block.data);
      }),
      { numRuns: 2000 },
    );
  });

  test("whose transactions are cut otherwise is refused, though the data hash is the same", () => {
    fc.assert(
      fc.property(fc.constantFrom(...signed), fc.array(position, { minLength: 1, maxLength: 3 }), (block, places) => {
        const all = new Uint8Array(Buffer.concat(block.data));
        const cuts = [...new Set(places.map((at) => Math.floor(at * all.length)))].sort((one, other) => one - other);
        const data = [0, ...cuts].map((start, index) => all.subarray(start, cuts[index] ?? all.length));
        expect(blockDataHash(data)).toStrictEqual(block.header.dataHash);
        expect(verifyBlock(bundle, block.header.number, { ...block, data })).toMatchObject({
          reason: "malformed-block",
        });
      }),
    );
  });

  test("that is made of arbitrary bytes is refused, and nothing throws", () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const header = fc.record({ number: fc.constant(1n), previousHash: bytes, dataHash: bytes });
    const parts = fc.array(fc.oneof(bytes, fc.constantFrom(...signed.flatMap(({ data }) => data))), { maxLength: 3 });
    fc.assert(
      fc.property(fc.record({ header, data: parts, metadata: parts }), (block) => {
        expect(verifyBlock(bundle, 1n, block).ok).toBe(false);
      }),
    );
  });
});

test("A configuration that was changed anywhere is put in force or refused by an error of ours", () => {
  const bytes = encodeConfig(config);
  fc.assert(
    fc.property(changes, (changes) => {
      const mutant = readConfig(changes.reduce(mutate, bytes));
      if (!mutant.ok) return;
      try {
        createChannelBundle("mychannel", mutant.value);
      } catch (error) {
        expect(error).toBeInstanceOf(GossipError);
        expect(error).toMatchObject({ code: "malformed" });
      }
    }),
    { numRuns: 400 },
  );
});

describe("An identity", () => {
  const org = makeOrganization("Org1MSP");
  const self = org.issue("peer0");
  const folder = { config: org.config, msp: createMsp(org.config), warnings: [], ...self };
  const crypto = new FabricCrypto({ folder, mspId: "Org1MSP", wall: { nowNanos: () => 1_767_225_600_000_000_000n } });
  const payload = new Uint8Array([1, 2, 3]);
  const signature = self.sign(payload);

  test("that was changed anywhere is refused, or is another identity of a good certificate", () => {
    fc.assert(
      fc.property(changes, (changes) => {
        const mutant = changes.reduce(mutate, self.identity);
        if (Buffer.compare(mutant, self.identity) === 0) return;
        crypto.orgOf(mutant);
        // Text before the PEM block is all that may differ, and it makes another PKI-ID (page 13 §1.2).
        if (crypto.validateIdentity(mutant).ok) expect(crypto.pkiIdOf(mutant)).not.toBe(crypto.pkiIdOf(self.identity));
      }),
      { numRuns: 1000 },
    );
  });

  test("does not verify a signature that was changed anywhere", () => {
    fc.assert(
      fc.property(changes, (changes) => {
        const mutant = changes.reduce(mutate, signature);
        if (Buffer.compare(mutant, signature) === 0) return;
        expect(crypto.verify(self.identity, mutant, payload)).toMatchObject({ reason: "bad-signature" });
      }),
    );
  });

  test("of an organization of the same name and other keys is refused", () => {
    const other = makeOrganization("Org1MSP");
    expect(crypto.validateIdentity(makeMember("Org1MSP", other.issue("peer0")).identity)).toMatchObject({
      reason: "untrusted-identity",
    });
  });
});

interface Change {
  readonly at: number;
  readonly kind: string;
  readonly bit: number;
}

function mutate(bytes: Uint8Array, { at, kind, bit }: Change): Uint8Array {
  const index = Math.floor(at * bytes.length);
  switch (kind) {
    case "cut":
      return joined(bytes.subarray(0, index), bytes.subarray(index + 1 + bit));
    case "repeat":
      return joined(bytes.subarray(0, index + bit), bytes.subarray(index));
    default:
      return bytes.map((byte, place) => (place === index ? byte ^ (1 << bit) : byte));
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function recordedBlock(number: number): Block {
  const url = new URL(`../../proto/test/fixtures/blocks/${number}.block`, import.meta.url);
  const block = readBlock(new Uint8Array(readFileSync(url)));
  if (!block.ok) throw new Error(block.detail);
  return block.value;
}

function fail(): never {
  throw new Error("expected block 0 among the fixtures");
}
