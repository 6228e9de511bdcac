import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

/** Authors outside the view whose declarations are remembered, in case they enter it; the oldest makes room. */
const maxUnseen = 64;
/** Peers of which it is remembered; the one of longest ago may do so anew. */
const maxGivenWayPeers = 256;
/** How often one of a lower PKI-ID may win a round of ours without then leading, before its proposals count no more. */
const maxGivenWay = 2;

/**
 * What others said and how long it counts: declarations and proposals of peers in the view, hence no more than it has, and
 * declarations of others.
 */
export class Heard {
  /** When each was last heard to declare itself. */
  readonly #declared = new Map<PkiId, Millis>();
  /** When each last proposed itself, in order of time. */
  readonly #proposed = new Map<PkiId, Millis>();
  readonly #unseen = new BoundedMap<PkiId, Millis>({ maxEntries: maxUnseen, whenFull: "evict-oldest" });
  /** How often in this vacancy we gave way to it, also after it has left the view: it may come back at will. */
  readonly #givenWay = new BoundedMap<PkiId, number>({ maxEntries: maxGivenWayPeers, whenFull: "evict-oldest" });

  /** A declaration. Whoever declared with a higher PKI-ID steps down for it, or will be heard again. */
  declare(author: PkiId, at: Millis): void {
    this.#proposed.delete(author);
    for (const other of this.#declared.keys()) if (other > author) this.#declared.delete(other);
    this.#declared.set(author, at);
  }

  /** When it last declared itself, if that is after `since`. */
  declaredAt(author: PkiId, since: Millis): Millis | undefined {
    const at = this.#declared.get(author);
    return at !== undefined && at > since ? at : undefined;
  }

  /** The lowest of those who declared themselves after `since`. */
  leaderSince(since: Millis): PkiId | undefined {
    let lowest: PkiId | undefined;
    for (const [author, at] of this.#declared) {
      if (at > since && (lowest === undefined || author < lowest)) lowest = author;
    }
    return lowest;
  }

  /** It does not lead, whatever it declared. */
  retract(author: PkiId): void {
    this.#declared.delete(author);
  }

  propose(author: PkiId, at: Millis): void {
    this.#proposed.delete(author);
    this.#proposed.set(author, at);
  }

  /** Who proposed since then, oldest first. */
  *proposedSince(since: Millis): Generator<readonly [PkiId, Millis]> {
    for (const entry of this.#proposed) if (entry[1] >= since) yield entry;
  }

  /** We let it win our round; false when it did not use that often enough. */
  mayGiveWay(author: PkiId): boolean {
    return (this.#givenWay.get(author) ?? 0) < maxGivenWay;
  }

  giveWay(author: PkiId): void {
    this.#givenWay.set(author, (this.#givenWay.get(author) ?? 0) + 1);
  }

  /** Somebody leads: the next vacancy begins with nothing held against anybody. */
  endVacancy(): void {
    this.#givenWay.clear();
  }

  /** A declaration of one outside the view. */
  declareUnseen(author: PkiId, at: Millis): void {
    this.#unseen.set(author, at);
  }

  /** It has entered the view: when it last declared itself, told once. */
  takeUnseen(author: PkiId): Millis | undefined {
    const at = this.#unseen.get(author);
    this.#unseen.delete(author);
    return at;
  }

  /** It has left the view. */
  forget(author: PkiId): void {
    this.#declared.delete(author);
    this.#proposed.delete(author);
  }
}
