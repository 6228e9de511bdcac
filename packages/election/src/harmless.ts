import type { Millis } from "@gossip/runtime";

/** How often a margin, at most, a declaration is later than it was due, whoever proposes whatever. */
const maxMarginsLate = 4;

/** What decides when a declaration may go. */
export interface HarmlessOptions {
  readonly due: Millis;
  /** It may go before it is due, but not before this. Same as `due` when it may not. */
  readonly earliest: Millis;
  /** When others win, unless they hear of us before. */
  readonly wins: readonly Millis[];
  readonly marginMs: Millis;
}

/**
 * A time near `due` at which a declaration of ours meets nobody that has just won: stock peers do not bear to win and to
 * lose in one breath. A margin before the moment our declaration still makes the other withdraw, and a margin after it we
 * have heard that it won, and can settle it in peace. Rather earlier than later, where it may be earlier.
 */
export function harmlessTime({ due, earliest, wins, marginMs }: HarmlessOptions): Millis {
  const isClear = (at: Millis) => wins.every((win) => Math.abs(at - win) >= marginMs * (1 - rounding));
  if (isClear(due)) return due;
  const before = wins.map((win) => win - marginMs).filter((at) => at >= earliest && at <= due && isClear(at));
  if (before.length > 0) return Math.max(...before);
  const latest = due + maxMarginsLate * marginMs;
  const after = wins.map((win) => win + marginMs).filter((at) => at >= due && at <= latest && isClear(at));
  return after.length > 0 ? Math.min(...after) : latest;
}

/** Sums of times are not exact. */
const rounding = 1e-6;
