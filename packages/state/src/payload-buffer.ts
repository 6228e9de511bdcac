import type { PkiId } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";

/** How a block came to us: pushed by a peer, from the ordering service, or in a response to our request. */
export type BlockSource = "push" | "deliver" | "transfer";

/** A verified block that waits for its turn. */
export interface BufferedBlock {
  readonly blockNumber: bigint;
  /** The bytes as received; neither copied nor re-encoded. */
  readonly data: Uint8Array;
  readonly source: BlockSource;
  readonly from?: PkiId;
}

/** Why a block finds no place (page 10 §5, §6). */
export type BufferRefusal = "stale" | "duplicate" | "beyond-window" | "no-room";

export interface PayloadBufferOptions {
  readonly height: bigint;
  /** How far above the height a block may lie, and hence how many are held. */
  readonly maxBlocks: number;
  /** Blocks from which on the ordering service waits; at most `maxBlocks`. */
  readonly roomBlocks: number;
  readonly maxBytes: number;
}

/**
 * Blocks between the height and a bounded distance above it, by number (page 10 §5).
 *
 * A block stays until it is committed, so that a failed commit can be tried again. The first copy of a number wins: both
 * were verified, and two honest sources may give different bytes for one block (page 13 §4.1).
 *
 * Bounds: as numbers lie in `[height, height + maxBlocks)` there are never more than `maxBlocks`. A block is taken while
 * fewer than `maxBytes` are held, so less than `maxBytes` and one block are held at any time, and even a block larger than
 * `maxBytes` gets through. Where bytes are short the nearer block wins: it evicts the farthest ones, which could not be committed before it anyway.
 */
export class PayloadBuffer {
  readonly #blocks: BoundedMap<bigint, BufferedBlock>;
  readonly maxBlocks: number;
  readonly #roomBlocks: number;
  readonly #maxBytes: number;
  #height: bigint;
  #firstMissing: bigint;
  #bytes = 0;

  constructor(options: PayloadBufferOptions) {
    this.#blocks = new BoundedMap({ maxEntries: options.maxBlocks, whenFull: "refuse" });
    this.maxBlocks = options.maxBlocks;
    this.#roomBlocks = options.roomBlocks;
    this.#maxBytes = options.maxBytes;
    this.#height = options.height;
    this.#firstMissing = options.height;
  }

  /** Stores a block that `refusal` has no objection to; the evicted ones, farthest first. */
  add(block: BufferedBlock): readonly BufferedBlock[] {
    const evicted: BufferedBlock[] = [];
    while (!this.#hasBytes) {
      const farthest = this.#farthestAbove(block.blockNumber);
      if (farthest === undefined) break;
      this.remove(farthest.blockNumber);
      evicted.push(farthest);
    }
    this.#blocks.set(block.blockNumber, block);
    this.#bytes += block.data.length;
    this.#skipHeld();
    return evicted;
  }

  /** Takes a block out without committing it. */
  remove(blockNumber: bigint): void {
    const block = this.#blocks.get(blockNumber);
    if (block === undefined) return;
    this.#blocks.delete(blockNumber);
    this.#bytes -= block.data.length;
    if (blockNumber < this.#firstMissing) this.#firstMissing = blockNumber;
  }

  /** The block at the height is committed: lets it go and moves the height up by one. */
  advance(): void {
    this.remove(this.#height);
    this.#height += 1n;
    if (this.#firstMissing < this.#height) this.#firstMissing = this.#height;
    this.#skipHeld();
  }

  /** Why a block with this number would not be taken, given that it may lie up to `window` above the height. */
  refusal(blockNumber: bigint, window: number): BufferRefusal | undefined {
    if (blockNumber < this.#height) return "stale";
    if (this.#blocks.has(blockNumber)) return "duplicate";
    if (blockNumber >= this.#height + BigInt(window)) return "beyond-window";
    if (!this.#hasBytes && !this.#canMakeRoom(blockNumber)) return "no-room";
    return undefined;
  }

  get(blockNumber: bigint): BufferedBlock | undefined {
    return this.#blocks.get(blockNumber);
  }

  has(blockNumber: bigint): boolean {
    return this.#blocks.has(blockNumber);
  }

  /** Number of committed blocks: the number that is committed next. */
  get height(): bigint {
    return this.#height;
  }

  /** The lowest number that is neither committed nor held. */
  get firstMissing(): bigint {
    return this.#firstMissing;
  }

  /** One past the highest number that may be held. */
  get limit(): bigint {
    return this.#height + BigInt(this.maxBlocks);
  }

  /** Whether some block is held above a missing one. */
  get hasGap(): boolean {
    return BigInt(this.#blocks.size) > this.#firstMissing - this.#height;
  }

  /**
   * Whether the ordering service should bring more. Not while enough blocks wait, unless the very next block is missing:
   * then nothing leaves the buffer before it has come, and it may evict others.
   */
  get room(): boolean {
    return !this.#blocks.has(this.#height) || (this.#hasBytes && this.#blocks.size < this.#roomBlocks);
  }

  get blocks(): number {
    return this.#blocks.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get #hasBytes(): boolean {
    return this.#bytes < this.#maxBytes;
  }

  #skipHeld(): void {
    while (this.#blocks.has(this.#firstMissing)) this.#firstMissing += 1n;
  }

  #canMakeRoom(blockNumber: bigint): boolean {
    let freed = 0;
    for (const held of this.#blocks.values()) if (held.blockNumber > blockNumber) freed += held.data.length;
    return this.#bytes - freed < this.#maxBytes;
  }

  #farthestAbove(blockNumber: bigint): BufferedBlock | undefined {
    let farthest: BufferedBlock | undefined;
    for (const held of this.#blocks.values()) {
      if (held.blockNumber > (farthest?.blockNumber ?? blockNumber)) farthest = held;
    }
    return farthest;
  }
}
