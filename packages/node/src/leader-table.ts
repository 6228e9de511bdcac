import { comparePeerTime, type LeadershipMessage, type PeerTime, type PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

export interface LeaderTableOptions {
  /** How long a declaration holds (`peer.gossip.election.leaderAliveThreshold`). */
  readonly aliveThresholdMs: Millis;
  /** Authors that are remembered; the one heard of longest ago makes room. */
  readonly maxAuthors: number;
}

/** For how many thresholds an author's newest message keeps older ones away, the time as a tombstone included (page 08 §2). */
const memoryInThresholds = 20;

interface Heard {
  readonly time: PeerTime;
  readonly isDeclaration: boolean;
  readonly at: Millis;
}

/**
 * Who said what about leadership in one channel, by author: the newest message of each (protocol page 08 §3.2). A node that
 * never stands needs no more of an election than this, for its operator.
 */
export class LeaderTable {
  readonly #options: LeaderTableOptions;
  readonly #heard: BoundedMap<PkiId, Heard>;

  constructor(options: LeaderTableOptions) {
    this.#options = options;
    this.#heard = new BoundedMap({ maxEntries: options.maxAuthors, whenFull: "evict-oldest" });
  }

  /** Whether it is newer than what its author said before: asked before its signature is checked. */
  wants({ pkiId, time }: LeadershipMessage, now: Millis): boolean {
    const heard = this.#heard.get(pkiId);
    if (heard === undefined || now - heard.at > memoryInThresholds * this.#options.aliveThresholdMs) return true;
    return comparePeerTime(time, heard.time) > 0;
  }

  /** Keeps it; false when, meanwhile, one as new was kept. A proposal ends what its author declared before. */
  add(message: LeadershipMessage, now: Millis): boolean {
    if (!this.wants(message, now)) return false;
    const { pkiId, time, isDeclaration } = message;
    this.#heard.set(pkiId, { time, isDeclaration, at: now });
    return true;
  }

  /** Whose declaration still holds. */
  leaders(now: Millis): readonly { readonly pkiId: PkiId; readonly lastSeenMs: Millis }[] {
    const leaders: { pkiId: PkiId; lastSeenMs: Millis }[] = [];
    for (const [pkiId, { isDeclaration, at }] of this.#heard) {
      const lastSeenMs = Math.max(0, now - at);
      if (isDeclaration && lastSeenMs <= this.#options.aliveThresholdMs) leaders.push({ pkiId, lastSeenMs });
    }
    return leaders;
  }
}
