/**
 * What one peer may cost, and what one author may say, before anything is verified (protocol page 07, 7.37). Whoever is
 * honest stays far below: a stock peer makes an alive message in five seconds and a state info of a channel in four.
 *
 * An author is charged for what was verified alone: else anybody could use up what another is allowed by forging it. A
 * forgery is charged to who sent it, since nobody honest passes one on.
 */

import type { AliveMessage, ApplicationMessage, LeadershipMessage, PkiId, SharedEntry, StateInfo } from "@gossip/proto";
import { type Millis, Quota } from "@gossip/runtime";

/** Names whose rates are remembered: peers, or authors in channels. */
export const maxPeersInQuota = 20_000;

/** Seconds' worth of news that may come at once, for it comes in bursts when peers start together. */
const burstSeconds = 10;
/** Signatures of news that one peer may cost, by whomever they are: 2,000 in a second, and 10,000 at once. */
const checksAtOnce = 10_000;
const checkRefillMs = 0.5;
/** Forgeries of one peer that are found out: 100 at once, and then 10 in a second. */
const forgeriesAtOnce = 100;
const forgeryRefillMs = 100;
/** Refused blocks of one peer, each of which may have cost a hash of its bytes and many signatures; those in doubt are counted apart. */
const refusedBlocksAtOnce = 20;
const refusedBlockRefillMs = 1_000;

/** Signed by its author, and checked only when it is news. */
export type News = AliveMessage | StateInfo | LeadershipMessage | SharedEntry | ApplicationMessage;

export class Allowances {
  readonly #authors: Quota;
  readonly #checks = new Quota({ burst: checksAtOnce, refillMs: checkRefillMs, maxKeys: maxPeersInQuota });
  readonly #forgeries = new Quota({ burst: forgeriesAtOnce, refillMs: forgeryRefillMs, maxKeys: maxPeersInQuota });
  readonly #blocks = blockQuota();
  readonly #doubts = blockQuota();

  /** @param maxNewsPerSecond of one author and kind */
  constructor(maxNewsPerSecond: number) {
    const [burst, refillMs] = [burstSeconds * maxNewsPerSecond, 1_000 / maxNewsPerSecond];
    this.#authors = new Quota({ burst, refillMs, maxKeys: maxPeersInQuota });
  }

  /** Whether another signature, or identity, that this peer brings is looked at; if so, it counts. */
  mayCheck(from: PkiId, now: Millis): boolean {
    return this.#forgeries.has(from, now) && this.#checks.take(from, now);
  }

  /** Whether its author has said less than it may. */
  mayHear(news: News, now: Millis): boolean {
    return this.#authors.has(keyOf(news), now);
  }

  /** It was verified. */
  heard(news: News, now: Millis): void {
    this.#authors.take(keyOf(news), now);
  }

  /** What the peer sent was signed by nobody whom it names. */
  forged(from: PkiId, now: Millis): void {
    this.#forgeries.take(from, now);
  }

  mayPushBlock(from: PkiId, now: Millis): boolean {
    return this.#blocks.has(from, now);
  }

  mayDoubt(from: PkiId, now: Millis): boolean {
    return this.#doubts.has(from, now);
  }

  doubted(from: PkiId, now: Millis): void {
    this.#doubts.take(from, now);
  }

  blockRefused(from: PkiId, now: Millis): void {
    this.#blocks.take(from, now);
  }
}

function blockQuota(): Quota {
  return new Quota({ burst: refusedBlocksAtOnce, refillMs: refusedBlockRefillMs, maxKeys: maxPeersInQuota });
}

/** News of one kind compete with each other, and those of two channels do not. */
function keyOf(news: News): string {
  switch (news.type) {
    case "alive":
      return `alive ${news.member.pkiId}`;
    case "state-info":
      return `state-info ${news.pkiId} ${Buffer.from(news.channelMac).toString("hex")}`;
    case "leadership":
      return `leadership ${news.pkiId} ${news.channel}`;
    case "shared-entry":
      return `shared-entry ${news.pkiId} ${news.channel}`;
    case "application":
      return `application ${news.pkiId} ${news.channel}`;
  }
}
