import { GossipError } from "@gossip/runtime";

const MiB = 1024 * 1024;

/** What private data may cost a peer in one channel. */
export interface PrivateDataLimits {
  /**
   * Blocks that an acknowledged set is kept for, counted from its height: `peer.gossip.pvtData.transientstoreMaxBlockRetention`
   * (protocol page 12 §2.5). The height is the later of the one the set was simulated at and ours when it came, but at most
   * this many blocks ahead of ours, so that no sender's number keeps a set for more than twice as long. More costs disk; less
   * than the blocks in which a transaction is ordered and its data fetched loses data that somebody still needs.
   *
   * @default 20_000
   */
  readonly retentionBlocks: number;
  /**
   * Bytes of all sets, their configurations and `recordOverheadBytes` for each. A full store refuses, and says so to the
   * endorser, whose proposal may then fail.
   *
   * @default 1 GiB
   */
  readonly maxBytes: number;
  /**
   * The part of `maxBytes` that may come from peers of one organization, so that a hostile one cannot shut the others out.
   *
   * @default half of maxBytes
   */
  readonly maxBytesPerOrganization: number;
  /**
   * Bytes of one set and its configuration; at most `maxBytesPerOrganization`.
   *
   * @default 32 MiB
   */
  readonly maxRecordBytes: number;
  /**
   * Different sets of one transaction, all its collections together.
   *
   * @default 256
   */
  readonly maxRecordsPerTransaction: number;
  /**
   * Bytes of sets that wait to be written; above it pushes are refused. At least `maxRecordBytes`.
   *
   * @default 64 MiB
   */
  readonly maxWaitingBytes: number;
  /**
   * Digests of one request that are looked up; the others are left out of the answer.
   *
   * @default 10_000
   */
  readonly maxDigests: number;
  /**
   * Different blocks that the digests of one request may name without a transaction id, each of which is read from the
   * ledger; digests of others are left out.
   *
   * @default 100
   */
  readonly maxBlocks: number;
  /**
   * Bytes of sets in one answer. At least `maxRecordBytes`, and it has to fit into a message (100 MiB).
   *
   * @default 48 MiB, within `maxPrivateDataBytes` of a node
   */
  readonly maxAnswerBytes: number;
  /**
   * Requests that wait for their turn, since one is answered at a time; those above it are answered with nothing.
   *
   * @default 256
   */
  readonly maxRequests: number;
  /**
   * The part of `maxRequests` that one peer may take.
   *
   * @default 16, the `maxPrivateDataTasks` of a node
   */
  readonly maxRequestsPerPeer: number;
}

/** What a peer does unless told otherwise. */
export const privateDataDefaults: PrivateDataLimits = Object.freeze({
  retentionBlocks: 20_000,
  maxBytes: 1024 * MiB,
  maxBytesPerOrganization: 512 * MiB,
  maxRecordBytes: 32 * MiB,
  maxRecordsPerTransaction: 256,
  maxWaitingBytes: 64 * MiB,
  maxDigests: 10_000,
  maxBlocks: 100,
  maxAnswerBytes: 48 * MiB,
  maxRequests: 256,
  maxRequestsPerPeer: 16,
});

/** Bytes that a record counts for beside its set and configuration: what its keys and names take. */
export const recordOverheadBytes = 1024;

/** Bytes of one name: transaction id, namespace, collection. Fabric's transaction ids have 64. */
export const maxNameBytes = 256;

/** Bytes of the configuration beside a set. One collection with a hundred certificates in its policy takes half of it. */
export const maxConfigBytes = MiB / 4;

/** Different configurations that one request may make us judge, each of which costs a read and a signature check. */
export const maxJudgedConfigs = 128;

/** Sets that wait to be written. */
export const maxWaitingRecords = 1000;

/**
 * Fills in what is not given. `maxBytesPerOrganization` follows `maxBytes` unless it is given.
 *
 * @throws GossipError `invalid-config` naming the limit and what it must be.
 */
export function resolvePrivateDataLimits(given: Partial<PrivateDataLimits> = {}): PrivateDataLimits {
  const maxBytes = given.maxBytes ?? privateDataDefaults.maxBytes;
  const limits = { ...privateDataDefaults, maxBytesPerOrganization: Math.ceil(maxBytes / 2), ...given };
  for (const [name, value] of Object.entries(limits) as [keyof PrivateDataLimits, number][]) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new GossipError("invalid-config", `expected ${name} to be a whole number of at least 1, got ${value}`);
    }
  }
  atMost(limits, "maxBytesPerOrganization", "maxBytes");
  atMost(limits, "maxRecordBytes", "maxBytesPerOrganization");
  atMost(limits, "maxRecordBytes", "maxWaitingBytes");
  atMost(limits, "maxRecordBytes", "maxAnswerBytes");
  atMost(limits, "maxRequestsPerPeer", "maxRequests");
  if (limits.maxAnswerBytes > largestAnswerBytes) {
    throw new GossipError(
      "invalid-config",
      `expected maxAnswerBytes to be at most ${largestAnswerBytes}, for an answer is one message, got ${limits.maxAnswerBytes}`,
    );
  }
  return Object.freeze(limits);
}

/** What a message of Fabric's default size leaves beside ten thousand digests with long names. */
const largestAnswerBytes = 90 * MiB;

function atMost(limits: PrivateDataLimits, name: keyof PrivateDataLimits, bound: keyof PrivateDataLimits): void {
  if (limits[name] <= limits[bound]) return;
  throw new GossipError(
    "invalid-config",
    `expected ${name} to be at most ${bound}, ${limits[bound]}, got ${limits[name]}`,
  );
}
