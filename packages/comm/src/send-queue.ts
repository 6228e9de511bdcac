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
    const lane = this.#lanes[message.lane];
    const missing = this.#bytes + message.bytes.length - this.#options.maxBytes;
    const lessUrgent = lanes.slice(lanes.indexOf(message.lane) + 1).reverse();
    const evictable = lessUrgent.reduce((sum, name) => sum + this.#lanes[name].bytes, 0);
    const isFull = message.awaited === undefined && lane.length >= this.#options.maxMessages;
    if (isFull || missing > evictable) return [message];

    const evicted: QueuedMessage[] = [];
    for (const name of lessUrgent) {
      while (this.#bytes + message.bytes.length > this.#options.maxBytes) {
        const oldest = this.#lanes[name].shift();
        if (oldest === undefined) break;
        this.#count(-oldest.bytes.length);
        evicted.push(oldest);
      }
    }
    if (!lane.push(message)) return [...evicted, message];
    this.#count(message.bytes.length);
    return evicted;
  }

  /** Takes the oldest message of the least urgent lane that has one; `undefined` when none has. */
  shed(): QueuedMessage | undefined {
    const message = this.#lanes.bulk.shift() ?? this.#lanes.block.shift() ?? this.#lanes.control.shift();
    if (message !== undefined) this.#count(-message.bytes.length);
    return message;
  }

  /** Puts back, in front and in this order, what a stream had taken and may not have delivered. */
  giveBack(messages: readonly QueuedMessage[]): void {
    this.#returned = [...messages, ...this.#returned];
    for (const message of messages) this.#count(message.bytes.length);
  }

  /** Takes the most urgent message; `undefined` when empty. */
  shift(): QueuedMessage | undefined {
    const message =
      this.#returned.shift() ?? this.#lanes.control.shift() ?? this.#lanes.block.shift() ?? this.#lanes.bulk.shift();
    if (message !== undefined) this.#count(-message.bytes.length);
    return message;
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

  #count(change: number): void {
    this.#bytes += change;
    this.#options.onBytes(change);
  }
}
