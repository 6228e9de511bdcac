import type { Millis } from "@gossip/runtime";

/** How fast this peer is catching up; for operators, as a query. */
export interface TransferProgress {
  /** Number of committed blocks. */
  readonly height: bigint;
  /** Greatest height that a peer which has not failed us says to have. */
  readonly target: bigint;
  /** Committed per second, of the last seconds. */
  readonly blocksPerSecond: number;
  readonly bytesPerSecond: number;
  /** Until the target at this speed; `undefined` while nothing moves. */
  readonly secondsLeft: number | undefined;
  /** Requests that are waited for. */
  readonly requests: number;
}

interface Slot {
  readonly from: Millis;
  blocks: number;
  bytes: number;
}

/** Slots of this length, so many of them: what is looked back at. */
const slotMs = 500;
const maxSlots = 10;

/** What was committed lately. */
export class Speed {
  #slots: Slot[] = [];
  #startedAt: Millis = 0;

  /** A transfer begins: what was before does not count. */
  start(now: Millis): void {
    this.#slots = [];
    this.#startedAt = now;
  }

  committed(bytes: number, now: Millis): void {
    let last = this.#slots.at(-1);
    if (last === undefined || now >= last.from + slotMs) {
      last = { from: now, blocks: 0, bytes: 0 };
      this.#slots = [...this.#slots, last].slice(-maxSlots);
    }
    last.blocks++;
    last.bytes += bytes;
  }

  at(now: Millis): { readonly blocksPerSecond: number; readonly bytesPerSecond: number } {
    const recent = this.#slots.filter(({ from }) => from >= now - slotMs * maxSlots);
    const since = Math.max(this.#startedAt, now - slotMs * maxSlots);
    const seconds = Math.max(now - since, 1) / 1000;
    return {
      blocksPerSecond: recent.reduce((sum, { blocks }) => sum + blocks, 0) / seconds,
      bytesPerSecond: recent.reduce((sum, { bytes }) => sum + bytes, 0) / seconds,
    };
  }
}
