/**
 * Membership discovery: which peers exist, which are alive, which are dead (protocol page 04).
 *
 * Purpose. One view per node, whatever channels it is in. A member counts as alive only through alive messages of its
 * own with ever newer times; nothing else proves life, not an open stream, not an answered ping.
 *
 * Roles and messages. Every node is both sides of everything:
 * - alive: pushed every period and forwarded hop by hop (`send-alive`, `forward-alive`);
 * - membership request and response: point to point, the asker's own alive message against a view (§8.3 to §8.5).
 * Everything taken is verified at the gate, everything said is signed at the exit: the machine sees plain records.
 *
 * States of a member, and what moves it:
 *
 * ```
 *            alive message                silence, presumed dead
 *  unknown ─────────────────► alive ◄──────────────────────────────► dead
 *     ▲ │                      │          newer alive message          │
 *     │ └── entry in a dead list ───────────────────────────────────►  │
 *     │                        │ identity removed                      │ TTL, identity removed, table full
 *     └── 2 × TTL ── forgotten ◄───────────────────────────────────────┘
 * ```
 *
 * A forgotten member is a key and a time, which refuses old copies of its messages. TTL counts from the last accepted
 * message, whatever way it came. States of a contact (bootstrap or anchor endpoint) are in contacts.ts.
 *
 * Where the rules are: what an alive message does, and forgetting, members.ts; silence and notices of comm, liveness.ts;
 * contacts.ts; requests, responses and whom to ask, exchange.ts, response.ts, partners.ts, asked.ts; looking for the dead,
 * probes.ts; renewed identities, successions.ts; replays of what is long gone, first-contact.ts; our own messages, own-record.ts, own-time.ts; who may learn whom,
 * disclosure.ts. Here they are put together, and the timers kept.
 *
 * Timers. `heartbeat`, `sync` (ask some members) run while somebody is alive; `probe` (ping the dead) while somebody is
 * dead; `check` (silence, forgetting) while anything is remembered; one per contact in progress. A node that knows
 * nobody and contacts nobody is idle.
 *
 * Invariants. A PKI-ID is alive, dead or forgotten, never two of these. The time held of a member never falls. We are
 * not a member of our own view. Every own record has a sequence number of its own. At most one heartbeat per
 * `newsIntervalMs`, one sync round likewise.
 *
 * Deviations from the reference, none visible on the wire but as timing (§19 numbers in brackets): contacts are retried
 * with back-off, jitter and fresh self information, and not given up while nobody is alive [8]; news is told at once
 * instead of after a period, own death notices are refuted [5]; time to live counts on every path, second-hand deaths
 * are not passed on, old ones neither [6, 7]; acks are bound to nonce and sender, unsolicited responses refused [16];
 * one bad entry costs itself [17]; the dead are probed once per endpoint [18]; sync partners go round in shuffled order
 * [12] and are filtered before they are drawn [14]; we do not accuse others for our own pauses [4]; secrets go to the own organization only, and a complete copy
 * completes an incomplete one [15].
 */

import type { Verified } from "@gossip/crypto";
import { type AliveMessage, type Envelope, type Member, type PkiId, readInternalEndpoint } from "@gossip/proto";
import { fraction, type Machine, type Millis, type Random, Timers, unreachable, type Wake } from "@gossip/runtime";
import { type DiscoveryConfig, resolveDiscoveryConfig } from "./config.js";
import { Contacts, type ContactTimer } from "./contacts.js";
import type { Disclosure } from "./disclosure.js";
import { Exchange } from "./exchange.js";
import { FirstContact } from "./first-contact.js";
import type {
  AlivePath,
  DiscoveryInput,
  DiscoveryMember,
  DiscoveryOutput,
  MemberDown,
  MembershipRequested,
  MembershipResponded,
  MembershipView,
  MemberUp,
} from "./io.js";
import { Liveness } from "./liveness.js";
import { MemberTable } from "./members.js";
import { type DiscoverySelf, OwnRecord } from "./own-record.js";
import { Probes } from "./probes.js";
import { Successions } from "./successions.js";
import { Turn } from "./turn.js";

/** What the shell hands to the discovery machine; signing and verifying stay outside. */
export interface DiscoveryOptions {
  readonly self: DiscoverySelf;
  /** Nanoseconds since 1970 at start, larger than in every earlier life of this identity. */
  readonly incarnation: bigint;
  readonly config?: Partial<DiscoveryConfig>;
  readonly random: Random;
  /** Who may learn whom; the default tells nobody anything but ourselves, without the secret. */
  readonly disclosure?: Disclosure;
  /**
   * Whether the peer can be told something without a dial. In haste only such members are asked, if there are any.
   * @default nobody
   */
  readonly isLinked?: (pkiId: PkiId) => boolean;
}

/** Members up to which news travels at `newsIntervalMs`; beyond, the pace falls as the cost of a heartbeat rises. */
const smallNetwork = 10;
/** How long a push may wait for company: news, as a part of `newsIntervalMs`; heartbeats, of their period. */
const newsPatience = 0.5;
const heartbeatPatience = 0.2;
/** Members started within one heartbeat period that make a crowd. */
const crowd = 10;
/** Heartbeat periods without a push after which it will not come any more. */
const missedPeriods = 1.5;
/** Part of the members that pushes do not reach each time, by chance. */
const fewRefreshed = 0.25;

type TimerName = "heartbeat" | "sync" | "probe" | "check" | ContactTimer;

/**
 * The membership machine.
 *
 * @example
 * const discovery = new Discovery({ self, incarnation, config: discoveryDefaults, random });
 * const outputs = discovery.step({ type: "connect", endpoint: "peer0:7051", role: "bootstrap" }, now);
 */
export class Discovery implements Machine<DiscoveryInput, DiscoveryOutput>, MembershipView {
  readonly #config: DiscoveryConfig;
  readonly #random: Random;
  readonly #turn = new Turn();
  readonly #timers = new Timers<TimerName>();
  readonly #own: OwnRecord;
  readonly #liveness: Liveness;
  readonly #table: MemberTable;
  readonly #exchange: Exchange;
  readonly #contacts: Contacts;
  readonly #probes: Probes;
  readonly #successions: Successions;
  readonly #firstContact: FirstContact;

  #lastHeartbeat = Number.NEGATIVE_INFINITY;
  #lastSync = Number.NEGATIVE_INFINITY;
  /** Distance to the next heartbeat that news causes: short at first, for the sooner it comes, the less it has to tell. */
  #newsDelay: Millis;
  /** Distance to the next sync round: short at first, when every round brings news. */
  #syncDelay: Millis;
  /** Members of whom a response told more since the last round, when no push had come for longer than one takes. */
  #refreshed = 0;
  /** When the last members came up that had just been started, newest last; as many as make a crowd. */
  readonly #arrivals: Millis[] = [];
  #wasAlone = true;
  #hasNews = false;
  #wantsSync = false;

  /** @throws GossipError `invalid-config` or `invalid-argument` naming what was expected and what came. */
  constructor({ self, incarnation, config: given, random, disclosure, isLinked }: DiscoveryOptions) {
    const config = resolveDiscoveryConfig(given);
    const turn = this.#turn;
    const own = new OwnRecord(self, incarnation, config, turn);
    this.#config = config;
    this.#random = random;
    this.#own = own;
    this.#liveness = new Liveness(config);
    const table = new MemberTable({
      config,
      liveness: this.#liveness,
      isProtected: (member) => this.#contacts.has(member),
    });
    const exchange = new Exchange({
      config,
      random,
      turn,
      table,
      own,
      disclosure: disclosure ?? ((_, subject) => (subject.pkiId === self.pkiId ? "public" : "nothing")),
      isLinked: isLinked ?? (() => false),
    });
    this.#table = table;
    this.#exchange = exchange;
    this.#contacts = new Contacts({
      config,
      random,
      turn,
      timers: this.#timers,
      own,
      exchange,
      alive: () => table.alive,
    });
    this.#probes = new Probes({ config, random, turn, table, own, exchange });
    this.#successions = new Successions({ config, turn, table, own });
    this.#firstContact = new FirstContact(config, turn, own);
    this.#syncDelay = config.newsIntervalMs;
    this.#newsDelay = config.newsIntervalMs;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: DiscoveryInput | Wake, now: Millis): readonly DiscoveryOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#turn.begin(now);
    this.#own.started();
    const sleptMs = this.#liveness.onStep(now, this.deadline);
    if (sleptMs !== undefined) this.#onOverslept(sleptMs);
    this.#handle(input);
    this.#settle();
    return this.#turn.end();
  }

  #handle(input: DiscoveryInput | Wake): void {
    switch (input.type) {
      case "wake":
        for (const timer of this.#timers.expire(this.#turn.now)) this.#onTimer(timer);
        return;
      case "connect":
        return this.#contacts.onConnect(input);
      case "release":
        return this.#contacts.onRelease(input.endpoint);
      case "identified":
        return this.#contacts.onIdentified(input);
      case "identify-failed":
        return this.#contacts.onIdentifyFailed(input.endpoint);
      case "endpoint-verified":
        return this.#firstContact.onVerified(input.pkiId);
      case "alive":
        return this.#onAlive(input.alive, "push", input.from);
      case "membership-request":
        return this.#onMembershipRequest(input);
      case "membership-response":
        return this.#onMembershipResponse(input);
      case "presumed-dead":
        return this.#onPresumedDead(input.pkiId);
      case "identity-removed":
        return this.#onIdentityRemoved(input.pkiId);
      case "ping-result":
        return this.#probes.onResult(input);
      case "update-self":
        this.#own.update(input);
        this.#hasNews = true;
        return;
      case "sync-soon":
        this.#wantsSync = true;
        return;
      default:
        unreachable(input);
    }
  }

  // Alive messages, by whatever way

  #onAlive(alive: Verified<AliveMessage>, path: AlivePath, from: PkiId): void {
    const { message } = alive;
    if (message.member.pkiId === this.#own.pkiId) {
      // Somebody holds us dead, and believes only a message newer than any it has (page 04 §13.2).
      if (path === "dead-entry") this.#hasNews = true;
      return this.#own.onReturned(message, from);
    }
    if (this.#table.isStranger(message.member.pkiId) && this.#firstContact.doubts(message, from)) {
      if (path !== "dead-entry") this.#firstContact.ask(dialledAt(alive));
      return this.#turn.drop("too-old", from);
    }
    // Compared again here, for time has passed since `wants` while the signature was checked (page 04 §16).
    const lastSeen = this.#table.get(message.member.pkiId)?.lastSeen ?? this.#turn.now;
    const applied = this.#table.apply(alive, path, from, this.#turn.now);
    if (typeof applied === "string") return this.#turn.drop(applied, from);
    const { change, member, forward, evicted } = applied;
    if (evicted !== undefined) this.#turn.say({ type: "member-forgotten", pkiId: evicted, cause: "evicted" });
    if (change === "learned" || change === "resurrected") {
      // Only who was just started shows its identity.
      if (message.identity.length > 0) this.#onArrival();
      this.#memberUp(member, change);
    } else if (change === "updated") this.#turn.say({ type: "member-updated", member });
    else if (change === "reported") this.#turn.say({ type: "member-down", member, cause: "reported" });
    const isMissed = this.#turn.now - lastSeen > this.#config.aliveTimeIntervalMs * missedPeriods;
    if (change === "refreshed" && path === "alive-entry" && isMissed) this.#refreshed++;
    if (change !== "none" && change !== "refreshed") this.#successions.check(member);
    if (forward && !(change === "learned" && this.isCrowded)) {
      const waitMs = this.#patience(change !== "none" && change !== "refreshed");
      this.#turn.say({ type: "forward-alive", alive, except: from, waitMs });
    }
  }

  #memberUp(member: DiscoveryMember, cause: MemberUp["cause"]): void {
    this.#turn.say({ type: "member-up", member, cause });
    // Who comes into a large network asks for its members; a heartbeat of each for each that comes would be far more.
    if (this.#table.aliveCount <= smallNetwork) this.#hasNews = true;
    this.#hastenSync();
    this.#contacts.onMemberUp(member);
  }

  #onArrival(): void {
    this.#arrivals.push(this.#turn.now);
    if (this.#arrivals.length > crowd) this.#arrivals.shift();
  }

  /**
   * Whether many have just been started. They all ask for views, by which each learns of many at once; if each were told of
   * each by pushes, those whom all contact first would be kept from answering.
   */
  get isCrowded(): boolean {
    const { aliveTimeIntervalMs, newsIntervalMs } = this.#config;
    const [first] = this.#arrivals;
    if (newsIntervalMs === Number.POSITIVE_INFINITY || first === undefined || this.#arrivals.length < crowd)
      return false;
    return this.#turn.now - first < aliveTimeIntervalMs;
  }

  #onMembershipRequest(request: MembershipRequested): void {
    const { from, self } = request;
    const { pkiId } = self.message.member;
    if (pkiId !== from) return this.#turn.drop("not-own-information", from);
    if (from === this.#own.pkiId) return this.#turn.drop("own-message", from);
    this.#onAlive(self, "request", from);
    if (this.#turn.hasDropped("malformed") || this.#turn.hasDropped("too-large")) return;
    this.#exchange.respond(request);
  }

  #onMembershipResponse({ from, nonce, alive, dead }: MembershipResponded): void {
    if (!this.#exchange.take(from, nonce)) return this.#turn.drop("unsolicited-response", from);
    this.#contacts.onResponse(from, nonce);
    let room = this.#config.maxResponseEntries;
    for (const [entries, path] of [[alive, "alive-entry"] as const, [dead, "dead-entry"] as const]) {
      for (const entry of entries) {
        if (room-- > 0) this.#onAlive(entry, path, from);
        else this.#turn.drop("too-many-entries", from);
      }
    }
  }

  // Death

  #onPresumedDead(pkiId: PkiId): void {
    const presumed = this.#table.presumeDead(pkiId, this.#turn.now);
    if (presumed === undefined) this.#turn.drop("unknown-member", pkiId);
    else if (typeof presumed === "string") this.#turn.drop(`${presumed}-notice`, pkiId);
    else this.#memberDown(presumed);
  }

  #check(): void {
    const { down, forgotten } = this.#table.sweep(this.#turn.now);
    for (const one of down) this.#memberDown(one);
    for (const pkiId of forgotten) this.#turn.say({ type: "member-forgotten", pkiId, cause: "expired" });
    this.#successions.again();
  }

  #memberDown(down: MemberDown): void {
    this.#hastenSync();
    this.#turn.say(down);
    this.#turn.say({ type: "disconnect", pkiId: down.member.pkiId, reason: "member-down" });
  }

  #onIdentityRemoved(pkiId: PkiId): void {
    const member = this.#table.forget(pkiId);
    if (member === undefined) return this.#turn.drop("unknown-member", pkiId);
    this.#turn.say({ type: "member-forgotten", pkiId, cause: "identity-removed" });
    this.#contacts.onMemberForgotten(member);
  }

  /** Others may hold us dead by now, and tell us nothing until they know better. */
  #onOverslept(sleptMs: Millis): void {
    this.#turn.say({ type: "overslept", sleptMs });
    this.#hasNews = true;
    this.#wantsSync = true;
  }

  // Timers

  #onTimer(timer: TimerName): void {
    switch (timer) {
      case "heartbeat":
        return this.#sendHeartbeat();
      case "sync":
        return this.#sync();
      case "probe":
        return this.#probes.round();
      case "check":
        return this.#check();
      default:
        return this.#contacts.onTimer(timer);
    }
  }

  /** What follows from the step as a whole: news is told once, timers run for what there is, drops are counted. */
  #settle(): void {
    const { aliveTimeIntervalMs, aliveCheckIntervalMs, newsIntervalMs, reconnectIntervalMs, pullIntervalMs } =
      this.#config;
    const isAlone = this.#table.aliveCount === 0;
    if (isAlone) {
      // Nobody to tell and nobody to ask (page 04 §13.8): only contacts and probes lead back.
      this.#timers.clear("heartbeat");
      this.#timers.clear("sync");
      if (!this.#wasAlone) this.#contacts.onAlone();
    } else {
      if (this.#wasAlone) {
        this.#hasNews = !this.isCrowded;
        // Who has just been told of many has little to learn yet.
        this.#syncDelay = Math.min(Math.max(newsIntervalMs, this.#gapOf(newsIntervalMs) / 2), pullIntervalMs);
        this.#timers.set("sync", this.#nextTick(this.#syncDelay));
      }
      if (this.#hasNews) this.#soon("heartbeat", this.#lastHeartbeat, this.#newsDelay, () => this.#sendHeartbeat());
      if (this.#wantsSync) this.#soon("sync", this.#lastSync, newsIntervalMs, () => this.#sync());
      if (this.#timers.at("heartbeat") === undefined) {
        this.#timers.set("heartbeat", this.#nextTick(aliveTimeIntervalMs));
      }
    }
    this.#wasAlone = isAlone;
    this.#hasNews = false;
    this.#wantsSync = false;

    if (!this.#table.isEmpty) this.#timerOnce("check", aliveCheckIntervalMs);
    if (this.#table.deadCount > 0) this.#timerOnce("probe", reconnectIntervalMs * (0.9 + fraction(this.#random) / 5));
    else this.#timers.clear("probe");
  }

  /** Does it now or, when the last time is too recent, as soon as that is over; never later than planned. */
  #soon(timer: "heartbeat" | "sync", last: Millis, delay: Millis, act: () => void): void {
    const { newsIntervalMs, aliveTimeIntervalMs } = this.#config;
    if (newsIntervalMs === Number.POSITIVE_INFINITY) return;
    const at = last + Math.min(this.#gapOf(delay), aliveTimeIntervalMs);
    if (at <= this.#turn.now) act();
    else if (at < (this.#timers.at(timer) ?? Number.POSITIVE_INFINITY)) this.#timers.set(timer, at);
  }

  /** What many hear is said less often. */
  #gapOf(delay: Millis): Millis {
    // Of a crowd little is said but when somebody asks.
    return delay * Math.max(1, this.#table.aliveCount / (this.isCrowded ? 2 * smallNetwork : smallNetwork));
  }

  /** After that delay, or, when nothing is caused by news, as if it had run since the start. */
  #nextTick(delay: Millis): Millis {
    if (this.#config.newsIntervalMs !== Number.POSITIVE_INFINITY) return this.#turn.now + delay;
    const { startedAt } = this.#own;
    return startedAt + (Math.floor((this.#turn.now - startedAt) / delay) + 1) * delay;
  }

  /** A view that changes is compared with others soon, and then less and less often. */
  #hastenSync(): void {
    const { pullIntervalMs, newsIntervalMs } = this.#config;
    const delay = Math.min(this.#gapOf(newsIntervalMs), pullIntervalMs);
    if (this.#syncDelay <= delay) return;
    this.#syncDelay = delay;
    const at = this.#turn.now + delay;
    if (at < (this.#timers.at("sync") ?? Number.POSITIVE_INFINITY)) this.#timers.set("sync", at);
  }

  #timerOnce(timer: TimerName, delay: Millis): void {
    if (this.#timers.at(timer) === undefined) this.#timers.set(timer, this.#turn.now + delay);
  }

  #sendHeartbeat(): void {
    const { aliveTimeIntervalMs, newsIntervalMs } = this.#config;
    const isFirst = this.#lastHeartbeat === Number.NEGATIVE_INFINITY;
    const isEarly = this.#turn.now < this.#lastHeartbeat + aliveTimeIntervalMs;
    this.#newsDelay = isEarly ? Math.min(2 * this.#newsDelay, aliveTimeIntervalMs) : newsIntervalMs;
    this.#lastHeartbeat = this.#turn.now;
    this.#timers.set("heartbeat", this.#turn.now + aliveTimeIntervalMs);
    this.#turn.say({ type: "send-alive", self: this.#own.next(), waitMs: this.#patience(isEarly || isFirst) });
  }

  /**
   * How long a push may wait for company: in a large network somebody is heard of all the time, and each burst wakes those
   * who get it. Nobody waits for a heartbeat that says nothing new; the clock is far slower than this.
   */
  #patience(isNews: boolean): Millis {
    const { newsIntervalMs, aliveTimeIntervalMs } = this.#config;
    if (newsIntervalMs === Number.POSITIVE_INFINITY || this.#table.aliveCount <= smallNetwork) return 0;
    return isNews ? newsIntervalMs * newsPatience : aliveTimeIntervalMs * heartbeatPatience;
  }

  #sync(): void {
    const { pullIntervalMs, aliveExpirationTimeoutMs, newsIntervalMs } = this.#config;
    const isInHaste = this.#syncDelay < pullIntervalMs;
    const isByClock = newsIntervalMs === Number.POSITIVE_INFINITY;
    // Views are also how those learn of us whom our heartbeats do not reach; where those are many, it must not be rare.
    const isQuiet = !isByClock && this.#refreshed <= this.#table.aliveCount * fewRefreshed;
    const longest = isInHaste || !isQuiet ? pullIntervalMs : Math.max(aliveExpirationTimeoutMs / 2, pullIntervalMs);
    this.#refreshed = 0;
    this.#lastSync = this.#turn.now;
    this.#syncDelay = Math.min(2 * this.#syncDelay, longest);
    this.#timers.set("sync", this.#turn.now + this.#syncDelay);
    this.#exchange.askSome(isInHaste);
  }

  // Queries

  /**
   * Whether an alive message would change anything: asked before its signature is checked (page 04 §8.2).
   * `hasSecret` tells whether its envelope has a secret, which may complete a message that is held without.
   */
  wants(message: AliveMessage, path: AlivePath, hasSecret = false): boolean {
    if (path === "request") return true; // Answered even when its self information is old (§8.3).
    if (message.member.pkiId === this.#own.pkiId) return this.#own.isNotable(message.time, path);
    return this.#table.refusal(message, path, hasSecret) === undefined;
  }

  /** Whether a response from this peer with this nonce is waited for: asked before its entries are verified. */
  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#exchange.awaits(from, nonce);
  }

  /** What own alive messages say of us from the next one on. */
  get self(): Member {
    return this.#own.member;
  }

  /** Alive members, self excluded. */
  get members(): readonly DiscoveryMember[] {
    return this.#table.alive;
  }

  /** The same, by their PKI-IDs. */
  get alivePkiIds(): readonly PkiId[] {
    return this.#table.alivePkiIds;
  }

  /** Members that fell silent and are not forgotten. */
  get deadMembers(): readonly DiscoveryMember[] {
    return this.#table.dead;
  }

  /** The newest alive message that is held of a member, as it was verified; with its secret if that ever came. */
  envelopeOf(pkiId: PkiId): Envelope | undefined {
    return this.#table.envelopeOf(pkiId);
  }

  /** A member, alive or dead; `undefined` when unknown, forgotten or self. */
  lookup(pkiId: PkiId): DiscoveryMember | undefined {
    return this.#table.get(pkiId);
  }
}

/** Where the author of a message is dialled, as far as the message says. */
function dialledAt({ message, envelope }: Verified<AliveMessage>): string {
  return (envelope.secret && readInternalEndpoint(envelope.secret.payload)) || message.member.endpoint;
}
