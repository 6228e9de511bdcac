import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { Paces } from "./pace.js";
import type { Attempt } from "./range-plan.js";

/** Late answers that are waited for, in requests that may be under way. */
const lateFactor = 2;

/** Requests that went out: those that are waited for, which the paces count, and those that were given up, of which a late answer is not in vain. */
export class Requests {
  readonly #paces: Paces;
  readonly #awaited: BoundedMap<string, Attempt>;
  readonly #late: BoundedMap<string, Attempt>;

  constructor(maxRequests: number, paces: Paces) {
    this.#paces = paces;
    this.#awaited = new BoundedMap({ maxEntries: maxRequests, whenFull: "refuse" });
    this.#late = new BoundedMap({ maxEntries: lateFactor * maxRequests, whenFull: "evict-oldest" });
  }

  /** How many are waited for. */
  get size(): number {
    return this.#awaited.size;
  }

  /** Those that are waited for, in the order in which they were sent. */
  get awaited(): readonly Attempt[] {
    return [...this.#awaited.values()];
  }

  /** When the first of them is given up; `Infinity` when there is none. */
  get firstDue(): Millis {
    let due = Number.POSITIVE_INFINITY;
    for (const attempt of this.#awaited.values()) if (attempt.due < due) due = attempt.due;
    return due;
  }

  /** The one that an answer of this peer under this nonce is to. */
  find(from: PkiId, nonce: bigint): Attempt | undefined {
    const key = `${from}/${nonce}`;
    return this.#awaited.get(key) ?? this.#late.get(key);
  }

  add(attempt: Attempt): void {
    this.#awaited.set(keyOf(attempt), attempt);
    this.#paces.total.underWay++;
    this.#paces.of(attempt.to).pace.underWay++;
  }

  /** It is not waited for any more. */
  giveUp(attempt: Attempt): void {
    const key = keyOf(attempt);
    if (this.#awaited.get(key) !== attempt) return;
    this.#awaited.delete(key);
    this.#late.set(key, attempt);
    this.#paces.total.underWay--;
    this.#paces.of(attempt.to).pace.underWay--;
  }

  /** Its answer is here: there will be no other. */
  answered(attempt: Attempt): void {
    this.giveUp(attempt);
    this.#late.delete(keyOf(attempt));
  }
}

function keyOf({ to, range }: Attempt): string {
  return `${to}/${range.nonce}`;
}
