import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

export interface PeerRecordOptions {
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

interface Failures {
  readonly inARow: number;
  readonly restsUntil: Millis;
}

/** Peers remembered; the ones touched longest ago are forgotten first, which only means that they get another chance. */
const maxPeers = 1024;

/** What peers have done for us so far: who failed to serve. */
export class PeerRecord {
  readonly #options: PeerRecordOptions;
  readonly #failures = new BoundedMap<PkiId, Failures>({ maxEntries: maxPeers, whenFull: "evict-oldest" });

  constructor(options: PeerRecordOptions) {
    this.#options = options;
  }

  /** The peer failed to serve: it rests, twice as long as the last time in a row. Returns until when. */
  failed(peer: PkiId, now: Millis): Millis {
    const inARow = this.failuresOf(peer) + 1;
    const restsUntil = now + backoff(this.#options.backoffMs, this.#options.maxBackoffMs, inARow);
    this.#failures.set(peer, { inARow, restsUntil });
    return restsUntil;
  }

  /** The peer served: its failures are forgiven. */
  served(peer: PkiId): void {
    this.#failures.delete(peer);
  }

  failuresOf(peer: PkiId): number {
    return this.#failures.get(peer)?.inARow ?? 0;
  }

  /** When the peer may be asked again; in the past if it may be now. */
  restsUntil(peer: PkiId): Millis {
    return this.#failures.get(peer)?.restsUntil ?? Number.NEGATIVE_INFINITY;
  }
}

/** The wait after `failures` failures in a row: doubled each time, up to a limit. */
export function backoff(firstMs: number, maxMs: number, failures: number): number {
  return Math.min(maxMs, firstMs * 2 ** (failures - 1));
}
