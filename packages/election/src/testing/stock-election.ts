/**
 * A stock peer in an election, as others see it: the machine of protocol page 08 §5, for tests alone.
 *
 * Phases: starting ─► round ─► leading, and window, a fixed time in which it only listens. A round opens after a window in which nobody
 * declared itself: it proposes, waits `leaderElectionDurationMs`, and leads at the end of it, at once, unless it heard a declaration
 * or, since the window began, a lower proposal. A leader declares itself every half threshold and after every declaration it hears;
 * one of a lower PKI-ID deposes it. It knows neither heights nor chance, and answers no proposal.
 */

import type { PkiId } from "@gossip/proto";
import { type Machine, type Millis, Timers, type Wake } from "@gossip/runtime";
import type { ElectionConfig } from "../config.js";
import type { ElectionInput, ElectionOutput, LeadershipReason } from "../io.js";

/** What a stock peer is started with. */
export interface StockElectionOptions {
  readonly self: PkiId;
  readonly incarnation: bigint;
  readonly config: ElectionConfig;
}

/**
 * How a stock peer behaves, as seen from outside (protocol page 08 §5): fixed windows, no margin, no heights, no answer to
 * proposals. For tests of what ours does beside it; made from the page and from nothing else, and never to be run in earnest.
 */
export class StockElection implements Machine<ElectionInput, ElectionOutput> {
  readonly #self: PkiId;
  readonly #incarnation: bigint;
  readonly #config: ElectionConfig;
  readonly #timers = new Timers<"turn" | "yield-end">();
  readonly #proposals = new Set<PkiId>();
  #view: ReadonlySet<PkiId> = new Set();
  #phase: "stopped" | "starting" | "round" | "window" | "leading" = "stopped";
  #viewSize = 0;
  #startsUntil: Millis = 0;
  #hasHeard = false;
  #isYielding = false;
  #sequence = 0n;
  #now: Millis = 0;
  #outputs: ElectionOutput[] = [];

  constructor({ self, incarnation, config }: StockElectionOptions) {
    this.#self = self;
    this.#incarnation = incarnation;
    this.#config = config;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  get isLeader(): boolean {
    return this.#phase === "leading";
  }

  step(input: ElectionInput | Wake, now: Millis): readonly ElectionOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#now = now;
    this.#outputs = [];
    if (input.type === "wake") for (const name of this.#timers.expire(now)) this.#onTimer(name);
    else if (input.type === "view") this.#view = new Set(input.peers.map(({ pkiId }) => pkiId));
    else if (input.type === "message" && this.#phase !== "stopped") this.#onMessage(input.message);
    else if (input.type === "yield") this.#onYield(input.reason);
    else if (input.type === "start") {
      this.#phase = "starting";
      this.#viewSize = this.#view.size;
      this.#startsUntil = now + this.#config.startupGracePeriodMs;
      this.#timers.set("turn", now + this.#config.membershipSampleIntervalMs);
    } else if (input.type === "stop") {
      this.#phase = "stopped";
      this.#timers.clear("turn");
      this.#timers.clear("yield-end");
    }
    return this.#outputs;
  }

  #onTimer(name: "turn" | "yield-end"): void {
    if (name === "yield-end") this.#isYielding = false;
    else if (this.#phase === "starting") this.#onSample();
    else if (this.#phase === "round") this.#endRound();
    else this.#turn();
  }

  #onSample(): void {
    const isStable = this.#view.size === this.#viewSize;
    this.#viewSize = this.#view.size;
    if (isStable || this.#now > this.#startsUntil || this.#hasHeard) return this.#turn();
    this.#timers.set("turn", this.#now + this.#config.membershipSampleIntervalMs);
  }

  #turn(): void {
    if (this.#phase === "leading") return this.#declare();
    if (this.#hasHeard || this.#isYielding) return this.#watch();
    this.#phase = "round";
    this.#send(false);
    this.#timers.set("turn", this.#now + this.#config.leaderElectionDurationMs);
  }

  #endRound(): void {
    const isBeaten = [...this.#proposals].some((other) => other < this.#self);
    if (this.#hasHeard || this.#isYielding || isBeaten) return this.#watch();
    this.#phase = "leading";
    this.#outputs.push({ type: "gained", reason: "elected" });
    this.#declare();
  }

  #watch(): void {
    if (this.#hasHeard) {
      this.#isYielding = false;
      this.#timers.clear("yield-end");
    }
    this.#phase = "window";
    this.#proposals.clear();
    this.#hasHeard = false;
    this.#timers.set("turn", this.#now + this.#config.leaderAliveThresholdMs);
  }

  #declare(): void {
    this.#send(true);
    this.#timers.set("turn", this.#now + this.#config.leaderAliveThresholdMs / 2);
  }

  #onMessage({ pkiId, isDeclaration }: { readonly pkiId: PkiId; readonly isDeclaration: boolean }): void {
    if (!this.#view.has(pkiId)) return;
    if (!isDeclaration) {
      this.#proposals.add(pkiId);
      return;
    }
    this.#hasHeard = true;
    if (this.#phase === "leading" && pkiId < this.#self) return this.#lose("deposed");
    if (this.#phase === "leading") this.#declare();
    if (this.#phase === "round") this.#watch();
  }

  #onYield(reason: LeadershipReason): void {
    if (this.#phase !== "leading" || this.#isYielding) return;
    this.#isYielding = true;
    this.#hasHeard = false;
    this.#timers.set("yield-end", this.#now + 6 * this.#config.leaderAliveThresholdMs);
    this.#lose(reason);
  }

  #lose(reason: LeadershipReason): void {
    this.#outputs.push({ type: "lost", reason });
    this.#watch();
  }

  #send(isDeclaration: boolean): void {
    this.#sequence++;
    this.#outputs.push({
      type: "send",
      time: { incarnation: this.#incarnation, sequence: this.#sequence },
      isDeclaration,
    });
  }
}
