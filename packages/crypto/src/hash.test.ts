import { describe, expect, it } from "vitest";
import { blockDataHash, blockHash, channelMac, pkiIdOfParts, sha256 } from "./hash.js";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the hashes of the protocol", () => {
  it("02/10.3b, 1.21, 2.2: give the PKI-IDs and channel MACs of pages 01 §9 and 13 §10", () => {
    const pkiId = pkiIdOfParts("Org1MSP", utf8("cert"));
    expect(pkiId).toBe("c3bfdc5c7b29427712229b8491727f5f5f29a631351af6db9f830515af1e2721");
    expect(hex(channelMac(pkiId, "mychannel"))).toBe(
      "ae6f2f278b1cc545f7984923d068d88adc108cb258c246e6088ee0de236f4bcf",
    );
    const other = pkiIdOfParts("Org1MSP", utf8("abc"));
    expect(hex(channelMac(other, "mychannel"))).toBe(
      "ae0867913d0495eab7cabdaafc3989c0a00a56f8a4fa81d5f833f17030ae8314",
    );
  });

  it("give the block hashes of page 13 §10", () => {
    const table: readonly [bigint, string][] = [
      [0n, "bc6f715bf0b5af641d2359a60c419057757571a331a11111b794455d9dbfa6d3"],
      [127n, "1e50be891d2475affbe8b2292d2f771d4ea0b0e853d52d0b341336d81fd27424"],
      [128n, "21255970fce2d8bd67c1b022cb7528f12d311fec7fc8ba34f5414d3983808260"],
      [256n, "102f5fcde227f2fd991cf9af0ffa571244bf6cd2aee8d14fb8ff40a0a0d44e7c"],
      [2n ** 63n, "2e0de14bd29f764b8865a34ee9a7ed5579668d9320917168311b1c33bb703204"],
      [2n ** 64n - 1n, "6bd48f16ae9e5a452a33346c254ee299c24c94470654a897e60bbd94e2906e25"],
    ];
    const dataHash = new Uint8Array(32).fill(0x22);
    for (const [number, hash] of table) {
      const previousHash = number === 0n ? new Uint8Array(0) : new Uint8Array(32).fill(0x11);
      expect(hex(blockHash({ number, previousHash, dataHash }))).toBe(hash);
    }
  });

  it("do not commit to the boundaries of transactions, which is why their form is checked", () => {
    const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(hex(blockDataHash([utf8("ab"), utf8("c")]))).toBe(expected);
    expect(hex(blockDataHash([utf8("a"), utf8("bc")]))).toBe(expected);
    expect(hex(sha256(utf8("abc")))).toBe(expected);
  });
});
