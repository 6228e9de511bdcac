import { describe, expect, it } from "vitest";
import { batchDefaults, limitsDefaults } from "./config.js";
import { resolveOrdererConfig } from "./orderer-config.js";

const minimal = {
  listenAddress: "127.0.0.1:7050",
  fileSystemPath: "data",
  identity: { file: "orderer.id", keyFile: "orderer.key" },
  channels: [{ genesisFile: "demo.block" }],
};

describe("resolveOrdererConfig", () => {
  it("completes a minimal file, with paths relative to its folder", () => {
    expect(resolveOrdererConfig(minimal, "/etc/orderer")).toEqual({
      name: "orderer",
      listenAddress: "127.0.0.1:7050",
      fileSystemPath: "/etc/orderer/data",
      identity: { file: "/etc/orderer/orderer.id", keyFile: "/etc/orderer/orderer.key" },
      channels: [{ genesisFile: "/etc/orderer/demo.block" }],
      batch: batchDefaults,
      limits: limitsDefaults,
    });
  });

  it("reads TLS files, batch and limits", () => {
    const config = resolveOrdererConfig(
      {
        ...minimal,
        name: "orderer0",
        tls: { certFile: "/tls/cert.pem", keyFile: "key.pem", clientRootCasFiles: ["ca.pem"] },
        batch: { batchTimeoutMs: 50 },
        limits: { maxStreams: 5 },
      },
      "/etc",
    );
    expect(config).toMatchObject({
      name: "orderer0",
      tls: { certFile: "/tls/cert.pem", keyFile: "/etc/key.pem", clientRootCasFiles: ["/etc/ca.pem"] },
      batch: { ...batchDefaults, batchTimeoutMs: 50 },
      limits: { ...limitsDefaults, maxStreams: 5 },
    });
  });

  const bad: readonly (readonly [unknown, string])[] = [
    [
      null,
      "expected the file to be a mapping with name, listenAddress, fileSystemPath, identity, tls, channels, batch, limits, got nothing",
    ],
    [
      { ...minimal, lisenAddress: "x" },
      "expected the file to have only the keys name, listenAddress, fileSystemPath, identity, tls, channels, batch, limits, got lisenAddress",
    ],
    [{ ...minimal, listenAddress: 7050 }, "expected listenAddress to be a text, got 7050"],
    [{ ...minimal, fileSystemPath: undefined }, "expected fileSystemPath to be a text, got nothing"],
    [{ ...minimal, identity: { file: "a" } }, "expected identity.keyFile to be a text, got nothing"],
    [{ ...minimal, channels: [] }, "expected channels to name at least one genesisFile, got none"],
    [{ ...minimal, channels: [{}] }, "expected channels[0].genesisFile to be a text, got nothing"],
    [
      { ...minimal, batch: { maxMessageCount: 0 } },
      "expected batch.maxMessageCount to be an integer from 1 to 100000, got 0",
    ],
    [
      { ...minimal, batch: { batchTimeoutMs: "2s" } },
      "expected batch.batchTimeoutMs to be an integer from 1 to 2147483647, got 2s",
    ],
    [
      { ...minimal, batch: { absoluteMaxBytes: 1000 } },
      "expected batch.preferredMaxBytes of at most absoluteMaxBytes (1000), got 2097152",
    ],
    [
      { ...minimal, limits: { maxPendingBytes: 5 } },
      "expected limits.maxPendingBytes of at least batch.absoluteMaxBytes (10485760), got 5",
    ],
    [
      { ...minimal, tls: { certFile: "a", keyFile: "b", clientRootCasFiles: "c" } },
      "expected tls.clientRootCasFiles to be a list, got c",
    ],
  ];
  for (const [plain, message] of bad) {
    it(`says: ${message}`, () => {
      expect(() => resolveOrdererConfig(plain, "/")).toThrow(
        expect.objectContaining({ code: "invalid-config", message }),
      );
    });
  }
});
