import { type Millis, pick, type Random } from "@gossip/runtime";
import type { PullPeer } from "./io.js";

/** What passes between us and one peer in one round. */
export interface Session {
  readonly round: Round;
  readonly peer: PullPeer;
  readonly nonce: bigint;
  /** Whether its digests have come. */
  answered: boolean;
  /** Keys of items requested of it and not yet come. */
  readonly owed: Set<string>;
}

interface Offer {
  readonly digest: Uint8Array;
  readonly owners: Session[];
}

/** One round of asking: an object of its own, so that rounds cannot confuse each other (protocol page 05 §12.12). */
export class Round {
  readonly sessions: Session[] = [];
  /** Until when digests are taken. */
  readonly digestsUntil: Millis;
  /** When everything about the round is over. */
  readonly endsAt: Millis;
  /** When what was offered is to be requested; `Infinity` while nothing was. */
  flushAt: Millis = Number.POSITIVE_INFINITY;
  readonly #offers = new Map<string, Offer>();

  constructor(digestsUntil: Millis, endsAt: Millis) {
    this.digestsUntil = digestsUntil;
    this.endsAt = endsAt;
  }

  get nextAt(): Millis {
    return Math.min(this.flushAt, this.endsAt);
  }

  get isComplete(): boolean {
    return this.sessions.every(({ answered }) => answered);
  }

  /** The session's peer holds the item. Once per digest message, so that repeating itself gains a peer nothing. */
  offer(key: string, digest: Uint8Array, owner: Session): void {
    const offer = this.#offers.get(key);
    if (offer === undefined) this.#offers.set(key, { digest: digest.slice(), owners: [owner] });
    else if (!offer.owners.includes(owner)) offer.owners.push(owner);
  }

  /** Takes all offers and gives each to one of its owners, drawn uniformly. */
  assign(random: Random, isWanted: (key: string, digest: Uint8Array) => boolean): Map<Session, Uint8Array[]> {
    const requests = new Map<Session, Uint8Array[]>();
    for (const [key, { digest, owners }] of this.#offers) {
      const owner = pick(random, owners);
      if (owner === undefined || !isWanted(key, digest)) continue;
      owner.owed.add(key);
      const digests = requests.get(owner);
      if (digests === undefined) requests.set(owner, [digest]);
      else digests.push(digest);
    }
    this.#offers.clear();
    this.flushAt = Number.POSITIVE_INFINITY;
    return requests;
  }
}
