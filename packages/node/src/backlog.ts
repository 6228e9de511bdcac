import type { MaybePromise } from "@gossip/runtime";

export interface BacklogOptions {
  /** Pieces of work of one key that are under way at a time. */
  readonly maxItems: number;
  /** Bytes that they may hold together; one piece may exceed it alone. */
  readonly maxBytes: number;
}

interface Held {
  items: number;
  bytes: number;
  readonly waiting: (() => void)[];
}

/**
 * Work under way, by whom it is for. Whoever adds beyond the bound waits, so that a peer that sends faster than we work is
 * held back by its own connection and loses nothing.
 */
export class Backlog<K> {
  readonly #options: BacklogOptions;
  /** Only of keys with work under way, of which there are no more than connections. */
  readonly #held = new Map<K, Held>();

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Keys with work under way. */
  get size(): number {
    return this.#held.size;
  }

  /** Counts work that holds so many bytes until it is done; at once while there is room for more of this key, else when there is. */
  add(key: K, bytes: number, work: Promise<void>): MaybePromise<void> {
    const held: Held = this.#held.get(key) ?? { items: 0, bytes: 0, waiting: [] };
    this.#held.set(key, held);
    held.items++;
    held.bytes += bytes;
    const onDone = () => {
      held.items--;
      held.bytes -= bytes;
      if (held.items === 0) this.#held.delete(key);
      if (this.#hasRoom(held)) for (const resume of held.waiting.splice(0)) resume();
    };
    work.then(onDone, onDone);
    return this.#hasRoom(held) ? undefined : new Promise((resolve) => held.waiting.push(resolve));
  }

  #hasRoom({ items, bytes }: Held): boolean {
    return items < this.#options.maxItems && (bytes < this.#options.maxBytes || items === 0);
  }
}
