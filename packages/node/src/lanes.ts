import type { ConnectionInfo, Received } from "@gossip/comm";
import { isPromise, type MaybePromise } from "@gossip/runtime";

export interface LanesOptions {
  /** MUST NOT throw and not reject, for whatever a peer sends. */
  handle(received: Received): MaybePromise<void>;
  /** `handle` threw or rejected: a defect. */
  onFault(error: unknown): void;
}

/**
 * Messages of one connection are handled one after the other. Those of different connections do not wait for each
 * other, and where handling is synchronous nothing waits at all.
 */
export class Lanes {
  readonly #options: LanesOptions;
  /** What waits, by connection; bounded by the connection's receive buffer, and gone when nothing waits. */
  readonly #waiting = new Map<ConnectionInfo, Received[]>();

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** Connections of which a message is being handled. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes one message; `received.done` is called when it is handled. Never throws. */
  take(received: Received): void {
    const busy = this.#waiting.get(received.from);
    if (busy !== undefined) {
      busy.push(received);
      return;
    }
    const lane = [received];
    this.#waiting.set(received.from, lane);
    this.#drain(received.from, lane);
  }

  #drain(from: ConnectionInfo, lane: Received[]): void {
    const { handle, onFault } = this.#options;
    try {
      for (let received = lane.shift(); received !== undefined; received = lane.shift()) {
        const handled = handle(received);
        if (!isPromise(handled)) {
          received.done();
          continue;
        }
        const current = received;
        handled.then(() => {
          current.done();
          this.#drain(from, lane);
        }, onFault);
        return;
      }
      this.#waiting.delete(from);
    } catch (error) {
      onFault(error);
    }
  }
}
