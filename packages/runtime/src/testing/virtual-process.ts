import type { Clock, Millis, Timer } from "../clock.js";

interface Held {
  callback: (() => void) | undefined;
}

/**
 * The process of a host: what its timers and the network call. While it is stopped (as by SIGSTOP, a suspended virtual
 * machine or a host without CPU) time passes without it. When it goes on, what was held comes as in libuv: first the
 * timers that are overdue, in their order, then what the network brought.
 *
 * @example
 * const process = new VirtualProcess(clock);
 * const running = run(machine, { clock: process.clock, perform });
 * process.stop();
 * clock.runFor(30_000);
 * process.resume();
 */
export class VirtualProcess {
  readonly #clock: Clock;
  readonly #timers: Held[] = [];
  readonly #network: Held[] = [];
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Time as the process sees it: its timers are held while it is stopped. */
  get clock(): Clock {
    return {
      now: () => this.#clock.now(),
      schedule: (at, callback) => this.#schedule(this.#timers, at, callback),
    };
  }

  /** For what the network does to the process. */
  onNetwork(at: Millis, callback: () => void): Timer {
    return this.#schedule(this.#network, at, callback);
  }

  stop(): void {
    this.#isStopped = true;
  }

  resume(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    const now = this.#clock.now();
    // Fired in order of time already, as the clock is; each is an event of its own, so that promises settle between them.
    for (const held of [...this.#timers, ...this.#network]) this.#clock.schedule(now, () => held.callback?.());
    this.#timers.length = 0;
    this.#network.length = 0;
  }

  /** The process is gone; the next one at its place begins with nothing. */
  end(): void {
    this.#isStopped = false;
    for (const held of [...this.#timers, ...this.#network]) held.callback = undefined;
    this.#timers.length = 0;
    this.#network.length = 0;
  }

  #schedule(queue: Held[], at: Millis, callback: () => void): Timer {
    const held: Held = { callback };
    const timer = this.#clock.schedule(at, () => {
      if (this.#isStopped) queue.push(held);
      else held.callback?.();
    });
    return {
      cancel() {
        held.callback = undefined;
        timer.cancel();
      },
    };
  }
}
