import { createHash } from "node:crypto";
import type { Millis } from "@gossip/runtime";

/** One thing that happened in a simulated network. */
export interface TraceEvent {
  readonly at: Millis;
  readonly what: "deliver" | "open" | "end" | "fault";
  readonly from: string;
  readonly to: string;
  readonly bytes?: Uint8Array;
}

/** Events that are kept to be looked at; older ones live on in the hash alone. */
const maxRecent = 1_000;

/** What happened, as a hash over everything and a list of the newest. Equal hashes mean equal histories. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #recent: string[] = [];
  #count = 0;

  add(event: TraceEvent): void {
    const line = `${event.at} ${event.what} ${event.from} ${event.to} ${event.bytes?.length ?? 0}`;
    this.#hash.update(`${line}\n`);
    if (event.bytes !== undefined) this.#hash.update(event.bytes);
    this.#count++;
    this.#recent.push(line);
    if (this.#recent.length > 2 * maxRecent) this.#recent.splice(0, maxRecent);
  }

  /** SHA-256 over all events so far, in hex. */
  get hash(): string {
    return this.#hash.copy().digest("hex");
  }

  get count(): number {
    return this.#count;
  }

  /** The newest events, one line each. */
  get recent(): readonly string[] {
    return this.#recent.slice(-maxRecent);
  }
}
