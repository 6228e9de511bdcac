/**
 * Who has fallen silent, judged by a node that knows its own health (statements 4.48 to 4.54 of docs/protocol/04).
 *
 * Theory. Silence is evidence against a member only if we listened. A process that was stopped, starved or busy hears
 * nobody, and on waking finds every timer overdue at once, its own sockets broken, and what the others said meanwhile
 * still unread behind the timers. A detector that compares times then declares everybody dead but itself.
 *
 * What we know of ourselves. A machine sees its lateness: it asked to be woken at `deadline` and the step comes at `now`.
 *
 * - Late by at most `latenessToleranceMs`: an event loop with other things to do. The lateness adds up, and adds to the
 *   patience with everybody.
 * - Late by more: we were *asleep* for that long. That time is no silence: a clock that stood still meanwhile (`awake`)
 *   measures it. For `recoveryMs` notices of comm that a member cannot be reached are doubted: its handshakes may have
 *   failed because of us. Who is not heard of in that time is believed to be dead after all.
 * - Asleep for longer than a heartbeat period: a *pause*. Others have had time to give us up and to close their
 *   connections, so hearing from them takes longer than reading what is queued: everybody's silence starts anew.
 *
 * What we know of a member. Its messages come in intervals that depend on its own load, on the network and on chance;
 * their smoothed mean and deviation (as in RFC 6298) are kept, two numbers per member. Patience is four usual intervals
 * and four deviations; fewer intervals where the configured ones would fill more than four fifths of the expiry.
 *
 * Bounds. Patience is never less than `aliveExpirationTimeoutMs` and never more than twice that, on the clock that
 * stands still while we sleep; but after a pause nobody is judged before `recoveryMs` have passed, which therefore can be
 * added once, no matter how many pauses there are. What of a sleep lies before the deadline, at most a check interval, is
 * not seen.
 *
 * Notices of comm. One is believed at once, unless we just slept, or the member was *shown alive by others* after an
 * earlier notice, and not by what was in flight when it died: then it is we who cannot reach it, and only silence counts
 * until it has spoken to us itself.
 *
 * Nothing of this shows on the wire. `selfHealth: false` gives the rules of the reference.
 */

import type { Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";

/** Intervals of patience; and the part of the expiry they may fill if they are as configured, the rest is for deviations. */
const usualIntervals = 4;
const usualShare = 0.8;
/** RFC 6298 §2: weights of a new sample, and how many deviations are usual. */
const meanWeight = 1 / 8;
const deviationWeight = 1 / 4;
const deviations = 4;
/** Heartbeat periods after a sleep in which whoever lives is heard again. */
const recoveryPeriods = 3;

/** How a member was heard of so far. Times are on the clock that stands still while we sleep. */
export interface Hearing {
  lastAt: Millis;
  /** What the sum of small latenesses was then. */
  latenessThen: Millis;
  meanMs: Millis;
  deviationMs: Millis;
  /** When comm gave it up and we doubted that. */
  doubtedAt: Millis | undefined;
  /** When a notice was believed that it cannot be reached; until it speaks itself, or others show it alive. */
  givenUpAt: Millis | undefined;
  /** Others showed it alive after that. */
  isUnreachable: boolean;
}

/** What to make of a notice that a member cannot be reached. */
export type Judgement = "believed" | "doubted" | "refuted";

export class Liveness {
  readonly #config: DiscoveryConfig;
  #lastStepAt: Millis = Number.NEGATIVE_INFINITY;
  #asleepMs: Millis = 0;
  #latenessMs: Millis = 0;
  /** When the last sleep ended, and the last pause; on the clock that stood still meanwhile. */
  #wokeAt = Number.NEGATIVE_INFINITY;
  #freshAt = Number.NEGATIVE_INFINITY;

  constructor(config: DiscoveryConfig) {
    this.#config = config;
  }

  /** To be called before every step, with the deadline there was; for how long we were asleep, if we were. */
  onStep(now: Millis, deadline: Millis): Millis | undefined {
    const late = now - Math.max(deadline, this.#lastStepAt);
    this.#lastStepAt = now;
    if (!this.#config.selfHealth || late <= 0) return undefined;
    if (late <= this.#config.latenessToleranceMs) {
      this.#latenessMs += late;
      return undefined;
    }
    this.#asleepMs += late;
    this.#wokeAt = this.#awake(now);
    if (late > this.#config.aliveTimeIntervalMs) this.#freshAt = this.#wokeAt;
    return late;
  }

  /** How a member begins that is heard of for the first time: nothing is known but what is configured. */
  begin(now: Millis): Hearing {
    return {
      lastAt: this.#awake(now),
      latenessThen: this.#latenessMs,
      meanMs: this.#config.aliveTimeIntervalMs,
      deviationMs: 0,
      doubtedAt: undefined,
      givenUpAt: undefined,
      isUnreachable: false,
    };
  }

  /** A newer message of the member came; `isFirstHand` if from itself, or from a new life of it. */
  heard(hearing: Hearing, isFirstHand: boolean, now: Millis): void {
    const awake = this.#awake(now);
    const { givenUpAt } = hearing;
    const isShownByOthers = !isFirstHand && givenUpAt !== undefined && awake - givenUpAt > this.#inFlightMs;
    if (isFirstHand || isShownByOthers) {
      hearing.isUnreachable = isShownByOthers;
      hearing.givenUpAt = undefined;
    }
    const interval = Math.min(awake - hearing.lastAt, 2 * this.#config.aliveExpirationTimeoutMs);
    hearing.deviationMs += deviationWeight * (Math.abs(interval - hearing.meanMs) - hearing.deviationMs);
    hearing.meanMs += meanWeight * (interval - hearing.meanMs);
    hearing.lastAt = awake;
    hearing.latenessThen = this.#latenessMs;
    hearing.doubtedAt = undefined;
  }

  /** Comm gave the member up. */
  judge(hearing: Hearing, now: Millis): Judgement {
    if (!this.#config.selfHealth) return "believed";
    if (hearing.isUnreachable) return "refuted";
    const awake = this.#awake(now);
    if (awake - this.#wokeAt > this.#recoveryMs) {
      hearing.givenUpAt = awake;
      return "believed";
    }
    hearing.doubtedAt ??= awake;
    return "doubted";
  }

  /** Whether a notice that was doubted has turned out true: the member was not heard of since, and we did not sleep again. */
  isConfirmed({ doubtedAt }: Hearing, now: Millis): boolean {
    return doubtedAt !== undefined && this.#awake(now) - Math.max(doubtedAt, this.#wokeAt) > this.#recoveryMs;
  }

  isSilent(hearing: Hearing, now: Millis): boolean {
    const awake = this.#awake(now);
    const silence = awake - hearing.lastAt;
    const longest = 2 * this.#config.aliveExpirationTimeoutMs;
    // Who pauses again and again, before it has recovered, would wait for ever.
    if (silence > longest + this.#recoveryMs) return true;
    const sincePause = awake - this.#freshAt;
    if (sincePause <= this.#recoveryMs) return false;
    return silence > longest || Math.min(silence, sincePause) > this.#patience(hearing);
  }

  #patience({ meanMs, deviationMs, latenessThen }: Hearing): Millis {
    const { aliveExpirationTimeoutMs: expiry, aliveTimeIntervalMs: period, selfHealth } = this.#config;
    if (!selfHealth) return expiry;
    const intervals = Math.min(usualIntervals, (usualShare * expiry) / period);
    const usual = intervals * meanMs + deviations * deviationMs;
    return Math.min(2 * expiry, Math.max(expiry, usual) + this.#latenessMs - latenessThen);
  }

  /** For how long messages of a member that has just died may still come from others. */
  get #inFlightMs(): Millis {
    return this.#config.aliveTimeIntervalMs / 5;
  }

  get #recoveryMs(): Millis {
    return recoveryPeriods * this.#config.aliveTimeIntervalMs;
  }

  #awake(now: Millis): Millis {
    return now - this.#asleepMs;
  }
}
