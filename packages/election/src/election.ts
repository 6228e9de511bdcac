/**
 * Election: which peer of an organization takes a channel's blocks from the orderers (protocol page 08).
 *
 * Purpose. Ideally one peer leads. Nothing breaks when two do, which costs bandwidth, nor when none does for a while, but then
 * no blocks come.
 *
 * Roles and messages. Everybody may stand. Both messages go from their author to every member of the view, and no further:
 *
 * ```
 * proposal      "I stand, unless somebody leads or is better"      lower PKI-ID is better
 * declaration   "I lead", at once and then every half threshold    whoever leads with a higher PKI-ID steps down
 * ```
 *
 * States and transitions:
 *
 * ```
 * stopped ─► starting ─► waiting ─► proposing ─► settling ─► leading
 *                           ▲  ▲        │  lost      │ lost     │ lower declaration ─► following
 *                           │  └────────┴────────────┘          │ yield, behind ─► waiting (yielding)
 *                           └── following ◄── a declaration, from every state but leading
 *                               leader silent, gone, proposing or unproven ─► waiting
 * ```
 *
 * Timers. `phase`: the next sample, opening, end of round, end of settling, declaration. `silence`: the leader's threshold.
 * `behind`: a leader far behind others steps down. `yield`: a yield that comes too early after winning. `yield-end`.
 * `probation`: until when our ledger must grow under a leader that claims to be ahead.
 *
 * Invariants. `gained` and `lost` alternate. They are a margin apart, unless a declaration of a lower PKI-ID, or `stop`, comes
 * in between. Our sequence only grows. Whatever others claim or propose holds us back for bounded times per vacancy, and a
 * leader is made to step down by an empty claim ever more rarely (`claims.ts`).
 *
 * No stock peer may win and lose in one breath, for it may crash. It wins a round after its proposal, declares itself at
 * once, and loses on a declaration of a lower PKI-ID. So three of our sends are timed: the declaration of a candidate, which
 * comes a margin after the round, when whoever won at its end has been heard; a leader's declarations, none of which goes
 * within a margin of the moment in which a proposal of a higher PKI-ID may win; and a leader's answer to somebody's first
 * declaration, which comes a margin later. Proposals harm nobody. What we cannot know is when a peer proposed that could not
 * reach us then: such a peer can still be hit by chance.
 *
 * Deviations from the reference, none visible on the wire but as timing (§10 numbers in brackets): chance in all waits, and
 * leaders answer proposals [1]; the time of the last declaration decides, not windows, and a leader that leaves the view is
 * replaced at once [2, 3]; who fails to deliver yields [4]; outputs, not callbacks [6]; a declaration of one who is not in
 * the view yet puts us off [10]; the machine ends when it is stopped [12]; old proposals, and those of peers who are gone, do
 * not count [13]; heights count.
 */

import type { LeadershipMessage, PkiId } from "@gossip/proto";
import {
  fraction,
  GossipError,
  type Machine,
  type Millis,
  type Random,
  Timers,
  unreachable,
  type Wake,
} from "@gossip/runtime";
import { Claims } from "./claims.js";
import { type ElectionConfig, resolveElectionConfig } from "./config.js";
import { harmlessTime } from "./harmless.js";
import { Heard } from "./heard.js";
import type {
  Candidate,
  ElectionDropReason,
  ElectionInput,
  ElectionOutput,
  LeadershipReason,
  LeadershipRecord,
  YieldReason,
} from "./io.js";
import { Vacancy } from "./vacancy.js";

/** What an election is made of: one per channel, for the node's own organization. */
export interface ElectionOptions {
  /** Ours; lower wins. */
  readonly self: PkiId;
  /** First part of the time of our messages: MUST be higher than that of any election of this node before. */
  readonly incarnation: bigint;
  /** Blocks in our ledger. */
  readonly height: bigint;
  readonly config?: Partial<ElectionConfig>;
  readonly random: Random;
  /** Sequence of our last message under this incarnation. @default 0n */
  readonly afterSequence?: bigint;
}

type Phase = "stopped" | "starting" | "waiting" | "proposing" | "settling" | "following" | "leading";
type TimerName = "phase" | "silence" | "behind" | "yield" | "yield-end" | "probation";

/**
 * The election machine.
 *
 * @example
 * const election = new Election({ self, incarnation, height: 42n, random });
 * election.step({ type: "start" }, now);
 * const outputs = election.step({ type: "message", message }, now); // send | gained | lost | recorded | dropped
 */
export class Election implements Machine<ElectionInput, ElectionOutput> {
  readonly #self: PkiId;
  readonly #incarnation: bigint;
  readonly #config: ElectionConfig;
  readonly #random: Random;
  readonly #claims: Claims;
  readonly #heard = new Heard();
  readonly #timers = new Timers<TimerName>();
  readonly #history: LeadershipRecord[] = [];
  #phase: Phase = "stopped";
  #sequence: bigint;
  #height: bigint;
  #leader: PkiId | undefined;
  #isYielding = false;

  // Of the start.
  #startsUntil: Millis = 0;
  /** Whether the view has changed since it was last looked at. */
  #isViewFresh = false;

  readonly #vacancy = new Vacancy();
  /** When our round began. */
  #openedAt: Millis = 0;

  // Of our own leadership.
  #gainedAt: Millis = 0;
  #declaredAt: Millis = Number.NEGATIVE_INFINITY;
  #yieldReason: YieldReason = "requested";

  /** Under whom our ledger must grow, and how high it was. */
  #probation: { readonly leader: PkiId; readonly claim: bigint; readonly height: bigint } | undefined;
  #hasSlept = false;

  // Of the step under way.
  #now: Millis = 0;
  #outputs: ElectionOutput[] = [];

  /** @throws GossipError `invalid-config`, or `invalid-argument` for an empty PKI-ID. */
  constructor({ self, incarnation, height, config, random, afterSequence = 0n }: ElectionOptions) {
    if (self === "") throw new GossipError("invalid-argument", "expected a PKI-ID of at least one byte, got none");
    this.#self = self;
    this.#incarnation = incarnation;
    this.#height = height;
    this.#sequence = afterSequence;
    this.#random = random;
    this.#config = resolveElectionConfig(config);
    this.#claims = new Claims(this.#config);
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: ElectionInput | Wake, now: Millis): readonly ElectionOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#now = now;
    this.#outputs = [];
    this.#handle(input);
    return this.#outputs;
  }

  #handle(input: ElectionInput | Wake): void {
    switch (input.type) {
      case "wake":
        return this.#onWake();
      case "start":
        return this.#onStart();
      case "stop":
        return this.#onStop();
      case "view":
        return this.#onView(input.peers);
      case "height":
        this.#height = input.height;
        return this.#weigh();
      case "message":
        return this.#onMessage(input.message);
      case "yield":
        return this.#onYield(input.reason);
      default:
        unreachable(input);
    }
  }

  #onWake(): void {
    const { settleMarginMs } = this.#config;
    const isLate = this.#now - this.deadline > settleMarginMs && !this.#hasSlept;
    const due = this.#timers.expire(this.#now);
    this.#hasSlept = isLate;
    for (const name of due) {
      // The process slept: what others said meanwhile is still to be read, and silence was ours.
      if (isLate) this.#timers.set(name, this.#now + settleMarginMs);
      else if (this.#timers.at(name) === undefined) this.#onTimer(name);
    }
  }

  #onTimer(name: TimerName): void {
    switch (name) {
      case "phase":
        return this.#onPhaseOver();
      case "silence":
        return this.#vacate("silent");
      case "behind":
        return this.#stepDown("fell-behind");
      case "yield":
        return this.#stepDown(this.#yieldReason);
      case "yield-end":
        this.#isYielding = false;
        return this.#wait();
      case "probation":
        return this.#onProbationOver();
      default:
        unreachable(name);
    }
  }

  #onPhaseOver(): void {
    switch (this.#phase) {
      case "starting":
        return this.#onSample();
      case "waiting":
        return this.#open();
      case "proposing":
        return this.#onRoundOver();
      case "settling":
        return this.#lead();
      case "leading":
        return this.#declare();
      case "stopped":
      case "following":
        return;
      default:
        unreachable(this.#phase);
    }
  }

  // Start and stop

  #onStart(): void {
    if (this.#phase !== "stopped") return;
    const { startupGracePeriodMs, membershipSampleIntervalMs } = this.#config;
    this.#phase = "starting";
    this.#vacancy.begin(this.#now);
    this.#startsUntil = this.#now + startupGracePeriodMs;
    this.#isViewFresh = false;
    this.#timers.set("phase", this.#now + membershipSampleIntervalMs);
  }

  #onSample(): void {
    if (!this.#isViewFresh || this.#now >= this.#startsUntil) return this.#open();
    this.#isViewFresh = false;
    this.#timers.set("phase", this.#now + this.#config.membershipSampleIntervalMs);
  }

  #onStop(): void {
    if (this.#phase === "stopped") return;
    const wasLeader = this.isLeader;
    for (const name of timerNames) this.#timers.clear(name);
    this.#phase = "stopped";
    this.#isYielding = false;
    if (wasLeader) this.#outputs.push({ type: "lost", reason: "stopped" });
    this.#record(undefined, "stopped");
  }

  // View and heights

  #onView(peers: readonly Candidate[]): void {
    const { added, removed } = this.#claims.replaceView(
      peers.filter(({ pkiId }) => pkiId !== this.#self),
      this.#now,
    );
    if (added.length + removed.length > 0) this.#isViewFresh = true;
    for (const pkiId of removed) this.#heard.forget(pkiId);
    if (this.#phase === "stopped") return;
    if (removed.some((pkiId) => pkiId === this.#leader)) this.#vacate("left");
    for (const pkiId of added) this.#onSeen(pkiId);
    if (this.#phase === "leading" && added.length > 0) {
      // They learn of their leader before they open an election.
      this.#declareBy(this.#now + this.#config.membershipSampleIntervalMs);
    }
    this.#weigh();
  }

  /** What it declared before it was in the view counts from now on. */
  #onSeen(pkiId: PkiId): void {
    const at = this.#heard.takeUnseen(pkiId);
    if (at !== undefined && at > this.#now - this.#config.leaderAliveThresholdMs) this.#onDeclaration(pkiId, at);
  }

  /** Compares heights anew. */
  #weigh(): void {
    const isLagging = this.#claims.isLagging(this.#height, this.#now);
    switch (this.#phase) {
      case "leading":
        if (isLagging) this.#fallBehind();
        else if (this.#timers.at("behind") !== undefined) {
          this.#timers.clear("behind");
          // Patience is running out since it fell silent.
          this.#declareBy(this.#now);
        }
        return;
      case "proposing":
      case "settling":
        if (this.#mustDefer()) this.#wait();
        return;
      case "waiting":
        if (this.#vacancy.isDeferring(this.#now) && !isLagging) this.#wait();
        return;
      default:
        return;
    }
  }

  #fallBehind(): void {
    if (this.#timers.at("behind") !== undefined) return;
    this.#timers.set("behind", this.#now + this.#config.leaderAliveThresholdMs);
  }

  /** Whether somebody is ahead who should lead rather than we, and has not had its time to. */
  #mustDefer(): boolean {
    const isLagging = this.#claims.isLagging(this.#height, this.#now);
    return isLagging && this.#vacancy.defer(this.#now, this.#config.leaderAliveThresholdMs);
  }

  // Vacancy

  /** Nobody is known to lead any more, unless another has declared itself as well. */
  #vacate(reason: LeadershipReason): void {
    this.#timers.clear("silence");
    this.#endProbation();
    const other = this.#liveLeader();
    if (other !== undefined) return this.#follow(other, reason);
    this.#vacancy.begin(this.#now);
    this.#record(undefined, reason);
    this.#wait();
  }

  /** Waits to stand: a little, by chance, or as long as something holds us back. */
  #wait(): void {
    this.#phase = "waiting";
    const standsAt = this.#standsAt();
    if (this.#isYielding) this.#timers.clear("phase");
    else this.#timers.set("phase", standsAt + this.#jitter());
  }

  #standsAt(): Millis {
    return this.#vacancy.standsAt(this.#now, this.#mustDefer());
  }

  #open(): void {
    if (this.#isYielding || this.#standsAt() > this.#now) return this.#wait();
    this.#phase = "proposing";
    this.#openedAt = this.#now;
    this.#timers.set("phase", this.#now + this.#config.leaderElectionDurationMs);
    this.#send(false);
  }

  #onRoundOver(): void {
    const { settleMarginMs } = this.#config;
    const better = this.#betterCandidate();
    if (better !== undefined) return this.#loseRound(better);
    this.#phase = "settling";
    const due = this.#now + settleMarginMs * (1 - fraction(this.#random) / 2);
    this.#timers.set("phase", this.#harmless(due));
  }

  /** Leaves the field to it, for as long as it can need. */
  #loseRound(better: PkiId): void {
    const { leaderElectionDurationMs, settleMarginMs } = this.#config;
    this.#heard.giveWay(better);
    this.#phase = "waiting";
    this.#timers.set("phase", this.#now + leaderElectionDurationMs + settleMarginMs + this.#jitter());
  }

  #betterCandidate(): PkiId | undefined {
    const since = this.#openedAt - this.#config.leaderElectionDurationMs;
    for (const [author] of this.#heard.proposedSince(since)) if (this.#isBetter(author)) return author;
    return undefined;
  }

  /** Whether its proposal takes precedence over ours. */
  #isBetter(author: PkiId): boolean {
    if (author > this.#self || !this.#heard.mayGiveWay(author)) return false;
    return !this.#claims.isFarBehind(this.#claims.heightOf(author) ?? 0n, this.#height);
  }

  // Messages

  #onMessage({ pkiId, isDeclaration }: LeadershipMessage): void {
    if (this.#phase === "stopped") return this.#drop("not-running", pkiId);
    if (pkiId === this.#self) return this.#drop("own-message", pkiId);
    if (!this.#claims.isInView(pkiId)) {
      if (isDeclaration) this.#putOff(pkiId);
      return this.#drop("not-in-view", pkiId);
    }
    if (isDeclaration) this.#onDeclaration(pkiId, this.#now);
    else this.#onProposal(pkiId);
  }

  /** Somebody leads of whom we do not know enough yet. */
  #putOff(author: PkiId): void {
    this.#heard.declareUnseen(author, this.#now);
    if (this.#leader !== undefined) return;
    const isFirst = this.#vacancy.putOff(this.#now, this.#config.leaderElectionDurationMs);
    if (isFirst && this.#phase !== "starting") this.#wait();
  }

  #onProposal(author: PkiId): void {
    this.#heard.propose(author, this.#now);
    this.#heard.retract(author);
    if (author === this.#leader) this.#vacate("left");
    else if (this.#phase === "leading") this.#declareBy(this.#now);
    else if (this.#phase === "settling" && this.#isBetter(author)) this.#loseRound(author);
  }

  #onDeclaration(author: PkiId, at: Millis): void {
    const { leaderAliveThresholdMs, settleMarginMs } = this.#config;
    if (author > this.#self && this.#claims.isUnproven(author, this.#height, this.#now)) {
      return this.#drop("unproven-claim", author);
    }
    const isFresh = this.#heard.declaredAt(author, this.#now - leaderAliveThresholdMs) === undefined;
    this.#heard.declare(author, at);
    if (this.#phase !== "leading") return this.#follow(this.#liveLeader() ?? author, "declared");
    if (author < this.#self) return this.#lose("deposed", author);
    const isSettled = this.#now >= this.#gainedAt + settleMarginMs;
    if (isSettled && this.#claims.isAhead(author, this.#height, this.#now)) return this.#lose("fell-behind", author);
    // One that has just won may not bear to lose in the same breath.
    if (isFresh) this.#timers.set("phase", this.#harmless(this.#now + settleMarginMs));
    else this.#declareBy(this.#now);
  }

  #follow(leader: PkiId, reason: LeadershipReason): void {
    const { leaderAliveThresholdMs } = this.#config;
    const since = this.#heard.declaredAt(leader, Number.NEGATIVE_INFINITY) ?? this.#now;
    this.#endVacancy(leader, this.#claims.heightOf(leader));
    this.#phase = "following";
    this.#isYielding = false;
    this.#timers.clear("phase");
    this.#timers.clear("yield-end");
    this.#timers.set("silence", since + leaderAliveThresholdMs);
    if (leader === this.#leader) return;
    this.#timers.clear("probation");
    this.#probation = undefined;
    if (leader > this.#self) this.#beginProbation(leader);
    this.#record(leader, reason);
  }

  /** It leads and claims to be far ahead: our ledger must grow under it. */
  #beginProbation(leader: PkiId): void {
    const claim = this.#claims.heightOf(leader);
    if (claim === undefined || !this.#claims.isAhead(leader, this.#height, this.#now)) return;
    this.#probation = { leader, claim, height: this.#height };
    this.#timers.set("probation", this.#now + this.#config.yieldMs);
  }

  /** Whether it was passed. */
  #endProbation(): boolean {
    const probation = this.#probation;
    this.#probation = undefined;
    this.#timers.clear("probation");
    if (probation === undefined || this.#height > probation.height) return true;
    this.#claims.setAsideUnproven(probation.leader, probation.claim, this.#now);
    return false;
  }

  #endVacancy(leader: PkiId, height: bigint | undefined): void {
    this.#heard.endVacancy();
    if (this.#leader === undefined && height !== undefined) {
      this.#claims.settle(height, leader, this.#vacancy.since, this.#now);
    }
    this.#vacancy.end();
  }

  #onProbationOver(): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    if (this.#endProbation()) return this.#beginProbation(leader);
    this.#heard.retract(leader);
    this.#vacate("unproven");
  }

  // Leading

  #lead(): void {
    this.#endVacancy(this.#self, this.#height);
    this.#phase = "leading";
    this.#gainedAt = this.#now;
    this.#outputs.push({ type: "gained", reason: "elected" });
    this.#record(this.#self, "elected");
    this.#declare();
    this.#weigh();
  }

  #declare(): void {
    const { leaderAliveThresholdMs, settleMarginMs } = this.#config;
    // Whoever is behind falls silent, so that another stands; it goes on delivering until then.
    if (this.#timers.at("behind") === undefined) {
      this.#declaredAt = this.#now;
      this.#send(true);
    }
    const due = this.#now + leaderAliveThresholdMs / 2 - settleMarginMs * fraction(this.#random);
    this.#timers.set("phase", this.#harmless(due, this.#now + settleMarginMs));
  }

  /** Declares at that time, or as soon after it as may be, unless it would anyway. */
  #declareBy(due: Millis): void {
    const at = this.#harmless(Math.max(due, this.#declaredAt + this.#config.settleMarginMs));
    const planned = this.#timers.at("phase") ?? Number.POSITIVE_INFINITY;
    if (at > this.#now) this.#timers.set("phase", Math.min(at, planned));
    else if (this.#phase === "leading") this.#declare();
  }

  /** A time near `due` for a declaration, none at which a peer that we would depose may just have won. */
  #harmless(due: Millis, earliest = due): Millis {
    const { leaderElectionDurationMs, settleMarginMs: marginMs } = this.#config;
    const wins: Millis[] = [];
    for (const [author, at] of this.#heard.proposedSince(this.#now - 2 * leaderElectionDurationMs)) {
      if (author > this.#self) wins.push(at + leaderElectionDurationMs);
    }
    return harmlessTime({ due, earliest: Math.min(earliest, due), wins, marginMs });
  }

  #onYield(reason: YieldReason): void {
    if (this.#phase !== "leading") return;
    const earliest = this.#gainedAt + this.#config.settleMarginMs;
    if (this.#now >= earliest) return this.#stepDown(reason);
    this.#yieldReason = reason;
    this.#timers.set("yield", earliest);
  }

  #stepDown(reason: "fell-behind" | YieldReason): void {
    if (this.#phase !== "leading") return;
    const { leaderAliveThresholdMs, yieldMs } = this.#config;
    if (reason === "fell-behind") this.#claims.stake(this.#height, this.#now);
    // Nobody may be there to take over, or nobody of those who claim to be ahead.
    const isShort = reason === "fell-behind" || this.#claims.viewSize === 0;
    this.#isYielding = true;
    this.#timers.set("yield-end", this.#now + (isShort ? leaderAliveThresholdMs : yieldMs));
    this.#lose(reason, undefined);
  }

  #lose(reason: LeadershipReason, to: PkiId | undefined): void {
    this.#outputs.push({ type: "lost", reason });
    for (const name of ["phase", "behind", "yield"] as const) this.#timers.clear(name);
    if (to === undefined) this.#vacate(reason);
    else this.#follow(to, reason);
  }

  #send(isDeclaration: boolean): void {
    if (this.#claims.viewSize === 0) return;
    this.#sequence++;
    const time = { incarnation: this.#incarnation, sequence: this.#sequence };
    this.#outputs.push({ type: "send", time, isDeclaration });
  }

  // Leaves

  #liveLeader(): PkiId | undefined {
    return this.#heard.leaderSince(this.#now - this.#config.leaderAliveThresholdMs);
  }

  /** At least a millisecond, so that it is later, and at most a margin. */
  #jitter(): Millis {
    return 1 + Math.floor(this.#config.settleMarginMs * fraction(this.#random));
  }

  #record(leader: PkiId | undefined, reason: LeadershipReason): void {
    const previous = this.#leader;
    if (leader === previous) return;
    this.#leader = leader;
    const record: LeadershipRecord = { at: this.#now, leader, previous, reason };
    this.#history.push(record);
    if (this.#history.length > this.#config.maxRecords) this.#history.shift();
    this.#outputs.push({ type: "recorded", record });
  }

  #drop(reason: ElectionDropReason, from: PkiId): void {
    this.#outputs.push({ type: "dropped", reason, from });
  }

  // Queries

  get isLeader(): boolean {
    return this.#phase === "leading";
  }

  /** Whether we gave up leadership and have not heard of another since. */
  get isYielding(): boolean {
    return this.#isYielding;
  }

  /** Who leads, ourselves included, as far as we know. */
  get leader(): PkiId | undefined {
    return this.#leader;
  }

  /** That of our last message. */
  get sequence(): bigint {
    return this.#sequence;
  }

  /** Changes of leader, newest last. */
  get history(): readonly LeadershipRecord[] {
    return this.#history;
  }
}

const timerNames: readonly TimerName[] = ["phase", "silence", "behind", "yield", "yield-end", "probation"];
