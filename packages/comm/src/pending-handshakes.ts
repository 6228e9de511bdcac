import { type Millis, Quota } from "@gossip/runtime";

/** One handshake that was let in. */
export interface HandshakeTicket {
  /** It is over, well or badly. */
  release(): void;
  /** How to give it up at shutdown. Does nothing when it is over already. */
  cancelBy(cancel: (detail: string) => void): void;
}

/** Seconds of its rate that a host may use at once: many peers behind one address start together. */
const burstSeconds = 10;
/** Hosts whose rate is remembered. */
const maxHosts = 10_000;

export interface PendingHandshakesOptions {
  /** At one time. */
  readonly limit: number;
  /** Of one host. */
  readonly perSecond: number;
}

/**
 * Bounds the handshakes of inbound streams, overall and per remote host, since each costs a signature before anything
 * is known of the other side (protocol page 03 §14.17). One host gets half, so that none can shut out all others, and
 * begins no more than so many per second.
 */
export class PendingHandshakes {
  readonly #limit: number;
  readonly #rate: Quota;
  readonly #perHost = new Map<string, number>();
  readonly #cancels = new Map<HandshakeTicket, ((detail: string) => void) | undefined>();

  constructor({ limit, perSecond }: PendingHandshakesOptions) {
    this.#limit = limit;
    this.#rate = new Quota({ burst: burstSeconds * perSecond, refillMs: 1000 / perSecond, maxKeys: maxHosts });
  }

  /** A ticket, or what there is too much of. */
  admit(remoteAddress: string, now: Millis): HandshakeTicket | string {
    const host = hostOf(remoteAddress);
    const ofHost = this.#perHost.get(host) ?? 0;
    if (this.#cancels.size >= this.#limit || ofHost >= Math.ceil(this.#limit / 2)) {
      return "too many handshakes are in progress";
    }
    if (!this.#rate.take(host, now)) return "too many handshakes in a short time from this address";
    this.#perHost.set(host, ofHost + 1);
    const ticket: HandshakeTicket = {
      release: () => {
        if (!this.#cancels.delete(ticket)) return;
        const left = (this.#perHost.get(host) ?? 1) - 1;
        if (left === 0) this.#perHost.delete(host);
        else this.#perHost.set(host, left);
      },
      cancelBy: (cancel) => {
        if (this.#cancels.has(ticket)) this.#cancels.set(ticket, cancel);
      },
    };
    this.#cancels.set(ticket, undefined);
    return ticket;
  }

  cancelAll(detail: string): void {
    for (const [ticket, cancel] of [...this.#cancels]) {
      ticket.release();
      cancel?.(detail);
    }
  }
}

/** A transport address without its port. */
export function hostOf(remoteAddress: string): string {
  return remoteAddress.slice(0, Math.max(0, remoteAddress.lastIndexOf(":")));
}
