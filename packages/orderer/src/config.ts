import { resolve } from "node:path";
import { GossipError } from "@gossip/runtime";

/** How transactions become blocks; Fabric's `BatchSize` and `BatchTimeout`. */
export interface BatchConfig {
  /** Most transactions in a block. More means fewer signatures and fsyncs per transaction. @default 500 */
  readonly maxMessageCount: number;
  /** Largest transaction, as a serialized envelope; a larger one is refused with 413. @default 10485760 */
  readonly absoluteMaxBytes: number;
  /**
   * Size at which a block is cut although it could take more transactions. A transaction above it gets a block of its
   * own. Must not exceed `absoluteMaxBytes`.
   * @default 2097152
   */
  readonly preferredMaxBytes: number;
  /**
   * Longest wait of a transaction for others to share its block. A client that sends one transaction at a time and waits
   * for its acknowledgement waits this long for each; one that keeps many in flight does not.
   * @default 200
   */
  readonly batchTimeoutMs: number;
}

/** What the orderer holds in memory. */
export interface LimitsConfig {
  /** Most transactions per channel accepted and not yet committed; at the limit streams are read no further. @default 10000 */
  readonly maxPending: number;
  /** The same in bytes; must not be below `absoluteMaxBytes`. @default 134217728 */
  readonly maxPendingBytes: number;
  /** Most unanswered transactions of one stream. @default 10000 */
  readonly maxPendingPerStream: number;
  /** Most streams of all clients together; one more is ended with RESOURCE_EXHAUSTED. @default 1000 */
  readonly maxStreams: number;
  /** Most recent transactions of a channel that are recognised when submitted again. @default 100000 */
  readonly maxRecent: number;
  /** The same in bytes of these transactions, since they are read from the ledger at start. @default 268435456 */
  readonly maxRecentBytes: number;
}

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

/** The values of {@link BatchConfig} when nothing else is said; the time-out is a tenth of Fabric's, for quick trials. */
export const batchDefaults: BatchConfig = Object.freeze({
  maxMessageCount: 500,
  absoluteMaxBytes: 10 * 1024 * 1024,
  preferredMaxBytes: 2 * 1024 * 1024,
  batchTimeoutMs: 200,
});

/** The values of {@link LimitsConfig} when nothing else is said. */
export const limitsDefaults: LimitsConfig = Object.freeze({
  maxPending: 10_000,
  maxPendingBytes: 128 * 1024 * 1024,
  maxPendingPerStream: 10_000,
  maxStreams: 1_000,
  maxRecent: 100_000,
  maxRecentBytes: 256 * 1024 * 1024,
});

/** Room for header, metadata and framing beside the one transaction of a block that takes the most bytes. */
const blockOverheadBytes = 1024 * 1024;

/** What a Fabric peer takes in one message (protocol page 01 §1.2). */
export const maxMessageBytes = 104_857_600;

/** Transactions of a block that keep the sum of their framing within `blockOverheadBytes`. */
const maxCount = 100_000;

/**
 * Fills in defaults and checks each value.
 *
 * @throws GossipError `invalid-config`.
 */
export function resolveBatchConfig(config: Partial<BatchConfig> = {}): BatchConfig {
  const batch = { ...batchDefaults, ...config };
  checkWhole("batch.maxMessageCount", batch.maxMessageCount, maxCount);
  checkWhole("batch.absoluteMaxBytes", batch.absoluteMaxBytes, maxMessageBytes - blockOverheadBytes);
  checkWhole("batch.preferredMaxBytes", batch.preferredMaxBytes, maxMessageBytes - blockOverheadBytes);
  checkWhole("batch.batchTimeoutMs", batch.batchTimeoutMs, 2 ** 31 - 1);
  if (batch.preferredMaxBytes > batch.absoluteMaxBytes) {
    throw refusal(
      `batch.preferredMaxBytes of at most absoluteMaxBytes (${batch.absoluteMaxBytes})`,
      batch.preferredMaxBytes,
    );
  }
  return batch;
}

/**
 * Fills in defaults and checks each value, and its relation to the largest transaction.
 *
 * @throws GossipError `invalid-config`.
 */
export function resolveLimitsConfig(
  config: Partial<LimitsConfig> = {},
  batch: BatchConfig = batchDefaults,
): LimitsConfig {
  const limits = { ...limitsDefaults, ...config };
  for (const name of Object.keys(limitsDefaults) as (keyof LimitsConfig)[]) {
    checkWhole(`limits.${name}`, limits[name], 2 ** 40);
  }
  for (const name of ["maxPendingBytes", "maxRecentBytes"] as const) {
    if (limits[name] < batch.absoluteMaxBytes) {
      throw refusal(`limits.${name} of at least batch.absoluteMaxBytes (${batch.absoluteMaxBytes})`, limits[name]);
    }
  }
  return limits;
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

function checkWhole(key: string, value: unknown, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > max) {
    throw refusal(`${key} to be an integer from 1 to ${max}`, value);
  }
}

function refusal(expected: string, got: unknown): GossipError {
  const shown = got === undefined ? "nothing" : typeof got === "string" ? got : JSON.stringify(got);
  return new GossipError("invalid-config", `expected ${expected}, got ${shown}`);
}
