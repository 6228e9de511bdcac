import { type BroadcastResponse, encodeBroadcastResponse } from "@gossip/proto/fabric";
import { errorText, isPromise, type Logger, type MaybePromise, type Metrics } from "@gossip/runtime";
import { type CheckContext, type CheckedTransaction, checkTransaction } from "./check-transaction.js";
import type { OrdererStream, OrdererStreamHandlers, ServeStream } from "./grpc-server.js";
import { refused, status } from "./status.js";

export interface BroadcastServiceOptions extends CheckContext {
  readonly maxPendingPerStream: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborts when the orderer closes: what comes then is not ordered, and a stream ends when all of it is answered. */
  readonly closing: AbortSignal;
}

/** A place in the order of answers; empty until its transaction has one. */
interface Place {
  response: BroadcastResponse | undefined;
}

/**
 * The Broadcast service: each message is checked and ordered, and answered in the order in which the messages came.
 * One message at a time is looked at; the next is read when that one is in the channel's hands. So a full channel, or a
 * client that does not read its answers, stops its stream and nothing else.
 */
export function broadcastService(options: BroadcastServiceOptions): ServeStream {
  const processed = options.metrics.counter({
    name: "broadcast_processed_count",
    help: "Transactions answered, by channel and status",
    labels: ["channel", "status"],
  });
  return (stream) => {
    const count = (channel: string, number: number) => processed.add(1, { channel, status: String(number) });
    return new BroadcastStream(stream, options, count).handlers;
  };
}

class BroadcastStream {
  readonly #stream: OrdererStream;
  readonly #options: BroadcastServiceOptions;
  readonly #count: (channel: string, status: number) => void;
  /** Not yet sent, oldest first; bounded by maxPendingPerStream together with `#unsent`. */
  #places: Place[] = [];
  #head = 0;
  /** Handed to the transport, which has not taken them. */
  #unsent = 0;
  #isReading = false;
  /** A message is being checked, or waits for room. */
  #isHandling = false;
  #isHalfClosed = false;
  #hasEnded = false;
  /** An answer said "try again": whatever comes behind it must not overtake. */
  #hasFailed = false;

  constructor(
    stream: OrdererStream,
    options: BroadcastServiceOptions,
    count: (channel: string, status: number) => void,
  ) {
    this.#stream = stream;
    this.#options = options;
    this.#count = count;
    const finish = () => this.#flush();
    options.closing.addEventListener("abort", finish);
    stream.gone.addEventListener("abort", () => options.closing.removeEventListener("abort", finish), { once: true });
    this.#readNext();
  }

  get handlers(): OrdererStreamHandlers {
    return {
      onMessage: (bytes) => this.#onMessage(bytes),
      onHalfClose: () => {
        this.#isHalfClosed = true;
        this.#flush();
      },
    };
  }

  #onMessage(bytes: Uint8Array): void {
    this.#isReading = false;
    this.#isHandling = true;
    const place: Place = { response: undefined };
    this.#places.push(place);
    const done = this.#handle(bytes, place);
    if (!isPromise(done)) {
      this.#onHandled();
      return;
    }
    done.then(
      () => this.#onHandled(),
      (error) => this.#onDefect(place, error),
    );
  }

  #onHandled(): void {
    this.#isHandling = false;
    this.#readNext();
  }

  #handle(bytes: Uint8Array, place: Place): MaybePromise<void> {
    const checked = checkTransaction(bytes, this.#options);
    return isPromise(checked)
      ? checked.then((result) => this.#submit(bytes, place, result))
      : this.#submit(bytes, place, checked);
  }

  #submit(transaction: Uint8Array, place: Place, checked: CheckedTransaction): MaybePromise<void> {
    if (!checked.ok) {
      const { response, channel } = checked;
      this.#options.log.warn("transaction refused", {
        from: this.#stream.remoteAddress,
        channel: channel?.id,
        ...response,
      });
      this.#answer(place, response, channel?.id ?? "");
      return;
    }
    const { channel, hash } = checked;
    return channel.submit({
      transaction,
      hash,
      isWanted: () => !this.#hasFailed && !this.#stream.gone.aborted && !this.#options.closing.aborted,
      onAnswer: (response) => this.#answer(place, response, channel.id),
    });
  }

  #onDefect(place: Place, error: unknown): void {
    this.#options.log.error("transaction could not be checked", { error: errorText(error) });
    this.#answer(place, refused(status.unavailable, "transaction could not be checked"), "");
    this.#isHandling = false;
  }

  #answer(place: Place, response: BroadcastResponse, channel: string): void {
    place.response = response;
    if (response.status === status.unavailable) this.#hasFailed = true;
    this.#count(channel, response.status);
    this.#flush();
  }

  /** Sends the answers that are due, in order. */
  #flush(): void {
    if (this.#hasEnded) return;
    for (let place = this.#places[this.#head]; place?.response !== undefined; place = this.#places[this.#head]) {
      this.#head++;
      this.#unsent++;
      this.#stream.send(encodeBroadcastResponse(place.response), () => {
        this.#unsent--;
        this.#readNext();
      });
      if (place.response.status === status.unavailable) {
        this.#end();
        return;
      }
    }
    if (this.#head * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#head = 0;
    }
    const isLast = this.#isHalfClosed || this.#options.closing.aborted;
    if (isLast && this.#places.length === 0) this.#end();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#stream.end();
  }

  #readNext(): void {
    if (this.#isReading || this.#isHandling || this.#hasFailed || this.#options.closing.aborted) return;
    const unanswered = this.#places.length - this.#head + this.#unsent;
    if (unanswered >= this.#options.maxPendingPerStream) return;
    this.#isReading = true;
    this.#stream.read();
  }
}
