import type { PkiId } from "@gossip/proto";
import { type Random, sample } from "@gossip/runtime";
import type { DiscoveryMember } from "./io.js";

/**
 * Whom to ask next: everybody once in shuffled order, then anew, so that each member is asked within a bounded number
 * of rounds, which independent draws do not give (protocol page 04 §19.12).
 */
export class Partners {
  readonly #random: Random;
  #order: PkiId[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Up to `count` distinct ones of `candidates`. */
  next(candidates: readonly DiscoveryMember[], count: number): readonly DiscoveryMember[] {
    const eligible = new Map(candidates.map((member) => [member.pkiId, member]));
    const chosen = new Set<DiscoveryMember>();
    const wanted = Math.min(count, eligible.size);
    while (chosen.size < wanted) {
      // A fresh order holds every candidate, so each time round brings at least one that is not chosen yet.
      if (this.#order.length === 0) this.#order = sample(this.#random, [...eligible.keys()], eligible.size);
      const member = eligible.get(this.#order.pop() as PkiId);
      if (member !== undefined) chosen.add(member);
    }
    return [...chosen];
  }
}
