import type { Millis } from "@gossip/runtime";
import type { PullPeer } from "./io.js";

/** What passes between us and one peer in one round. */
export interface Session {
  readonly round: Round;
  readonly peer: PullPeer;
  readonly nonce: bigint;
  /** Until when its peer remembers our hello for certain, and hence serves a request. */
  readonly freshUntil: Millis;
  /** Whether its digests have come. */
  answered: boolean;
  /** Keys of items requested of it and not yet come from anybody. */
  readonly owed: Set<string>;
  /** When others are asked for what it owes; `Infinity` while it owes nothing, and once that was done. */
  overdueAt: Millis;
  /** Whether it was given the time to send what it owes, and did not. */
  isOverdue: boolean;
}

/** One round of asking: an object of its own, so that rounds cannot confuse each other (protocol page 05 §12.12). */
export class Round {
  readonly sessions: Session[] = [];
  /** Until when digests are taken. */
  readonly digestsUntil: Millis;
  /** When everything about the round is over. */
  readonly endsAt: Millis;
  /** Keys of items that were offered and are to be requested. */
  readonly pending = new Set<string>();
  /** When they are; `Infinity` while nobody offered anything. */
  flushAt: Millis = Number.POSITIVE_INFINITY;
  /** Whether anybody offered what we lack. */
  isFruitful = false;

  constructor(digestsUntil: Millis, endsAt: Millis) {
    this.digestsUntil = digestsUntil;
    this.endsAt = endsAt;
  }

  get nextAt(): Millis {
    let earliest = Math.min(this.flushAt, this.endsAt);
    for (const { overdueAt } of this.sessions) if (overdueAt < earliest) earliest = overdueAt;
    return earliest;
  }

  get isComplete(): boolean {
    return this.sessions.every(({ answered }) => answered);
  }
}
