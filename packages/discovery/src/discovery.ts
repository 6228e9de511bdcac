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
 * [12] and are filtered before they are drawn [14]; secrets go to the own organization only, and a complete copy
 * completes an incomplete one [15].
 */

import type { Verified } from "@gossip/crypto";
import { type AliveMessage, type Member, type PkiId, readInternalEndpoint } from "@gossip/proto";
import {
  BoundedMap,
  fraction,
  GossipError,
  type Machine,
  type Millis,
  type Random,
  sample,
  Timers,
  unreachable,
  type Wake,
} from "@gossip/runtime";
import { Asked } from "./asked.js";
import { type DiscoveryConfig, resolveDiscoveryConfig } from "./config.js";
import { type Contact, Contacts, retryDelay } from "./contacts.js";
import type { Disclosure } from "./disclosure.js";
import { canonicalEndpoint, leadsTo } from "./endpoint.js";
import type {
  AlivePath,
  Connect,
  ContactFailure,
  DiscoveryDropReason,
  DiscoveryInput,
  DiscoveryMember,
  DiscoveryOutput,
  Identified,
  MemberDown,
  MembershipRequested,
  MembershipResponded,
  MembershipView,
  MemberUp,
  PingResult,
  RequestTarget,
  SelfRecord,
  UpdateSelf,
} from "./io.js";
import { MemberTable } from "./members.js";
import { OwnTime } from "./own-time.js";
import { Partners } from "./partners.js";
import { viewFor } from "./response.js";
import { Successions } from "./successions.js";

/** Who we are. */
export interface DiscoverySelf {
  readonly pkiId: PkiId;
  /** External endpoint; empty (the default) means invisible to other organizations. */
  readonly endpoint?: string;
  /** What peers of the own organization dial. */
  readonly internalEndpoint: string;
  readonly metadata?: Uint8Array;
}

/** What the shell hands to the discovery machine; signing and verifying stay outside. */
export interface DiscoveryOptions {
  readonly self: DiscoverySelf;
  /** Nanoseconds since 1970 at start, larger than in every earlier life of this identity. */
  readonly incarnation: bigint;
  readonly config?: Partial<DiscoveryConfig>;
  readonly random: Random;
  /** Who may learn whom; the default tells nobody anything but ourselves, without the secret. */
  readonly disclosure?: Disclosure;
}

/** Nonce of every request that is no contact's (page 04 §4.2). */
const noNonce = 0n;

/** Members up to which news travels at `newsIntervalMs`; beyond, the pace falls as the cost of a heartbeat rises. */
const smallNetwork = 8;

type TimerName = "heartbeat" | "sync" | "probe" | "check" | `contact ${string}`;

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
  readonly #disclosure: Disclosure;
  readonly #internalEndpoint: string;
  readonly #time: OwnTime;
  readonly #table: MemberTable;
  readonly #contacts: Contacts;
  readonly #partners: Partners;
  readonly #successions: Successions;
  readonly #timers = new Timers<TimerName>();
  readonly #asked: Asked;
  /** Dead members pinged in this round and not heard of. */
  readonly #pinged: BoundedMap<PkiId, true>;
  #self: Member;

  #startedAt: Millis | undefined;
  #lastHeartbeat = Number.NEGATIVE_INFINITY;
  #lastSync = Number.NEGATIVE_INFINITY;
  #lastConflict = Number.NEGATIVE_INFINITY;
  /** Distance to the next sync round: short at first, when every round brings news. */
  #syncDelay: Millis;
  #wasAlone = true;
  #hasNews = false;
  #wantsSync = false;
  /** Where the next response begins, for views larger than one. */
  #viewCursor = 0;

  // Of the step under way.
  #now: Millis = 0;
  #outputs: DiscoveryOutput[] = [];
  #drops = new Map<DiscoveryDropReason, { readonly from: PkiId; count: number }>();

  /** @throws GossipError `invalid-config` or `invalid-argument` naming what was expected and what came. */
  constructor({ self, incarnation, config, random, disclosure }: DiscoveryOptions) {
    this.#config = resolveDiscoveryConfig(config);
    this.#random = random;
    this.#internalEndpoint = checkedEndpoint("internalEndpoint", self.internalEndpoint);
    this.#self = {
      pkiId: checkedPkiId(self.pkiId),
      endpoint: self.endpoint ? checkedEndpoint("endpoint", self.endpoint) : "",
      metadata: self.metadata?.slice() ?? new Uint8Array(),
    };
    this.#disclosure = disclosure ?? ((_, subject) => (subject.pkiId === self.pkiId ? "public" : "nothing"));
    this.#time = new OwnTime(incarnation);
    this.#contacts = new Contacts(this.#config);
    this.#table = new MemberTable({
      config: this.#config,
      isProtected: (member) => this.#contacts.of(member).length > 0,
    });
    this.#partners = new Partners(random);
    this.#successions = new Successions(this.#config);
    const { maxMembers, maxContacts, maxProbes } = this.#config;
    this.#asked = new Asked(maxMembers + maxContacts);
    this.#pinged = new BoundedMap({ maxEntries: maxProbes, whenFull: "refuse" });
    this.#syncDelay = this.#config.newsIntervalMs;
  }

  get deadline(): Millis {
    return this.#timers.deadline;
  }

  step(input: DiscoveryInput | Wake, now: Millis): readonly DiscoveryOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#now = now;
    this.#startedAt ??= now;
    this.#outputs = [];
    this.#handle(input);
    this.#settle();
    return this.#outputs;
  }

  #handle(input: DiscoveryInput | Wake): void {
    switch (input.type) {
      case "wake":
        for (const timer of this.#timers.expire(this.#now)) this.#onTimer(timer);
        return;
      case "connect":
        return this.#onConnect(input);
      case "release":
        return this.#onRelease(input.endpoint);
      case "identified":
        return this.#onIdentified(input);
      case "identify-failed":
        return this.#onIdentifyFailed(input.endpoint);
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
        return this.#onPingResult(input);
      case "update-self":
        return this.#onUpdateSelf(input);
      case "sync-soon":
        this.#wantsSync = true;
        return;
      default:
        unreachable(input);
    }
  }

  #onTimer(timer: TimerName): void {
    switch (timer) {
      case "heartbeat":
        return this.#sendHeartbeat();
      case "sync":
        return this.#sync();
      case "probe":
        return this.#probe();
      case "check":
        return this.#check();
      default: {
        const contact = this.#contacts.get(timer.slice("contact ".length));
        if (contact?.phase === "waiting") this.#attempt(contact);
        else if (contact?.phase === "identifying") this.#fail(contact, "not-identified");
        else if (contact?.phase === "requested") this.#fail(contact, "no-response");
      }
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
      if (!this.#wasAlone) for (const contact of this.#contacts.all) this.#restart(contact);
    } else {
      if (this.#wasAlone) {
        this.#syncDelay = Math.min(newsIntervalMs, pullIntervalMs);
        this.#timers.set("sync", this.#nextTick(this.#syncDelay));
      }
      if (this.#hasNews) this.#soon("heartbeat", this.#lastHeartbeat, () => this.#sendHeartbeat());
      if (this.#wantsSync) this.#soon("sync", this.#lastSync, () => this.#sync());
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

    for (const [reason, { from, count }] of this.#drops) this.#outputs.push({ type: "dropped", reason, from, count });
    this.#drops.clear();
  }

  /** Does it now or, when the last time is too recent, as soon as that is over; never later than planned. */
  #soon(timer: "heartbeat" | "sync", last: Millis, act: () => void): void {
    const { newsIntervalMs, aliveTimeIntervalMs } = this.#config;
    if (newsIntervalMs === Number.POSITIVE_INFINITY) return;
    const gap = Math.min(newsIntervalMs * Math.max(1, this.#table.aliveCount / smallNetwork), aliveTimeIntervalMs);
    const at = last + gap;
    if (at <= this.#now) act();
    else if (at < (this.#timers.at(timer) ?? Number.POSITIVE_INFINITY)) this.#timers.set(timer, at);
  }

  /** After that delay, or, when nothing is caused by news, as if it had run since the start. */
  #nextTick(delay: Millis): Millis {
    if (this.#config.newsIntervalMs !== Number.POSITIVE_INFINITY) return this.#now + delay;
    const startedAt = this.#startedAt ?? this.#now;
    return startedAt + (Math.floor((this.#now - startedAt) / delay) + 1) * delay;
  }

  #timerOnce(timer: TimerName, delay: Millis): void {
    if (this.#timers.at(timer) === undefined) this.#timers.set(timer, this.#now + delay);
  }

  // Own messages

  #sendHeartbeat(): void {
    this.#lastHeartbeat = this.#now;
    this.#timers.set("heartbeat", this.#now + this.#config.aliveTimeIntervalMs);
    this.#outputs.push({ type: "send-alive", self: this.#selfRecord() });
  }

  #selfRecord(): SelfRecord {
    return { member: this.#self, time: this.#time.next(), internalEndpoint: this.#internalEndpoint };
  }

  #onUpdateSelf({ metadata, endpoint }: UpdateSelf): void {
    this.#self = {
      pkiId: this.#self.pkiId,
      endpoint: endpoint ? checkedEndpoint("endpoint", endpoint) : (endpoint ?? this.#self.endpoint),
      metadata: metadata?.slice() ?? this.#self.metadata,
    };
    this.#hasNews = true;
  }

  /** Our own message came back (page 04 §13.1, §13.2). */
  #onOwnMessage({ time, member }: AliveMessage, path: AlivePath, from: PkiId): void {
    const { aliveExpirationTimeoutMs } = this.#config;
    this.#drop("own-message", from);
    // Somebody holds us dead, and believes only a message newer than any it has.
    if (path === "dead-entry") this.#hasNews = true;
    if (this.#time.isForeign(time) && this.#now - this.#lastConflict > aliveExpirationTimeoutMs) {
      this.#lastConflict = this.#now;
      this.#outputs.push({ type: "identity-conflict", endpoint: member.endpoint, time });
    }
    if (this.#now - (this.#startedAt ?? this.#now) > aliveExpirationTimeoutMs) this.#time.remember(time);
  }

  // Alive messages, by whatever way

  #onAlive(alive: Verified<AliveMessage>, path: AlivePath, from: PkiId): void {
    const { message } = alive;
    if (message.member.pkiId === this.#self.pkiId) return this.#onOwnMessage(message, path, from);
    // Compared again here, for time has passed since `wants` while the signature was checked (page 04 §16).
    const applied = this.#table.apply(alive, path, this.#now);
    if (typeof applied === "string") return this.#drop(applied, from);
    const { change, member, forward, evicted } = applied;
    if (evicted !== undefined) this.#outputs.push({ type: "member-forgotten", pkiId: evicted, cause: "evicted" });
    if (change === "learned" || change === "resurrected") this.#memberUp(member, change);
    else if (change === "updated") this.#outputs.push({ type: "member-updated", member });
    else if (change === "reported") this.#outputs.push({ type: "member-down", member, cause: "reported" });
    if (change !== "none" && change !== "refreshed") this.#checkPlace(member);
    if (forward) this.#outputs.push({ type: "forward-alive", alive, except: from });
  }

  /** Somebody else says to be at the same endpoint, us included (page 04 §13.3): ask who is. */
  #checkPlace(member: DiscoveryMember): void {
    const { preferredEndpoint: endpoint } = member;
    const own = this.#isOwnEndpoint(endpoint) ? this.#time.current.incarnation : undefined;
    const older = this.#successions.disputed(member, [...this.members, ...this.deadMembers], this.#now, own);
    if (older.length > 0) this.#outputs.push({ type: "verify-endpoint", endpoint, older });
  }

  #isOwnEndpoint(endpoint: string): boolean {
    const canonical = canonicalEndpoint(endpoint);
    const own = { endpoint: this.#self.endpoint, internalEndpoint: this.#internalEndpoint };
    return canonical !== undefined && leadsTo(canonical, own);
  }

  #memberUp(member: DiscoveryMember, cause: MemberUp["cause"]): void {
    this.#outputs.push({ type: "member-up", member, cause });
    this.#hasNews = true;
    for (const contact of this.#contacts.of(member)) {
      // An attempt under way may go on: its response brings a whole view.
      if (contact.phase === "waiting" || contact.phase === "given-up") this.#answered(contact);
    }
  }

  #memberDown(member: DiscoveryMember, cause: MemberDown["cause"]): void {
    this.#outputs.push({ type: "member-down", member, cause });
    this.#outputs.push({ type: "disconnect", pkiId: member.pkiId, reason: "member-down" });
  }

  // Requests and responses

  #onMembershipRequest({ from, nonce, self }: MembershipRequested): void {
    const { member } = self.message;
    if (member.pkiId !== from) return this.#drop("not-own-information", from);
    if (from === this.#self.pkiId) return this.#drop("own-message", from);
    this.#onAlive(self, "request", from);
    if (this.#drops.has("malformed") || this.#drops.has("too-large")) return;

    const disclosed = this.#disclosure(member, this.#self);
    if (disclosed === "nothing") {
      this.#drop("undisclosed", from);
      this.#outputs.push({ type: "disconnect", pkiId: from, reason: "undisclosed" });
      return;
    }
    const secret = self.envelope.secret && readInternalEndpoint(self.envelope.secret.payload);
    const view = viewFor({
      table: this.#table,
      target: member,
      disclosure: this.#disclosure,
      config: this.#config,
      cursor: this.#viewCursor,
      now: this.#now,
    });
    this.#viewCursor += view.visited;
    this.#outputs.push({
      type: "respond-membership",
      to: { pkiId: from, endpoint: secret || this.lookup(from)?.preferredEndpoint || member.endpoint },
      nonce,
      alive: view.alive,
      dead: view.dead,
      self: this.#selfRecord(),
      includeSecret: disclosed === "all",
    });
  }

  #onMembershipResponse({ from, nonce, alive, dead }: MembershipResponded): void {
    if (!this.#asked.take(from, nonce, this.#now)) return this.#drop("unsolicited-response", from);
    const contact = this.#contacts.awaiting(from, nonce);
    if (contact !== undefined) this.#answered(contact);
    let room = this.#config.maxResponseEntries;
    for (const [entries, path] of [[alive, "alive-entry"] as const, [dead, "dead-entry"] as const]) {
      for (const entry of entries) {
        if (room-- > 0) this.#onAlive(entry, path, from);
        else this.#drop("too-many-entries", from);
      }
    }
  }

  #request(to: readonly RequestTarget[], nonce: bigint): void {
    const until = this.#now + this.#config.responseTimeoutMs;
    for (const { pkiId } of to) this.#asked.add(pkiId, nonce, until);
    this.#outputs.push({ type: "request-membership", to, nonce, self: this.#selfRecord() });
  }

  /** A member as a receiver of our information; `undefined` when it may not learn of us. */
  #targetOf(member: DiscoveryMember): RequestTarget | undefined {
    const disclosed = this.#disclosure(member, this.#self);
    if (disclosed === "nothing") return undefined;
    return { pkiId: member.pkiId, endpoint: member.preferredEndpoint, includeSecret: disclosed === "all" };
  }

  /** Asks some alive members for their view (page 04 §10). */
  #sync(): void {
    const { pullPeerNum, pullIntervalMs } = this.#config;
    this.#lastSync = this.#now;
    this.#syncDelay = Math.min(2 * this.#syncDelay, pullIntervalMs);
    this.#timers.set("sync", this.#now + this.#syncDelay);
    const eligible = this.members.filter((member) => this.#targetOf(member) !== undefined);
    const to = this.#partners.next(eligible, pullPeerNum).flatMap((member) => this.#targetOf(member) ?? []);
    if (to.length > 0) this.#request(to, noNonce);
  }

  // Death

  #check(): void {
    const { down, forgotten } = this.#table.sweep(this.#now);
    for (const member of down) this.#memberDown(member, "silence");
    for (const pkiId of forgotten) this.#outputs.push({ type: "member-forgotten", pkiId, cause: "expired" });
  }

  #onPresumedDead(pkiId: PkiId): void {
    const member = this.#table.markDead(pkiId);
    if (member === undefined) this.#drop("unknown-member", pkiId);
    else this.#memberDown(member, "presumed-dead");
  }

  #onIdentityRemoved(pkiId: PkiId): void {
    const member = this.#table.forget(pkiId);
    if (member === undefined) return this.#drop("unknown-member", pkiId);
    this.#outputs.push({ type: "member-forgotten", pkiId, cause: "identity-removed" });
    // Somebody else may be at that endpoint now, under another identity.
    for (const contact of this.#contacts.of(member)) if (!this.#isAliveAt(contact)) this.#restart(contact);
  }

  /** Pings one dead member per endpoint, the youngest life there, since the others cannot answer (page 04 §19.18). */
  #probe(): void {
    this.#pinged.clear();
    const byEndpoint = new Map<string, DiscoveryMember>();
    for (const member of this.deadMembers) {
      const endpoint = canonicalEndpoint(member.preferredEndpoint);
      // Whoever is said to be where we are is not there.
      if (endpoint === undefined || this.#isOwnEndpoint(endpoint) || this.#targetOf(member) === undefined) continue;
      const other = byEndpoint.get(endpoint);
      if (other === undefined || other.incarnation < member.incarnation) byEndpoint.set(endpoint, member);
    }
    for (const { pkiId, preferredEndpoint } of sample(this.#random, [...byEndpoint.values()], this.#config.maxProbes)) {
      this.#pinged.set(pkiId, true);
      this.#outputs.push({ type: "ping", pkiId, endpoint: preferredEndpoint });
    }
  }

  #onPingResult({ pkiId, alive }: PingResult): void {
    if (!this.#pinged.delete(pkiId)) return this.#drop("unexpected-result", pkiId);
    const member = this.lookup(pkiId);
    const target = member?.state === "dead" && alive ? this.#targetOf(member) : undefined;
    if (target !== undefined) this.#request([target], noNonce);
  }

  // Contacts

  #onConnect({ endpoint, role }: Connect): void {
    const canonical = canonicalEndpoint(endpoint);
    if (canonical === undefined) return this.#drop("malformed");
    if (this.#isOwnEndpoint(endpoint)) return this.#drop("own-endpoint");
    if (role === "foreign-anchor" && this.#self.endpoint === "") return this.#drop("no-external-endpoint");
    const known = this.#contacts.get(endpoint);
    if (known !== undefined) {
      // What is expected of a bootstrap endpoint is the strictest, and stays.
      if (known.role !== "bootstrap") known.role = role;
      if (known.phase === "given-up") this.#restart(known);
      return;
    }
    const contact = this.#contacts.add(endpoint, role);
    if (contact === undefined) this.#drop("contacts-full");
    else if (this.#isAliveAt(contact)) this.#answered(contact);
    else this.#attempt(contact);
  }

  #onRelease(endpoint: string): void {
    const contact = this.#contacts.get(endpoint);
    if (contact === undefined) return;
    this.#timers.clear(timerOf(contact));
    this.#contacts.delete(endpoint);
  }

  #attempt(contact: Contact): void {
    contact.phase = "identifying";
    contact.attempts++;
    this.#timers.set(timerOf(contact), this.#now + this.#config.identifyTimeoutMs);
    this.#outputs.push({ type: "identify", endpoint: contact.endpoint });
  }

  #onIdentified({ endpoint, pkiId, sameOrg }: Identified): void {
    const contact = this.#contacts.get(endpoint);
    if (contact?.phase !== "identifying") return this.#drop("unexpected-result", pkiId);
    if (pkiId === this.#self.pkiId) {
      this.#onRelease(endpoint);
      return this.#drop("own-endpoint", pkiId);
    }
    if (!sameOrg && contact.role !== "foreign-anchor") return this.#fail(contact, "wrong-organization");
    const nonce = nonZero(this.#random);
    contact.phase = "requested";
    contact.asked = { pkiId, nonce };
    this.#timers.set(timerOf(contact), this.#now + this.#config.responseTimeoutMs);
    this.#request([{ pkiId, endpoint: contact.endpoint, includeSecret: sameOrg }], nonce);
  }

  #onIdentifyFailed(endpoint: string): void {
    const contact = this.#contacts.get(endpoint);
    if (contact?.phase === "identifying") this.#fail(contact, "not-identified");
    else this.#drop("unexpected-result");
  }

  #fail(contact: Contact, failure: ContactFailure): void {
    contact.asked = undefined;
    const { endpoint } = contact;
    if (this.#isAliveAt(contact)) return this.#answered(contact);
    if (contact.attempts >= this.#config.maxConnectionAttempts && this.#table.aliveCount > 0) {
      contact.phase = "given-up";
      this.#timers.clear(timerOf(contact));
      this.#outputs.push({ type: "contact", endpoint, state: "given-up", failure });
      return;
    }
    contact.phase = "waiting";
    const delay = retryDelay(contact.attempts - 1, this.#config, this.#random);
    this.#timers.set(timerOf(contact), this.#now + delay);
    this.#outputs.push({ type: "contact", endpoint, state: "retrying", failure });
  }

  #answered(contact: Contact): void {
    contact.phase = "answered";
    contact.attempts = 0;
    contact.asked = undefined;
    this.#timers.clear(timerOf(contact));
    this.#outputs.push({ type: "contact", endpoint: contact.endpoint, state: "answered" });
  }

  /** Begins anew with a contact that was thought to be done with. */
  #restart(contact: Contact): void {
    if (contact.phase !== "answered" && contact.phase !== "given-up") return;
    contact.phase = "waiting";
    contact.attempts = 0;
    this.#timers.set(timerOf(contact), this.#now + retryDelay(0, this.#config, this.#random));
  }

  #isAliveAt(contact: Contact): boolean {
    return this.members.some((member) => this.#contacts.of(member).includes(contact));
  }

  #drop(reason: DiscoveryDropReason, from = "" as PkiId): void {
    const drop = this.#drops.get(reason);
    if (drop === undefined) this.#drops.set(reason, { from, count: 1 });
    else drop.count++;
  }

  // Queries

  /**
   * Whether an alive message would change anything: asked before its signature is checked (page 04 §8.2).
   * `hasSecret` tells whether its envelope has a secret, which may complete a message that is held without.
   */
  wants(message: AliveMessage, path: AlivePath, hasSecret = false): boolean {
    if (path === "request") return true; // Answered even when its self information is old (§8.3).
    if (message.member.pkiId === this.#self.pkiId) return path === "dead-entry" || this.#time.isNotable(message.time);
    return this.#table.refusal(message, path, hasSecret) === undefined;
  }

  /** Whether a response from this peer with this nonce is waited for: asked before its entries are verified. */
  wantsResponse(from: PkiId, nonce: bigint): boolean {
    return this.#asked.has(from, nonce);
  }

  /** What own alive messages say of us from the next one on. */
  get self(): Member {
    return this.#self;
  }

  /** Alive members, self excluded. */
  get members(): readonly DiscoveryMember[] {
    return this.#table.alive;
  }

  /** Members that fell silent and are not forgotten. */
  get deadMembers(): readonly DiscoveryMember[] {
    return this.#table.dead;
  }

  /** A member, alive or dead; `undefined` when unknown, forgotten or self. */
  lookup(pkiId: PkiId): DiscoveryMember | undefined {
    return this.#table.get(pkiId);
  }
}

function timerOf({ endpoint }: Contact): TimerName {
  return `contact ${endpoint}`;
}

/** 0 says "not a contact's", so a contact's nonce is drawn again until it is another. */
function nonZero(random: Random): bigint {
  for (;;) {
    const nonce = random.uint64();
    if (nonce !== noNonce) return nonce;
  }
}

function checkedPkiId(pkiId: PkiId): PkiId {
  if (pkiId !== "") return pkiId;
  throw new GossipError("invalid-argument", "expected self.pkiId to be a PKI-ID, got an empty one");
}

function checkedEndpoint(name: string, endpoint: string): string {
  if (canonicalEndpoint(endpoint) !== undefined) return endpoint;
  throw new GossipError("invalid-argument", `expected self.${name} as host:port, got ${JSON.stringify(endpoint)}`);
}
