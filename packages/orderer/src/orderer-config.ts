import { resolve } from "node:path";
import {
  type BatchConfig,
  batchDefaults,
  type LimitsConfig,
  limitsDefaults,
  refusal,
  resolveBatchConfig,
  resolveLimitsConfig,
} from "./config.js";

/** What a file says about an orderer. Paths are absolute once resolved. */
export interface OrdererConfig {
  /** For people, in logs. @default "orderer" */
  readonly name: string;
  /** `host:port` to bind; port 0 takes a free one. */
  readonly listenAddress: string;
  /** Folder of the ledgers, one sub-folder per channel. One process at a time. */
  readonly fileSystemPath: string;
  /** Files: a serialized identity, and its Ed25519 key as PKCS#8 in PEM. */
  readonly identity: { readonly file: string; readonly keyFile: string };
  /** PEM files. With `clientRootCasFiles`, clients must present a certificate of one of these authorities. */
  readonly tls?: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly clientRootCasFiles: readonly string[];
  };
  /** Each channel's block 0. */
  readonly channels: readonly { readonly genesisFile: string }[];
  readonly batch: BatchConfig;
  readonly limits: LimitsConfig;
}

/**
 * Checks what a YAML file held and completes it: relative paths are relative to `folder`, which is the file's.
 *
 * @throws GossipError `invalid-config` with the key, what was expected there and what was found.
 */
export function resolveOrdererConfig(plain: unknown, folder: string): OrdererConfig {
  const root = section(plain, "the file", [
    "name",
    "listenAddress",
    "fileSystemPath",
    "identity",
    "tls",
    "channels",
    "batch",
    "limits",
  ]);
  const path = (value: unknown, key: string) => resolve(folder, text(value, key));
  const identity = section(root["identity"], "identity", ["file", "keyFile"]);
  const channels = list(root["channels"], "channels").map((entry, at) => {
    const channel = section(entry, `channels[${at}]`, ["genesisFile"]);
    return { genesisFile: path(channel["genesisFile"], `channels[${at}].genesisFile`) };
  });
  if (channels.length === 0) throw refusal("channels to name at least one genesisFile", "none");
  const batch = resolveBatchConfig(numbers(root["batch"], "batch", batchDefaults));
  return {
    name: root["name"] === undefined ? "orderer" : text(root["name"], "name"),
    listenAddress: text(root["listenAddress"], "listenAddress"),
    fileSystemPath: path(root["fileSystemPath"], "fileSystemPath"),
    identity: { file: path(identity["file"], "identity.file"), keyFile: path(identity["keyFile"], "identity.keyFile") },
    ...(root["tls"] !== undefined && { tls: tlsFiles(root["tls"], path) }),
    channels,
    batch,
    limits: resolveLimitsConfig(numbers(root["limits"], "limits", limitsDefaults), batch),
  };
}

function tlsFiles(
  plain: unknown,
  path: (value: unknown, key: string) => string,
): { certFile: string; keyFile: string; clientRootCasFiles: string[] } {
  const tls = section(plain, "tls", ["certFile", "keyFile", "clientRootCasFiles"]);
  return {
    certFile: path(tls["certFile"], "tls.certFile"),
    keyFile: path(tls["keyFile"], "tls.keyFile"),
    clientRootCasFiles: list(tls["clientRootCasFiles"] ?? [], "tls.clientRootCasFiles").map((file, at) =>
      path(file, `tls.clientRootCasFiles[${at}]`),
    ),
  };
}

/** A mapping with no other keys than these: a misspelt option would else be silently without effect. */
function section(plain: unknown, key: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    throw refusal(`${key} to be a mapping with ${known.join(", ")}`, plain);
  }
  for (const name of Object.keys(plain)) {
    if (!known.includes(name)) throw refusal(`${key} to have only the keys ${known.join(", ")}`, name);
  }
  return plain as Readonly<Record<string, unknown>>;
}

function list(plain: unknown, key: string): readonly unknown[] {
  if (!Array.isArray(plain)) throw refusal(`${key} to be a list`, plain);
  return plain;
}

function text(plain: unknown, key: string): string {
  if (typeof plain !== "string" || plain === "") throw refusal(`${key} to be a text`, plain);
  return plain;
}

function numbers<T extends object>(plain: unknown, key: string, defaults: T): Partial<T> {
  if (plain === undefined || plain === null) return {};
  return section(plain, key, Object.keys(defaults)) as Partial<T>;
}
