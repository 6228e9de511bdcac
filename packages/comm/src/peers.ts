import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { Peer } from "./peer-state.js";
import { type QueuedMessage, SendQueue } from "./send-queue.js";
import type { ConnectionTableConfig, RemotePeer } from "./table-types.js";

/**
 * The peers of the connection table by key: the PKI-ID, or `@` and the endpoint while that is unknown. It knows whom a
 * destination means (page 03 §6.4, §14.11, §14.14), and keeps the bound on what waits for all of them together.
 */
export class Peers {
  readonly #config: ConnectionTableConfig;
  readonly #byKey = new Map<string, Peer>();
  /** Endpoint where we found a peer that is in the table → its key, for sends that know no PKI-ID. */
  readonly #owners = new Map<string, string>();
  /** PKI-IDs that were replaced → their successors. */
  readonly #aliases: BoundedMap<string, PkiId>;
  #queuedBytes = 0;

  constructor(config: ConnectionTableConfig) {
    this.#config = config;
    this.#aliases = new BoundedMap({ maxEntries: config.maxConnections, whenFull: "evict-oldest" });
  }

  get(key: string): Peer | undefined {
    return this.#byKey.get(key);
  }

  [Symbol.iterator](): MapIterator<Peer> {
    return this.#byKey.values();
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Bytes that wait, of all peers. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** A send without PKI-ID goes to whoever we reached at that endpoint; one to a replaced PKI-ID to its successor. */
  keyOf(to: RemotePeer): string {
    if (to.pkiId === "") return this.#owners.get(to.endpoint) ?? `@${to.endpoint}`;
    let key = to.pkiId;
    // This ends: a PKI-ID that becomes a successor loses its own alias, so there is no circle.
    while (!this.#byKey.has(key)) {
      const successor = this.#aliases.get(key);
      if (successor === undefined) break;
      key = successor;
    }
    return key;
  }

  /** From now on, what is for `old` is for `current`. */
  replace(old: PkiId, current: PkiId): void {
    this.#aliases.set(old, current);
    this.#aliases.delete(current);
  }

  /** Who proved this PKI-ID is no longer replaced by anybody. */
  isBack(pkiId: PkiId): void {
    this.#aliases.delete(pkiId);
  }

  /** We dialled the endpoint and found the peer. */
  foundAt(peer: Peer, endpoint: string): void {
    this.#disown(peer);
    peer.provenEndpoint = endpoint;
    this.#owners.set(endpoint, peer.key);
  }

  add(key: string, pkiId: PkiId, now: Millis): Peer {
    const peer: Peer = {
      key,
      pkiId,
      endpoint: "",
      provenEndpoint: "",
      queue: new SendQueue({
        maxMessages: this.#config.sendBufferSize,
        maxBytes: this.#config.sendBufferBytes,
        onBytes: (change) => {
          this.#queuedBytes += change;
        },
      }),
      connections: new Set(),
      active: undefined,
      hold: undefined,
      dial: undefined,
      hasRedialled: false,
      usedAt: now,
    };
    this.#byKey.set(key, peer);
    return peer;
  }

  remove(peer: Peer): void {
    this.#disown(peer);
    this.#byKey.delete(peer.key);
  }

  /**
   * When too much waits in all: takes the oldest of the least urgent messages of whoever has most waiting, again and
   * again, until what is left fits. So the peer that is slow pays, not the others.
   */
  shed(onShed: (peer: Peer, message: QueuedMessage) => void): void {
    while (this.#queuedBytes > this.#config.maxQueuedBytes) {
      let most: Peer | undefined;
      for (const peer of this.#byKey.values()) if (peer.queue.bytes > (most?.queue.bytes ?? 0)) most = peer;
      const message = most?.queue.shed();
      if (most === undefined || message === undefined) return;
      onShed(most, message);
    }
  }

  /** Sends that know only its endpoint are no longer for this peer. */
  #disown(peer: Peer): void {
    if (this.#owners.get(peer.provenEndpoint) === peer.key) this.#owners.delete(peer.provenEndpoint);
  }
}
