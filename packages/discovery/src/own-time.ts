import { comparePeerTime, type PeerTime } from "@gossip/proto";

/**
 * The clock of our own alive messages (protocol page 04 §3): the incarnation is fixed, the sequence counts every message
 * made, from 1. It also tells our own messages that come back from those of another process with our identity.
 */
export class OwnTime {
  readonly #incarnation: bigint;
  #sequence = 0n;
  /** Newest message of an older incarnation seen since everybody should have forgotten it. */
  #older: PeerTime | undefined;

  constructor(incarnation: bigint) {
    this.#incarnation = incarnation;
  }

  /** The time for one more message; never the same twice. */
  next(): PeerTime {
    this.#sequence++;
    return this.current;
  }

  /** The time of the last message made; sequence 0 before the first. */
  get current(): PeerTime {
    return { incarnation: this.#incarnation, sequence: this.#sequence };
  }

  /** Whether a message of ours with this time says anything we do not know: worth the check of its signature. */
  isNotable(time: PeerTime): boolean {
    if (time.incarnation === this.#incarnation) return time.sequence > this.#sequence;
    return this.#older === undefined || comparePeerTime(time, this.#older) > 0;
  }

  /**
   * Whether a message with this time is evidence of another process (page 04 §13.1): it is newer than all we made, or it
   * belongs to an older incarnation that still counts up.
   */
  isForeign(time: PeerTime): boolean {
    if (comparePeerTime(time, this.current) > 0) return true;
    return this.#older?.incarnation === time.incarnation && time.sequence > this.#older.sequence;
  }

  /** Remembers a message of ours that came back; to be called only once echoes of an earlier life have died away. */
  remember(time: PeerTime): void {
    if (time.incarnation !== this.#incarnation && this.isNotable(time)) this.#older = time;
  }
}
