import type { PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";
import type { PayloadBuffer } from "./payload-buffer.js";

/** One request to one peer; `end` is exclusive. */
export interface Attempt {
  readonly to: PkiId;
  readonly range: Range;
  readonly start: bigint;
  readonly end: bigint;
  readonly sentAt: Millis;
  /** When it is given up. */
  due: Millis;
  /** Whether another peer was asked for the same, and this one is only being tried. */
  readonly isProbe: boolean;
  /** Whether the peer was asked for the same before, so that its answer may be to that. */
  readonly isRepeated: boolean;
  /** How often trust had changed when it was sent. */
  readonly trust: number;
}

/** Blocks that are missing and seen to: under way, or waiting for another peer. All attempts share the nonce, as in the reference. */
export interface Range {
  readonly nonce: bigint;
  readonly start: bigint;
  /** Exclusive; it shrinks when a peer is asked that has less. */
  end: bigint;
  /** Requests sent so far. */
  attempts: number;
  /** The one that is waited for; `undefined` when another peer is to be asked. */
  attempt: Attempt | undefined;
  /** Who was asked. */
  readonly asked: Set<PkiId>;
}

/** Blocks that nobody is asked for; `end` is exclusive. `range` is the failed one they belong to, if any. */
export interface Gap {
  readonly start: bigint;
  readonly end: bigint;
  readonly range: Range | undefined;
}

/**
 * Which of the missing blocks are asked for, as disjoint ranges in order. What lies below the frontier is held, or in a
 * range; so that finding what to ask for next costs nothing, however many blocks are held.
 */
export class RangePlan {
  readonly #buffer: PayloadBuffer;
  /** In order. */
  #ranges: Range[] = [];
  #frontier = 0n;

  constructor(buffer: PayloadBuffer) {
    this.#buffer = buffer;
  }

  /** Forgets everything. */
  clear(): void {
    this.#ranges = [];
    this.#frontier = 0n;
  }

  /** Blocks of ranges that are under way. */
  get blocksUnderWay(): number {
    let sum = 0n;
    for (const { start, end, attempt } of this.#ranges) if (attempt !== undefined) sum += end - start;
    return Number(sum);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  has(range: Range): boolean {
    return this.#ranges.includes(range);
  }

  /** The lowest missing blocks below `limit` that nobody is asked for, at most `max`. */
  next(limit: bigint, max: number): Gap | undefined {
    const pending = this.#pending();
    const fresh = this.#fresh(limit, BigInt(max));
    if (pending === undefined || pending.start >= limit) return fresh;
    if (fresh !== undefined && fresh.start < pending.start) return fresh;
    const end = smaller(pending.end, pending.start + BigInt(max));
    return { start: pending.start, end: smaller(end, limit), range: pending };
  }

  /** From now on the blocks of this gap, up to `end`, are asked for. */
  open(gap: Gap, end: bigint, nonce: () => bigint): Range {
    if (gap.range !== undefined) {
      gap.range.end = end;
      this.missing(end);
      return gap.range;
    }
    const range: Range = {
      start: gap.start,
      end,
      nonce: nonce(),
      attempts: 0,
      attempt: undefined,
      asked: new Set(),
    };
    const at = this.#ranges.findIndex(({ start }) => start > range.start);
    this.#ranges.splice(at === -1 ? this.#ranges.length : at, 0, range);
    return range;
  }

  /** The range is no longer asked for; what is missing of it is as if it had never been. */
  close(range: Range): void {
    this.#ranges = this.#ranges.filter((other) => other !== range);
    if (!this.isFilled(range)) this.missing(range.start);
  }

  /** This block, or one above it, is neither held nor in a range. */
  missing(blockNumber: bigint): void {
    if (blockNumber < this.#frontier) this.#frontier = blockNumber;
  }

  /** Whether nothing of the range is missing any more. */
  isFilled({ start, end }: Range): boolean {
    for (let number = start; number < end; number++) if (!this.holds(number)) return false;
    return true;
  }

  /** Closes what begins at or above this block. */
  cut(blockNumber: bigint): void {
    this.#ranges = this.#ranges.filter(({ start }) => start < blockNumber);
    this.missing(blockNumber);
  }

  /** Whether the block is here: held, or committed. */
  holds(blockNumber: bigint): boolean {
    return blockNumber < this.#buffer.height || this.#buffer.has(blockNumber);
  }

  /** The lowest range that waits for another peer. One of which the first block came meanwhile begins anew behind it. */
  #pending(): Range | undefined {
    for (const range of [...this.#ranges]) {
      if (range.attempt !== undefined) continue;
      if (!this.holds(range.start)) return range;
      this.close(range);
    }
    return undefined;
  }

  #fresh(limit: bigint, max: bigint): Gap | undefined {
    const { firstMissing } = this.#buffer;
    let start = larger(this.#frontier, firstMissing);
    while (start < limit) {
      if (this.#buffer.has(start)) {
        start++;
        continue;
      }
      const at = start;
      const range = this.#ranges.find((one) => one.start <= at && at < one.end);
      if (range === undefined) break;
      start = range.end;
    }
    this.#frontier = start;
    if (start >= limit) return undefined;
    const above = this.#ranges.find((one) => one.start > start);
    let end = smaller(smaller(start + max, limit), above?.start ?? limit);
    for (let number = start + 1n; number < end; number++) if (this.#buffer.has(number)) end = number;
    return { start, end, range: undefined };
  }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

export function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
