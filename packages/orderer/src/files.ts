import { readFile } from "node:fs/promises";
import { decodePrivateKey } from "@gossip/crypto";
import { errorText, GossipError } from "@gossip/runtime";
import type { OrdererOptions } from "./api.js";
import type { OrdererConfig } from "./orderer-config.js";

/**
 * Reads the files that a config names, for `createOrderer`.
 *
 * @example
 * const config = resolveOrdererConfig(parse(await readFile(file, "utf8")), dirname(file));
 * const orderer = await createOrderer({ ...(await readOrdererFiles(config)), log });
 * @throws GossipError `not-found` or `storage` with the key and the path; `malformed` for a key that is none.
 */
export async function readOrdererFiles(config: OrdererConfig): Promise<OrdererOptions> {
  const { name, listenAddress, fileSystemPath, batch, limits, tls } = config;
  const keyPem = await read("identity.keyFile", config.identity.keyFile);
  return {
    name,
    listenAddress,
    fileSystemPath,
    batch,
    limits,
    identity: await read("identity.file", config.identity.file),
    privateKey: privateKeyIn(keyPem, config.identity.keyFile),
    ...(tls !== undefined && {
      tls: {
        cert: await read("tls.certFile", tls.certFile),
        key: await read("tls.keyFile", tls.keyFile),
        clientRootCas: await Promise.all(tls.clientRootCasFiles.map((file) => read("tls.clientRootCasFiles", file))),
      },
    }),
    genesisBlocks: await Promise.all(config.channels.map(({ genesisFile }) => read("genesisFile", genesisFile))),
  };
}

async function read(key: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new GossipError(
      isMissing ? "not-found" : "storage",
      `expected ${key} to be a readable file, got: ${errorText(error)}`,
      {
        cause: error,
      },
    );
  }
}

function privateKeyIn(pem: Uint8Array, path: string): Uint8Array {
  try {
    return decodePrivateKey(Buffer.from(pem).toString("utf8"));
  } catch (error) {
    throw new GossipError("malformed", `identity.keyFile ${path}: ${errorText(error)}`, { cause: error });
  }
}
