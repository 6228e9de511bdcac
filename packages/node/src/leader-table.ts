import { comparePeerTime, type LeadershipMessage, type PeerTime, type PkiId } from "@gossip/proto";
import { ExpiringStore, type Millis } from "@gossip/runtime";

export interface LeaderTableOptions {
  /** How long a declaration holds (`peer.gossip.election.leaderAliveThreshold`). */
  readonly aliveThresholdMs: Millis;
  /** Authors that are remembered; the one heard of longest ago makes room. */
  readonly maxAuthors: number;
}

/** For how many thresholds an author's newest message keeps older ones away, the time as a tombstone included (page 08 §2). */
const memoryInThresholds = 20;

/**
 * Who said what about leadership in one channel, by author: the newest message of each (protocol page 08 §3.2). A node that
 * never stands needs no more of an election than this, for its operator.
 */
export class LeaderTable {
  readonly #heard: ExpiringStore<PkiId, LeadershipMessage, PeerTime>;

  constructor({ aliveThresholdMs, maxAuthors }: LeaderTableOptions) {
    this.#heard = new ExpiringStore<PkiId, LeadershipMessage, PeerTime>({
      keyOf: ({ pkiId }) => pkiId,
      rankOf: ({ time }) => time,
      isNewer: (incoming, held) => comparePeerTime(incoming, held) > 0,
      visibleMs: aliveThresholdMs,
      tombstoneMs: (memoryInThresholds - 1) * aliveThresholdMs,
      maxEntries: maxAuthors,
      whenFull: "evict-oldest",
    });
  }

  /** Whether it is newer than what its author said before: asked before its signature is checked. */
  wants(message: LeadershipMessage, now: Millis): boolean {
    this.#heard.expire(now);
    return this.#heard.wants(message);
  }

  /** Keeps it; false when, meanwhile, one as new was kept. A proposal ends what its author declared before. */
  add(message: LeadershipMessage, now: Millis): boolean {
    this.#heard.expire(now);
    return this.#heard.add(message, now).added;
  }

  /** Its identity is gone: nothing that it said counts any more. */
  forget(author: PkiId): void {
    this.#heard.delete(author);
  }

  /** Whose declaration still holds. */
  leaders(now: Millis): readonly { readonly pkiId: PkiId; readonly lastSeenMs: Millis }[] {
    this.#heard.expire(now);
    return [...this.#heard.values()]
      .filter(({ value }) => value.isDeclaration)
      .map(({ value, at }) => ({ pkiId: value.pkiId, lastSeenMs: now - at }));
  }
}
