import { GossipError, type Logger } from "@gossip/runtime";
import type { AcceptOptions, ReceivedMessage } from "./service.js";

export interface AcceptorsOptions {
  readonly log: Logger;
  /** Defaults of each one. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** A message that nobody read in time made room for another. */
  onDropped(): void;
}

/** What became of a message. */
export type Offered = "taken" | "not-wanted";

type Predicate = (received: ReceivedMessage) => boolean;

/** The programs that accept messages, each with what waits for it: bounded, and never a reason for the node to wait (protocol page 07, 7.45). */
export class Acceptors {
  readonly #options: AcceptorsOptions;
  readonly #open = new Set<Acceptor>();
  #closed = false;

  constructor(options: AcceptorsOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** @throws GossipError `invalid-argument` for a bound below 1, `closed`. */
  open(
    predicate: Predicate,
    options: AcceptOptions & { readonly direct?: boolean },
  ): AsyncIterableIterator<ReceivedMessage> {
    if (this.#closed) throw new GossipError("closed", "expected an open node, got one that was closed");
    const { maxMessages, maxBytes, log, onDropped } = this.#options;
    const bounds = { maxMessages: options.maxMessages ?? maxMessages, maxBytes: options.maxBytes ?? maxBytes };
    for (const [name, value] of Object.entries(bounds)) {
      if (!(value >= 1)) throw new GossipError("invalid-argument", `expected ${name} of at least 1, got ${value}`);
    }
    const { signal, direct = false } = options;
    const wants: Predicate = (received) => {
      if (received.how === "direct" && !direct) return false;
      try {
        return predicate(received);
      } catch (error) {
        log.error("a predicate threw", { error });
        return false;
      }
    };
    const acceptor: Acceptor = new Acceptor({
      ...bounds,
      wants,
      onDropped,
      onEnd: () => {
        this.#open.delete(acceptor);
        signal?.removeEventListener("abort", onAbort);
      },
    });
    const onAbort = () => acceptor.end("at-once");
    this.#open.add(acceptor);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort);
    return acceptor;
  }

  /** Hands it to everybody who wants it. `source` is whose it is, for nobody may crowd out what others say. */
  offer(received: ReceivedMessage, source: string, bytes: number): Offered {
    let offered: Offered = "not-wanted";
    for (const acceptor of [...this.#open]) if (acceptor.take(received, source, bytes)) offered = "taken";
    return offered;
  }

  /** Ends all; what waits may still be read. */
  close(): void {
    this.#closed = true;
    for (const acceptor of [...this.#open]) acceptor.end("when-read");
  }
}

interface AcceptorOptions {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly wants: Predicate;
  onDropped(): void;
  onEnd(): void;
}

interface Waiting {
  readonly received: ReceivedMessage;
  readonly source: string;
  readonly bytes: number;
}

type Turn = IteratorResult<ReceivedMessage, undefined>;

const over: Turn = { done: true, value: undefined };

/** One reader. */
class Acceptor implements AsyncIterableIterator<ReceivedMessage> {
  readonly #options: AcceptorOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #bySource = new Map<string, number>();
  /** Calls of `next` that nothing was there for: as many as the program makes. */
  readonly #readers: ((turn: Turn) => void)[] = [];
  #bytes = 0;
  #ended = false;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Whether it is wanted; then it is handed out, waits, or is answered as dropped. */
  take(received: ReceivedMessage, source: string, bytes: number): boolean {
    const { wants, maxMessages, maxBytes } = this.#options;
    if (this.#ended || !wants(received)) return false;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: received });
      return true;
    }
    const waiting = { received, source, bytes };
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + bytes + 1);
    while (this.#waiting.size > maxMessages || this.#bytes > maxBytes) this.#makeRoom();
    return true;
  }

  next(): Promise<Turn> {
    const [oldest] = this.#waiting;
    if (oldest !== undefined) {
      this.#remove(oldest);
      return Promise.resolve({ done: false, value: oldest.received });
    }
    if (this.#ended) return Promise.resolve(over);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<Turn> {
    this.end("at-once");
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  end(how: "at-once" | "when-read"): void {
    if (how === "at-once") for (const waiting of [...this.#waiting]) this.#drop(waiting);
    if (this.#ended) return;
    this.#ended = true;
    for (const reader of this.#readers.splice(0)) reader(over);
    this.#options.onEnd();
  }

  /** The oldest of whoever has most waiting goes. */
  #makeRoom(): void {
    let [most, weight] = ["", 0];
    for (const [source, bytes] of this.#bySource) if (bytes > weight) [most, weight] = [source, bytes];
    for (const waiting of this.#waiting) {
      if (waiting.source !== most) continue;
      this.#options.onDropped();
      return this.#drop(waiting);
    }
  }

  #drop(waiting: Waiting): void {
    this.#remove(waiting);
    if (waiting.received.how === "direct") waiting.received.acknowledge("nobody read it in time");
  }

  #remove(waiting: Waiting): void {
    const { source, bytes } = waiting;
    this.#waiting.delete(waiting);
    this.#bytes -= bytes;
    const left = (this.#bySource.get(source) ?? 0) - bytes - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
  }
}
