import { type BlockPayload, blockDigest, type PkiId, parseBlockDigest } from "@gossip/proto";
import type { PullItems } from "@gossip/pull";
import type { Clock, Millis } from "@gossip/runtime";
import { copyBytes } from "./copy.js";

export interface BlockWindowOptions {
  /** Blocks offered below the newest one, which is offered too (`peer.gossip.maxBlockCountToStore`). */
  readonly maxBlockCountToStore: number;
  /** Bytes of blocks that are held; the lowest make room, and one larger block is not held at all. */
  readonly maxBytes: number;
  /** How long a block is offered after it came. */
  readonly ttlMs: Millis;
  readonly clock: Clock;
  /** Whether a block with this number would be taken, were it offered to us. */
  isWanted(blockNumber: bigint): boolean;
}

interface Held {
  readonly block: BlockPayload;
  readonly until: Millis;
}

/** Bytes beside a block that are kept alive with it without a copy being worth while. */
const slackBytes = 4_096;

/**
 * The newest blocks of a channel's ledger, for as long as others may miss them: what block pull offers, and gives (protocol
 * page 05 §9). What is offered is what is held, and held are committed blocks alone: their neighbours are known, while a
 * Fabric peer ends with a panic at one that does not follow on the one before.
 */
export class BlockWindow implements PullItems<BlockPayload> {
  readonly #options: BlockWindowOptions;
  /** At most `maxBlockCountToStore` + 1, whose numbers differ by no more than `maxBlockCountToStore`. */
  readonly #blocks = new Map<bigint, Held>();
  #newest = -1n;
  #bytes = 0;

  constructor(options: BlockWindowOptions) {
    this.#options = options;
  }

  /** Numbers of the blocks that are offered, lowest first. */
  get numbers(): readonly bigint[] {
    this.expire();
    return [...this.#blocks.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Sum of their sizes. */
  get bytes(): number {
    this.expire();
    return this.#bytes;
  }

  /** When the next of them goes; `Infinity` when none is held. */
  get expiresAt(): Millis {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { until } of this.#blocks.values()) if (until < earliest) earliest = until;
    return earliest;
  }

  /** A committed block; one too far below the newest is not held. The bytes are shared with whoever else holds them. */
  add(blockNumber: bigint, data: Uint8Array): void {
    this.expire();
    if (blockNumber > this.#newest) this.#newest = blockNumber;
    const { maxBytes, ttlMs, clock } = this.#options;
    for (const number of this.#blocks.keys()) if (!this.#isNear(number)) this.#drop(number);
    if (!this.#isNear(blockNumber) || this.#blocks.has(blockNumber) || data.length > maxBytes) return;
    for (const number of this.numbers) {
      if (this.#bytes + data.length <= maxBytes) break;
      if (number > blockNumber) return;
      this.#drop(number);
    }
    this.#blocks.set(blockNumber, {
      block: { blockNumber, data: withoutMuchElse(data), privateData: [] },
      until: clock.now() + ttlMs,
    });
    this.#bytes += data.length;
  }

  /** Lets go of what has been offered for long enough. */
  expire(): void {
    const now = this.#options.clock.now();
    for (const [number, { until }] of this.#blocks) if (until <= now) this.#drop(number);
  }

  isDigest(digest: Uint8Array): boolean {
    return numberOf(digest) !== undefined;
  }

  /** Also of what would not be taken: committed, buffered, or too far ahead. */
  has(digest: Uint8Array): boolean {
    const number = numberOf(digest);
    return number === undefined || !this.#options.isWanted(number);
  }

  digests(_requester: PkiId): readonly Uint8Array[] {
    return this.numbers.map(blockDigest);
  }

  items(_requester: PkiId): (digest: Uint8Array) => BlockPayload | undefined {
    this.expire();
    return (digest) => {
      const number = numberOf(digest);
      return number === undefined ? undefined : this.#blocks.get(number)?.block;
    };
  }

  bytesOf({ data }: BlockPayload): number {
    return data.length;
  }

  #isNear(blockNumber: bigint): boolean {
    return this.#newest - blockNumber <= BigInt(this.#options.maxBlockCountToStore);
  }

  #drop(number: bigint): void {
    this.#bytes -= this.#blocks.get(number)?.block.data.length ?? 0;
    this.#blocks.delete(number);
  }
}

/** The number in a digest, which must be written as everybody writes it: another form is another digest to a Fabric peer. */
function numberOf(digest: Uint8Array): bigint | undefined {
  const number = parseBlockDigest(digest);
  const isCanonical = digest.length === 1 || digest[0] !== "0".charCodeAt(0);
  return isCanonical ? number : undefined;
}

/** The same bytes, in memory of their own when holding on to them would hold on to much else. */
function withoutMuchElse(data: Uint8Array): Uint8Array {
  return data.buffer.byteLength > 2 * data.length + slackBytes ? copyBytes(data) : data;
}
