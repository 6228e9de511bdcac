import { errorText, type Logger } from "@gossip/runtime";

/** What has been opened so far, to be closed in reverse order. */
export class Openings {
  readonly #log: Logger;
  readonly #closers: { readonly name: string; close(): unknown }[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Remembers how to close `opened`, and returns it. */
  add<T>(name: string, opened: T, close: (opened: T) => unknown): T {
    this.#closers.push({ name, close: () => close(opened) });
    return opened;
  }

  /** Closes everything, the newest first. One that fails is logged, for the others must be closed all the same. */
  async close(): Promise<void> {
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      try {
        await closer.close();
      } catch (error) {
        this.#log.error("cannot close in order", { part: closer.name, error: errorText(error) });
      }
    }
  }
}
