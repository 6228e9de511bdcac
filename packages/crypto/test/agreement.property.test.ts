import { type Block, readBlock } from "@gossip/proto/fabric";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSigner, Ed25519Verifier, makeBlock, makeTransaction, publicKeyOf } from "../src/index.js";
import { createTestCrypto, createTestOrganization, testChannelConfig } from "../src/testing/index.js";

const org1 = createTestOrganization("Org1MSP");
const ordererOrg = createTestOrganization("OrdererMSP");
const peer = org1.issue("peer1");
const fresh = { maxKeys: 64, maxSignatures: 1 };
const node = new Ed25519Verifier({ backend: "node", ...fresh });
const noble = new Ed25519Verifier({ backend: "noble", ...fresh });
const seeds = fc.constantFrom(1, 2, 3).map((byte) => new Uint8Array(32).fill(byte));

const crypto = createTestCrypto(org1.issue("peer0"), { organizations: [org1] });
crypto.setChannel(testChannelConfig("demo", [org1], [ordererOrg]));

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  const at = (bit >> 3) % bytes.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe("both backends", () => {
  it("accept what either has signed, of any length", () => {
    const backends = fc.constantFrom("node" as const, "noble" as const);
    fc.assert(
      fc.property(seeds, backends, fc.uint8Array({ maxLength: 2_000 }), (seed, backend, payload) => {
        const signature = createSigner(seed, backend)(payload);
        const publicKey = publicKeyOf(seed);
        expect(node.verify(publicKey, signature, payload)).toBe(true);
        expect(noble.verify(publicKey, signature, payload)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("refuse a signature, key or payload with any one bit flipped", () => {
    const parts = fc.constantFrom("publicKey" as const, "signature" as const, "payload" as const);
    fc.assert(
      fc.property(
        seeds,
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        parts,
        fc.nat(8_191),
        (seed, payload, part, bit) => {
          const good = { publicKey: publicKeyOf(seed), signature: createSigner(seed)(payload), payload };
          const bad = { ...good, [part]: flipped(good[part], bit) };
          expect(node.verify(bad.publicKey, bad.signature, bad.payload)).toBe(false);
          expect(noble.verify(bad.publicKey, bad.signature, bad.payload)).toBe(false);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("2.15: agree on any bytes, and never throw", () => {
    const key = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      seeds.map((seed) => publicKeyOf(seed)),
    );
    const signature = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      // S below 2^252, so that the check of its range passes and the curve is reached.
      fc
        .uint8Array({ minLength: 64, maxLength: 64 })
        .map((bytes) => Uint8Array.from(bytes, (byte, at) => (at === 63 ? byte & 0x0f : byte))),
    );
    fc.assert(
      fc.property(key, signature, fc.uint8Array(), (publicKey, signature, payload) => {
        expect(node.verify(publicKey, signature, payload)).toBe(noble.verify(publicKey, signature, payload));
      }),
      { numRuns: 150 },
    );
  });
});

describe("Ed25519Crypto", () => {
  it("refuses an identity with any one bit flipped", () => {
    const payload = new Uint8Array([1, 2, 3]);
    const signature = peer.sign(payload);
    expect(crypto.verify(peer.identity, signature, payload)).toEqual({ ok: true });
    for (let bit = 0; bit < peer.identity.length * 8; bit++) {
      expect(crypto.verify(flipped(peer.identity, bit), signature, payload)).toMatchObject({ ok: false });
    }
  });

  it("2.3: never throws on any bytes as identity, and accepts none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        crypto.pkiIdOf(bytes);
        expect(crypto.orgOf(bytes)).toBeUndefined();
        expect(crypto.expirationOf(bytes)).toBeUndefined();
        expect(crypto.validateIdentity(bytes).ok).toBe(false);
      }),
    );
  });

  it("never throws on a good identity that was cut and spliced anywhere, and accepts none but the whole", () => {
    const { identity } = peer;
    fc.assert(
      fc.property(
        fc.nat(identity.length),
        fc.nat(identity.length),
        fc.uint8Array({ maxLength: 8 }),
        (from, to, insert) => {
          const spliced = new Uint8Array([...identity.subarray(0, from), ...insert, ...identity.subarray(to)]);
          const isWhole = Buffer.compare(spliced, identity) === 0;
          expect(crypto.validateIdentity(spliced).ok).toBe(isWhole);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("refuses a block with any one bit flipped in header, data or signed metadata", () => {
    const nonce = new Uint8Array(24).fill(3);
    const orderer = ordererOrg.issue("orderer0", { role: "orderer" });
    const data = [makeTransaction({ channelId: "demo", data: new Uint8Array(9), nonce, timestampNanos: 1n, ...peer })];
    const decoded = readBlock(
      makeBlock({ number: 4n, previousHash: new Uint8Array(32), data, lastConfigIndex: 0n, nonce, ...orderer }),
    );
    if (!decoded.ok) throw new Error(decoded.detail);
    const good = decoded.value;
    const [tx = new Uint8Array(0), slot0 = new Uint8Array(0)] = [good.data[0], good.metadata[0]];
    const { header } = good;
    const corrupted: ((bit: number) => Block)[] = [
      (bit) => ({ ...good, header: { ...header, number: header.number ^ (1n << BigInt(bit % 64)) } }),
      (bit) => ({ ...good, header: { ...header, previousHash: flipped(header.previousHash, bit) } }),
      (bit) => ({ ...good, header: { ...header, dataHash: flipped(header.dataHash, bit) } }),
      (bit) => ({ ...good, data: [flipped(tx, bit)] }),
      (bit) => ({ ...good, metadata: [flipped(slot0, bit), ...good.metadata.slice(1)] }),
    ];
    expect(crypto.verifyBlock("demo", 4n, good)).toEqual({ ok: true });
    fc.assert(
      fc.property(fc.constantFrom(...corrupted), fc.nat(65_535), (corrupt, bit) => {
        const block = corrupt(bit);
        expect(crypto.verifyBlock("demo", block.header.number, block)).toMatchObject({ ok: false });
      }),
      { numRuns: 400 },
    );
  });
});
