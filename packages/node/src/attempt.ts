import { isPromise, type MaybePromise } from "@gossip/runtime";

/** What came of something that may fail. */
export type Attempted<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Does it, and gives a failure as a value, whether it was thrown or rejected; at once when `act` answers at once. */
export function attempt<T>(act: () => MaybePromise<T>): MaybePromise<Attempted<T>> {
  const succeeded = (value: T): Attempted<T> => ({ ok: true, value });
  const failed = (error: unknown): Attempted<T> => ({ ok: false, error });
  try {
    const made = act();
    return isPromise(made) ? made.then(succeeded, failed) : succeeded(made);
  } catch (error) {
    return failed(error);
  }
}
