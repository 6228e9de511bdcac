import type { PkiId } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";

/** Who is remembered to have given a block in doubt; others are not charged with it. */
const maxDoubters = 64;

/**
 * Blocks that may be forged, or may stand behind a config block that is not in force yet: nobody can tell before all below
 * them is (page 13 §5.4). Until then nothing is asked for from the lowest of them on.
 *
 * When trust changes they were honest, as far as anybody knows. When all below the block is in force and trust has not
 * changed since it was asked for, it was forged.
 */
export class Doubts {
  readonly #doubters = new BoundedMap<PkiId, number>({ maxEntries: maxDoubters, whenFull: "refuse" });
  #lowest: bigint | undefined;
  #trust = 0;

  /** The lowest block in doubt. */
  get lowest(): bigint | undefined {
    return this.#lowest;
  }

  /** How often trust has changed. */
  get trust(): number {
    return this.#trust;
  }

  /** This peer gave the block, being asked when trust had changed `trust` times. */
  add(blockNumber: bigint, from: PkiId, trust: number): void {
    if (this.#lowest !== undefined && blockNumber > this.#lowest) return;
    // Those who gave a higher one may have stood behind the same config block.
    if (blockNumber !== this.#lowest) this.#doubters.clear();
    this.#lowest = blockNumber;
    this.#doubters.set(from, trust);
  }

  /** All below `height` is in force. Gives those who turn out to have forged the block that was in doubt. */
  settle(height: bigint, isTrustChanged: boolean): readonly PkiId[] {
    if (isTrustChanged) this.#trust++;
    if (this.#lowest === undefined || (!isTrustChanged && height < this.#lowest)) return [];
    const forgers = [...this.#doubters].filter(([, trust]) => trust === this.#trust).map(([from]) => from);
    this.#lowest = undefined;
    this.#doubters.clear();
    return forgers;
  }
}
