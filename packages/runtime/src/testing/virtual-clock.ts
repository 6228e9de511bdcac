import type { Clock, Millis, Timer, WallClock } from "../clock.js";

interface Event {
  readonly at: Millis;
  /** Order of scheduling, which decides among equal times. */
  readonly order: number;
  callback: (() => void) | undefined;
}

/** Where time starts, for tests that depend on a date or on a late monotonic clock. */
export interface VirtualClockOptions {
  /** Monotonic time at the start; 0 by default. */
  readonly startMs?: Millis;
  /** The date at the start, in nanoseconds since 1970; 2024-01-01T00:00:00Z by default. */
  readonly wallNanos?: bigint;
}

/**
 * Time that passes only when told to. Callbacks run in order of time and, among equal times, of scheduling,
 * so the same program gives the same history.
 *
 * @example
 * const clock = new VirtualClock();
 * clock.schedule(1000, () => console.log("a second later"));
 * clock.runFor(1000);
 */
export class VirtualClock implements Clock, WallClock {
  readonly #heap: Event[] = [];
  readonly #wallStart: bigint;
  readonly #start: Millis;
  #now: Millis;
  #order = 0;

  constructor(options: VirtualClockOptions = {}) {
    this.#start = options.startMs ?? 0;
    this.#now = this.#start;
    this.#wallStart = options.wallNanos ?? 1_704_067_200_000_000_000n;
  }

  now(): Millis {
    return this.#now;
  }

  nowNanos(): bigint {
    return this.#wallStart + BigInt(Math.round((this.#now - this.#start) * 1e6));
  }

  schedule(at: Millis, callback: () => void): Timer {
    if (at === Number.POSITIVE_INFINITY) return { cancel() {} };
    const event: Event = { at: Math.max(at, this.#now), order: this.#order++, callback };
    push(this.#heap, event);
    return {
      cancel() {
        event.callback = undefined;
      },
    };
  }

  /** Runs the next callback and moves time to it; false when nothing is scheduled. */
  runNext(): boolean {
    for (let event = pop(this.#heap); event !== undefined; event = pop(this.#heap)) {
      if (event.callback === undefined) continue;
      this.#now = event.at;
      event.callback();
      return true;
    }
    return false;
  }

  /** Runs everything due within the next `durationMs`, then stands exactly there. */
  runFor(durationMs: Millis): void {
    this.runUntil(this.#now + durationMs);
  }

  /** Runs everything due up to `end`, then stands exactly there. */
  runUntil(end: Millis): void {
    while (this.nextAt <= end) this.runNext();
    this.#now = Math.max(this.#now, end);
  }

  /** When the next callback is due; `Infinity` when none is scheduled. */
  get nextAt(): Millis {
    while (this.#heap[0] !== undefined && this.#heap[0].callback === undefined) pop(this.#heap);
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Event;
    if (!isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
    if (!isBefore(heap[child] as Event, last)) break;
    heap[at] = heap[child] as Event;
    at = child;
  }
  heap[at] = last;
  return first;
}
