import { makeBlock } from "@gossip/crypto";
import type { BroadcastResponse } from "@gossip/proto/fabric";
import {
  type Clock,
  errorText,
  isPromise,
  type Logger,
  type MaybePromise,
  type Metrics,
  type Random,
  type Run,
  run,
} from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { OrderedChannel } from "./api.js";
import { BlockCutter, type CutterInput } from "./block-cutter.js";
import type { BatchConfig, LimitsConfig } from "./config.js";
import type { RecentTransactions, TransactionHash } from "./recent-transactions.js";
import { Room } from "./room.js";
import { ordered, refused, status } from "./status.js";

/**
 * One channel: from accepted transactions to blocks on disk.
 *
 * Why a transaction is acknowledged only after its block is on disk. The alternative, a log of accepted transactions that
 * is synced before the acknowledgement, answers a lone sequential client sooner, at the price of a second durable store
 * with a recovery of its own, and of every byte being written twice. Here an acknowledged transaction has one home, and
 * "nothing acknowledged is lost" needs no argument beyond the ledger's. One fsync per block is shared by all its
 * transactions, so throughput comes from clients that keep many transactions in flight. What it costs: a client that
 * waits for each acknowledgement gets one transaction per batchTimeoutMs.
 *
 * Why a failed write refuses everything that is pending. A block that cannot be written (a full disk) is answered with
 * 503, and so is what was to follow it; else later transactions would be ordered before those that their clients are
 * going to submit again. The broadcast stream ends with the refusal for the same reason.
 */

export interface OrderingChannelOptions {
  readonly id: string;
  /** Holds block 0 at least. */
  readonly ledger: Ledger;
  readonly recent: RecentTransactions;
  readonly batch: BatchConfig;
  readonly limits: LimitsConfig;
  /** The orderer's serialized identity, and what signs with its key. */
  readonly identity: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** A defect: nothing is ordered any more. */
  onFault(error: unknown): void;
}

export interface Submission {
  readonly transaction: Uint8Array;
  readonly hash: TransactionHash;
  /** Asked after waiting for room: false when the client has gone, or an earlier transaction of its was refused. */
  isWanted(): boolean;
  /** Called once: the transaction is on disk, or was refused. */
  onAnswer(response: BroadcastResponse): void;
}

interface Pending {
  readonly transaction: Uint8Array;
  readonly hash: TransactionHash;
  /** Several when the same transaction was submitted again before its block was written. */
  readonly answers: ((response: BroadcastResponse) => void)[];
}

/** See the top of the file. */
export class OrderingChannel implements OrderedChannel {
  readonly id: string;
  readonly #options: OrderingChannelOptions;
  readonly #room: Room;
  readonly #cutter: Run<CutterInput>;
  readonly #pending = new Map<number, Pending>();
  readonly #idOf = new Map<TransactionHash, number>();
  readonly #commitListeners = new Set<() => void>();
  #lastId = 0;
  /** Cut and not yet written; bounded by the room. */
  #batches: (readonly number[])[] = [];
  #writing: Promise<void> | undefined;
  #failure: string | undefined;
  readonly #heightGauge;
  readonly #cutCounter;

  constructor(options: OrderingChannelOptions) {
    const { batch, limits, clock, metrics } = options;
    this.id = options.id;
    this.#options = options;
    this.#room = new Room(limits.maxPending, limits.maxPendingBytes);
    this.#heightGauge = metrics.gauge({
      name: "gossip_orderer_height",
      help: "Blocks of the channel",
      labels: ["channel"],
    });
    this.#cutCounter = metrics.counter({
      name: "gossip_orderer_blocks_cut",
      help: "Blocks cut, by reason",
      labels: ["channel", "reason"],
    });
    this.#heightGauge.set(Number(this.height), { channel: this.id });
    this.#cutter = run(new BlockCutter(batch), {
      clock,
      perform: ({ ids, reason }) => {
        this.#cutCounter.add(1, { channel: this.id, reason });
        this.#batches.push(ids);
        this.#writing ??= this.#writeAll();
      },
      onFault: (error) => {
        this.#failure = errorText(error);
        options.onFault(error);
      },
    });
  }

  get height(): bigint {
    return this.#options.ledger.height;
  }

  get lastHash(): Uint8Array {
    return this.#options.ledger.lastHash;
  }

  get pending(): number {
    return this.#room.count;
  }

  get health(): OrderedChannel["health"] {
    return this.#failure === undefined ? { ok: true } : { ok: false, detail: this.#failure };
  }

  /** Whether a transaction was ordered, or is about to be: then it needs no checks, for its very bytes passed them. */
  knows(hash: TransactionHash): boolean {
    return this.#idOf.has(hash) || this.#options.recent.has(hash);
  }

  /** Orders a checked transaction, once. While the channel is full this waits, and so should the stream. */
  submit(submission: Submission): MaybePromise<void> {
    if (this.#answerKnown(submission)) return;
    const entered = this.#room.enter(submission.transaction.length);
    if (isPromise(entered)) return entered.then(() => this.#order(submission));
    this.#order(submission);
  }

  read(blockNumber: bigint): MaybePromise<Uint8Array | undefined> {
    return this.#options.ledger.read(blockNumber);
  }

  /** Calls `listener` after every block, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  /** Writes what was accepted and answers it. */
  async drain(): Promise<void> {
    this.#cutter.push({ type: "flush" });
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.drain();
    this.#cutter.close();
    await this.#options.ledger.close();
  }

  #answerKnown({ hash, onAnswer }: Submission): boolean {
    const pending = this.#pending.get(this.#idOf.get(hash) ?? 0);
    if (pending !== undefined) pending.answers.push(onAnswer);
    else if (this.#options.recent.has(hash)) onAnswer(ordered);
    else return false;
    return true;
  }

  /** Orders what has entered the room. Another stream may have submitted the same while this one waited. */
  #order(submission: Submission): void {
    const { transaction, hash, onAnswer } = submission;
    const isWanted = submission.isWanted();
    if (!isWanted || this.#answerKnown(submission)) {
      this.#room.leave(transaction.length);
      if (!isWanted) onAnswer(refused(status.unavailable, "the stream ended, or the orderer closes"));
      return;
    }
    const id = ++this.#lastId;
    this.#pending.set(id, { transaction, hash, answers: [onAnswer] });
    this.#idOf.set(hash, id);
    this.#cutter.push({ type: "order", id, bytes: transaction.length });
  }

  async #writeAll(): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      try {
        await this.#write(batch);
      } catch (error) {
        this.#refuseAll(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(ids: readonly number[]): Promise<void> {
    const { ledger, identity, sign, random, recent, log } = this.#options;
    const batch = ids.flatMap((id) => this.#pending.get(id) ?? []);
    const number = ledger.height;
    const block = makeBlock({
      number,
      previousHash: ledger.lastHash,
      data: batch.map(({ transaction }) => transaction),
      lastConfigIndex: 0n,
      identity,
      sign,
      nonce: random.bytes(24),
    });
    await ledger.commit(number, block);
    if (this.#failure !== undefined) log.info("blocks can be written again", { channel: this.id });
    this.#failure = undefined;
    this.#heightGauge.set(Number(ledger.height), { channel: this.id });
    log.debug("block committed", {
      channel: this.id,
      blockNumber: number,
      transactions: ids.length,
      bytes: block.length,
    });
    for (const { transaction, hash } of batch) recent.add(hash, transaction.length);
    for (const id of ids) this.#answer(id, ordered);
    for (const listener of [...this.#commitListeners]) listener();
  }

  #refuseAll(error: unknown): void {
    const { log } = this.#options;
    this.#failure = errorText(error);
    log.error("block could not be written", { channel: this.id, blockNumber: this.height, error: this.#failure });
    this.#batches = [];
    this.#cutter.push({ type: "discard" });
    const answer = refused(status.unavailable, `block could not be written: ${this.#failure}`);
    for (const id of [...this.#pending.keys()]) this.#answer(id, answer);
  }

  #answer(id: number, response: BroadcastResponse): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#idOf.delete(pending.hash);
    for (const onAnswer of pending.answers) onAnswer(response);
    this.#room.leave(pending.transaction.length);
  }
}
