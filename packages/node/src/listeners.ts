import type { Logger } from "@gossip/runtime";
import type { NodeEvents } from "./api.js";

/** Who wants to hear of what. A listener that throws is logged, and harms neither the node nor the other listeners. */
export class Listeners {
  readonly #log: Logger;
  readonly #sets: { readonly [E in keyof NodeEvents]: Set<NodeEvents[E]> } = {
    "member-up": new Set(),
    "member-down": new Set(),
    refused: new Set(),
    fault: new Set(),
  };

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Returns what ends the listening. */
  add<E extends keyof NodeEvents>(event: E, listener: NodeEvents[E]): () => void {
    const listeners: Set<NodeEvents[E]> = this.#sets[event];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  fire<E extends keyof NodeEvents>(event: E, subject: Parameters<NodeEvents[E]>[0]): void {
    for (const listener of this.#sets[event]) {
      try {
        // The set of an event holds listeners of that event alone; TypeScript cannot correlate the two.
        (listener as (subject: Parameters<NodeEvents[E]>[0]) => void)(subject);
      } catch (error) {
        this.#log.error("a listener threw", { event, error });
      }
    }
  }
}
