import type { RejectReason, Verdict } from "@gossip/crypto";
import type { Block } from "@gossip/proto/fabric";
import { type Machine, type Millis, type Random, Timers, type Wake } from "@gossip/runtime";
import { backoffMs } from "./backoff.js";
import { findChainFault } from "./check-block.js";
import type { DeliverConfig } from "./config.js";
import { statusText } from "./status.js";

/**
 * Pulling a channel's blocks from its orderers, as the leader of an organization does (protocol page 09 §7 to §13).
 *
 * Roles and messages. We are the only client of the stream; the orderer answers one request ("seek": everything from
 * block n on, without an end) with blocks, and with a status when it gives up. Dialling, signing, verifying and handing
 * over are outputs, their results inputs.
 *
 * States.
 *
 *      idle --start--> [choose] --an orderer is due--> connecting --connected/seek,read--> streaming
 *                         ^  \--none is due--> waiting --timer--> [choose]      |              |
 *                         |                                                   |              |
 *                         +---------------- failed, timed out, refused -------+--------------+
 *      any --stop--> stopped
 *
 * While streaming, one block at a time goes: read -> block -> verify -> verdict -> hand-over -> handed-over -> read.
 * Nothing is read from the orderer between, so that its stream stands still while we are busy: that is all the
 * back-pressure there is, and nothing is buffered here.
 *
 * A hand-over outlives its stream. If the stream breaks meanwhile, no orderer is asked before the hand-over ends, since
 * only then it is known which block comes next.
 *
 * Attempts are numbered. Whatever belongs to an earlier attempt is dropped, so that a late success of a connection that
 * was given up cannot deliver blocks (weakness 6 of the page).
 *
 * Timers. "connect": an orderer that does not accept in connTimeoutMs has failed. "dial": the earliest time at which an
 * orderer may be tried again. "hand-over": when a refused hand-over is tried again.
 *
 * Invariants. A block is handed over only when its number is `next`, its previous hash that of block `next - 1`, and its
 * verdict positive. `next` moves forward only when a hand-over succeeded, and by one, and back by `rewind`. At most one of
 * verifying and handing over is under way. It ends by `stop` alone.
 *
 * Deviations from the reference, all local:
 * - The position advances with the hand-over, not with the verification, and requests ask from it, not from the ledger's
 *   height; so blocks that wait for commit are not asked for twice, and a failed hand-over does not strand the stream
 *   (weaknesses 2 and 3). A failed hand-over is tried again by itself, without a new stream.
 * - No end of any kind ends delivery, and there is no total time after which a leader gives up (weakness 4).
 * - Back-off counts per orderer and orderers take turns, where the reference draws one at random and counts all failures
 *   together (weakness 9); it stays near 30 s and has jitter (weakness 10). It starts anew after a block, and also after
 *   a stream that lasted as long as the longest back-off, since a channel may be silent for days.
 * - New endpoints do not disturb the connection to one that stays (weakness 13).
 * - A block without a header is refused like any other bad block (weakness 12).
 */

/** Where the next block goes: its number, and the hash that its `previous_hash` must equal. */
export interface ChainPosition {
  readonly next: bigint;
  /** Hash of block `next - 1`'s header; empty only when `next` is 0. */
  readonly lastHash: Uint8Array;
}

/** A block as it came: its bytes, its decoded view of them, and its header's hash. */
export interface ReceivedBlock {
  /** The serialized `common.Block`, a view into the response. */
  readonly bytes: Uint8Array;
  readonly block: Block;
  readonly hash: Uint8Array;
}

/** Why a block from an orderer was refused; closed, since it labels a metric. */
export type BlockRefusalReason = RejectReason | "wrong-previous-hash";

/** A block that was refused, and whose it was. */
export interface BlockRefusal {
  /** Address of the orderer. */
  readonly endpoint: string;
  /** What it was expected to be. */
  readonly blockNumber: bigint;
  readonly reason: BlockRefusalReason;
  readonly detail: string;
}

/** What the shell reports; `attempt` names the stream meant, so that a late event of an earlier one is told apart. */
export type DeliverInput =
  | { readonly type: "start" }
  /** The stream of this attempt is open. */
  | { readonly type: "connected"; readonly attempt: number }
  | { readonly type: "block"; readonly attempt: number; readonly received: ReceivedBlock }
  /** A response that holds no block. */
  | { readonly type: "undecodable"; readonly attempt: number; readonly detail: string }
  | { readonly type: "status"; readonly attempt: number; readonly status: number }
  | { readonly type: "verdict"; readonly attempt: number; readonly verdict: Verdict }
  /** The stream, the dial or the signing of the request failed, or the orderer hung up. */
  | { readonly type: "failed"; readonly attempt: number; readonly detail: string }
  | { readonly type: "handed-over"; readonly blockNumber: bigint }
  | { readonly type: "hand-over-failed"; readonly blockNumber: bigint; readonly detail: string }
  /** Orderers to use from now on; a connection to one that stays is kept. */
  | { readonly type: "endpoints"; readonly endpoints: readonly string[] }
  /** What was handed over from this position on is lost. */
  | { readonly type: "rewind"; readonly position: ChainPosition }
  | { readonly type: "stop" };

/** Why an input had no effect: after the stop, of a stream given up before, or of no use in this state. */
export type DeliverDropReason = "stopped" | "stale-attempt" | "unexpected";

/** What the shell has to do; the results of dialling, verifying and handing over come back as `DeliverInput`. */
export type DeliverOutput =
  | { readonly type: "dial"; readonly attempt: number; readonly endpoint: string }
  /** Ask for all blocks from `from` on, without an end. */
  | { readonly type: "seek"; readonly attempt: number; readonly from: bigint }
  /** Take one more response from the stream; nothing is taken without it, which is the back-pressure. */
  | { readonly type: "read"; readonly attempt: number }
  | { readonly type: "verify"; readonly attempt: number; readonly blockNumber: bigint; readonly block: Block }
  | { readonly type: "hand-over"; readonly blockNumber: bigint; readonly received: ReceivedBlock }
  | { readonly type: "close"; readonly attempt: number }
  | ({ readonly type: "refused" } & BlockRefusal)
  /** For logs: an attempt, or a hand-over (then `endpoint` is undefined), failed and is tried again after `waitMs`. */
  | {
      readonly type: "retry";
      readonly endpoint: string | undefined;
      readonly failures: number;
      readonly waitMs: number;
      readonly detail: string;
    }
  | { readonly type: "dropped"; readonly reason: DeliverDropReason; readonly input: DeliverInput["type"] };

/** Where a machine stands; see the drawing above. */
export type DeliverState = "idle" | "waiting" | "connecting" | "streaming" | "stopped";

/** What the shell hands over; identity, keys and connections stay with it, so that a test can run the machine alone. */
export interface DeliverMachineOptions {
  readonly endpoints: readonly string[];
  readonly position: ChainPosition;
  readonly config: DeliverConfig;
  readonly random: Random;
}

interface Orderer {
  readonly address: string;
  /** Since its last block. */
  failures: number;
  retryAt: Millis;
}

/** See the top of the file. */
export class DeliverMachine implements Machine<DeliverInput, DeliverOutput> {
  readonly #config: DeliverConfig;
  readonly #random: Random;
  readonly #timers = new Timers<"connect" | "dial" | "hand-over">();
  #orderers: readonly Orderer[] = [];
  /** Index of the orderer whose turn is next. */
  #turn = 0;
  #state: DeliverState = "idle";
  #position: ChainPosition;
  #attempt = 0;
  #current: Orderer | undefined;
  #openedAt: Millis = 0;
  #verifying: ReceivedBlock | undefined;
  #handing: ReceivedBlock | undefined;
  #handOverFailures = 0;
  /** The block that was lost last, and how often in a row. */
  #lost: bigint | undefined;
  #losses = 0;
  #lastFailure: string | undefined;

  constructor(options: DeliverMachineOptions) {
    this.#config = options.config;
    this.#random = options.random;
    this.#position = options.position;
    this.#setOrderers(options.endpoints);
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: DeliverInput | Wake, now: Millis): readonly DeliverOutput[] {
    if (input.type === "wake") return this.#onWake(now);
    if (this.#state === "stopped") {
      return input.type === "stop" ? [] : [{ type: "dropped", reason: "stopped", input: input.type }];
    }
    if ("attempt" in input && (input.attempt !== this.#attempt || this.#current === undefined)) {
      return [{ type: "dropped", reason: "stale-attempt", input: input.type }];
    }
    switch (input.type) {
      case "start":
        return this.#state === "idle" ? this.#choose(now) : unexpected(input);
      case "connected":
        return this.#onConnected(input, now);
      case "block":
        return this.#onBlock(input, now);
      case "undecodable":
        return this.#isReading ? this.#refuse("malformed-block", input.detail, now) : unexpected(input);
      case "status":
        return this.#isReading ? this.#fail(`status ${statusText(input.status)}`, now) : unexpected(input);
      case "verdict":
        return this.#onVerdict(input, now);
      case "failed":
        return this.#fail(input.detail, now);
      case "handed-over":
        return this.#onHandedOver(input, now);
      case "hand-over-failed":
        return this.#onHandOverFailed(input, now);
      case "endpoints":
        return this.#onEndpoints(input.endpoints, now);
      case "rewind":
        return this.#onRewind(input.position, now);
      case "stop":
        return this.#onStop();
    }
  }

  #onWake(now: Millis): readonly DeliverOutput[] {
    const outputs: DeliverOutput[] = [];
    for (const timer of this.#timers.expire(now)) {
      if (timer === "connect") {
        outputs.push(...this.#fail(`no connection within ${this.#config.connTimeoutMs} ms`, now));
      } else if (timer === "dial") {
        outputs.push(...this.#choose(now));
      } else if (this.#handing !== undefined) {
        outputs.push({ type: "hand-over", blockNumber: this.#position.next, received: this.#handing });
      }
    }
    return outputs;
  }

  #onConnected(input: DeliverInput, now: Millis): readonly DeliverOutput[] {
    if (this.#state !== "connecting") return unexpected(input);
    this.#timers.clear("connect");
    this.#state = "streaming";
    this.#openedAt = now;
    return [
      { type: "seek", attempt: this.#attempt, from: this.#position.next },
      { type: "read", attempt: this.#attempt },
    ];
  }

  #onBlock(input: DeliverInput & { type: "block" }, now: Millis): readonly DeliverOutput[] {
    if (!this.#isReading) return unexpected(input);
    const fault = findChainFault(this.#position, input.received);
    if (fault !== undefined) return this.#refuse(fault.reason, fault.detail, now);
    this.#verifying = input.received;
    const { block } = input.received;
    return [{ type: "verify", attempt: this.#attempt, blockNumber: this.#position.next, block }];
  }

  #onVerdict(input: DeliverInput & { type: "verdict" }, now: Millis): readonly DeliverOutput[] {
    const received = this.#verifying;
    if (received === undefined) return unexpected(input);
    this.#verifying = undefined;
    const { verdict } = input;
    if (!verdict.ok) return this.#refuse(verdict.reason, verdict.detail, now);
    this.#handing = received;
    return [{ type: "hand-over", blockNumber: this.#position.next, received }];
  }

  #onHandedOver(input: DeliverInput & { type: "handed-over" }, now: Millis): readonly DeliverOutput[] {
    if (!this.#isHanding(input.blockNumber) || this.#handing === undefined) return unexpected(input);
    this.#position = { next: this.#position.next + 1n, lastHash: this.#handing.hash };
    this.#handing = undefined;
    this.#handOverFailures = 0;
    if (this.#current === undefined) return this.#choose(now);
    this.#current.failures = 0;
    this.#lastFailure = undefined;
    return [{ type: "read", attempt: this.#attempt }];
  }

  #onHandOverFailed(input: DeliverInput & { type: "hand-over-failed" }, now: Millis): readonly DeliverOutput[] {
    if (!this.#isHanding(input.blockNumber)) return unexpected(input);
    const failures = ++this.#handOverFailures;
    const waitMs = backoffMs(failures, this.#config, this.#random);
    this.#timers.set("hand-over", now + waitMs);
    this.#lastFailure = input.detail;
    return [{ type: "retry", endpoint: undefined, failures, waitMs, detail: input.detail }];
  }

  #onEndpoints(endpoints: readonly string[], now: Millis): readonly DeliverOutput[] {
    this.#setOrderers(endpoints);
    const current = this.#current;
    if (this.#state === "idle" || (current !== undefined && this.#orderers.includes(current))) return [];
    if (current === undefined) return this.#choose(now);
    const close: DeliverOutput = { type: "close", attempt: this.#attempt };
    this.#leave();
    return [close, ...this.#choose(now)];
  }

  /** Counts as a failure of the orderer in use, and pauses grow while the same block is lost again and again. */
  #onRewind(position: ChainPosition, now: Millis): readonly DeliverOutput[] {
    const isAhead = this.#position.next > position.next || this.#handing !== undefined;
    if (position.next > this.#position.next || !isAhead) return [];
    this.#losses = this.#lost === position.next ? this.#losses + 1 : 1;
    this.#lost = position.next;
    this.#position = position;
    this.#handing = undefined;
    this.#handOverFailures = 0;
    this.#timers.clear("hand-over");
    // Its failures were forgotten with the hand-over.
    if (this.#current !== undefined) this.#current.failures = this.#losses - 1;
    if (this.#current !== undefined) return this.#fail(`block ${position.next} was lost after its hand-over`, now);
    return this.#state === "idle" ? [] : this.#choose(now);
  }

  #onStop(): readonly DeliverOutput[] {
    const outputs: DeliverOutput[] = this.#current === undefined ? [] : [{ type: "close", attempt: this.#attempt }];
    this.#leave();
    this.#timers.clear("dial");
    this.#timers.clear("hand-over");
    this.#handing = undefined;
    this.#state = "stopped";
    return outputs;
  }

  /** Dials the next orderer in turn that is due, or waits for the first to become due. */
  #choose(now: Millis): readonly DeliverOutput[] {
    this.#state = "waiting";
    this.#timers.clear("dial");
    if (this.#handing !== undefined) return [];
    let earliest = Number.POSITIVE_INFINITY;
    for (let step = 0; step < this.#orderers.length; step++) {
      const index = (this.#turn + step) % this.#orderers.length;
      const orderer = this.#orderers[index] as Orderer;
      if (orderer.retryAt <= now) return this.#dial(orderer, index, now);
      earliest = Math.min(earliest, orderer.retryAt);
    }
    // Without any orderer there is nothing to wait for but new endpoints.
    if (earliest < Number.POSITIVE_INFINITY) this.#timers.set("dial", earliest);
    return [];
  }

  #dial(orderer: Orderer, index: number, now: Millis): readonly DeliverOutput[] {
    this.#turn = (index + 1) % this.#orderers.length;
    this.#state = "connecting";
    this.#current = orderer;
    this.#attempt++;
    this.#timers.set("connect", now + this.#config.connTimeoutMs);
    return [{ type: "dial", attempt: this.#attempt, endpoint: orderer.address }];
  }

  #refuse(reason: BlockRefusalReason, detail: string, now: Millis): readonly DeliverOutput[] {
    const endpoint = this.#current?.address ?? "";
    return [
      { type: "refused", endpoint, blockNumber: this.#position.next, reason, detail },
      ...this.#fail(`block ${this.#position.next} refused: ${detail}`, now),
    ];
  }

  #fail(detail: string, now: Millis): readonly DeliverOutput[] {
    const orderer = this.#current;
    if (orderer === undefined) return [];
    const isLongLived = this.#state === "streaming" && now - this.#openedAt >= this.#config.reconnectBackoffThresholdMs;
    const failures = isLongLived ? 1 : orderer.failures + 1;
    const waitMs = backoffMs(failures, this.#config, this.#random);
    orderer.failures = failures;
    orderer.retryAt = now + waitMs;
    this.#lastFailure = detail;
    const attempt = this.#attempt;
    this.#leave();
    return [
      { type: "close", attempt },
      { type: "retry", endpoint: orderer.address, failures, waitMs, detail },
      ...this.#choose(now),
    ];
  }

  /** Forgets the connection, but not a hand-over that it began. */
  #leave(): void {
    this.#current = undefined;
    this.#verifying = undefined;
    this.#timers.clear("connect");
  }

  /** An orderer that stays keeps its failures; the first turn is drawn, so that peers spread over the orderers. */
  #setOrderers(endpoints: readonly string[]): void {
    const known = new Map(this.#orderers.map((orderer) => [orderer.address, orderer]));
    this.#orderers = [...new Set(endpoints)].map(
      (address) => known.get(address) ?? { address, failures: 0, retryAt: Number.NEGATIVE_INFINITY },
    );
    this.#turn = this.#orderers.length === 0 ? 0 : this.#random.below(this.#orderers.length);
  }

  /** Whether a response is what the stream owes us. */
  get #isReading(): boolean {
    return this.#state === "streaming" && this.#verifying === undefined && this.#handing === undefined;
  }

  #isHanding(blockNumber: bigint): boolean {
    return (
      this.#handing !== undefined && blockNumber === this.#position.next && this.#timers.at("hand-over") === undefined
    );
  }

  get state(): DeliverState {
    return this.#state;
  }

  get position(): ChainPosition {
    return this.#position;
  }

  /** The orderer in use, if any. */
  get endpoint(): string | undefined {
    return this.#current?.address;
  }

  /** Failures of the orderer in use, or of all together when none is. */
  get failures(): number {
    if (this.#current !== undefined) return this.#current.failures;
    return this.#orderers.reduce((sum, orderer) => sum + orderer.failures, 0);
  }

  /** What went wrong last, until a block arrives. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }
}

function unexpected(input: DeliverInput): readonly DeliverOutput[] {
  return [{ type: "dropped", reason: "unexpected", input: input.type }];
}
