import { pick, type Random } from "@gossip/runtime";
import type { Session } from "./round.js";

interface Want {
  readonly digest: Uint8Array;
  /** Who offers it and was not asked for it. */
  owners: readonly Session[];
  /** Who was asked for it. Whoever delivers first ends it for all. */
  asked: readonly Session[];
}

/** What decides whether an item is asked for, and of whom. */
export interface AssignOptions {
  readonly random: Random;
  isWanted(digest: Uint8Array): boolean;
  mayAsk(session: Session, key: string): boolean;
}

/**
 * What we lack and somebody offers, over all rounds: who offers it, and who was asked for it (protocol page 05 §12.10).
 * An item is on its way while somebody who was asked for it is not overdue; nobody else is asked then.
 */
export class Wants {
  readonly #byKey = new Map<string, Want>();

  /** Items known to be lacking. */
  get size(): number {
    return this.#byKey.size;
  }

  /** The session's peer holds the item. Whether it is to be requested, for it is not on its way. */
  offer(key: string, digest: Uint8Array, owner: Session): boolean {
    const want = this.#byKey.get(key);
    if (want === undefined) {
      // Copied, because a view would keep the whole receive buffer for as long as the item is wanted.
      this.#byKey.set(key, { digest: digest.slice(), owners: [owner], asked: [] });
      return true;
    }
    // Once, so that repeating itself gains a peer nothing.
    if (!want.owners.includes(owner) && !want.asked.includes(owner)) want.owners = [...want.owners, owner];
    return !isOnItsWay(want);
  }

  /** Gives each of these items to one of those that offer it, drawn uniformly; what has nobody to ask is left as it is. */
  assign(keys: Iterable<string>, { random, isWanted, mayAsk }: AssignOptions): Map<Session, Uint8Array[]> {
    const requests = new Map<Session, Uint8Array[]>();
    for (const key of keys) {
      const want = this.#byKey.get(key);
      if (want === undefined || isOnItsWay(want)) continue;
      if (!isWanted(want.digest)) {
        this.settle(key);
        continue;
      }
      const owner = pick(
        random,
        want.owners.filter((session) => !isAsked(want, session) && mayAsk(session, key)),
      );
      if (owner === undefined) continue;
      want.owners = want.owners.filter((session) => session !== owner);
      want.asked = [...want.asked, owner];
      owner.owed.add(key);
      const digests = requests.get(owner);
      if (digests === undefined) requests.set(owner, [want.digest]);
      else digests.push(want.digest);
    }
    return requests;
  }

  /** The item is here, or not wanted any more: nobody owes it. */
  settle(key: string): void {
    for (const session of this.#byKey.get(key)?.asked ?? []) session.owed.delete(key);
    this.#byKey.delete(key);
  }

  /** Settles what this session's peer owes and we hold by now. */
  settleHeld({ owed }: Session, isHeld: (digest: Uint8Array) => boolean): void {
    for (const key of [...owed]) {
      const digest = this.#byKey.get(key)?.digest;
      if (digest !== undefined && isHeld(digest)) this.settle(key);
    }
  }

  /** This session's peer is not to be asked for it again, nor waited for; others are. */
  giveUp(key: string, session: Session): void {
    session.owed.delete(key);
    const want = this.#byKey.get(key);
    if (want !== undefined) this.#forget(key, want, session);
  }

  /** The session is over, and with it all that it offers and owes; the items that it owed. */
  end(session: Session): readonly string[] {
    const owed = [...session.owed];
    session.owed.clear();
    for (const [key, want] of this.#byKey) this.#forget(key, want, session);
    return owed;
  }

  #forget(key: string, want: Want, session: Session): void {
    if (want.owners.includes(session)) want.owners = want.owners.filter((one) => one !== session);
    if (want.asked.includes(session)) want.asked = want.asked.filter((one) => one !== session);
    if (want.owners.length === 0 && want.asked.length === 0) this.#byKey.delete(key);
  }
}

/** Whether its peer was asked, in this round or another: a second request to it would bring the same answer twice. */
function isAsked({ asked }: Want, { peer }: Session): boolean {
  return asked.some((session) => session.peer.pkiId === peer.pkiId);
}

function isOnItsWay({ asked }: Want): boolean {
  return asked.some(({ isOverdue }) => !isOverdue);
}
