/**
 * Sending with acknowledgements (protocol page 03 §8), as a machine: who is still to answer which message, and until when.
 *
 * Purpose. One message goes to several peers under one nonce; each answers with an `ack` of that nonce, which may hold an
 * error. Whoever sent it is told once: when enough have acknowledged, or all have reported, or the time is over.
 *
 * Messages. From the user: `await`, before the message is handed to the connection table. From the shell: `ack` for each
 * acknowledgement that came, `not-sent` for each copy that the table dropped, `lost` and `renamed` for peers, `close`.
 *
 * States of a request: open → settled → gone. A settled one stays until all have reported or its time is over, so that
 * acknowledgements which nobody needs any more are known for what they are.
 *
 * Invariants. Every request settles exactly once. A peer reports at most once per request. No more than `maxPending`
 * reports are awaited; what is beyond is refused at once.
 *
 * Deviations from the reference (§14.13): one deadline for dialling, sending and waiting; what could not be sent is
 * reported at once and as what it is; waits end when they are answered; a renewed peer's answer counts. `minAcks` of 0
 * means "try, and tell how it went": it settles when all have reported.
 */
import type { PkiId } from "@gossip/proto";
import { type Machine, type Millis, Timers, unreachable, type Wake } from "@gossip/runtime";
import type { CommDropReason } from "./table-types.js";

/** What one peer made of a message. */
export type AckResult =
  | { readonly pkiId: PkiId; readonly ok: true }
  | { readonly pkiId: PkiId; readonly ok: false; readonly reason: AckFailure; readonly detail: string };

/** `refused`: it answered with an error, which is the detail. */
export type AckFailure = "refused" | "timed-out" | "presumed-dead" | "too-many-pending" | CommDropReason;

/** Reports in the order they came; of peers that are not among them nothing was heard before enough had acknowledged. */
export interface AckOutcome {
  readonly results: readonly AckResult[];
  /** How many of them are `ok`. */
  readonly acknowledged: number;
}

export type AcksInput =
  | {
      readonly type: "await";
      readonly nonce: bigint;
      /** Distinct. */
      readonly peers: readonly PkiId[];
      readonly minAcks: number;
      readonly timeoutMs: Millis;
    }
  /** From a peer as its connection proved it; an empty error is success. */
  | { readonly type: "ack"; readonly nonce: bigint; readonly from: PkiId; readonly error: string }
  | { readonly type: "not-sent"; readonly nonce: bigint; readonly to: PkiId; readonly reason: CommDropReason }
  | { readonly type: "lost"; readonly pkiId: PkiId; readonly detail: string }
  /** A peer that is awaited under its old PKI-ID answers under its new one (§6.4). */
  | { readonly type: "renamed"; readonly old: PkiId; readonly current: PkiId }
  | { readonly type: "close" };

export interface AcksOutput {
  readonly type: "settled";
  readonly nonce: bigint;
  readonly outcome: AckOutcome;
}

/** Characters that are kept of what a peer says was wrong. */
const maxDetail = 1_000;

interface Request {
  readonly nonce: bigint;
  readonly minAcks: number;
  /** Who has not reported: the PKI-ID it will answer under → the one it was asked under. */
  readonly awaited: Map<PkiId, PkiId>;
  readonly results: AckResult[];
  acknowledged: number;
  isSettled: boolean;
}

export class Acks implements Machine<AcksInput, AcksOutput> {
  readonly #maxPending: number;
  readonly #requests = new Map<bigint, Request>();
  readonly #timers = new Timers<bigint>();
  #pending = 0;
  #outputs: AcksOutput[] = [];

  constructor(maxPending: number) {
    this.#maxPending = maxPending;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: AcksInput | Wake, now: Millis): readonly AcksOutput[] {
    this.#outputs = [];
    switch (input.type) {
      case "wake":
        for (const nonce of this.#timers.expire(now)) this.#onTimeout(nonce);
        break;
      case "await":
        this.#onAwait(input, now);
        break;
      case "ack":
        this.#onAck(input.nonce, input.from, input.error);
        break;
      case "not-sent":
        this.#fail(input.nonce, input.to, input.reason, "it was not sent");
        break;
      case "lost":
        for (const nonce of [...this.#requests.keys()]) this.#fail(nonce, input.pkiId, "presumed-dead", input.detail);
        break;
      case "renamed":
        this.#onRenamed(input.old, input.current);
        break;
      case "close":
        for (const request of [...this.#requests.values()]) this.#failAll(request, "closing", "this node is closing");
        break;
      default:
        return unreachable(input);
    }
    return this.#outputs;
  }

  #onAwait({ nonce, peers, minAcks, timeoutMs }: Extract<AcksInput, { type: "await" }>, now: Millis): void {
    const request: Request = {
      nonce,
      minAcks,
      awaited: new Map(peers.map((pkiId) => [pkiId, pkiId])),
      results: [],
      acknowledged: 0,
      isSettled: false,
    };
    this.#requests.set(nonce, request);
    this.#pending += peers.length;
    if (this.#pending > this.#maxPending) {
      return this.#failAll(request, "too-many-pending", `${this.#maxPending} acknowledgements are awaited`);
    }
    this.#timers.set(nonce, now + timeoutMs);
    this.#settleIfDone(request);
  }

  #onAck(nonce: bigint, from: PkiId, error: string): void {
    const request = this.#requests.get(nonce);
    const pkiId = request?.awaited.get(from);
    if (request === undefined || pkiId === undefined) return;
    if (error === "") request.acknowledged++;
    this.#report(
      request,
      from,
      error === "" ? { pkiId, ok: true } : { pkiId, ok: false, reason: "refused", detail: error.slice(0, maxDetail) },
    );
    this.#settleIfDone(request);
  }

  #fail(nonce: bigint, from: PkiId, reason: AckFailure, detail: string): void {
    const request = this.#requests.get(nonce);
    const pkiId = request?.awaited.get(from);
    if (request === undefined || pkiId === undefined) return;
    this.#report(request, from, { pkiId, ok: false, reason, detail });
    this.#settleIfDone(request);
  }

  #onTimeout(nonce: bigint): void {
    const request = this.#requests.get(nonce);
    if (request !== undefined) this.#failAll(request, "timed-out", "no acknowledgement in time");
  }

  #failAll(request: Request, reason: AckFailure, detail: string): void {
    for (const [from, pkiId] of [...request.awaited]) this.#report(request, from, { pkiId, ok: false, reason, detail });
    this.#settleIfDone(request);
  }

  #onRenamed(old: PkiId, current: PkiId): void {
    for (const { awaited } of this.#requests.values()) {
      const asked = awaited.get(old);
      if (asked === undefined || awaited.has(current)) continue;
      awaited.delete(old);
      awaited.set(current, asked);
    }
  }

  #report(request: Request, from: PkiId, result: AckResult): void {
    request.awaited.delete(from);
    request.results.push(result);
    this.#pending--;
  }

  #settleIfDone(request: Request): void {
    const haveAllReported = request.awaited.size === 0;
    const isEnough = request.minAcks > 0 && request.acknowledged >= request.minAcks;
    if (!request.isSettled && (haveAllReported || isEnough)) {
      request.isSettled = true;
      const { nonce, results, acknowledged } = request;
      this.#outputs.push({ type: "settled", nonce, outcome: { results: [...results], acknowledged } });
    }
    if (!haveAllReported) return;
    this.#requests.delete(request.nonce);
    this.#timers.clear(request.nonce);
  }

  // — queries —

  /** Whether an acknowledgement of this nonce by this peer is awaited. */
  awaits(nonce: bigint, from: PkiId): boolean {
    return this.#requests.get(nonce)?.awaited.has(from) ?? false;
  }

  /** Whether the nonce is in use. */
  has(nonce: bigint): boolean {
    return this.#requests.has(nonce);
  }

  /** Reports that are awaited, of all requests. */
  get pending(): number {
    return this.#pending;
  }
}
