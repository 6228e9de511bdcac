import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

/** Answers may take this much longer than the best ones, beside twice their time, before they count as queued: what busy machines need anyway. */
const slackMs = 10;
/** How much the best time is believed to rise with each answer, so that a lucky one, or one of small blocks, is forgotten in a hundred. */
const bestDrift = 1.01;
/** Weights of a new answer in the mean, and in the mean deviation (RFC 6298). */
const meanWeight = 1 / 8;
const deviationWeight = 1 / 4;

/**
 * How many requests may be under way at a time, to one peer or in all: found out by trying.
 *
 * It begins with few, grows by one with each answer that comes in time, and once something has stalled or queued, by one per
 * round of answers; a stall halves it. Where answers queue it goes back by one per round: more questions do not make anybody answer faster.
 */
export class Pace {
  readonly #max: number;
  #limit: number;
  /** Up to here it grows fast. */
  #threshold = Number.POSITIVE_INFINITY;
  #halvedAt: Millis = Number.NEGATIVE_INFINITY;
  /** Requests under way. */
  underWay = 0;

  constructor(max: number, initial = 1) {
    this.#max = max;
    this.#limit = Math.min(max, initial);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get isFree(): boolean {
    return this.underWay < this.limit;
  }

  answered(isQueueing: boolean): void {
    if (isQueueing) {
      this.#threshold = this.#limit;
      this.#limit = Math.max(1, this.#limit - 1 / this.#limit);
    } else {
      this.#limit = Math.min(this.#max, this.#limit + (this.#limit < this.#threshold ? 1 : 1 / this.#limit));
    }
  }

  /** Requests sent before the last stall say nothing new when they stall as well. */
  stalled(sentAt: Millis, now: Millis): void {
    if (sentAt < this.#halvedAt) return;
    this.#halvedAt = now;
    this.#limit = Math.max(1, this.#limit / 2);
    this.#threshold = this.#limit;
  }
}

/** How long a peer takes to answer, and from that, how long it is waited for. */
export class AnswerTimes {
  #mean: Millis | undefined;
  #deviation: Millis = 0;
  #best: Millis = 0;
  #last: Millis = 0;
  /** Doubled by each stall until an answer comes. */
  #patience = 1;

  add(tookMs: Millis): void {
    this.#patience = 1;
    this.#last = tookMs;
    if (this.#mean === undefined) {
      this.#mean = tookMs;
      this.#deviation = tookMs / 2;
      this.#best = tookMs;
      return;
    }
    this.#deviation += (Math.abs(tookMs - this.#mean) - this.#deviation) * deviationWeight;
    this.#mean += (tookMs - this.#mean) * meanWeight;
    this.#best = Math.min(tookMs, this.#best * bestDrift);
  }

  stalled(): void {
    this.#patience *= 2;
  }

  get mean(): Millis | undefined {
    return this.#mean;
  }

  /** Whether answers wait behind others, at the peer, on the way, or with us. */
  get isQueueing(): boolean {
    return this.#last > 2 * this.#best + slackMs;
  }

  /** How long to wait; of a peer that never answered, `unknownMs`. */
  timeoutMs(unknownMs: Millis): Millis {
    const usual = this.#mean === undefined ? unknownMs : this.#mean + 4 * this.#deviation;
    return usual * this.#patience;
  }
}

/** What is known of how one peer answers. */
export interface PeerPace {
  readonly pace: Pace;
  readonly times: AnswerTimes;
  /** When it last answered anything. */
  answeredAt: Millis;
}

export interface PacesOptions {
  /** Requests under way in all, and at one peer. */
  readonly maxRequests: number;
  readonly maxRequestsPerPeer: number;
  /** Bounds of how long is waited. */
  readonly minTimeoutMs: Millis;
  readonly maxTimeoutMs: Millis;
}

/** Peers whose pace is remembered; whoever is forgotten begins anew with one request. */
const maxPeers = 1024;
/** Requests under way in all before anybody has answered. */
const initialRequests = 4;
/** Wait for the first answer of a peer, when nobody else has answered yet either. */
const firstTimeoutMs = 800;
/** Wait for the first answer of a peer, by what others take: it may be farther away. */
const strangerFactor = 8;

/** The pace of all requests, and of those to each peer. */
export class Paces {
  readonly total: Pace;
  readonly #options: PacesOptions;
  readonly #all = new AnswerTimes();
  readonly #peers = new BoundedMap<PkiId, PeerPace>({ maxEntries: maxPeers, whenFull: "evict-oldest" });

  constructor(options: PacesOptions) {
    this.#options = options;
    this.total = new Pace(options.maxRequests, initialRequests);
  }

  of(peer: PkiId): PeerPace {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    const fresh: PeerPace = {
      pace: new Pace(Math.min(this.#options.maxRequestsPerPeer, this.#options.maxRequests)),
      times: new AnswerTimes(),
      answeredAt: Number.NEGATIVE_INFINITY,
    };
    this.#peers.set(peer, fresh);
    return fresh;
  }

  /** How long to wait for an answer of this peer. */
  timeoutMs(peer: PkiId): Millis {
    const { minTimeoutMs, maxTimeoutMs } = this.#options;
    const usual = this.#all.mean;
    const unknownMs = usual === undefined ? firstTimeoutMs : Math.min(firstTimeoutMs, strangerFactor * usual);
    return Math.min(maxTimeoutMs, Math.max(minTimeoutMs, this.of(peer).times.timeoutMs(unknownMs)));
  }

  /** A peer answered a request with blocks; `tookMs` is absent where it cannot be said which of several requests it answered. */
  answered(peer: PkiId, tookMs: Millis | undefined, now: Millis): void {
    const known = this.of(peer);
    known.answeredAt = now;
    if (tookMs !== undefined) {
      known.times.add(tookMs);
      this.#all.add(tookMs);
    }
    known.pace.answered(known.times.isQueueing);
    this.total.answered(false);
  }

  /** A request that was sent then is not answered; of a mere probe nothing else was to be expected. */
  stalled(peer: PkiId, sentAt: Millis, isProbe: boolean, now: Millis): void {
    const { pace, times } = this.of(peer);
    pace.stalled(sentAt, now);
    times.stalled();
    if (!isProbe) this.total.stalled(sentAt, now);
  }

  /** The peer had more requests than it takes. */
  refused(peer: PkiId, sentAt: Millis, now: Millis): void {
    const known = this.of(peer);
    known.answeredAt = now;
    known.pace.stalled(sentAt, now);
  }
}
