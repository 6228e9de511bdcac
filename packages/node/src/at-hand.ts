import type { PkiId } from "@gossip/proto";

/** Those that need no dial, if there are enough to choose from; else all. */
export function atHand<T extends { readonly pkiId: PkiId }>(
  peers: readonly T[],
  enough: number,
  isLinked: (pkiId: PkiId) => boolean,
): readonly T[] {
  const linked = peers.filter(({ pkiId }) => isLinked(pkiId));
  return linked.length >= enough ? linked : peers;
}
