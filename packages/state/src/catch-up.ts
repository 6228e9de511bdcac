import type { BlockPayload, PkiId } from "@gossip/proto";
import { assert, type Millis, type Random, type Timers } from "@gossip/runtime";
import { Choice } from "./choice.js";
import type { StateConfig } from "./config.js";
import { Doubts } from "./doubts.js";
import { Paces } from "./pace.js";
import type { BufferRefusal, PayloadBuffer } from "./payload-buffer.js";
import type { PeerRecord } from "./peer-record.js";
import { type Attempt, type Gap, type Range, RangePlan, smaller } from "./range-plan.js";
import { Requests } from "./requests.js";
import { byBlockNumber, Drops, failureOf } from "./responses.js";
import type { AttemptFailure, StateInput, StateOutput, StatePeer } from "./state-messages.js";

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
  | { readonly type: "asking" };

const idle: Phase = { type: "idle" };
const asking: Phase = { type: "asking" };

/** Requests under way while nobody knows how large blocks are. */
const maxBlindRequests = 2;
/** Requests that are to fit into the bytes of the buffer, so that one that stalls does not stop the others. */
const leastRequestsInBytes = 4;
/** Weight of a new block in the mean size. */
const sizeWeight = 1 / 16;
/** A wake that comes later than this tells that it was us who slept, and answers may be waiting to be read. */
const sleptMs = 100;
/** How long they get to be read. */
const readingMs = 100;

/** The requester (page 10 §8): asks several peers at a time for the lowest blocks that are missing. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #plan: RangePlan;
  readonly #paces: Paces;
  readonly #choice: Choice;
  readonly #doubts = new Doubts();
  readonly #requests: Requests;
  #phase: Phase = idle;
  /** What was asked for last. */
  #newest: Range | undefined;
  /** Mean size of the blocks that came. */
  #blockBytes: number | undefined;
  /** Nobody gave the block with this number: what lies below comes first. */
  #ceiling: bigint | undefined;
  /** Nobody who has the next missing block may be asked now, as nothing has happened since that was found out. */
  #isBlocked = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    const { config } = options;
    this.#plan = new RangePlan(options.buffer);
    this.#paces = new Paces({
      maxRequests: config.maxRequests,
      maxRequestsPerPeer: config.maxRequestsPerPeer,
      minTimeoutMs: config.minResponseTimeoutMs,
      maxTimeoutMs: config.responseTimeoutMs,
    });
    this.#choice = new Choice({ record: options.record, paces: this.#paces, random: options.random });
    this.#requests = new Requests(config.maxRequests, this.#paces);
  }

  start(now: Millis): void {
    const { config, timers } = this.#options;
    if (!config.enabled) return;
    timers.set("check", now + config.checkIntervalMs);
    this.news(now);
  }

  /** Whether blocks are being asked for. */
  get isAsking(): boolean {
    return this.#phase.type === "asking";
  }

  /** Requests that are waited for. */
  get requests(): number {
    return this.#requests.size;
  }

  /**
   * Something suggests that others have more than we hold: unless it is being seen to, gives pushes a moment to bring it,
   * or begins at once when there is more than pushes can bring.
   */
  news(now: Millis): void {
    const { config, buffer } = this.#options;
    if (!config.enabled || this.#phase.type === "asking" || config.pushGraceMs === Number.POSITIVE_INFINITY) return;
    if (this.#ahead(buffer.firstMissing + BigInt(config.blockBufferSize)).length > 0) this.#enter(asking, now);
    else if (this.#phase.type === "idle") this.#enter({ type: "grace", firstMissing: buffer.firstMissing }, now);
  }

  peersChanged(now: Millis, out: StateOutput[]): void {
    this.#isBlocked = false;
    this.news(now);
    if (this.#requests.size === 0) return;
    const present = new Set(this.#options.peers().map(({ pkiId }) => pkiId));
    const gone = this.#requests.awaited.filter(({ to }) => !present.has(to));
    for (const peer of new Set(gone.map(({ to }) => to))) {
      this.#failAll(
        gone.filter(({ to }) => to === peer),
        "gone",
        now,
        out,
      );
    }
  }

  expired(timer: Exclude<StateTimer, "commit-retry">, now: Millis, out: StateOutput[]): void {
    const { config, buffer, timers } = this.#options;
    const phase = this.#phase;
    if (timer === "check") {
      timers.set("check", now + config.checkIntervalMs);
      if (phase.type === "idle") this.#enter(asking, now);
    } else if (timer === "grace" && phase.type === "grace") {
      if (buffer.firstMissing === phase.firstMissing) this.#enter(asking, now);
      else if (this.#ahead(buffer.firstMissing).length > 0)
        this.#enter({ type: "grace", firstMissing: buffer.firstMissing }, now);
      else this.#enter(idle, now);
    } else if (timer === "answer") {
      this.#onOverdue(now, out);
    } else if (timer === "rest") {
      this.#isBlocked = false;
    }
  }

  /** Called at the end of each step: asks for as much as may be asked for now. */
  proceed(now: Millis, out: StateOutput[]): void {
    if (this.#phase.type !== "asking") return;
    const { firstMissing } = this.#options.buffer;
    if (this.#ceiling !== undefined && firstMissing >= this.#ceiling) this.#ceiling = undefined;
    this.#askOn(now, out);
    this.#setAnswerTimer();
  }

  expects(from: PkiId, nonce: bigint): boolean {
    return this.#requests.find(from, nonce) !== undefined;
  }

  /** A block of this size was taken. */
  tookBlock(bytes: number): void {
    this.#blockBytes =
      this.#blockBytes === undefined ? bytes : this.#blockBytes + (bytes - this.#blockBytes) * sizeWeight;
  }

  /** A block that was held is not held any more, and was not committed. */
  lostBlock(blockNumber: bigint): void {
    this.#plan.missing(blockNumber);
    this.#isBlocked = false;
  }

  /** All below `height` is in force: what was in doubt can be told. */
  committed(height: bigint, isTrustChanged: boolean, now: Millis, out: StateOutput[]): void {
    const blockNumber = this.#doubts.lowest;
    for (const from of this.#doubts.settle(height, isTrustChanged)) {
      assert(blockNumber !== undefined, "expected a block in doubt when somebody has forged it");
      this.#options.record.failed(from, now);
      out.push({ type: "forged", from, blockNumber });
    }
  }

  /** Takes the blocks of a response that belong to the range its sender was asked for, and judges the sender. */
  response(
    input: StateInput & { type: "state-response" },
    now: Millis,
    out: StateOutput[],
    take: (payload: BlockPayload) => BufferRefusal | undefined,
  ): void {
    const { from, payloads } = input;
    const attempt = this.#requests.find(from, input.nonce);
    if (attempt === undefined) {
      out.push({ type: "dropped", reason: "unexpected-response", count: Math.max(1, payloads.length), from });
      return;
    }
    this.#requests.answered(attempt);
    this.#isBlocked = false;
    const asked = payloads.filter(({ blockNumber }) => attempt.start <= blockNumber && blockNumber < attempt.end);
    const drops = new Drops(from, payloads.length - asked.length);
    // Nearest first, so that it is not the nearest for which there is no room.
    for (const payload of asked.toSorted(byBlockNumber)) {
      const refusal = take(payload);
      if (refusal !== undefined) drops.add(refusal, payload.blockNumber);
    }
    drops.report(out);
    this.#judge(attempt, failureOf(input, attempt, asked, this.#plan.holds(attempt.start)), now, out);
    if (input.behindConfig !== undefined) this.#doubt(attempt, input.behindConfig);
  }

  #judge(attempt: Attempt, failure: AttemptFailure | undefined, now: Millis, out: StateOutput[]): void {
    const { record } = this.#options;
    const { to, range, sentAt } = attempt;
    const isWanted = this.#isWanted(attempt);
    if (failure === "empty" && !attempt.isProbe && this.#plan.isFilled(range)) {
      // What came in the meantime is left out of an answer before it gets here.
      this.#plan.close(range);
    } else if (failure === undefined) {
      record.served(to);
      this.#paces.answered(to, attempt.isRepeated ? undefined : now - sentAt, now);
      if (isWanted || (this.#plan.has(range) && this.#plan.isFilled(range))) this.#plan.close(range);
    } else if (failure === "empty" && isWanted && this.#paces.of(to).pace.underWay > 0) {
      // It serves us, and so many at a time are too many for it.
      this.#paces.refused(to, sentAt, now);
      range.attempts--;
      range.attempt = undefined;
    } else if (isWanted || attempt.isProbe) {
      this.#failAll([attempt], failure, now, out);
    } else {
      reportFailure(attempt, failure, record.failed(to, now), out);
    }
  }

  /** Whatever is asked for from there on would be in doubt as well. */
  #doubt(attempt: Attempt, blockNumber: bigint): void {
    if (blockNumber <= this.#options.buffer.height) return;
    this.#doubts.add(blockNumber, attempt.to, attempt.trust);
    this.#plan.cut(blockNumber);
  }

  #onOverdue(now: Millis, out: StateOutput[]): void {
    const overdue = this.#requests.awaited.filter(({ due }) => due <= now);
    const [first] = overdue;
    if (first === undefined) return;
    if (overdue.every(({ due }) => now - due > sleptMs)) {
      for (const attempt of overdue) attempt.due = now + readingMs;
      return;
    }
    for (const peer of new Set(overdue.map(({ to }) => to))) {
      const own = overdue.filter(({ to }) => to === peer);
      // Silent since then, it will not answer what it was asked later either.
      const isSilent = own.some(({ sentAt }) => this.#paces.of(peer).answeredAt <= sentAt);
      const given = isSilent ? this.#requests.awaited.filter(({ to }) => to === peer) : own;
      this.#failAll(given, "timeout", now, out);
    }
  }

  /** These requests, all to one peer, have failed: it rests once, and others are asked. */
  #failAll(attempts: readonly Attempt[], reason: AttemptFailure, now: Millis, out: StateOutput[]): void {
    const { record } = this.#options;
    for (const attempt of attempts) this.#requests.giveUp(attempt);
    this.#isBlocked = false;
    // What came otherwise in the meantime, nobody needs to have answered.
    const wanted = attempts.filter(
      (attempt) => attempt.isProbe || (this.#isWanted(attempt) && !this.#plan.isFilled(attempt.range)),
    );
    const [first] = wanted;
    if (first === undefined) return;
    if (reason === "timeout" || reason === "gone") this.#paces.stalled(first.to, first.sentAt, first.isProbe, now);
    const restsUntil = record.failed(first.to, now);
    for (const attempt of wanted) {
      reportFailure(attempt, reason, restsUntil, out);
      if (attempt.isProbe) continue;
      attempt.range.attempt = undefined;
      if (attempt.range.attempts > this.#options.config.maxRetries) this.#giveUp(attempt.range, now, out);
    }
  }

  /** Whether an answer to this request is what its range waits for. */
  #isWanted(attempt: Attempt): boolean {
    return attempt.range.attempt === attempt && this.#plan.has(attempt.range);
  }

  /** Nobody gives this range. What lies below it may come all the same. */
  #giveUp(range: Range, now: Millis, out: StateOutput[]): void {
    const isLowest = range.start <= this.#options.buffer.firstMissing;
    this.#plan.close(range);
    if (!isLowest) {
      this.#ceiling = this.#ceiling === undefined ? range.start : smaller(this.#ceiling, range.start);
      this.#plan.cut(this.#ceiling);
      return;
    }
    out.push({ type: "transfer-failed", start: range.start, attempts: range.attempts });
    this.#enter(idle, now);
  }

  #askOn(now: Millis, out: StateOutput[]): void {
    while (!this.#isBlocked && this.#paces.total.isFree) {
      const gap = this.#plan.next(this.#limit, this.#batch);
      if (gap === undefined || !this.#hasRoom(gap)) return;
      const ahead = this.#ahead(gap.start);
      if (ahead.length === 0) {
        if (gap.range !== undefined) this.#giveUp(gap.range, now, out);
        if (this.#plan.isEmpty && this.#phase.type === "asking") this.#enter(idle, now);
        return;
      }
      const peer = this.#choice.forGap(ahead, gap, now);
      if (peer === undefined) this.#isBlocked = true;
      else this.#ask(peer, gap, now, out);
      this.#probe(ahead, now, out);
    }
  }

  #ask(peer: StatePeer, gap: Gap, now: Millis, out: StateOutput[]): void {
    const { random } = this.#options;
    const range = this.#plan.open(gap, smaller(gap.end, peer.height), () => random.uint64());
    range.attempts++;
    range.attempt = this.#send(peer, range, false, now, out);
    this.#newest = range;
  }

  /** Asks those that have rested for what somebody else was asked for last: nothing waits for them. */
  #probe(peers: readonly StatePeer[], now: Millis, out: StateOutput[]): void {
    const range = this.#newest;
    if (range !== undefined && range.attempt !== undefined && this.#plan.has(range)) {
      for (const peer of this.#choice.toProbe(peers, now)) {
        if (peer.height >= range.end && this.#paces.total.isFree) this.#send(peer, range, true, now, out);
      }
    }
    const rested = this.#choice.firstRested(peers, now);
    if (rested < Number.POSITIVE_INFINITY) this.#options.timers.set("rest", rested);
  }

  #send(peer: StatePeer, range: Range, isProbe: boolean, now: Millis, out: StateOutput[]): Attempt {
    const { pkiId: to, endpoint } = peer;
    const { start, end, nonce } = range;
    const isRepeated = range.asked.has(to);
    const { trust } = this.#doubts;
    const due = now + this.#paces.timeoutMs(to);
    const attempt: Attempt = { to, range, start, end, sentAt: now, due, isRepeated, isProbe, trust };
    range.asked.add(to);
    this.#requests.add(attempt);
    out.push({ type: "request", to, endpoint, nonce, start, end: end - 1n });
    return attempt;
  }

  /** Peers that have this block. */
  #ahead(blockNumber: bigint): readonly StatePeer[] {
    return this.#options.peers().filter(({ height }) => height > blockNumber);
  }

  /** From here on nothing is asked for now. */
  get #limit(): bigint {
    let { limit } = this.#options.buffer;
    if (this.#ceiling !== undefined) limit = smaller(limit, this.#ceiling);
    if (this.#doubts.lowest !== undefined) limit = smaller(limit, this.#doubts.lowest);
    return limit;
  }

  /** Blocks per request: what a stock peer answers, and of large blocks fewer, so that several requests fit into the buffer. */
  get #batch(): number {
    const { batchSize, blockBufferBytes } = this.#options.config;
    if (this.#blockBytes === undefined) return batchSize + 1;
    const fitting = Math.floor(blockBufferBytes / leastRequestsInBytes / this.#blockBytes);
    return Math.max(1, Math.min(batchSize + 1, fitting));
  }

  /** Whether a whole batch fits: asking for one block after each commit would cost a round trip per block. */
  #hasRoom({ start, end, range }: Gap): boolean {
    const { buffer, config } = this.#options;
    // Without the block at the height nothing leaves the buffer, and it may evict others. A range that failed had its room.
    if (start === buffer.height || range !== undefined) return true;
    const batch = Math.min(this.#batch, buffer.maxBlocks);
    if (buffer.limit - start < BigInt(batch)) return false;
    if (this.#blockBytes === undefined) return this.#requests.size < maxBlindRequests;
    const expected = (this.#plan.blocksUnderWay + Number(end - start)) * this.#blockBytes;
    return buffer.bytes + expected <= config.blockBufferBytes;
  }

  #setAnswerTimer(): void {
    const { timers } = this.#options;
    const due = this.#requests.firstDue;
    if (due === timers.at("answer")) return;
    if (due === Number.POSITIVE_INFINITY) timers.clear("answer");
    else timers.set("answer", due);
  }

  #enter(phase: Phase, now: Millis): void {
    const { config, timers } = this.#options;
    for (const timer of ["grace", "answer", "rest"] as const) timers.clear(timer);
    this.#phase = phase;
    this.#isBlocked = false;
    if (phase.type === "grace") timers.set("grace", now + config.pushGraceMs);
    if (phase.type !== "idle") return;
    for (const attempt of this.#requests.awaited) this.#requests.giveUp(attempt);
    this.#plan.clear();
    this.#ceiling = undefined;
  }
}

function reportFailure(
  { to, start, end }: Attempt,
  reason: AttemptFailure,
  restsUntil: Millis,
  out: StateOutput[],
): void {
  assert(start < end, `expected a range of at least one block, got ${start} to ${end}`);
  out.push({ type: "attempt-failed", to, start, end: end - 1n, reason, restsUntil });
}
