import { BoundedQueue } from "@gossip/runtime";
import type { Feature } from "./features.js";

/** Queue a message waits in: control before blocks before bulk; each lane is bounded in messages and bytes. */
export type Lane = "control" | "block" | "bulk";

/** A message on its way out. */
export interface QueuedMessage {
  readonly bytes: Uint8Array;
  readonly lane: Lane;
  /** A response: it belongs to the connection it answers on and is never a reason to dial. */
  readonly response: boolean;
  /** Written only to a connection whose other side named it. */
  readonly feature?: Feature;
  /** The nonce under which an acknowledgement is awaited; these are counted there, and not against `maxMessages`. */
  readonly awaited?: bigint;
}

export interface SendQueueOptions {
  /** Per lane. */
  readonly maxMessages: number;
  /** Over all lanes. */
  readonly maxBytes: number;
  /** Told by how many bytes the queue grew or shrank, so that an owner of many queues knows their sum. */
  onBytes(change: number): void;
}

/** From the most to the least urgent. */
const lanes: readonly Lane[] = ["control", "block", "bulk"];

/**
 * What waits for one peer. Within a lane the order of sending is kept; a more urgent lane goes first.
 * When bytes are short, a message makes room by dropping the oldest of less urgent lanes, least urgent first;
 * otherwise a full queue refuses the message itself (protocol page 03 §14.8).
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #lanes: Readonly<Record<Lane, BoundedQueue<QueuedMessage>>>;
  /** Given back by a stream that ended: goes out before everything else. */
  #returned: QueuedMessage[] = [];
  /** Messages per lane that count against `maxMessages`. */
  readonly #counted: Record<Lane, number> = { control: 0, block: 0, bulk: 0 };
  #bytes = 0;

  constructor(options: SendQueueOptions) {
    this.#options = options;
    const lane = () =>
      new BoundedQueue<QueuedMessage>({
        // Counted at `push`, for not all messages count.
        maxItems: Number.MAX_SAFE_INTEGER,
        maxBytes: options.maxBytes,
        bytesOf: (message) => message.bytes.length,
        whenFull: "refuse",
      });
    this.#lanes = { control: lane(), block: lane(), bulk: lane() };
  }

  /** Stores the message; returns what was dropped for it, or the message itself when there was no room. */
  push(message: QueuedMessage): readonly QueuedMessage[] {
    const missing = this.#bytes + message.bytes.length - this.#options.maxBytes;
    const lessUrgent = lanes.slice(lanes.indexOf(message.lane) + 1).reverse();
    const evictable = lessUrgent.reduce((sum, name) => sum + this.#lanes[name].bytes, 0);
    const isFull = isCounted(message) && this.#counted[message.lane] >= this.#options.maxMessages;
    if (isFull || missing > evictable) return [message];

    const evicted: QueuedMessage[] = [];
    for (const name of lessUrgent) {
      while (this.#bytes + message.bytes.length > this.#options.maxBytes) {
        const oldest = this.#take(name);
        if (oldest === undefined) break;
        evicted.push(oldest);
      }
    }
    return this.#put(message) ? evicted : [...evicted, message];
  }

  /**
   * Takes the oldest message of the least urgent lane that has one; what a stream gave back goes before control messages, for
   * it may have arrived. `undefined` when empty.
   */
  shed(): QueuedMessage | undefined {
    return this.#take("bulk") ?? this.#take("block") ?? this.#takeReturned() ?? this.#take("control");
  }

  /** Puts back, in front and in this order, what a stream had taken and may not have delivered. */
  giveBack(messages: readonly QueuedMessage[]): void {
    this.#returned = [...messages, ...this.#returned];
    for (const message of messages) this.#count(message.bytes.length);
  }

  /** Takes the most urgent message; `undefined` when empty. */
  shift(): QueuedMessage | undefined {
    return this.#takeReturned() ?? this.#take("control") ?? this.#take("block") ?? this.#take("bulk");
  }

  /** Takes all responses; the others keep their places. */
  withdrawResponses(): readonly QueuedMessage[] {
    const responses: QueuedMessage[] = [];
    const keep = (message: QueuedMessage | undefined, put: (message: QueuedMessage) => void) => {
      if (message?.response === true) responses.push(message);
      else if (message !== undefined) put(message);
    };
    const returned: QueuedMessage[] = [];
    while (this.#returned.length > 0) keep(this.#takeReturned(), (message) => returned.push(message));
    this.giveBack(returned);
    for (const name of lanes) {
      for (let left = this.#lanes[name].length; left > 0; left--) {
        keep(this.#take(name), (message) => void this.#put(message));
      }
    }
    return responses;
  }

  /** Takes everything, in the order it would have gone out. */
  drain(): readonly QueuedMessage[] {
    const all: QueuedMessage[] = [];
    for (let message = this.shift(); message !== undefined; message = this.shift()) all.push(message);
    return all;
  }

  get length(): number {
    return this.#returned.length + this.#lanes.control.length + this.#lanes.block.length + this.#lanes.bulk.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  #put(message: QueuedMessage): boolean {
    if (!this.#lanes[message.lane].push(message)) return false;
    if (isCounted(message)) this.#counted[message.lane]++;
    this.#count(message.bytes.length);
    return true;
  }

  #takeReturned(): QueuedMessage | undefined {
    const message = this.#returned.shift();
    if (message !== undefined) this.#count(-message.bytes.length);
    return message;
  }

  #take(name: Lane): QueuedMessage | undefined {
    const message = this.#lanes[name].shift();
    if (message === undefined) return undefined;
    if (isCounted(message)) this.#counted[name]--;
    this.#count(-message.bytes.length);
    return message;
  }

  #count(change: number): void {
    this.#bytes += change;
    this.#options.onBytes(change);
  }
}

/** Those whose acknowledgement is awaited have a bound of their own, and leave the lane to the others. */
function isCounted({ awaited }: QueuedMessage): boolean {
  return awaited === undefined;
}
