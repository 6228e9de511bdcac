import { deepStrictEqual, ok } from "node:assert/strict";
import type { Millis } from "../clock.js";
import { type Machine, wake } from "../machine.js";

/** The machine under test, and the script that is played to it more than once to compare. */
export interface MachineLawsOptions<Input, Output> {
  /** A fresh machine; every call MUST give one in the same state, with the same seed. */
  create(): Machine<Input, Output>;
  /** What happens to it: inputs with the time that passes before each, in milliseconds. */
  readonly script: readonly { readonly afterMs: Millis; readonly input: Input }[];
  /** Outputs that one step may have at most. */
  readonly maxOutputs: number;
}

/**
 * Plays a script to a machine and checks the laws of `Machine` on the way: determinism, early wakes without effect,
 * deadlines after the time of a wake, bounded outputs. Wakes are delivered whenever the deadline comes.
 *
 * @throws AssertionError naming the law that is broken.
 */
export function checkMachineLaws<Input, Output>(options: MachineLawsOptions<Input, Output>): void {
  const first = play(options, false);
  deepStrictEqual(play(options, false), first, "the same seed and inputs give the same outputs");
  deepStrictEqual(play(options, true), first, "a wake before the deadline changes nothing");
}

function play<Input, Output>(
  { create, script, maxOutputs }: MachineLawsOptions<Input, Output>,
  withEarlyWakes: boolean,
): Output[][] {
  const machine = create();
  const history: Output[][] = [];
  let now = 0;
  const step = (input: Parameters<typeof machine.step>[0]) => {
    const outputs = [...machine.step(input, now)];
    ok(outputs.length <= maxOutputs, `the outputs of one step are bounded: ${outputs.length} > ${maxOutputs}`);
    return outputs;
  };
  for (const { afterMs, input } of script) {
    const until = now + afterMs;
    while (machine.deadline <= until) {
      now = Math.max(now, machine.deadline);
      history.push(step(wake));
      ok(machine.deadline > now, `after a wake at ${now} the deadline lies after it, not at ${machine.deadline}`);
    }
    now = until;
    if (withEarlyWakes && machine.deadline > now) {
      deepStrictEqual(step(wake), [], "a wake before the deadline has no outputs");
    }
    history.push(step(input));
  }
  return history;
}
