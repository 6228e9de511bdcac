import type { ConnectionInfo, Feature } from "@gossip/comm";
import type { PkiId } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";

/** Peers whose features are remembered: more than a node has members. */
const maxPeers = 20_000;

/** Which extensions of ours each peer understands, as its last handshake said (protocol page 14 §1). */
export class FeatureTable {
  readonly #byPeer = new BoundedMap<PkiId, readonly Feature[]>({ maxEntries: maxPeers, whenFull: "evict-oldest" });

  heard({ pkiId, features }: Pick<ConnectionInfo, "pkiId" | "features">): void {
    this.#byPeer.set(pkiId, features);
  }

  has(pkiId: PkiId, feature: Feature): boolean {
    return this.#byPeer.get(pkiId)?.includes(feature) ?? false;
  }

  /** Its identity is gone. */
  forget(pkiId: PkiId): void {
    this.#byPeer.delete(pkiId);
  }
}
