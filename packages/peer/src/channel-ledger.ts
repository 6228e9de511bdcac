import { createLedger } from "@gossip/ledger";
import { type Block, encodeBlock, readBlock } from "@gossip/proto/fabric";
import { type Clock, GossipError, type Logger, type Metrics } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";

/** What opening a channel's ledger needs. */
export interface ChannelLedgerOptions {
  /** Folder of all ledgers of the peer. */
  readonly dir: string;
  readonly channel: string;
  /** Block 0. */
  readonly genesisBlock: Uint8Array;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Fabric's buckets for the times of its ledger, in seconds (protocol page 12 §4.2). */
const ledgerBuckets = [0.005, 0.01, 0.015, 0.05, 0.1, 1, 10];

/**
 * Opens a channel's ledger: an empty one begins with the genesis block, and one that begins with another is refused, or
 * two networks of one name would be mixed.
 *
 * @throws GossipError `conflict` (another process has it, or it belongs to another genesis block), `corrupt`, `storage`.
 */
export async function openChannelLedger(options: ChannelLedgerOptions): Promise<Ledger> {
  const { dir, channel, genesisBlock, log } = options;
  const stored = await createLedger({ dir, channel, log });
  const ledger = new MeteredLedger(stored, options);
  try {
    if (ledger.height === 0n) await ledger.commit(0n, genesisBlock);
    const first = await ledger.read(0n);
    if (first === undefined || !isSameBlock(first, genesisBlock)) {
      throw new GossipError(
        "conflict",
        `expected the ledger of channel ${channel} in ${dir} to begin with the configured genesis block, got another block 0`,
      );
    }
  } catch (error) {
    await ledger.close();
    throw error;
  }
  return ledger;
}

/** Whether two blocks are one: header and data, since peers add to a block's metadata what orderers do not (protocol page 13 §4.1). */
function isSameBlock(some: Uint8Array, other: Uint8Array): boolean {
  const [a, b] = [readBlock(some), readBlock(other)];
  if (!a.ok || !b.ok) return false;
  const bare = ({ header, data }: Block) => encodeBlock({ header, data, metadata: [] });
  return Buffer.compare(bare(a.value), bare(b.value)) === 0;
}

/** A ledger under Fabric's metrics. */
class MeteredLedger implements Ledger {
  readonly #ledger: Ledger;
  readonly #observe: (seconds: number) => void;
  readonly #clock: Clock;

  constructor(ledger: Ledger, { channel, clock, metrics }: ChannelLedgerOptions) {
    const labels = ["channel"];
    const height = metrics.gauge({
      name: "ledger_blockchain_height",
      help: "Number of blocks in the ledger",
      labels,
    });
    const commitTime = metrics.histogram({
      name: "ledger_blockstorage_commit_time",
      help: "Seconds to write a block to the block store",
      labels,
      buckets: ledgerBuckets,
    });
    this.#ledger = ledger;
    this.#clock = clock;
    this.#observe = (seconds) => {
      commitTime.observe(seconds, { channel });
      height.set(Number(ledger.height), { channel });
    };
    height.set(Number(ledger.height), { channel });
  }

  get height(): bigint {
    return this.#ledger.height;
  }

  get lastHash(): Uint8Array {
    return this.#ledger.lastHash;
  }

  async commit(blockNumber: bigint, block: Uint8Array): Promise<void> {
    const startedAt = this.#clock.now();
    await this.#ledger.commit(blockNumber, block);
    this.#observe((this.#clock.now() - startedAt) / 1000);
  }

  read(blockNumber: bigint) {
    return this.#ledger.read(blockNumber);
  }

  close() {
    return this.#ledger.close();
  }
}
