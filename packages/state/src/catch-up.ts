import type { BlockPayload, PkiId } from "@gossip/proto";
import { assert, BoundedMap, type Millis, pick, type Random, type Timers } from "@gossip/runtime";
import type { StateConfig } from "./config.js";
import type { BufferRefusal, PayloadBuffer } from "./payload-buffer.js";
import type { PeerRecord } from "./peer-record.js";
import type { AttemptFailure, StateDropReason, StateInput, StateOutput, StatePeer } from "./state-messages.js";

/** The timers of the machine; all but `commit-retry` are the requester's. */
export type StateTimer = "check" | "grace" | "answer" | "rest" | "commit-retry";

export interface CatchUpOptions {
  readonly config: StateConfig;
  /** Read here; blocks are put in through `take`. */
  readonly buffer: PayloadBuffer;
  readonly record: PeerRecord;
  readonly timers: Timers<StateTimer>;
  readonly peers: () => readonly StatePeer[];
  readonly random: Random;
}

/** Where the requester stands; the transitions are drawn in `state-transfer.ts`. */
type Phase =
  | { readonly type: "idle" }
  /** `firstMissing` as it was when the grace began: has it moved, pushes are filling the gap. */
  | { readonly type: "grace"; readonly firstMissing: bigint }
  | { readonly type: "asking"; readonly range: Range; readonly attempt: Attempt }
  | { readonly type: "resting"; readonly range: Range }
  | { readonly type: "throttled" };

/** A gap being filled: all attempts at one `start` share the nonce, as in the reference. */
interface Range {
  readonly start: bigint;
  readonly nonce: bigint;
  /** Requests sent so far. */
  readonly attempts: number;
}

/** One request to one peer; `end` is exclusive. */
interface Attempt {
  readonly to: PkiId;
  readonly nonce: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

/** Unanswered attempts that are remembered, so that a late answer is not in vain. */
const maxOpenAttempts = 16;

const idle: Phase = { type: "idle" };

/** The requester (page 10 §8): asks one peer at a time for the lowest blocks that are missing. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #open = new BoundedMap<string, Attempt>({ maxEntries: maxOpenAttempts, whenFull: "evict-oldest" });
  #phase: Phase = idle;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  start(now: Millis): void {
    const { config, timers } = this.#options;
    if (!config.enabled) return;
    timers.set("check", now + config.checkIntervalMs);
    this.news(now);
  }

  /** Something suggests that others have more than we hold: unless it is being seen to, gives pushes a moment to bring it. */
  news(now: Millis): void {
    const { config, buffer } = this.#options;
    if (!config.enabled || this.#phase.type !== "idle") return;
    this.#enter({ type: "grace", firstMissing: buffer.firstMissing }, now);
  }

  peersChanged(now: Millis, out: StateOutput[]): void {
    const phase = this.#phase;
    if (phase.type === "idle") this.news(now);
    // Somebody may have come who is not resting.
    else if (phase.type === "resting") this.#ask(phase.range, now, out);
    else if (phase.type === "asking" && !this.#options.peers().some(({ pkiId }) => pkiId === phase.attempt.to)) {
      this.#fail(phase.range, phase.attempt, "gone", now, out);
    }
  }

  expired(timer: Exclude<StateTimer, "commit-retry">, now: Millis, out: StateOutput[]): void {
    const { config, buffer, timers } = this.#options;
    const phase = this.#phase;
    if (timer === "check") {
      timers.set("check", now + config.checkIntervalMs);
      if (phase.type === "idle") this.#nextRange(now, out);
    } else if (timer === "grace" && phase.type === "grace") {
      if (buffer.firstMissing === phase.firstMissing) this.#nextRange(now, out);
      else if (this.#ahead().length > 0) this.#enter({ type: "grace", firstMissing: buffer.firstMissing }, now);
      else this.#enter(idle, now);
    } else if (timer === "answer" && phase.type === "asking") {
      this.#fail(phase.range, phase.attempt, "timeout", now, out);
    } else if (timer === "rest" && phase.type === "resting") {
      this.#ask(phase.range, now, out);
    }
  }

  /** Called at the end of each step: goes on if what it waited for has come in the meantime. */
  proceed(now: Millis, out: StateOutput[]): void {
    const { buffer } = this.#options;
    const phase = this.#phase;
    const { firstMissing } = buffer;
    if (phase.type === "throttled" && this.#hasRoom()) this.#nextRange(now, out);
    else if (phase.type === "resting" && firstMissing !== phase.range.start) this.#nextRange(now, out);
    else if (phase.type === "asking") {
      // Filled by pushes or a late answer, or something nearer went missing because the ledger refused it.
      if (firstMissing >= phase.attempt.end || firstMissing < phase.attempt.start) this.#nextRange(now, out);
    }
  }

  expects(from: PkiId, nonce: bigint): boolean {
    return this.#open.has(attemptKey(from, nonce));
  }

  /** Takes the blocks of a response that belong to the range its sender was asked for, and judges the sender. */
  response(
    input: StateInput & { type: "state-response" },
    now: Millis,
    out: StateOutput[],
    take: (payload: BlockPayload) => BufferRefusal | undefined,
  ): void {
    const { from, payloads } = input;
    const attempt = this.#open.get(attemptKey(from, input.nonce));
    if (attempt === undefined) {
      out.push({ type: "dropped", reason: "unexpected-response", count: Math.max(1, payloads.length), from });
      return;
    }
    this.#open.delete(attemptKey(from, input.nonce));
    const asked = payloads.filter(({ blockNumber }) => attempt.start <= blockNumber && blockNumber < attempt.end);
    const drops = new Drops(from, payloads.length - asked.length);
    // Nearest first, so that it is not the nearest for which there is no room.
    for (const payload of asked.toSorted(byBlockNumber)) {
      const refusal = take(payload);
      if (refusal !== undefined) drops.add(refusal, payload.blockNumber);
    }
    drops.report(out);
    this.#judge(attempt, failureOf(input, attempt, asked), now, out);
  }

  #judge(attempt: Attempt, failure: AttemptFailure | undefined, now: Millis, out: StateOutput[]): void {
    const { record } = this.#options;
    const phase = this.#phase;
    const isAwaited = phase.type === "asking" && phase.attempt === attempt;
    if (failure === undefined) {
      record.served(attempt.to);
      if (isAwaited) this.#nextRange(now, out);
    } else if (isAwaited) {
      this.#fail(phase.range, attempt, failure, now, out);
    } else {
      reportFailure(attempt, failure, record.failed(attempt.to, now), out);
    }
  }

  #fail(range: Range, attempt: Attempt, failure: AttemptFailure, now: Millis, out: StateOutput[]): void {
    const { record, buffer } = this.#options;
    reportFailure(attempt, failure, record.failed(attempt.to, now), out);
    if (buffer.firstMissing !== range.start) this.#nextRange(now, out);
    else this.#ask(range, now, out);
  }

  #nextRange(now: Millis, out: StateOutput[]): void {
    const { buffer, random } = this.#options;
    if (this.#ahead().length === 0) this.#enter(idle, now);
    else if (this.#hasRoom()) this.#ask({ start: buffer.firstMissing, nonce: random.uint64(), attempts: 0 }, now, out);
    else this.#enter({ type: "throttled" }, now);
  }

  #ask(range: Range, now: Millis, out: StateOutput[]): void {
    const { config, record, timers } = this.#options;
    const ahead = this.#ahead();
    if (range.attempts > config.maxRetries || ahead.length === 0) {
      out.push({ type: "transfer-failed", start: range.start, attempts: range.attempts });
      this.#enter(idle, now);
      return;
    }
    const peer = this.#choose(ahead.filter(({ pkiId }) => record.restsUntil(pkiId) <= now));
    if (peer === undefined) {
      this.#enter({ type: "resting", range }, now);
      timers.set("rest", Math.min(...ahead.map(({ pkiId }) => record.restsUntil(pkiId))));
      return;
    }
    const attempt: Attempt = { to: peer.pkiId, nonce: range.nonce, start: range.start, end: this.#endFor(peer) };
    this.#open.set(attemptKey(attempt.to, attempt.nonce), attempt);
    this.#enter({ type: "asking", range: { ...range, attempts: range.attempts + 1 }, attempt }, now);
    const { to, nonce, start, end } = attempt;
    out.push({ type: "request", to, endpoint: peer.endpoint, nonce, start, end: end - 1n });
  }

  /** Those that failed least in a row, and of them those that have most of the batch, so that a lagging peer does not make us crawl. */
  #choose(peers: readonly StatePeer[]): StatePeer | undefined {
    const { record, random } = this.#options;
    let best: StatePeer[] = [];
    let bestRank = { failures: Number.POSITIVE_INFINITY, end: 0n };
    for (const peer of peers) {
      const rank = { failures: record.failuresOf(peer.pkiId), end: this.#endFor(peer) };
      if (rank.failures < bestRank.failures || (rank.failures === bestRank.failures && rank.end > bestRank.end)) {
        best = [];
        bestRank = rank;
      }
      if (rank.failures === bestRank.failures && rank.end === bestRank.end) best.push(peer);
    }
    return pick(random, best);
  }

  /** Where a request to this peer ends: its height, the batch, the window or the next block we hold. */
  #endFor(peer: StatePeer): bigint {
    const { config, buffer } = this.#options;
    const start = buffer.firstMissing;
    let end = smaller(smaller(peer.height, start + BigInt(config.batchSize) + 1n), buffer.limit);
    for (let held = start + 1n; held < end; held++) if (buffer.has(held)) end = held;
    return end;
  }

  /** Peers that have the lowest block we miss. */
  #ahead(): readonly StatePeer[] {
    const { peers, buffer } = this.#options;
    const missing = buffer.firstMissing;
    return peers().filter((peer) => peer.height > missing);
  }

  /** Whether a whole batch fits: asking for one block after each commit would cost a round trip per block. */
  #hasRoom(): boolean {
    const { config, buffer } = this.#options;
    const batch = Math.min(config.batchSize + 1, 2 * config.blockBufferSize);
    return buffer.room && buffer.limit - buffer.firstMissing >= BigInt(batch);
  }

  #enter(phase: Phase, now: Millis): void {
    const { config, timers } = this.#options;
    for (const timer of ["grace", "answer", "rest"] as const) timers.clear(timer);
    this.#phase = phase;
    if (phase.type === "grace") timers.set("grace", now + config.pushGraceMs);
    if (phase.type === "asking") timers.set("answer", now + config.responseTimeoutMs);
  }
}

/** What was dropped from one response, one output per reason however many payloads a peer sends. */
class Drops {
  readonly #from: PkiId;
  readonly #byReason = new Map<StateDropReason, { count: number; readonly blockNumber?: bigint }>();

  constructor(from: PkiId, outOfRange: number) {
    this.#from = from;
    if (outOfRange > 0) this.#byReason.set("out-of-range", { count: outOfRange });
  }

  add(reason: StateDropReason, blockNumber: bigint): void {
    const drop = this.#byReason.get(reason);
    if (drop === undefined) this.#byReason.set(reason, { count: 1, blockNumber });
    else drop.count++;
  }

  report(out: StateOutput[]): void {
    for (const [reason, drop] of this.#byReason) {
      out.push({ type: "dropped", reason, ...drop, source: "transfer", from: this.#from });
    }
  }
}

/**
 * A response must hold the first block of its range: without it the next request would be the same again, and a peer that
 * always leaves it out could keep us asking for ever.
 */
function failureOf(
  input: StateInput & { type: "state-response" },
  attempt: Attempt,
  asked: readonly BlockPayload[],
): AttemptFailure | undefined {
  if (input.refused !== undefined) return "refused";
  if (asked.some(({ blockNumber }) => blockNumber === attempt.start)) return undefined;
  return input.payloads.length > asked.length ? "out-of-range" : "empty";
}

function reportFailure(attempt: Attempt, reason: AttemptFailure, restsUntil: Millis, out: StateOutput[]): void {
  const { to, start, end } = attempt;
  assert(start < end, `expected a range of at least one block, got ${start} to ${end}`);
  out.push({ type: "attempt-failed", to, start, end: end - 1n, reason, restsUntil });
}

function attemptKey(from: PkiId, nonce: bigint): string {
  return `${from}/${nonce}`;
}

function byBlockNumber(one: BlockPayload, other: BlockPayload): number {
  return one.blockNumber < other.blockNumber ? -1 : one.blockNumber > other.blockNumber ? 1 : 0;
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
