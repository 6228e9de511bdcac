import type { Envelope } from "@gossip/proto";
import type { ConnectionInfo } from "./handshake.js";
import type { Stream } from "./ports.js";
import type { Lane } from "./send-queue.js";

/** One received message with the connection it came on. */
export interface Received {
  readonly from: ConnectionInfo;
  readonly bytes: Uint8Array;
  /** Sends to the peer it came from, on a connection that is open now and never by a new dial; dropped with a reason when there is none or its queue is full. */
  respond(envelope: Envelope, lane?: Lane): void;
  /** MUST be called once the message is handled; the stream is paused while too many (count or bytes) are outstanding. */
  done(): void;
}

export interface ReceiverOptions {
  readonly maxMessages: number;
  readonly maxBytes: number;
  respond(envelope: Envelope, lane: Lane): void;
  onReceived(received: Received): void;
}

/** One authenticated stream: hands out what comes, and pauses it while too much is outstanding. */
export class Receiver {
  readonly stream: Stream;
  readonly #info: ConnectionInfo;
  readonly #options: ReceiverOptions;
  #messages = 0;
  #bytes = 0;
  #isReading = true;
  #isDeaf = false;

  constructor(stream: Stream, info: ConnectionInfo, options: ReceiverOptions) {
    this.stream = stream;
    this.#info = info;
    this.#options = options;
  }

  take(bytes: Uint8Array): void {
    if (this.#isDeaf) return;
    this.#count(1, bytes.length);
    let isOutstanding = true;
    this.#options.onReceived({
      from: this.#info,
      bytes,
      respond: (envelope, lane = "control") => this.#options.respond(envelope, lane),
      done: () => {
        if (!isOutstanding) return;
        isOutstanding = false;
        this.#count(-1, -bytes.length);
      },
    });
  }

  /** In order; with `deaf`, what still comes is not wanted. */
  close(deaf: boolean): void {
    if (deaf) this.#setDeaf();
    this.stream.close();
  }

  abort(detail: string): void {
    this.#setDeaf();
    this.stream.close(detail);
  }

  /** A stream that is not read could never end in order, so it is read and its messages are discarded. */
  #setDeaf(): void {
    this.#isDeaf = true;
    if (!this.#isReading) this.stream.setReading(true);
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
    const { maxMessages, maxBytes } = this.#options;
    const mayRead = this.#isDeaf || (this.#messages < maxMessages && this.#bytes < maxBytes);
    if (mayRead === this.#isReading) return;
    this.#isReading = mayRead;
    this.stream.setReading(mayRead);
  }
}
