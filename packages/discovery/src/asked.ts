import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

/** Requests whose answers are waited for, by receiver and nonce: what was not asked for is not read (page 04 §19.16). */
export class Asked {
  readonly #open: BoundedMap<string, { readonly count: number; readonly until: Millis }>;

  constructor(maxEntries: number) {
    this.#open = new BoundedMap({ maxEntries, whenFull: "evict-oldest" });
  }

  /** One more request, whose answer is taken until `until`. */
  add(pkiId: PkiId, nonce: bigint, until: Millis): void {
    const key = keyOf(pkiId, nonce);
    this.#open.set(key, { count: (this.#open.get(key)?.count ?? 0) + 1, until });
  }

  /** Whether an answer may be waited for; `take` decides. */
  has(pkiId: PkiId, nonce: bigint): boolean {
    return this.#open.has(keyOf(pkiId, nonce));
  }

  /** Uses up one request; false when there is none, or its time is over. */
  take(pkiId: PkiId, nonce: bigint, now: Millis): boolean {
    const key = keyOf(pkiId, nonce);
    const open = this.#open.get(key);
    if (open === undefined) return false;
    const isInTime = now <= open.until;
    if (isInTime && open.count > 1) this.#open.set(key, { count: open.count - 1, until: open.until });
    else this.#open.delete(key);
    return isInTime;
  }
}

function keyOf(pkiId: PkiId, nonce: bigint): string {
  return `${pkiId} ${nonce}`;
}
