import { isPromise, type MaybePromise } from "@gossip/runtime";

/**
 * Handles the parts of one message in order, waiting only where something has to be waited for, until `handle` says
 * `stop`. Gives the number of parts that were not looked at.
 */
export function eachPart<T>(
  parts: readonly T[],
  handle: (part: T) => MaybePromise<"go-on" | "stop">,
  from = 0,
): MaybePromise<number> {
  for (let at = from; at < parts.length; at++) {
    const handled = handle(parts[at] as T);
    if (isPromise(handled)) {
      return handled.then((next) => (next === "stop" ? parts.length - at - 1 : eachPart(parts, handle, at + 1)));
    }
    if (handled === "stop") return parts.length - at - 1;
  }
  return 0;
}
