/**
 * Pull: periodic anti-entropy over a set of items, each named by a digest (protocol page 05).
 *
 * Purpose. What push missed is found by asking: some peers tell what they hold, and each missing item is requested of
 * one of them. The machine knows nothing of what items are.
 *
 * Roles and messages. Every node plays both parts:
 *
 * ```
 * initiator                                    responder
 *    │ ── hello    {nonce} ──────────────────────► │  remembers the nonce for requestWaitTimeMs
 *    │ ◄─ digest   {nonce, digests} ────────────── │  what this peer may see, nothing when that is nothing
 *    │ ── request  {nonce, digests} ─────────────► │  each item of one owner
 *    │ ◄─ update   {nonce, items} ──────────────── │  several when large
 * ```
 *
 * States of a session, which is one peer in one round: asked ─► answered ─► owing items ─► over, and from owing to overdue
 * and back, as it lets us wait and goes on. It ends with its round, `digestWaitTimeMs + responseWaitTimeMs` after its start.
 *
 * Timers. The next round: every `pullIntervalMs`, less often while rounds find nothing, earlier on `pull-now`, never within
 * `minRoundIntervalMs`. Per round: when to request (all have answered, or `digestQuietMs` passed since the last digest) and
 * its end. Per session: `failoverMs` after it was asked, or sent something, others are asked for what it still owes. What
 * the responder remembers needs no timer: it is bounded, and its time is checked when it is used.
 *
 * Invariants. What is held is never requested, nor what is on its way: owed by a peer that is not overdue, over all rounds.
 * No peer is requested an item twice under one nonce, nor any after it may have forgotten our hello. An item is accepted
 * only from a peer that it was requested of, once. Nonces are bound to the peer, in both roles. There are never more rounds
 * than `minRoundIntervalMs` fits into the life of one.
 *
 * Deviations from the reference, none visible on the wire but as timing (§12 numbers in brackets): nonces are bound to
 * peers [1]; what was not requested is not accepted [2]; one source of truth for what is held [3, 4]; an item that fails
 * verification costs itself, and is not asked of that peer again for a while [5]; rounds start on news, and become rarer
 * while they find nothing [7]; requests go as soon as answers are in, and again when a slow peer offers more [9]; who does
 * not deliver is replaced within the round [10]; everything is bounded and large updates are cut [11]; rounds are objects
 * [12]; peers are addressed by PKI-ID [13]; silent ones are drawn less often [15].
 */

import type { PkiId } from "@gossip/proto";
import {
  BoundedMap,
  fraction,
  type Machine,
  type Millis,
  type Random,
  sample,
  unreachable,
  type Wake,
} from "@gossip/runtime";
import { type PullConfig, resolvePullConfig } from "./config.js";
import { digestKey } from "./digest-key.js";
import { Hellos } from "./hellos.js";
import type {
  DigestReceived,
  HelloReceived,
  PullDropReason,
  PulledItem,
  PullInput,
  PullItems,
  PullOutput,
  PullPeer,
  RequestReceived,
  UpdateReceived,
} from "./io.js";
import { Partners } from "./partners.js";
import { Round, type Session } from "./round.js";
import { Wants } from "./wants.js";

/** What the shell hands to a pull machine: the items to compare, whom to ask, and how often. */
export interface PullOptions<Item> {
  readonly items: PullItems<Item>;
  /** Whom to ask, self excluded; called at the start of each round. MUST be distinct. */
  peers(): readonly PullPeer[];
  readonly config?: Partial<PullConfig>;
  readonly random: Random;
  /**
   * Whoever has nothing for us says nothing, so silence is an answer too: rounds become rarer as if all had said that they hold
   * what we hold, and nobody passes its turn for it. @default false, since a silent peer may also be one that is not heard
   */
  readonly isSilenceAnAnswer?: boolean;
  /** Whether the first round comes as soon as may be; else only `pull-now` makes it come before its time. @default true */
  readonly isEager?: boolean;
}

/**
 * The pull machine.
 *
 * @typeParam Item what an update carries, e.g. the envelope as received.
 *
 * @example
 * const pull = new Pull({ items, peers: () => discovery.members, config: pullDefaults, random });
 * const outputs = pull.step({ type: "digest", from, nonce, digests }, now); // to a request for what we lack
 */
export class Pull<Item> implements Machine<PullInput<Item>, PullOutput<Item>> {
  readonly #config: PullConfig;
  readonly #items: PullItems<Item>;
  readonly #peers: () => readonly PullPeer[];
  readonly #random: Random;
  readonly #isSilenceAnAnswer: boolean;
  readonly #isEager: boolean;

  // As initiator.
  /** Oldest first, which is also the order of their ends. Their number is bounded by their distance, and with it all that
   * follows: `pullPeerNum` sessions per round, `maxDigests` items per session. */
  readonly #rounds: Round[] = [];
  /** Sessions of all rounds, by peer and nonce. */
  readonly #sessions = new Map<string, Session>();
  /** What is lacking, offered and owed, over all rounds. */
  readonly #wants = new Wants();
  readonly #partners = new Partners();
  /** Items that failed verification, by peer and digest, with the end of the ban. */
  readonly #refused: BoundedMap<string, Millis>;
  /** Peers to ask in the next round, because there is news of them. */
  readonly #hinted = new Map<PkiId, PullPeer>();
  #nextRoundAt: Millis = 0;
  /** The pause to the next round: grows while rounds find nothing. */
  #intervalMs: Millis;
  #lastRoundAt = Number.NEGATIVE_INFINITY;
  #isStarted = false;

  // As responder.
  readonly #hellos: Hellos;

  // Of the step under way.
  #now: Millis = 0;
  #outputs: PullOutput<Item>[] = [];

  /** @throws GossipError `invalid-config` naming what was expected and what came. */
  constructor({ items, peers, config, random, isSilenceAnAnswer = false, isEager = true }: PullOptions<Item>) {
    this.#config = resolvePullConfig(config);
    this.#items = items;
    this.#peers = peers;
    this.#random = random;
    this.#isSilenceAnAnswer = isSilenceAnAnswer;
    this.#isEager = isEager;
    this.#intervalMs = this.#config.pullIntervalMs;
    this.#hellos = new Hellos(this.#config);
    this.#refused = new BoundedMap({ maxEntries: this.#config.maxDigests, whenFull: "evict-oldest" });
  }

  get deadline(): Millis {
    let earliest = this.#nextRoundAt;
    for (const { nextAt } of this.#rounds) if (nextAt < earliest) earliest = nextAt;
    return earliest;
  }

  step(input: PullInput<Item> | Wake, now: Millis): readonly PullOutput<Item>[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#now = now;
    this.#outputs = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      const { minRoundIntervalMs, pullIntervalMs } = this.#config;
      const longest = this.#isEager ? minRoundIntervalMs : pullIntervalMs;
      // By chance, so that peers started together do not ask together.
      this.#nextRoundAt = now + (this.#isByClock ? pullIntervalMs : longest * (1 - fraction(this.#random)));
    }
    this.#handle(input);
    return this.#outputs;
  }

  #handle(input: PullInput<Item> | Wake): void {
    switch (input.type) {
      case "wake":
        return this.#onWake();
      case "pull-now":
        return this.#onPullNow(input.peer);
      case "hello":
        return this.#onHello(input);
      case "digest":
        return this.#onDigest(input);
      case "request":
        return this.#onRequest(input);
      case "update":
        return this.#onUpdate(input);
      default:
        unreachable(input);
    }
  }

  #onWake(): void {
    for (const round of this.#rounds) {
      if (round.flushAt <= this.#now) this.#flush(round);
      for (const session of round.sessions) if (session.overdueAt <= this.#now) this.#onOverdue(session);
    }
    for (let [oldest] = this.#rounds; oldest !== undefined && oldest.endsAt <= this.#now; [oldest] = this.#rounds) {
      this.#end(oldest);
      this.#rounds.shift();
    }
    if (this.#nextRoundAt <= this.#now) this.#startRound();
  }

  // Initiator

  #onPullNow(peer: PullPeer | undefined): void {
    if (this.#isByClock) return;
    this.#intervalMs = this.#config.pullIntervalMs;
    // More hints than these are one: that there is much to ask for. The last place of a round is drawn from all, or whoever
    // makes news all the time would shut out the rest.
    const maxHinted = Math.max(this.#config.pullPeerNum - 1, 1);
    if (peer !== undefined && this.#hinted.size < maxHinted) this.#hinted.set(peer.pkiId, peer);
    const at = this.#lastRoundAt + this.#config.minRoundIntervalMs;
    if (at <= this.#now) this.#startRound();
    else this.#nextRoundAt = Math.min(this.#nextRoundAt, at);
  }

  #startRound(): void {
    const { pullPeerNum, digestWaitTimeMs, requestWaitTimeMs, responseWaitTimeMs } = this.#config;
    this.#lastRoundAt = this.#now;
    this.#nextRoundAt = this.#now + this.#intervalMs;
    const others = this.#peers().filter(({ pkiId }) => !this.#hinted.has(pkiId));
    const drawn = this.#partners.draw(others, pullPeerNum - this.#hinted.size, this.#random);
    const chosen = [...this.#hinted.values(), ...drawn];
    this.#hinted.clear();
    if (chosen.length === 0) return;

    const digestsUntil = this.#now + digestWaitTimeMs;
    const round = new Round(digestsUntil, digestsUntil + responseWaitTimeMs);
    this.#rounds.push(round);
    const freshUntil = digestsUntil + (requestWaitTimeMs - digestWaitTimeMs) * partOfSlack;
    for (const peer of chosen) {
      const nonce = this.#freshNonce(peer.pkiId);
      const calm = { answered: false, overdueAt: Number.POSITIVE_INFINITY, isOverdue: false };
      const session: Session = { round, peer, nonce, freshUntil, owed: new Set(), ...calm };
      round.sessions.push(session);
      this.#sessions.set(sessionKey(peer.pkiId, nonce), session);
      this.#outputs.push({ type: "send-hello", to: peer, nonce });
    }
  }

  #onDigest({ from, nonce, digests }: DigestReceived): void {
    const { maxDigests, digestQuietMs } = this.#config;
    const session = this.#sessions.get(sessionKey(from, nonce));
    if (session === undefined) return this.#drop("unknown-nonce", from);
    const { round } = session;
    if (this.#now > round.digestsUntil) return this.#drop("late-digest", from);
    if (session.answered) return this.#drop("repeated-digest", from);
    session.answered = true;

    const taken = digests.slice(0, maxDigests);
    const wellFormed = taken.filter((digest) => this.#isWellFormed(digest));
    this.#drop("too-many-digests", from, digests.length - taken.length);
    this.#drop("malformed-digest", from, taken.length - wellFormed.length);
    for (const digest of wellFormed) {
      const key = digestKey(digest);
      if (this.#items.has(digest) || this.#isRefused(from, key)) continue;
      round.isFruitful = true;
      if (this.#wants.offer(key, digest, session)) round.pending.add(key);
    }
    if (round.isComplete && digestQuietMs !== Number.POSITIVE_INFINITY) this.#flush(round);
    else round.flushAt = Math.min(this.#now + digestQuietMs, round.digestsUntil);
  }

  #isWellFormed(digest: Uint8Array): boolean {
    return (
      digest.length > 0 && digest.length <= this.#config.maxDigestBytes && (this.#items.isDigest?.(digest) ?? true)
    );
  }

  #flush(round: Round): void {
    const keys = [...round.pending];
    round.pending.clear();
    round.flushAt = Number.POSITIVE_INFINITY;
    this.#request(keys);
  }

  /** Asks for these items, each of one that offers it and still remembers our hello, unless they are on their way. */
  #request(keys: Iterable<string>): void {
    const requests = this.#wants.assign(keys, {
      random: this.#random,
      isWanted: (digest) => !this.#items.has(digest),
      mayAsk: ({ freshUntil, peer }, key) => this.#now <= freshUntil && !this.#isRefused(peer.pkiId, key),
    });
    for (const [session, digests] of requests) {
      this.#waitFor(session);
      this.#outputs.push({ type: "send-request", to: session.peer, nonce: session.nonce, digests });
    }
  }

  /** The session's peer has work to do, or does it. */
  #waitFor(session: Session): void {
    session.isOverdue = false;
    session.overdueAt = session.owed.size === 0 ? Number.POSITIVE_INFINITY : this.#now + this.#config.failoverMs;
  }

  #onOverdue(session: Session): void {
    session.overdueAt = Number.POSITIVE_INFINITY;
    // What came otherwise is owed by nobody, and who sent it too was not late.
    this.#wants.settleHeld(session, (digest) => this.#items.has(digest));
    if (session.owed.size === 0) return;
    session.isOverdue = true;
    this.#request([...session.owed]);
  }

  #onUpdate({ from, nonce, items, refused = [] }: UpdateReceived<Item>): void {
    const session = this.#sessions.get(sessionKey(from, nonce));
    if (session === undefined || session.owed.size === 0) return this.#drop("unknown-nonce", from);
    const accepted: PulledItem<Item>[] = [];
    for (const item of items) {
      const key = digestKey(item.digest);
      if (!session.owed.has(key)) continue;
      this.#wants.settle(key);
      accepted.push(item);
    }
    const failed: string[] = [];
    for (const digest of refused) {
      const key = digestKey(digest);
      if (!session.owed.has(key)) continue;
      this.#wants.giveUp(key, session);
      this.#refused.set(refusedKey(from, key), this.#now + this.#config.refusedTtlMs);
      failed.push(key);
    }
    if (accepted.length + failed.length > 0) this.#waitFor(session);
    if (accepted.length > 0) this.#outputs.push({ type: "accept", from, items: accepted });
    this.#drop("refused-item", from, failed.length);
    this.#drop("unrequested-item", from, items.length - accepted.length + refused.length - failed.length);
    this.#request(failed);
  }

  #end(round: Round): void {
    const owedToTheEnd: string[] = [];
    for (const session of round.sessions) {
      const { peer, nonce, answered, isOverdue, owed } = session;
      const isSilent = !answered && !this.#isSilenceAnAnswer;
      this.#partners.asked(peer.pkiId, isSilent || isOverdue || owed.size > 0);
      this.#sessions.delete(sessionKey(peer.pkiId, nonce));
      owedToTheEnd.push(...this.#wants.end(session));
    }
    this.#request(owedToTheEnd);
    this.#adapt(round);
  }

  /** All answered, and had nothing for us: there is little to be found. Who is silent may have it, and costs next to nothing. */
  #adapt({ isFruitful, isComplete }: Round): void {
    const { pullIntervalMs, maxPullIntervalMs } = this.#config;
    if (this.#isByClock) return;
    if (isFruitful) {
      this.#intervalMs = pullIntervalMs;
      const at = Math.max(this.#lastRoundAt + pullIntervalMs, this.#now);
      this.#nextRoundAt = Math.min(this.#nextRoundAt, at);
    } else if (isComplete || this.#isSilenceAnAnswer)
      this.#intervalMs = Math.min(2 * this.#intervalMs, maxPullIntervalMs);
  }

  #isRefused(from: PkiId, key: string): boolean {
    return this.#now < (this.#refused.get(refusedKey(from, key)) ?? Number.NEGATIVE_INFINITY);
  }

  #freshNonce(pkiId: PkiId): bigint {
    for (;;) {
      const nonce = this.#random.uint64();
      // 0 is what an absent field reads as.
      if (nonce !== 0n && !this.#sessions.has(sessionKey(pkiId, nonce))) return nonce;
    }
  }

  get #isByClock(): boolean {
    return this.#config.minRoundIntervalMs === Number.POSITIVE_INFINITY;
  }

  // Responder

  #onHello({ from, nonce }: HelloReceived): void {
    const all = [...this.#items.digests(from)];
    if (all.length === 0) return; // A peer is not told that there is nothing for it (page 05 §6).
    const { maxDigests } = this.#config;
    const digests = all.length > maxDigests ? sample(this.#random, all, maxDigests) : all;
    this.#hellos.add(from, nonce, digests.length, this.#now);
    this.#outputs.push({ type: "send-digest", to: from, nonce, digests });
  }

  #onRequest({ from, nonce, digests }: RequestReceived): void {
    const { maxDigests } = this.#config;
    const hello = this.#hellos.get(from, nonce, this.#now);
    if (hello === undefined) return this.#drop("unknown-nonce", from);
    const taken = digests.slice(0, maxDigests);
    const wanted = new Map(taken.map((digest) => [digestKey(digest), digest]));
    const find = this.#items.items(from);
    const found: Item[] = [];
    for (const digest of wanted.values()) {
      const item = find(digest);
      if (item !== undefined) found.push(item);
    }
    const items = found.slice(0, hello.credit);
    hello.credit -= items.length;
    this.#drop("too-many-digests", from, digests.length - taken.length);
    this.#drop("unavailable-item", from, wanted.size - found.length);
    this.#drop("too-many-requests", from, found.length - items.length);
    this.#sendUpdates(from, nonce, items);
  }

  /** As many updates as it takes: several under one nonce are legal (page 05 §12.11). */
  #sendUpdates(to: PkiId, nonce: bigint, items: readonly Item[]): void {
    let part: Item[] = [];
    let bytes = 0;
    for (const item of items) {
      const size = this.#items.bytesOf(item);
      if (part.length > 0 && bytes + size > this.#config.maxUpdateBytes) {
        this.#outputs.push({ type: "send-update", to, nonce, items: part });
        part = [];
        bytes = 0;
      }
      part.push(item);
      bytes += size;
    }
    if (part.length > 0) this.#outputs.push({ type: "send-update", to, nonce, items: part });
  }

  #drop(reason: PullDropReason, from: PkiId, count = 1): void {
    if (count > 0) this.#outputs.push({ type: "dropped", reason, from, count });
  }

  // Queries

  /** Whether an update from this peer with this nonce is waited for: asked before anything inside is verified. */
  wantsUpdate(from: PkiId, nonce: bigint): boolean {
    return (this.#sessions.get(sessionKey(from, nonce))?.owed.size ?? 0) > 0;
  }

  /** Whether this item was requested of this peer under this nonce and has not come yet. */
  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean {
    return this.#sessions.get(sessionKey(from, nonce))?.owed.has(digestKey(digest)) ?? false;
  }
}

/** How much of the time between the last digest and the end of a responder's memory is used for requests: the way takes time. */
const partOfSlack = 0.4;

function sessionKey(peer: PkiId, nonce: bigint): string {
  return `${peer} ${nonce}`;
}

function refusedKey(peer: PkiId, key: string): string {
  return `${peer} ${key}`;
}
