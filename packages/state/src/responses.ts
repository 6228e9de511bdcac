import type { BlockPayload, PkiId } from "@gossip/proto";
import type { Attempt } from "./range-plan.js";
import type { AttemptFailure, StateDropReason, StateInput, StateOutput } from "./state-messages.js";

/** What was dropped from one response, one output per reason however many payloads a peer sends. */
export class Drops {
  readonly #from: PkiId;
  readonly #byReason = new Map<StateDropReason, { count: number; readonly blockNumber?: bigint }>();

  constructor(from: PkiId, outOfRange: number) {
    this.#from = from;
    if (outOfRange > 0) this.#byReason.set("out-of-range", { count: outOfRange });
  }

  add(reason: StateDropReason, blockNumber: bigint): void {
    const drop = this.#byReason.get(reason);
    if (drop === undefined) this.#byReason.set(reason, { count: 1, blockNumber });
    else drop.count++;
  }

  report(out: StateOutput[]): void {
    for (const [reason, drop] of this.#byReason) {
      out.push({ type: "dropped", reason, ...drop, source: "transfer", from: this.#from });
    }
  }
}

/**
 * A response must hold the first block of its range: without it the next request would be the same again, and a peer that
 * always leaves it out could keep us asking for ever. Unless it is here already: then the gate may have left it out. What
 * may stand behind a config block is nobody's failure.
 */
export function failureOf(
  input: StateInput & { type: "state-response" },
  attempt: Attempt,
  asked: readonly BlockPayload[],
  isStartHeld: boolean,
): AttemptFailure | undefined {
  if (input.refused !== undefined) return "refused";
  if (input.behindConfig !== undefined) return undefined;
  if (asked.some(({ blockNumber }) => blockNumber === attempt.start)) return undefined;
  if (asked.length > 0 && isStartHeld) return undefined;
  return input.payloads.length > asked.length ? "out-of-range" : "empty";
}

export function byBlockNumber(one: BlockPayload, other: BlockPayload): number {
  return one.blockNumber < other.blockNumber ? -1 : one.blockNumber > other.blockNumber ? 1 : 0;
}
