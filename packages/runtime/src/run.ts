import type { Clock, Timer } from "./clock.js";
import { type Machine, type Wake, wake } from "./machine.js";

/** What connects a machine to the world: the time it sees, and who carries out its outputs. */
export interface RunOptions<Output> {
  readonly clock: Clock;
  /** Carries out one output. Called in order; may call `push`, which is handled after the current step's outputs. */
  perform(output: Output): void;
  /** A step or `perform` threw: a defect. The run is closed before this is called; without it the error is thrown. */
  readonly onFault?: (error: unknown) => void;
}

/** A machine being driven. */
export interface Run<Input> {
  /** Hands the machine one input. Inputs are handled one at a time, to completion, in order. */
  push(input: Input): void;
  /** Stops the timer; later inputs are ignored. Idempotent. */
  close(): void;
}

/**
 * Drives a machine: one input at a time to completion, outputs in order, one timer for its deadline.
 * The same function serves production and simulation; only the clock differs.
 *
 * @example
 * const running = run(machine, { clock: systemClock, perform: (output) => console.log(output) });
 * running.push({ type: "hello" });
 */
export function run<Input, Output>(machine: Machine<Input, Output>, options: RunOptions<Output>): Run<Input> {
  const { clock, perform, onFault } = options;
  const waiting: (Input | Wake)[] = [];
  let stepping = false;
  let closed = false;
  let timer: Timer | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  function close(): void {
    closed = true;
    waiting.length = 0;
    timer?.cancel();
  }

  function drain(): void {
    if (stepping) return;
    stepping = true;
    try {
      for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
        for (const output of machine.step(input, clock.now())) {
          if (closed) return;
          perform(output);
        }
      }
    } catch (error) {
      close();
      if (onFault === undefined) throw error;
      onFault(error);
    } finally {
      stepping = false;
    }
    if (!closed) arm();
  }

  function arm(): void {
    if (machine.deadline === timerAt) return;
    timer?.cancel();
    timerAt = machine.deadline;
    timer = clock.schedule(timerAt, () => {
      timerAt = Number.POSITIVE_INFINITY;
      push(wake);
    });
  }

  function push(input: Input | Wake): void {
    if (closed) return;
    waiting.push(input);
    drain();
  }

  arm();
  return { push, close };
}
