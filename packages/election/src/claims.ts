import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { Candidate } from "./io.js";

interface Seen {
  readonly height: bigint;
  /** Since when it has been in the view, but for breaks shorter than `yieldMs`: whoever comes and goes is no newcomer. */
  readonly since: Millis;
}

interface Gone extends Seen {
  readonly at: Millis;
}

interface SetAside {
  readonly claim: bigint;
  readonly until: Millis;
  /** How often, which doubles the time. */
  readonly strikes: number;
  /** It led, and nothing came of it. */
  readonly isUnproven: boolean;
}

/** Peers whose claims are remembered as empty, and peers that have left; the one of longest ago is believed again. */
const maxRemembered = 256;
/** Beyond this the time that a claim is set aside grows no more. */
const maxStrikes = 10;

/**
 * The view, and what to make of the heights that peers claim. Nobody can check a height before its blocks come, so a claim is
 * believed once: it may make us step back for somebody who is ahead, and when he then does not lead, or leads and brings
 * nothing, he is *set aside* until both our own ledger has reached what he claimed and a time has passed that doubles with
 * every repetition. So a liar costs an organization a number of pauses that grows with the logarithm of time.
 */
export class Claims {
  readonly #maxLagBlocks: number;
  readonly #setAsideMs: Millis;
  #view: ReadonlyMap<PkiId, Seen> = new Map();
  readonly #setAside = new BoundedMap<PkiId, SetAside>({ maxEntries: maxRemembered, whenFull: "evict-oldest" });
  readonly #gone = new BoundedMap<PkiId, Gone>({ maxEntries: maxRemembered, whenFull: "evict-oldest" });

  /** Whom we stepped down for, with what was known of it before. */
  readonly #staked = new Map<PkiId, { readonly height: bigint; readonly before: SetAside | undefined }>();

  constructor({ maxLagBlocks, yieldMs }: { readonly maxLagBlocks: number; readonly yieldMs: Millis }) {
    this.#maxLagBlocks = maxLagBlocks;
    this.#setAsideMs = yieldMs;
  }

  /** Replaces the view; tells who is new and who is gone. */
  replaceView(peers: readonly Candidate[], now: Millis): { readonly added: PkiId[]; readonly removed: PkiId[] } {
    const before = this.#view;
    const view = new Map<PkiId, Seen>();
    for (const { pkiId, height } of peers) {
      const since = (before.get(pkiId) ?? this.#recentlyGone(pkiId, now))?.since ?? now;
      view.set(pkiId, { height, since });
    }
    const removed: PkiId[] = [];
    for (const [pkiId, seen] of before) {
      if (view.has(pkiId)) continue;
      this.#gone.set(pkiId, { ...seen, at: now });
      removed.push(pkiId);
    }
    const added = [...view.keys()].filter((pkiId) => !before.has(pkiId));
    for (const pkiId of added) this.#gone.delete(pkiId);
    this.#view = view;
    return { added, removed };
  }

  #recentlyGone(pkiId: PkiId, now: Millis): Gone | undefined {
    const gone = this.#gone.get(pkiId);
    return gone !== undefined && now - gone.at < this.#setAsideMs ? gone : undefined;
  }

  get viewSize(): number {
    return this.#view.size;
  }

  isInView(pkiId: PkiId): boolean {
    return this.#view.has(pkiId);
  }

  heightOf(pkiId: PkiId): bigint | undefined {
    return this.#view.get(pkiId)?.height;
  }

  /** Whether one of these heights is so far behind the other that it matters. */
  isFarBehind(height: bigint, other: bigint): boolean {
    return Number(other - height) > this.#maxLagBlocks;
  }

  /** Whether this peer is far ahead of us, as far as we believe it. */
  isAhead(pkiId: PkiId, own: bigint, now: Millis): boolean {
    const height = this.heightOf(pkiId);
    return height !== undefined && this.isFarBehind(own, height) && this.#setAsideOf(pkiId, own, now) === undefined;
  }

  /** Whether we are far behind somebody whom we believe. */
  isLagging(own: bigint, now: Millis): boolean {
    for (const pkiId of this.#view.keys()) if (this.isAhead(pkiId, own, now)) return true;
    return false;
  }

  /**
   * Somebody leads again after a vacancy that began at `since`. What we staked is settled, and whoever was there all along, claims to be far ahead of the new
   * leader and yet did not stand, had its turn.
   */
  settle(leaderHeight: bigint, leader: PkiId, since: Millis, now: Millis): void {
    for (const [pkiId, { height, before }] of this.#staked) {
      if (pkiId !== leader && this.isFarBehind(leaderHeight, height)) continue;
      if (before === undefined) this.#setAside.delete(pkiId);
      else this.#setAside.set(pkiId, before);
    }
    this.#staked.clear();
    for (const [pkiId, { height, since: seenSince }] of this.#view) {
      const isIdle = pkiId !== leader && seenSince <= since && this.isFarBehind(leaderHeight, height);
      if (isIdle) this.#put(pkiId, height, now, false);
    }
  }

  /**
   * We step down for whoever is ahead: their claims are set aside until the next leader proves them, by being one of them or as far
   * ahead. So it does not help to claim less, or to be away, when that is judged.
   */
  stake(own: bigint, now: Millis): void {
    for (const [pkiId, { height }] of this.#view) {
      if (!this.isAhead(pkiId, own, now)) continue;
      this.#staked.set(pkiId, { height, before: this.#setAside.get(pkiId) });
      this.#put(pkiId, height, now, false);
    }
  }

  /** It leads, claims to be ahead, and our ledger has not grown: its declarations hold us no more either. */
  setAsideUnproven(pkiId: PkiId, claim: bigint, now: Millis): void {
    this.#put(pkiId, claim, now, true);
  }

  /** Whether it led on a claim that has proved empty. */
  isUnproven(pkiId: PkiId, own: bigint, now: Millis): boolean {
    return this.#setAsideOf(pkiId, own, now)?.isUnproven ?? false;
  }

  #put(pkiId: PkiId, claim: bigint, now: Millis, isUnproven: boolean): void {
    const before = this.#setAside.get(pkiId);
    // Still set aside: the same emptiness is not counted twice, though what is claimed now counts.
    const strikes = before === undefined ? 0 : Math.min(before.strikes + (now >= before.until ? 1 : 0), maxStrikes);
    const until = before !== undefined && now < before.until ? before.until : now + this.#setAsideMs * 2 ** strikes;
    const isEmpty = isUnproven || (before?.isUnproven === true && now < before.until);
    this.#setAside.set(pkiId, { claim, until, strikes, isUnproven: isEmpty });
  }

  #setAsideOf(pkiId: PkiId, own: bigint, now: Millis): SetAside | undefined {
    const entry = this.#setAside.get(pkiId);
    return entry !== undefined && (own < entry.claim || now < entry.until) ? entry : undefined;
  }
}
