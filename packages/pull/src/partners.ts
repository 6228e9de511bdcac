import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Random, sample } from "@gossip/runtime";
import type { PullPeer } from "./io.js";

/** Peers whose silence is remembered; the one silent longest ago makes room. */
const maxSilentPeers = 10_000;
/** Silences in a row that count; with more, a peer is still drawn once in 2 ** this times. */
const maxSilences = 3;

/**
 * Whom a round asks (protocol page 05 §12.15): by chance, but those that were silent or owed us items to the end pass
 * their turn, one time in two, then three in four, then seven in eight; and never for want of others.
 */
export class Partners {
  /** How often in a row a peer was asked for nothing. */
  readonly #silences = new BoundedMap<PkiId, number>({ maxEntries: maxSilentPeers, whenFull: "evict-oldest" });

  /** The last place is drawn from all, so that those who boast of what they hold do not shut out the rest. */
  draw(peers: readonly PullPeer[], count: number, random: Random): readonly PullPeer[] {
    const shuffled = sample(random, peers, peers.length);
    const [eager, passing]: [PullPeer[], PullPeer[]] = [[], []];
    for (const peer of shuffled) (this.#passes(peer.pkiId, random) ? passing : eager).push(peer);
    const preferred = eager.filter(({ isPreferred }) => isPreferred === true).slice(0, Math.max(count - 1, 1));
    const others = [...eager, ...passing].filter((peer) => !preferred.includes(peer));
    return [...preferred, ...others].slice(0, count);
  }

  /** What became of asking it. */
  asked(pkiId: PkiId, isSilent: boolean): void {
    if (isSilent) this.#silences.set(pkiId, Math.min((this.#silences.get(pkiId) ?? 0) + 1, maxSilences));
    else this.#silences.delete(pkiId);
  }

  #passes(pkiId: PkiId, random: Random): boolean {
    const silences = this.#silences.get(pkiId) ?? 0;
    return silences > 0 && random.below(2 ** silences) > 0;
  }
}
