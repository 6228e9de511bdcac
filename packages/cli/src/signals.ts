import { Interrupted } from "./errors.js";

/** A repeat within this time is the same wish: a terminal interrupts the whole group, and npm passes it on once more. */
const repeatMs = 1_500;

/** A process's wish to end, as commands see it. */
export interface StopWish {
  /** Aborts with {@link Interrupted} at the first signal. */
  readonly signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/**
 * Turns SIGINT, SIGTERM, SIGHUP and a reader of standard output that went away into one wish to end in order. Somebody
 * who interrupts again, a while later, no longer wants to wait: then the process ends at once, and what it started sees
 * its channel close and ends too.
 */
export function listenForStop(): StopWish {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(new Interrupted());
    } else if (performance.now() - first > repeatMs) {
      process.exit(130);
    }
  };
  const onOutputError = () => controller.abort(new Interrupted());
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.stdout.on("error", onOutputError);
  return {
    signal: controller.signal,
    release() {
      for (const signal of signals) process.off(signal, onSignal);
      process.stdout.off("error", onOutputError);
    },
  };
}
