/** A value that is there at once, or comes later. Synchronous cryptography stays synchronous through it. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Calls `use` with the value: at once when it is there, so that nothing awaits what is not a promise. */
export function whenDone<T, R>(value: MaybePromise<T>, use: (value: T) => R): MaybePromise<Awaited<R>> {
  return (isPromise(value) ? value.then(use) : use(value)) as MaybePromise<Awaited<R>>;
}

/** Whether `value` is a promise. */
export function isPromise<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
