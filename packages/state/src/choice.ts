import { type Millis, pick, type Random } from "@gossip/runtime";
import type { Paces } from "./pace.js";
import type { PeerRecord } from "./peer-record.js";
import { type Gap, smaller } from "./range-plan.js";
import type { StatePeer } from "./state-messages.js";

export interface ChoiceOptions {
  readonly record: PeerRecord;
  readonly paces: Paces;
  readonly random: Random;
}

/** Whom to ask for blocks (page 10 §8.1). */
export class Choice {
  readonly #options: ChoiceOptions;

  constructor(options: ChoiceOptions) {
    this.#options = options;
  }

  /**
   * Of those that may be asked now: those that have most of the range, so that a lagging peer does not make us crawl, of
   * these the least busy, then by chance. Whoever failed lately only if nobody else is there, those that failed least in a
   * row: what it does not answer would hold up all that comes behind.
   */
  forGap(peers: readonly StatePeer[], gap: Gap, now: Millis): StatePeer | undefined {
    const { record, paces, random } = this.#options;
    const isSomebodySound = peers.some((peer) => this.#isSound(peer));
    let best: StatePeer[] = [];
    let bestRank: readonly number[] = [];
    for (const peer of peers) {
      const { pace } = paces.of(peer.pkiId);
      if ((isSomebodySound && !this.#isSound(peer)) || !pace.isFree || record.restsUntil(peer.pkiId) > now) continue;
      const lacking = Number(gap.end - smaller(peer.height, gap.end));
      const rank = [record.failuresOf(peer.pkiId), lacking, pace.underWay / pace.limit];
      const order = best.length === 0 ? -1 : compare(rank, bestRank);
      if (order < 0) [best, bestRank] = [[], rank];
      if (order <= 0) best.push(peer);
    }
    return pick(random, best);
  }

  /** Those that failed lately, whose rest is over: what they are worth now is found out by asking them what somebody else was asked for. */
  toProbe(peers: readonly StatePeer[], now: Millis): readonly StatePeer[] {
    const { record, paces } = this.#options;
    if (!peers.some((peer) => this.#isSound(peer))) return [];
    return peers.filter(
      (peer) =>
        !this.#isSound(peer) && record.restsUntil(peer.pkiId) <= now && paces.of(peer.pkiId).pace.underWay === 0,
    );
  }

  /** When the first of them has rested; `Infinity` when nobody rests. */
  firstRested(peers: readonly StatePeer[], now: Millis): Millis {
    let first = Number.POSITIVE_INFINITY;
    for (const { pkiId } of peers) {
      const until = this.#options.record.restsUntil(pkiId);
      if (until > now && until < first) first = until;
    }
    return first;
  }

  #isSound({ pkiId }: StatePeer): boolean {
    return this.#options.record.failuresOf(pkiId) === 0;
  }
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [at, value] of one.entries()) {
    const difference = value - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
