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

function checkWhole(key: string, value: unknown, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > max) {
    throw refusal(`${key} to be an integer from 1 to ${max}`, value);
  }
}

/** An error that says what was expected and what came. */
export function refusal(expected: string, got: unknown): GossipError {
  // Other text than a word could be anything, also what moves the cursor.
  const isWord = typeof got === "string" && /^[\w.:/-]+$/.test(got);
  const shown = got === undefined || got === null ? "nothing" : isWord ? got : cut(JSON.stringify(got));
  return new GossipError("invalid-config", `expected ${expected}, got ${shown}`);
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
