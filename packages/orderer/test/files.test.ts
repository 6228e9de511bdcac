import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodePrivateKey } from "@gossip/crypto";
import { describe, expect, it } from "vitest";
import { createOrderer, readOrdererFiles, resolveOrdererConfig } from "../src/index.js";
import { createTestOrdering } from "../src/testing/index.js";
import { fixture } from "./certificates.js";
import { temporaryFolder } from "./scene.js";

const { identity, privateKey, genesisBlocks } = createTestOrdering().options;

async function writeAll(change: Record<string, string | Uint8Array | undefined> = {}) {
  const folder = await temporaryFolder();
  const files: Record<string, string | Uint8Array | undefined> = {
    "orderer.id": identity,
    "orderer.key": encodePrivateKey(privateKey),
    "demo.block": genesisBlocks[0],
    "tls.pem": fixture("server.pem"),
    "tls.key": fixture("server.key"),
    "ca.pem": fixture("ca.pem"),
    ...change,
  };
  for (const [name, content] of Object.entries(files))
    if (content !== undefined) await writeFile(join(folder, name), content);
  const plain = {
    listenAddress: "127.0.0.1:0",
    fileSystemPath: "data",
    identity: { file: "orderer.id", keyFile: "orderer.key" },
    tls: { certFile: "tls.pem", keyFile: "tls.key", clientRootCasFiles: ["ca.pem"] },
    channels: [{ genesisFile: "demo.block" }],
  };
  return { folder, config: resolveOrdererConfig(plain, folder) };
}

describe("readOrdererFiles", () => {
  it("reads all that an orderer needs", async () => {
    const { config, folder } = await writeAll();
    const orderer = await createOrderer(await readOrdererFiles(config));
    expect(orderer.channels.get("demo")?.height).toBe(1n);
    expect(config.fileSystemPath).toBe(join(folder, "data"));
    await orderer.close();
  });

  it("names the key and the path of a file that is not there", async () => {
    const { config, folder } = await writeAll({ "ca.pem": undefined });
    await expect(readOrdererFiles(config)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        new RegExp(`^expected tls.clientRootCasFiles to be a readable file, got: .*${join(folder, "ca.pem")}`),
      ),
    });
  });

  it("names the file of a key that is none, and shows nothing of it", async () => {
    const { config, folder } = await writeAll({ "orderer.key": "secret" });
    const failure = readOrdererFiles(config);
    await expect(failure).rejects.toMatchObject({
      code: "malformed",
      message: `identity.keyFile ${join(folder, "orderer.key")}: expected an Ed25519 private key in PEM, got text that is no key`,
    });
  });
});
