import type { Millis } from "./clock.js";

/** What a machine gets when its deadline has come. */
export interface Wake {
  readonly type: "wake";
}

/** The one wake-up input; machines compare by `type`. */
export const wake: Wake = Object.freeze({ type: "wake" });

/**
 * A protocol as a deterministic value: `step` turns one input and the time into outputs, and nothing else changes it.
 *
 * Laws, which `@gossip/runtime/testing` checks for any machine:
 * 1. It never blocks and never throws on remote input.
 * 2. The same seed and the same inputs give the same outputs.
 * 3. A `wake` before `deadline` changes nothing and has no outputs.
 * 4. After a `wake` at `now`, `deadline` lies after `now`.
 * 5. The outputs of one step are bounded.
 */
export interface Machine<Input, Output> {
  /** Advances the machine. `now` must never fall from one call to the next. */
  step(input: Input | Wake, now: Millis): readonly Output[];
  /** When the machine next wants a `wake`; `Infinity` when it waits for input alone. */
  readonly deadline: Millis;
}
