import { describe, expect, test } from "vitest";
import type { Decoded } from "../decoded.js";
import {
  encodeAcls,
  encodeAnchorPeers,
  encodeBatchSize,
  encodeBatchTimeout,
  encodeBlockDataHashingStructure,
  encodeCapabilities,
  encodeConsensusType,
  encodeHashingAlgorithm,
  encodeOrdererAddresses,
  encodeOrderers,
  readAcls,
  readAnchorPeers,
  readBatchSize,
  readBatchTimeout,
  readBlockDataHashingStructure,
  readCapabilities,
  readConsensusType,
  readHashingAlgorithm,
  readOrdererAddresses,
  readOrderers,
} from "./channel-values.js";

/** Made by Fabric's own Go types. */
const vectors = [
  vector("HashingAlgorithm", "0a06534841323536", readHashingAlgorithm, encodeHashingAlgorithm, { name: "SHA256" }),
  vector("BlockDataHashingStructure", "08ffffffff0f", readBlockDataHashingStructure, encodeBlockDataHashingStructure, {
    width: 2 ** 32 - 1,
  }),
  vector("OrdererAddresses", "0a03613a310a03623a32", readOrdererAddresses, encodeOrdererAddresses, {
    addresses: ["a:1", "b:2"],
  }),
  vector("Capabilities", "0a080a0456325f3012000a080a0456335f301200", readCapabilities, encodeCapabilities, {
    names: ["V2_0", "V3_0"],
  }),
  vector("Orderers", "0a1e080312026f33188a37220a4f7264657265724d53502a01013201023a0103", readOrderers, encodeOrderers, {
    consenters: [
      {
        id: 3,
        host: "o3",
        port: 7050,
        mspId: "OrdererMSP",
        identity: bytes(1),
        clientTlsCert: bytes(2),
        serverTlsCert: bytes(3),
      },
    ],
  }),
  vector("ConsensusType", "0a034246541201011801", readConsensusType, encodeConsensusType, {
    type: "BFT",
    metadata: bytes(1),
    state: "maintenance" as const,
  }),
  vector("BatchSize", "08f40310808080051880808001", readBatchSize, encodeBatchSize, {
    maxMessageCount: 500,
    absoluteMaxBytes: 10_485_760,
    preferredMaxBytes: 2_097_152,
  }),
  vector("BatchTimeout", "0a023273", readBatchTimeout, encodeBatchTimeout, { timeout: "2s" }),
  vector("AnchorPeers", "0a070a027030108b370a0f0a02703110ffffffffffffffffff01", readAnchorPeers, encodeAnchorPeers, {
    anchorPeers: [
      { host: "p0", port: 7051 },
      { host: "p1", port: -1 },
    ],
  }),
  vector(
    "ACLs",
    "0a2d0a0b6576656e742f426c6f636b121e0a1c2f4368616e6e656c2f4170706c69636174696f6e2f526561646572730a050a01781200",
    readAcls,
    encodeAcls,
    {
      policyRefs: new Map([
        ["event/Block", "/Channel/Application/Readers"],
        ["x", ""],
      ]),
    },
  ),
];

describe.each(vectors)("The value $name", ({ hex, read, encode }) => {
  test("has the bytes that Go makes", () => {
    expect(encode()).toBe(hex);
  });

  test("decodes from them", () => {
    expect(read()).toBe(true);
  });
});

test("Values that are absent read as empty, as in Go", () => {
  const none = new Uint8Array(0);
  expect(readHashingAlgorithm(none)).toStrictEqual({ ok: true, value: { name: "" } });
  expect(readCapabilities(none)).toStrictEqual({ ok: true, value: { names: [] } });
  expect(readConsensusType(none)).toStrictEqual({ ok: true, value: { type: "", metadata: none, state: "normal" } });
});

test("Capabilities that come twice are one", () => {
  expect(readCapabilities(fromHex("0a040a0261620a040a026162"))).toStrictEqual({ ok: true, value: { names: ["ab"] } });
});

test("A value that does not decode is refused, and a state of consensus that has no name", () => {
  for (const read of [readHashingAlgorithm, readOrderers, readAcls, readAnchorPeers, readBatchSize]) {
    expect(read(bytes(0xff))).toMatchObject({ ok: false, reason: "undecodable" });
  }
  expect(readConsensusType(fromHex("1802"))).toMatchObject({ ok: false, reason: "invalid-field" });
});

test("Values are refused to be written with what has no form on the wire", () => {
  const consenter = { host: "", mspId: "", identity: bytes(), clientTlsCert: bytes(), serverTlsCert: bytes() };
  const batch = { maxMessageCount: 1, absoluteMaxBytes: 1, preferredMaxBytes: 1 };
  for (const wrong of [
    () => encodeHashingAlgorithm({ name: "\ud800" }),
    () => encodeBlockDataHashingStructure({ width: 2 ** 32 }),
    () => encodeOrdererAddresses({ addresses: ["\ud800"] }),
    () => encodeCapabilities({ names: ["\ud800"] }),
    () => encodeOrderers({ consenters: [{ ...consenter, id: -1, port: 1 }] }),
    () => encodeOrderers({ consenters: [{ ...consenter, id: 1, port: 0.5 }] }),
    () => encodeConsensusType({ type: "", metadata: bytes(), state: "asleep" as "normal" }),
    () => encodeBatchSize({ ...batch, maxMessageCount: -1 }),
    () => encodeBatchTimeout({ timeout: "\ud800" }),
    () => encodeAnchorPeers({ anchorPeers: [{ host: "", port: 2 ** 31 }] }),
    () => encodeAcls({ policyRefs: new Map([["\ud800", ""]]) }),
  ]) {
    expect(wrong).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  }
});

/** Closes over the type of one value, so that vectors of many fit in one table. */
function vector<T>(
  name: string,
  hex: string,
  read: (bytes: Uint8Array) => Decoded<T>,
  encode: (value: T) => Uint8Array,
  value: T,
) {
  return {
    name,
    hex,
    encode: () => toHex(encode(value)),
    read: () => {
      expect(read(fromHex(hex))).toStrictEqual({ ok: true, value });
      return true;
    },
  };
}

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
