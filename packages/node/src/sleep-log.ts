import type { Counter, Logger, Metrics, Millis } from "@gossip/runtime";

/**
 * Tells the operator that this process did not run, which explains what others say of it at that time (4.48 of
 * docs/protocol/04): their warnings are about us. What repeats itself is told ever more rarely, and counted.
 */
export class SleepLog {
  readonly #log: Logger;
  readonly #seconds: Counter;
  #count = 0;

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#seconds = metrics.counter({
      name: "gossip_asleep_seconds",
      help: "Seconds in which this process did not run though its timers were due",
    });
  }

  onOverslept(sleptMs: Millis): void {
    this.#seconds.add(sleptMs / 1_000);
    this.#count++;
    const isLoud = (this.#count & (this.#count - 1)) === 0;
    this.#log[isLoud ? "warn" : "debug"]("this process was asleep or overloaded: nobody is held dead for that time", {
      sleptMs: Math.round(sleptMs),
      count: this.#count,
    });
  }
}
