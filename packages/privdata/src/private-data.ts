import { join } from "node:path";
import type { Verdict } from "@gossip/crypto";
import type { PrivateDataHandler, PrivateDataPeer } from "@gossip/node";
import type { PrivateDataDigest, PrivateDataElement, PrivatePayload } from "@gossip/proto";
import {
  type Clock,
  type ErrorCode,
  GossipError,
  type Logger,
  type MaybePromise,
  type Metrics,
  noMetrics,
  silentLogger,
  systemClock,
} from "@gossip/runtime";
import { type AnswerOptions, answerTo } from "./answering.js";
import { Counters } from "./counters.js";
import { maxConfigBytes, maxNameBytes, type PrivateDataLimits, resolvePrivateDataLimits } from "./limits.js";
import { Requests } from "./requests.js";
import { type Kept, TransientStore } from "./transient-store.js";
import { type Refusal, type RefusalReason, refusal } from "./usage.js";

/** Where a channel's private data lies and who may have it; used by `createPrivateData`. */
export interface PrivateDataOptions {
  /** Directory of all private data of one peer; each channel has a directory of its own name in it. Made when missing, for its owner only. */
  readonly dir: string;
  /** Channel name: letters a to z, digits, `.` and `-`, beginning with a letter, at most 249 characters. */
  readonly channel: string;
  /**
   * Whether a collection's member policy, a serialized `common.SignaturePolicyEnvelope`, accepts a peer by its identity and
   * the signature of its handshake. The bytes came from some peer: MUST NOT throw for what they hold. A failure counts as no.
   */
  mayRead(policy: Uint8Array, peer: PrivateDataPeer): MaybePromise<Verdict>;
  /** Number of blocks in our ledger. */
  height(): bigint;
  /**
   * The id of a transaction in our ledger, `undefined` where there is none: a reconciliation request names the place and not
   * the transaction. Asked for the places of one block after the other, so one block's ids are worth remembering.
   */
  txIdAt(blockNumber: bigint, seqInBlock: bigint): MaybePromise<string | undefined>;
  /** @default privateDataDefaults */
  readonly limits?: Partial<PrivateDataLimits>;
  /** @default silentLogger */
  readonly log?: Logger;
  /** @default noMetrics */
  readonly metrics?: Metrics;
  /**
   * For durations, and for how often the same is said in the log.
   * @default systemClock
   */
  readonly clock?: Clock;
}

/** A channel's private data on disk: what other peers pushed, given to those who may have it. */
export interface PrivateData extends PrivateDataHandler, AsyncDisposable {
  readonly channel: string;
  /** Where the private data of this channel lies. */
  readonly dir: string;
  /** Sets held. */
  readonly count: number;
  /** Bytes that they count for, against `maxBytes`. */
  readonly bytes: number;
  /**
   * Resolves when the set is on disk. The same set pushed again is the same record, and is kept for the later of both times.
   *
   * @throws GossipError `malformed`, `too-large`, `unavailable` (busy), `storage` (no room, or the disk failed) or `closed`.
   * The text is fit to be told to the sender.
   */
  store(payload: PrivatePayload, from: PrivateDataPeer): Promise<void>;
  /** What is held of the digests and the peer may have (protocol page 11 §8). Never rejects; a closed one has nothing. */
  answer(digests: readonly PrivateDataDigest[], from: PrivateDataPeer): Promise<readonly PrivateDataElement[]>;
  /**
   * Removes what is past its retention, and says how many sets that were. To be called when the height has grown: each push
   * starts it as well, but none may come. Costs nothing when the height is the same. Never rejects.
   */
  purge(): Promise<number>;
  /** Waits for pushes and requests under way. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the private data of a channel, or makes it.
 *
 * @throws GossipError `invalid-argument` for a bad channel name; `invalid-config` for a bad limit; `conflict` when it is open
 * already, here or in another process; `corrupt` with the cure when LevelDB cannot read its files; `storage` when the file
 * system refuses.
 *
 * @example
 * const privateData = await createPrivateData({
 *   dir: "peer0/private-data",
 *   channel: "payments",
 *   mayRead: (policy, peer) => crypto.judge("payments", policy, peer),
 *   height: () => ledger.height,
 *   txIdAt: (blockNumber, seqInBlock) => index.txIdAt(blockNumber, seqInBlock),
 * });
 * await node.join("payments", { ledger, organizations, privateData });
 */
export async function createPrivateData(options: PrivateDataOptions): Promise<PrivateData> {
  const { channel } = options;
  if (!/^[a-z][a-z0-9.-]{0,248}$/.test(channel)) {
    throw new GossipError(
      "invalid-argument",
      `expected a channel name of letters a to z, digits, "." and "-" that begins with a letter, got ${JSON.stringify(channel)}`,
    );
  }
  const { log = silentLogger, metrics = noMetrics, clock = systemClock } = options;
  const limits = resolvePrivateDataLimits(options.limits);
  const counters = new Counters({ channel, metrics, clock, log });
  const dir = join(options.dir, channel);
  // LevelDB has a directory to itself.
  const store: TransientStore = await TransientStore.open({
    ...{ dir: join(dir, "sets"), limits, log },
    onUsage: (usage) => counters.usage(usage),
  });
  return new DurablePrivateData({ ...options, dir, limits, log, metrics, clock }, store, counters);
}

class DurablePrivateData implements PrivateData {
  readonly channel: string;
  readonly dir: string;
  readonly #options: Required<PrivateDataOptions> & { readonly limits: PrivateDataLimits };
  readonly #store: TransientStore;
  readonly #counters: Counters;
  readonly #requests: Requests;
  /** Everything below this height has been purged. */
  #purgedBelow = 0n;
  /** The newest purge, while it runs. */
  #purging: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: Required<PrivateDataOptions> & { readonly limits: PrivateDataLimits },
    store: TransientStore,
    counters: Counters,
  ) {
    this.channel = options.channel;
    this.dir = options.dir;
    this.#options = options;
    this.#store = store;
    this.#counters = counters;
    this.#requests = new Requests(options.limits);
  }

  get count(): number {
    return this.#store.usage.records;
  }

  get bytes(): number {
    return this.#store.usage.bytes;
  }

  async store(payload: PrivatePayload, from: PrivateDataPeer): Promise<void> {
    const kept = refusalOf(payload, from, this.#options.limits) ?? (await this.#keep(payload, from.org ?? ""));
    if (kept.ok) {
      this.#counters.stored(kept.isKnown);
      return;
    }
    const { namespace, collection } = payload;
    this.#counters.refused(kept.reason, kept.detail, { from: from.pkiId, org: from.org, namespace, collection });
    throw new GossipError(codes[kept.reason], kept.detail);
  }

  async answer(digests: readonly PrivateDataDigest[], from: PrivateDataPeer): Promise<readonly PrivateDataElement[]> {
    if (this.#closing !== undefined) return [];
    const fields = { from: from.pkiId, org: from.org };
    const elements = await this.#requests.run(from.pkiId, () => answerTo(digests, from, this.#answerOptions(fields)));
    if (elements === undefined) {
      this.#counters.leftOut("busy", digests.length, fields);
      return [];
    }
    this.#counters.answered(elements.length);
    return elements;
  }

  purge(): Promise<number> {
    const below = this.#options.height() - BigInt(this.#options.limits.retentionBlocks);
    if (below <= this.#purgedBelow || this.#closing !== undefined) return Promise.resolve(0);
    this.#purgedBelow = below;
    const purging = (this.#purging ?? Promise.resolve()).then(() => this.#purgeBelow(below));
    this.#purging = purging;
    return purging.finally(() => {
      if (this.#purging === purging) this.#purging = undefined;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#requests.idle.then(() => this.#store.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #keep(payload: PrivatePayload, org: string): Promise<Kept> {
    void this.purge();
    const record = { payload, height: this.#heightOf(payload), org };
    const kept = await this.#store.keep(record);
    if (kept.ok || (kept.reason !== "full" && kept.reason !== "organization-full")) return kept;
    if (this.#purging === undefined) return kept;
    // What is due is just on its way out.
    await this.#purging;
    return this.#store.keep(record);
  }

  async #purgeBelow(height: bigint): Promise<number> {
    const { clock } = this.#options;
    const started = clock.now();
    const removed = await this.#store.purgeBelow(height);
    this.#counters.purged(removed, clock.now() - started);
    return removed;
  }

  /**
   * What the purge of a set goes by. The number in the message is the sender's choice (page 11 §4): a small one would have
   * an acknowledged set purged before its transaction comes, a large one would keep it for ever.
   */
  #heightOf({ simulationHeight }: PrivatePayload): bigint {
    const own = this.#options.height();
    const farthest = own + BigInt(this.#options.limits.retentionBlocks);
    if (simulationHeight < own) return own;
    return simulationHeight < farthest ? simulationHeight : farthest;
  }

  #answerOptions(fields: Readonly<Record<string, unknown>>): AnswerOptions {
    const { limits, log, clock } = this.#options;
    return {
      ...{ limits, log },
      sources: {
        find: (txId, namespace, collection) => this.#store.find(txId, namespace, collection),
        read: (kind, held) => this.#store.read(kind, held),
        txIdAt: (blockNumber, seqInBlock) => this.#options.txIdAt(blockNumber, seqInBlock),
        mayRead: (policy, peer) => this.#options.mayRead(policy, peer),
        height: () => this.#options.height(),
        now: () => clock.now(),
      },
      onLeftOut: (reason, count) => this.#counters.leftOut(reason, count, fields),
      onRetrieved: (elapsedMs) => this.#counters.retrieved(elapsedMs),
    };
  }
}

const codes: Readonly<Record<RefusalReason, ErrorCode>> = {
  malformed: "malformed",
  "too-large": "too-large",
  "too-many-records": "too-large",
  "organization-full": "storage",
  full: "storage",
  busy: "unavailable",
  disk: "storage",
  closed: "closed",
};

/** Why a push is not even looked at. */
function refusalOf(payload: PrivatePayload, { org }: PrivateDataPeer, limits: PrivateDataLimits): Refusal | undefined {
  const { txId, namespace, collection, rwset, collectionConfigs } = payload;
  if (txId === "") return refusal("malformed", "expected a transaction id, got none");
  for (const [what, name] of Object.entries({ txId, namespace, collection, organization: org ?? "" })) {
    const bytes = Buffer.byteLength(name);
    if (bytes > maxNameBytes) {
      return refusal("malformed", `expected ${what} to have at most ${maxNameBytes} bytes, got ${bytes}`);
    }
  }
  if (rwset.length === 0) return refusal("malformed", "expected a private read-write set, got an empty one");
  if (collectionConfigs.length > maxConfigBytes) {
    const text = `expected at most ${maxConfigBytes} bytes of collection configuration, got ${collectionConfigs.length}`;
    return refusal("too-large", text);
  }
  const bytes = rwset.length + collectionConfigs.length;
  if (bytes > limits.maxRecordBytes) {
    const text = `expected at most ${limits.maxRecordBytes} bytes of private data and configuration, got ${bytes}`;
    return refusal("too-large", text);
  }
  return undefined;
}
