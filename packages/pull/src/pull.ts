/**
 * Pull: periodic anti-entropy over a set of items, each named by a digest (protocol page 05).
 *
 * Purpose. What push missed is found by asking: some peers tell what they hold, and each missing item is requested of
 * exactly one of them. The machine knows nothing of what items are.
 *
 * Roles and messages. Every node plays both parts:
 *
 * ```
 * initiator                                    responder
 *    │ ── hello    {nonce} ──────────────────────► │  remembers the nonce for requestWaitTimeMs
 *    │ ◄─ digest   {nonce, digests} ────────────── │  only what this peer may see, nothing when that is nothing
 *    │ ── request  {nonce, digests} ─────────────► │  each item of one owner
 *    │ ◄─ update   {nonce, items} ──────────────── │  several when large
 * ```
 *
 * States of a session, which is one peer in one round: asked ─► answered ─► owing items ─► over. It ends with its round.
 * A round is over `digestWaitTimeMs + responseWaitTimeMs` after its start.
 *
 * Timers. The next round: every `pullIntervalMs`, earlier on `pull-now`, never within `minRoundIntervalMs`. Per round:
 * when to request (all have answered, or `digestQuietMs` passed since the last digest) and its end. What the responder
 * remembers needs none: it is bounded, and its time is checked when it is used.
 *
 * Invariants. What is held is never requested. An item is owed by one peer at a time, over all rounds. An item is
 * accepted only from who owes it, once. Nonces are bound to the peer, in both roles. There are never more rounds than
 * `minRoundIntervalMs` fits into the life of one.
 *
 * Deviations from the reference, none visible on the wire but as timing (§12 numbers in brackets): nonces are bound to
 * peers [1]; what was not requested is not accepted [2]; one source of truth for what is held [3, 4]; an item that fails
 * verification costs itself, and is not asked of that peer again for a while [5]; rounds start on news [7]; requests go
 * as soon as answers are in, and again when a slow peer offers more [9]; everything is bounded and large updates are
 * cut [11]; rounds are objects [12]; peers are addressed by PKI-ID [13].
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
import { Round, type Session } from "./round.js";

/** What the shell hands to a pull machine: the items to compare, whom to ask, and how often. */
export interface PullOptions<Item> {
  readonly items: PullItems<Item>;
  /** Whom to ask, self excluded; called at the start of each round. MUST be distinct. */
  peers(): readonly PullPeer[];
  readonly config?: Partial<PullConfig>;
  readonly random: Random;
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

  // As initiator.
  /** Oldest first, which is also the order of their ends. Their number is bounded by their distance, and with it all that
   * follows: `pullPeerNum` sessions per round, `maxDigests` items per session. */
  readonly #rounds: Round[] = [];
  /** Sessions of all rounds, by peer and nonce. */
  readonly #sessions = new Map<string, Session>();
  /** Who owes which item, over all rounds. */
  readonly #owers = new Map<string, Session>();
  /** Items that failed verification, by peer and digest, with the end of the ban. */
  readonly #refused: BoundedMap<string, Millis>;
  /** Peers to ask in the next round, because there is news of them. */
  readonly #hinted = new Map<PkiId, PullPeer>();
  #nextRoundAt: Millis = 0;
  #lastRoundAt = Number.NEGATIVE_INFINITY;
  #isStarted = false;

  // As responder.
  readonly #hellos: Hellos;

  // Of the step under way.
  #now: Millis = 0;
  #outputs: PullOutput<Item>[] = [];

  /** @throws GossipError `invalid-config` naming what was expected and what came. */
  constructor({ items, peers, config, random }: PullOptions<Item>) {
    this.#config = resolvePullConfig(config);
    this.#items = items;
    this.#peers = peers;
    this.#random = random;
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
      // By chance, so that peers started together do not ask together.
      this.#nextRoundAt = now + (this.#isByClock ? pullIntervalMs : minRoundIntervalMs * (1 - fraction(this.#random)));
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
    for (const round of this.#rounds) if (round.flushAt <= this.#now) this.#request(round);
    for (let [oldest] = this.#rounds; oldest !== undefined && oldest.endsAt <= this.#now; [oldest] = this.#rounds) {
      this.#end(oldest);
      this.#rounds.shift();
    }
    if (this.#nextRoundAt <= this.#now) this.#startRound();
  }

  // Initiator

  #onPullNow(peer: PullPeer | undefined): void {
    if (this.#isByClock) return;
    // More hints than a round asks peers are one: that there is much to ask for.
    if (peer !== undefined && this.#hinted.size < this.#config.pullPeerNum) this.#hinted.set(peer.pkiId, peer);
    const at = this.#lastRoundAt + this.#config.minRoundIntervalMs;
    if (at <= this.#now) this.#startRound();
    else this.#nextRoundAt = Math.min(this.#nextRoundAt, at);
  }

  #startRound(): void {
    const { pullIntervalMs, pullPeerNum, digestWaitTimeMs, responseWaitTimeMs } = this.#config;
    this.#lastRoundAt = this.#now;
    this.#nextRoundAt = this.#now + pullIntervalMs;
    const others = this.#peers().filter(({ pkiId }) => !this.#hinted.has(pkiId));
    const chosen = [...this.#hinted.values(), ...sample(this.#random, others, pullPeerNum - this.#hinted.size)];
    this.#hinted.clear();
    if (chosen.length === 0) return;

    const digestsUntil = this.#now + digestWaitTimeMs;
    const round = new Round(digestsUntil, digestsUntil + responseWaitTimeMs);
    this.#rounds.push(round);
    for (const peer of chosen) {
      const nonce = this.#freshNonce(peer.pkiId);
      const session: Session = { round, peer, nonce, answered: false, owed: new Set() };
      round.sessions.push(session);
      this.#sessions.set(sessionKey(peer.pkiId, nonce), session);
      this.#outputs.push({ type: "send-hello", to: peer, nonce });
    }
  }

  #onDigest({ from, nonce, digests }: DigestReceived): void {
    const { maxDigests, maxDigestBytes, digestQuietMs } = this.#config;
    const session = this.#sessions.get(sessionKey(from, nonce));
    if (session === undefined) return this.#drop("unknown-nonce", from);
    if (this.#now > session.round.digestsUntil) return this.#drop("late-digest", from);
    if (session.answered) return this.#drop("repeated-digest", from);
    session.answered = true;

    const taken = digests.slice(0, maxDigests);
    const wellFormed = taken.filter(({ length }) => length > 0 && length <= maxDigestBytes);
    this.#drop("too-many-digests", from, digests.length - taken.length);
    this.#drop("malformed-digest", from, taken.length - wellFormed.length);
    const { round } = session;
    for (const digest of wellFormed) {
      const key = digestKey(digest);
      if (this.#isLacking(key, digest) && !this.#isRefused(from, key)) round.offer(key, digest, session);
    }
    if (round.isComplete && digestQuietMs !== Number.POSITIVE_INFINITY) this.#request(round);
    else round.flushAt = Math.min(this.#now + digestQuietMs, round.digestsUntil);
  }

  #request(round: Round): void {
    for (const [session, digests] of round.assign(this.#random, (key, digest) => this.#isLacking(key, digest))) {
      for (const key of session.owed) this.#owers.set(key, session);
      this.#outputs.push({ type: "send-request", to: session.peer, nonce: session.nonce, digests });
    }
  }

  #onUpdate({ from, nonce, items, refused = [] }: UpdateReceived<Item>): void {
    const session = this.#sessions.get(sessionKey(from, nonce));
    if (session === undefined || session.owed.size === 0) return this.#drop("unknown-nonce", from);
    const accepted: PulledItem<Item>[] = [];
    for (const item of items) if (this.#settle(session, digestKey(item.digest))) accepted.push(item);
    let refusedCount = 0;
    for (const digest of refused) {
      const key = digestKey(digest);
      if (!this.#settle(session, key)) continue;
      this.#refused.set(refusedKey(from, key), this.#now + this.#config.refusedTtlMs);
      refusedCount++;
    }
    if (accepted.length > 0) this.#outputs.push({ type: "accept", from, items: accepted });
    this.#drop("refused-item", from, refusedCount);
    this.#drop("unrequested-item", from, items.length - accepted.length + refused.length - refusedCount);
  }

  /** The session owes the item no longer; false when it did not. */
  #settle(session: Session, key: string): boolean {
    if (!session.owed.delete(key)) return false;
    this.#owers.delete(key);
    return true;
  }

  #end(round: Round): void {
    for (const { peer, nonce, owed } of round.sessions) {
      for (const key of owed) this.#owers.delete(key);
      this.#sessions.delete(sessionKey(peer.pkiId, nonce));
    }
  }

  /** Neither held nor on its way. */
  #isLacking(key: string, digest: Uint8Array): boolean {
    return !this.#owers.has(key) && !this.#items.has(digest);
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
    this.#hellos.add(from, nonce, this.#now);
    this.#outputs.push({ type: "send-digest", to: from, nonce, digests });
  }

  #onRequest({ from, nonce, digests }: RequestReceived): void {
    const { maxDigests } = this.#config;
    const hello = this.#hellos.get(from, nonce, this.#now);
    if (hello === undefined) return this.#drop("unknown-nonce", from);
    const taken = digests.slice(0, maxDigests);
    const wanted = new Map(taken.map((digest) => [digestKey(digest), digest]));
    const served = [...wanted.values()].slice(0, hello.credit);
    hello.credit -= served.length;
    this.#drop("too-many-digests", from, digests.length - taken.length);
    this.#drop("too-many-requests", from, wanted.size - served.length);

    const find = this.#items.items(from);
    const items: Item[] = [];
    for (const digest of served) {
      const item = find(digest);
      if (item !== undefined) items.push(item);
    }
    this.#drop("unavailable-item", from, served.length - items.length);
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

function sessionKey(peer: PkiId, nonce: bigint): string {
  return `${peer} ${nonce}`;
}

function refusedKey(peer: PkiId, key: string): string {
  return `${peer} ${key}`;
}
