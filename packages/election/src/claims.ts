import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { Candidate } from "./io.js";

interface Seen {
  readonly height: bigint;
  /** Since when it has been in the view without a break. */
  readonly since: Millis;
}

interface SetAside {
  readonly claim: bigint;
  readonly until: Millis;
  /** How often, which doubles the time. */
  readonly strikes: number;
  /** It led, and nothing came of it. */
  readonly isUnproven: boolean;
}

/** Peers whose claims are remembered as empty; the one of longest ago is believed again. */
const maxSetAside = 256;
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
  readonly #setAside = new BoundedMap<PkiId, SetAside>({ maxEntries: maxSetAside, whenFull: "evict-oldest" });

  constructor({ maxLagBlocks, yieldMs }: { readonly maxLagBlocks: number; readonly yieldMs: Millis }) {
    this.#maxLagBlocks = maxLagBlocks;
    this.#setAsideMs = yieldMs;
  }

  /** Replaces the view; tells who is new and who is gone. */
  replaceView(peers: readonly Candidate[], now: Millis): { readonly added: PkiId[]; readonly removed: PkiId[] } {
    const before = this.#view;
    const view = new Map<PkiId, Seen>();
    for (const { pkiId, height } of peers) view.set(pkiId, { height, since: before.get(pkiId)?.since ?? now });
    this.#view = view;
    return {
      added: [...view.keys()].filter((pkiId) => !before.has(pkiId)),
      removed: [...before.keys()].filter((pkiId) => !view.has(pkiId)),
    };
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
   * Somebody leads again after a vacancy that began at `since`: whoever was there all along, claims to be far ahead of the new
   * leader and yet did not stand, had its turn.
   */
  setAsideIdle(leaderHeight: bigint, leader: PkiId, since: Millis, now: Millis): void {
    for (const [pkiId, seen] of this.#view) {
      if (pkiId !== leader && seen.since <= since && this.isFarBehind(leaderHeight, seen.height)) {
        this.#put(pkiId, seen.height, now, false);
      }
    }
  }

  /** It leads, claims to be ahead, and our ledger has not grown: its declarations hold us no more either. */
  setAsideUnproven(pkiId: PkiId, now: Millis): void {
    const height = this.heightOf(pkiId);
    if (height !== undefined) this.#put(pkiId, height, now, true);
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
