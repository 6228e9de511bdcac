import type { Peer } from "./peer-state.js";
import type { DialId, TableOutput } from "./table-types.js";

/** The attempts to reach peers: at most one per peer, so many at one time, and the others in the order of asking. */
export class Dials {
  readonly #maxDials: number;
  readonly #say: (output: Extract<TableOutput, { type: "dial" | "abandon" }>) => void;
  readonly #running = new Map<DialId, Peer>();
  readonly #waiting = new Set<Peer>();
  #nextId: DialId = 1;

  constructor(maxDials: number, say: (output: Extract<TableOutput, { type: "dial" | "abandon" }>) => void) {
    this.#maxDials = maxDials;
    this.#say = say;
  }

  /** As soon as there is room. */
  now(peer: Peer): void {
    peer.dial = { id: this.#nextId++, endpoint: peer.endpoint, phase: "queued" };
    this.#queue(peer);
  }

  /** Not before `due` is called for the peer. */
  later(peer: Peer): void {
    peer.dial = { id: this.#nextId++, endpoint: peer.endpoint, phase: "delayed" };
  }

  due(peer: Peer): void {
    if (peer.dial === undefined) return;
    peer.dial.phase = "queued";
    this.#queue(peer);
  }

  /** Our ConnEstablish is on its way. */
  establishing(id: DialId): void {
    const dial = this.#running.get(id)?.dial;
    if (dial !== undefined) dial.phase = "establishing";
  }

  /** It came to an end by itself; whose it was, and where it led. `undefined` when it was abandoned before. */
  end(id: DialId): { readonly peer: Peer; readonly endpoint: string } | undefined {
    const peer = this.#running.get(id);
    if (peer?.dial === undefined) return undefined;
    const { endpoint } = peer.dial;
    this.#running.delete(id);
    peer.dial = undefined;
    this.#startNext();
    return { peer, endpoint };
  }

  /** Forgets the peer's dial; one that was under way is given up. */
  abandon(peer: Peer): void {
    const { dial } = peer;
    if (dial === undefined) return;
    peer.dial = undefined;
    this.#waiting.delete(peer);
    if (this.#running.delete(dial.id)) this.#say({ type: "abandon", dial: dial.id });
    this.#startNext();
  }

  /** Lets none begin any more that has not begun. */
  clearWaiting(): void {
    this.#waiting.clear();
  }

  #queue(peer: Peer): void {
    this.#waiting.add(peer);
    this.#startNext();
  }

  #startNext(): void {
    for (const peer of this.#waiting) {
      if (this.#running.size >= this.#maxDials) return;
      this.#waiting.delete(peer);
      if (peer.dial === undefined) continue;
      peer.dial.phase = "dialling";
      this.#running.set(peer.dial.id, peer);
      this.#say({ type: "dial", dial: peer.dial.id, endpoint: peer.dial.endpoint, expected: peer.pkiId });
    }
  }
}
