import { type ErrorCode, type Machine, type Millis, type Random, Timers, type Wake } from "@gossip/runtime";
import { backoffMs } from "./backoff.js";
import type { BroadcastConfig } from "./config.js";
import { statusText } from "./status.js";

/**
 * Submitting transactions to one orderer so that none is lost, doubled or overtaken.
 *
 * Roles and messages. We are the client of one Broadcast stream: it takes transactions and answers each, in order, with
 * a status. The bytes of transactions stay outside; here each is an id and a size.
 *
 * States.
 *
 *      resting --submit--> connecting --connected--> streaming --response--> streaming
 *         ^                    |                         |
 *         |                    +------- failed ----------+
 *         |                                v
 *         +--- nothing is held ---   resting, "dial" set while something is held
 *      any --close--> closed
 *
 * The queue holds what was not answered, in the order of submission: first what was sent on this stream, then the rest.
 * A response belongs to the oldest. When the stream ends, all that is held counts as not sent, and is sent again on the
 * next one, from the oldest on. The orderer knows transactions it has seen, so those that it had already ordered are
 * acknowledged and not ordered twice.
 *
 * Overtaking. "Try again" (any 5xx but NOT_IMPLEMENTED) ends the stream here: what was sent behind the refused
 * transaction would else be ordered before it. The orderer of this project ends the stream too. A transaction refused
 * for good takes nothing with it.
 *
 * Timers. "connect": the orderer did not accept in connTimeoutMs. "dial": end of the back-off. "give-up": no answer for
 * giveUpAfterMs while something is held; then everything held is rejected, so that nobody waits forever.
 *
 * Invariants. Ids are answered in the order of submission, each once. What is in flight stays within maxInFlight and
 * maxInFlightBytes, except that one transaction may always be. What is held stays within maxQueued and maxQueuedBytes.
 */

/** What the shell reports; `attempt` names the connection meant, so that a late event of an earlier one is told apart. */
export type BroadcastInput =
  | { readonly type: "submit"; readonly id: number; readonly bytes: number }
  | { readonly type: "connected"; readonly attempt: number }
  | { readonly type: "response"; readonly attempt: number; readonly status: number; readonly info: string }
  /** The stream or the dial failed, the orderer hung up, or an answer did not decode. */
  | { readonly type: "failed"; readonly attempt: number; readonly detail: string }
  | { readonly type: "close" };

/** Why an input had no effect: after the close, of a connection given up before, or of no use in this state. */
export type BroadcastDropReason = "closed" | "stale-attempt" | "unexpected";

/** What the shell has to do; it holds the bytes of each transaction by `id` until that is acknowledged or rejected. */
export type BroadcastOutput =
  | { readonly type: "dial"; readonly attempt: number }
  | { readonly type: "send"; readonly attempt: number; readonly id: number }
  | { readonly type: "acknowledged"; readonly id: number }
  | { readonly type: "rejected"; readonly id: number; readonly code: ErrorCode; readonly detail: string }
  | { readonly type: "disconnect"; readonly attempt: number }
  /** For logs: the attempt failed; the next one follows after `waitMs` if anything is held. */
  | { readonly type: "retry"; readonly failures: number; readonly waitMs: number; readonly detail: string }
  | { readonly type: "dropped"; readonly reason: BroadcastDropReason; readonly input: BroadcastInput["type"] };

/** What the shell hands over; the machine sees neither connections nor keys, so that a test can run it alone. */
export interface BroadcastMachineOptions {
  /** For error texts. */
  readonly endpoint: string;
  readonly config: BroadcastConfig;
  readonly random: Random;
}

interface Held {
  readonly id: number;
  readonly bytes: number;
}

/** See the top of the file. */
export class BroadcastMachine implements Machine<BroadcastInput, BroadcastOutput> {
  readonly #endpoint: string;
  readonly #config: BroadcastConfig;
  readonly #random: Random;
  readonly #timers = new Timers<"connect" | "dial" | "give-up">();
  /** Indexes `#oldest` to `#unsent` are in flight, the rest waits; what lies before `#oldest` was answered. */
  #queue: Held[] = [];
  #oldest = 0;
  #unsent = 0;
  #heldBytes = 0;
  #sentBytes = 0;
  #state: "resting" | "connecting" | "streaming" | "closed" = "resting";
  #attempt = 0;
  #failures = 0;
  #retryAt: Millis = Number.NEGATIVE_INFINITY;
  #lastFailure = "no answer";

  constructor(options: BroadcastMachineOptions) {
    this.#endpoint = options.endpoint;
    this.#config = options.config;
    this.#random = options.random;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  /** Transactions held. */
  get pending(): number {
    return this.#queue.length - this.#oldest;
  }

  /** Whether another transaction would be sent at once, a connection given. */
  get hasRoom(): boolean {
    return this.pending < this.#config.maxInFlight && this.#heldBytes < this.#config.maxInFlightBytes;
  }

  step(input: BroadcastInput | Wake, now: Millis): readonly BroadcastOutput[] {
    if (input.type === "wake") return this.#onWake(now);
    if (this.#state === "closed") return [{ type: "dropped", reason: "closed", input: input.type }];
    if ("attempt" in input && (input.attempt !== this.#attempt || this.#state === "resting")) {
      return [{ type: "dropped", reason: "stale-attempt", input: input.type }];
    }
    switch (input.type) {
      case "submit":
        return this.#onSubmit(input, now);
      case "connected":
        if (this.#state !== "connecting") return [{ type: "dropped", reason: "unexpected", input: input.type }];
        this.#timers.clear("connect");
        this.#state = "streaming";
        return this.#send();
      case "response":
        return this.#onResponse(input, now);
      case "failed":
        return this.#fail(input.detail, now);
      case "close":
        return this.#onClose();
    }
  }

  #onWake(now: Millis): readonly BroadcastOutput[] {
    const outputs: BroadcastOutput[] = [];
    for (const timer of this.#timers.expire(now)) {
      if (timer === "connect")
        outputs.push(...this.#fail(`no connection within ${this.#config.connTimeoutMs} ms`, now));
      else if (timer === "give-up") outputs.push(...this.#giveUp(now));
      else if (this.pending > 0) outputs.push(...this.#dial(now));
    }
    return outputs;
  }

  #onSubmit({ id, bytes }: BroadcastInput & { type: "submit" }, now: Millis): readonly BroadcastOutput[] {
    const { maxQueued, maxQueuedBytes, giveUpAfterMs } = this.#config;
    if (this.pending >= maxQueued || (this.pending > 0 && this.#heldBytes + bytes > maxQueuedBytes)) {
      const detail = `expected at most ${maxQueued} transactions and ${maxQueuedBytes} bytes to be held, got one more`;
      return [{ type: "rejected", id, code: "unavailable", detail }];
    }
    if (this.pending === 0) this.#timers.set("give-up", now + giveUpAfterMs);
    this.#queue.push({ id, bytes });
    this.#heldBytes += bytes;
    if (this.#state === "streaming") return this.#send();
    return this.#state === "resting" && this.#timers.at("dial") === undefined ? this.#connect(now) : [];
  }

  #onResponse(input: BroadcastInput & { type: "response" }, now: Millis): readonly BroadcastOutput[] {
    if (this.#state !== "streaming" || this.#oldest === this.#unsent) {
      return this.#fail("an answer to nothing", now);
    }
    const { status, info } = input;
    const text = info === "" ? statusText(status) : `${statusText(status)}: ${info}`;
    if (status >= 500 && status !== 501) return this.#fail(text, now);
    this.#failures = 0;
    const { id } = this.#settleOldest(now);
    const answer: BroadcastOutput =
      status === 200
        ? { type: "acknowledged", id }
        : { type: "rejected", id, code: codeOf(status), detail: `orderer ${this.#endpoint} answered ${text}` };
    return [answer, ...this.#send()];
  }

  #onClose(): readonly BroadcastOutput[] {
    const outputs = this.#disconnect();
    this.#timers.clear("dial");
    return [...outputs, ...this.#rejectAll("closed", "closed before the orderer acknowledged it", "closed")];
  }

  #giveUp(now: Millis): readonly BroadcastOutput[] {
    const { giveUpAfterMs } = this.#config;
    const detail = `expected orderer ${this.#endpoint} to acknowledge within ${giveUpAfterMs} ms, got ${this.#lastFailure}`;
    const outputs = this.#disconnect();
    this.#timers.clear("dial");
    this.#retryAt = now;
    return [...outputs, ...this.#rejectAll("unavailable", detail, "resting")];
  }

  #rejectAll(code: ErrorCode, detail: string, next: "resting" | "closed"): readonly BroadcastOutput[] {
    const held = this.#queue.slice(this.#oldest);
    this.#queue = [];
    this.#oldest = this.#unsent = this.#heldBytes = this.#sentBytes = 0;
    this.#timers.clear("give-up");
    this.#state = next;
    return held.map(({ id }) => ({ type: "rejected", id, code, detail }));
  }

  #connect(now: Millis): readonly BroadcastOutput[] {
    if (now >= this.#retryAt) return this.#dial(now);
    this.#timers.set("dial", this.#retryAt);
    return [];
  }

  #dial(now: Millis): readonly BroadcastOutput[] {
    this.#state = "connecting";
    this.#attempt++;
    this.#timers.set("connect", now + this.#config.connTimeoutMs);
    return [{ type: "dial", attempt: this.#attempt }];
  }

  /** Sends as much as may be in flight. */
  #send(): readonly BroadcastOutput[] {
    const outputs: BroadcastOutput[] = [];
    for (let next = this.#queue[this.#unsent]; next !== undefined; next = this.#queue[this.#unsent]) {
      const inFlight = this.#unsent - this.#oldest;
      if (inFlight >= this.#config.maxInFlight) break;
      if (inFlight > 0 && this.#sentBytes + next.bytes > this.#config.maxInFlightBytes) break;
      this.#unsent++;
      this.#sentBytes += next.bytes;
      outputs.push({ type: "send", attempt: this.#attempt, id: next.id });
    }
    return outputs;
  }

  #fail(detail: string, now: Millis): readonly BroadcastOutput[] {
    const outputs = this.#disconnect();
    const failures = ++this.#failures;
    const waitMs = backoffMs(failures, this.#config, this.#random);
    this.#lastFailure = detail;
    this.#retryAt = now + waitMs;
    if (this.pending > 0) this.#timers.set("dial", this.#retryAt);
    return [...outputs, { type: "retry", failures, waitMs, detail }];
  }

  /** Leaves the stream, if any; what was sent on it is to be sent again. */
  #disconnect(): readonly BroadcastOutput[] {
    if (this.#state === "resting") return [];
    this.#state = "resting";
    this.#timers.clear("connect");
    this.#unsent = this.#oldest;
    this.#sentBytes = 0;
    return [{ type: "disconnect", attempt: this.#attempt }];
  }

  #settleOldest(now: Millis): Held {
    const held = this.#queue[this.#oldest++] as Held;
    this.#heldBytes -= held.bytes;
    this.#sentBytes -= held.bytes;
    if (this.pending === 0) this.#timers.clear("give-up");
    else this.#timers.set("give-up", now + this.#config.giveUpAfterMs);
    // Compacting at half keeps an answer at constant amortised cost.
    if (this.#oldest * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#oldest);
      this.#unsent -= this.#oldest;
      this.#oldest = 0;
    }
    return held;
  }
}

/** What a status means to a caller. */
function codeOf(status: number): ErrorCode {
  switch (status) {
    case 403:
      return "untrusted";
    case 404:
      return "not-found";
    case 413:
      return "too-large";
    default:
      return "malformed";
  }
}
