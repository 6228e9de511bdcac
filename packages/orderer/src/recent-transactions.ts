import { sha256 } from "@gossip/crypto";
import { BoundedQueue } from "@gossip/runtime";
import type { LimitsConfig } from "./config.js";

/** What tells one transaction from another: its hash, as a key for maps. */
export type TransactionHash = string;

/** The hash of a serialized `common.Envelope`. */
export function transactionHash(transaction: Uint8Array): TransactionHash {
  const hash = sha256(transaction);
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("base64");
}

interface Recent {
  readonly hash: TransactionHash;
  readonly bytes: number;
}

/**
 * The newest committed transactions, by which one that is submitted again is known. A client that lost its connection
 * cannot know what became of its newest transactions and sends them again; without this they would be ordered twice.
 */
export class RecentTransactions {
  readonly #hashes = new Set<TransactionHash>();
  readonly #order: BoundedQueue<Recent>;

  constructor(limits: Pick<LimitsConfig, "maxRecent" | "maxRecentBytes">) {
    this.#order = new BoundedQueue({
      maxItems: limits.maxRecent,
      maxBytes: limits.maxRecentBytes,
      bytesOf: ({ bytes }) => bytes,
      whenFull: "evict-oldest",
      onEvict: ({ hash }) => this.#hashes.delete(hash),
    });
  }

  has(hash: TransactionHash): boolean {
    return this.#hashes.has(hash);
  }

  /** Remembers a transaction; the oldest ones are forgotten for it. */
  add(hash: TransactionHash, bytes: number): void {
    if (!this.#hashes.has(hash) && this.#order.push({ hash, bytes })) this.#hashes.add(hash);
  }

  get size(): number {
    return this.#hashes.size;
  }
}

/**
 * Fills `recent` from a ledger that has `height` blocks, so that a restart forgets nothing: newest block first, until it
 * holds all it may.
 */
export async function restoreRecent(
  recent: RecentTransactions,
  limits: Pick<LimitsConfig, "maxRecent" | "maxRecentBytes">,
  height: bigint,
  transactionsOf: (blockNumber: bigint) => Promise<readonly Uint8Array[]>,
): Promise<void> {
  const newestFirst: Recent[] = [];
  let bytes = 0;
  // Block 0 holds the configuration.
  for (let number = height - 1n; number > 0n; number--) {
    if (newestFirst.length >= limits.maxRecent || bytes >= limits.maxRecentBytes) break;
    const transactions = await transactionsOf(number);
    for (const transaction of transactions.toReversed()) {
      newestFirst.push({ hash: transactionHash(transaction), bytes: transaction.length });
      bytes += transaction.length;
    }
  }
  for (const { hash, bytes: size } of newestFirst.reverse()) recent.add(hash, size);
}
