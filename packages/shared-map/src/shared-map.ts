/**
 * The shared map: what nodes keep in common by the three basic operations of gossip (protocol page 14).
 *
 * Purpose. Each key has one newest write, and all nodes come to hold it: news is pushed to a few peers that push it on,
 * what push missed is found by pull rounds, and who finds in a round that the other lacks something gives it (push-pull).
 * Nobody leads and nobody waits: a write is done when it is signed and in the own map.
 *
 * Messages. `entry` carries one signed write. The four of the pull are those of page 05, with two twists: a hello has the
 * summary of its sender's map, so that a round between equals ends there; and a digest names key and version, so that who
 * reads it knows what is newer on which side.
 *
 *     initiator                                       responder
 *        │ ── hello   {nonce, summary} ────────────────► │  silent when its own summary is the same
 *        │ ◄─ digest  {nonce, keys and versions} ─────── │
 *        │ ── request {nonce, what is newer there} ────► │
 *        │ ── entry … {what is newer here} ────────────► │
 *        │ ◄─ update  {nonce, entries} ───────────────── │
 *
 * States of a key: unknown → value ⇄ tombstone → buried → forgotten. A tombstone is held and offered as a value is, for
 * `tombstoneTtlMs` after it was written. Then it is buried: nobody is told of it, unless a digest shows an older copy of
 * the key; and a receiver takes one whose time is over only to delete such a copy. (Dormant death certificates: Demers et
 * al., Epidemic Algorithms for Replicated Database Maintenance, 1987.)
 *
 * Versions. The author's clock, then its PKI-ID, then the hash of what it signed. The clock is Lamport's, one for each key
 * and never behind the wall clock, and nothing that is further ahead of it than `maxClockAheadMs` is taken. So nobody can use
 * up the numbers; a clock that is ahead concerns only the keys that were written with it; and whoever restarts writes above
 * what it wrote before, without having to remember or to ask.
 *
 * Timers: the pull's, and the time when the next tombstone is buried.
 *
 * Invariants. The version of a key never falls while the key is held or buried. All bounds hold after each step. An author
 * crowds out only itself. What is asked for by pull would be taken.
 */

import type { PkiId } from "@gossip/proto";
import { Pull, type PullConfig, type PullInput, type PullItems, type PullPeer, resolvePullConfig } from "@gossip/pull";
import { type Machine, type Millis, type Random, sample, unreachable, type Wake, wake } from "@gossip/runtime";
import { resolveSharedMapConfig, type SharedMapConfig } from "./config.js";
import { decodeDigest, type EntryName } from "./digest.js";
import { compareVersions, entryBytes, type MapEntry } from "./entry.js";
import type {
  Change,
  SharedHelloReceived,
  SharedMapDropReason,
  SharedMapInput,
  SharedMapOutput,
  WriteRequested,
} from "./io.js";
import { type EntryRefusal, EntryStore } from "./store.js";

/** What the shell hands to a shared map: who we are, whom to talk to, and bounds. */
export interface SharedMapOptions {
  readonly self: PkiId;
  /** Clock of the first write at least, in milliseconds since 1970: later than any earlier life of this identity. */
  readonly startCounter: bigint;
  /** Peers that keep the map too, self excluded. MUST be distinct. */
  peers(): readonly PullPeer[];
  readonly config?: Partial<SharedMapConfig>;
  readonly pull?: Partial<PullConfig>;
  readonly random: Random;
}

/** A write whose signature is being made. */
interface Pending {
  readonly key: string;
  readonly bytes: number;
  readonly counter: bigint;
}

/**
 * The machine of one map.
 *
 * @example
 * const map = new SharedMap({ self, startCounter, peers: () => members, random });
 * const outputs = map.step({ type: "write", id: 1, key: "flag", value, wallMs }, now); // asks for a signature
 */
export class SharedMap implements Machine<SharedMapInput, SharedMapOutput> {
  readonly #self: PkiId;
  readonly #config: SharedMapConfig;
  readonly #maxDigests: number;
  readonly #peers: () => readonly PullPeer[];
  readonly #random: Random;
  readonly #store: EntryStore;
  readonly #pull: Pull<MapEntry>;
  readonly #pending = new Map<number, Pending>();
  readonly #startCounter: bigint;
  /** When the next tombstone is to be buried. */
  #buryAt: Millis = Number.POSITIVE_INFINITY;
  /** What the wall clock is ahead of the time of steps, as the last input said. */
  #wallOffset = 0;

  // Of the step under way.
  #now: Millis = 0;
  #outputs: SharedMapOutput[] = [];

  /** @throws GossipError `invalid-config` naming what was expected and what came. */
  constructor({ self, startCounter, peers, config, pull, random }: SharedMapOptions) {
    this.#self = self;
    this.#config = resolveSharedMapConfig(config, pull);
    this.#maxDigests = resolvePullConfig(pull).maxDigests;
    this.#peers = peers;
    this.#random = random;
    this.#startCounter = startCounter;
    this.#store = new EntryStore(this.#config);
    this.#pull = new Pull<MapEntry>({
      items: this.#items(),
      peers,
      random,
      // Who holds the same does not answer a hello.
      isSilenceAnAnswer: true,
      ...(pull && { config: pull }),
    });
  }

  get deadline(): Millis {
    return Math.min(this.#pull.deadline, this.#buryAt);
  }

  step(input: SharedMapInput | Wake, now: Millis): readonly SharedMapOutput[] {
    if (input.type === "wake" && now < this.deadline) return [];
    this.#now = now;
    this.#outputs = [];
    if (input.type !== "wake") this.#wallOffset = input.wallMs - now;
    this.#handle(input);
    return this.#outputs;
  }

  #handle(input: SharedMapInput | Wake): void {
    switch (input.type) {
      case "wake":
        if (this.#buryAt <= this.#now) this.#bury();
        this.#stepPull(wake);
        return;
      case "write":
        return this.#onWrite(input);
      case "signed":
        return this.#onSigned(input.id, input.entry);
      case "sign-failed":
        this.#pending.delete(input.id);
        return;
      case "entry":
        return this.#onEntry(input.entry, input.from);
      case "hello":
        return this.#onHello(input);
      case "digest":
        if (this.#stepPull(input)) this.#give(input.from, input.digests);
        return;
      case "request":
      case "update":
        this.#stepPull(input);
        return;
      case "peer-up":
        this.#stepPull({ type: "pull-now", peer: input.peer });
        return;
      case "author-removed":
        for (const entry of this.#store.removeAuthor(input.author)) this.#removed(entry);
        return;
      default:
        unreachable(input);
    }
  }

  // Writing

  #onWrite({ id, key, value }: WriteRequested): void {
    const held = this.#store.get(key);
    if (value === undefined && held?.value === undefined) {
      this.#outputs.push({ type: "written", id, outcome: "nothing-to-delete" });
      return;
    }
    const pending: Pending = { key, bytes: value?.length ?? 0, counter: this.#counterFor(key) };
    if (!this.#hasRoom(pending)) {
      this.#outputs.push({ type: "written", id, outcome: "author-full" });
      return;
    }
    this.#pending.set(id, pending);
    this.#outputs.push({ type: "sign", id, key, value, counter: pending.counter });
  }

  /** The wall clock, or one more than every write of the key that we know. */
  #counterFor(key: string): bigint {
    let counter = BigInt(Math.floor(this.#wallMs));
    if (counter < this.#startCounter) counter = this.#startCounter;
    const known = [this.#store.get(key), this.#store.buried(key), ...this.#pending.values()];
    for (const one of known) if (one?.key === key && one.counter >= counter) counter = one.counter + 1n;
    return counter;
  }

  /** Own writes never make room by losing others of ours: that is for whoever does not keep to the rules. */
  #hasRoom({ key, bytes }: Pick<Pending, "key" | "bytes">): boolean {
    const { maxEntriesPerAuthor, maxEntryBytes, maxValueBytes } = this.#config;
    // What stands around the value: the identity, the signature.
    const around = maxEntryBytes - maxValueBytes;
    const keys = new Set([...this.#pending.values()].map((one) => one.key).filter((one) => !this.#isOwn(one)));
    let size = bytes + around;
    for (const one of this.#pending.values()) size += one.bytes + around;
    const share = this.#store.shareOf(this.#self);
    const held = this.#store.get(key);
    if (held?.author === this.#self) size -= entryBytes(held);
    else keys.add(key);
    return share.keys + keys.size <= maxEntriesPerAuthor && share.bytes + size <= this.#store.maxOwnBytes;
  }

  #isOwn(key: string): boolean {
    return this.#store.get(key)?.author === this.#self;
  }

  #onSigned(id: number, entry: MapEntry): void {
    this.#pending.delete(id);
    const refused = this.#take(entry, true);
    if (refused === undefined) this.#pushOn(entry, undefined);
    const isFull = refused === "author-full" || refused === "map-full";
    const outcome = refused === undefined ? "stored" : isFull ? refused : "superseded";
    this.#outputs.push({ type: "written", id, outcome });
  }

  // Push

  #onEntry(entry: MapEntry, from: PkiId): void {
    const refused = this.#take(entry);
    if (refused === undefined) this.#pushOn(entry, from);
    else this.#drop(refused, from);
  }

  #pushOn(entry: MapEntry, except: PkiId | undefined): void {
    const others = this.#peers().filter(({ pkiId }) => pkiId !== except && pkiId !== entry.author);
    for (const { pkiId } of sample(this.#random, others, this.#config.pushPeerNum)) {
      this.#outputs.push({ type: "push", to: pkiId, entries: [entry] });
    }
  }

  // Pull

  #items(): PullItems<MapEntry> {
    return {
      has: (digest) => {
        const name = decodeDigest(digest);
        return name === undefined || this.refusal(name, this.#wallMs) !== undefined;
      },
      digests: () => this.#store.digests(),
      items: () => (digest) => {
        const name = decodeDigest(digest);
        const held = name === undefined ? undefined : this.#store.get(name.key);
        return held !== undefined && name !== undefined && compareVersions(held, name) === 0 ? held : undefined;
      },
      bytesOf: entryBytes,
    };
  }

  #onHello(input: SharedHelloReceived): void {
    // Whoever holds the same is told nothing, as whoever asks one that holds nothing (page 05 §6).
    if (!isEqual(input.summary, this.#store.summary)) this.#stepPull(input);
  }

  /** Whether the pull made use of the input. */
  #stepPull(input: PullInput<MapEntry> | Wake): boolean {
    let isUsed = true;
    for (const output of this.#pull.step(input, this.#now)) {
      switch (output.type) {
        case "accept":
          // Not pushed on: whoever comes late pulls much at once, of which nothing is news to others.
          for (const { item } of output.items) {
            const refused = this.#take(item);
            if (refused !== undefined) this.#drop(refused, output.from);
          }
          break;
        case "send-hello":
          this.#outputs.push({ ...output, summary: this.#store.summary });
          break;
        case "dropped":
          isUsed &&= output.reason !== "unknown-nonce" && output.reason !== "late-digest";
          isUsed &&= output.reason !== "repeated-digest";
          this.#outputs.push(output);
          break;
        default:
          this.#outputs.push(output);
      }
    }
    return isUsed;
  }

  /** The third step of push-pull: what the other side's digest shows to be older there, or missing. */
  #give(to: PkiId, digests: readonly Uint8Array[]): void {
    const theirs = new Map<string, EntryName>();
    for (const digest of digests.slice(0, this.#maxDigests)) {
      const name = decodeDigest(digest);
      if (name !== undefined) theirs.set(name.key, name);
    }
    const newer: MapEntry[] = [];
    for (const entry of this.#store.entries()) {
      const their = theirs.get(entry.key);
      if (their === undefined || compareVersions(their, entry) < 0) newer.push(entry);
    }
    for (const [key, their] of theirs) {
      const buried = this.#store.buried(key);
      if (buried !== undefined && compareVersions(their, buried) < 0) newer.push(buried);
    }
    // By chance, so that what this peer does not take for some reason never keeps the rest from it.
    const given = sample(this.#random, newer, this.#config.maxGiven);
    if (given.length > 0) this.#outputs.push({ type: "push", to, entries: given });
  }

  // What the handlers need

  /** Takes an entry into the map and tells what changed; or why it was not taken. */
  #take(entry: MapEntry, isOwn = false): EntryRefusal | undefined {
    const wallMs = this.#wallMs;
    const refused = this.refusal(nameOf(entry), wallMs);
    // Our own write follows what it replaces, and that may be as far ahead as can be.
    if (refused !== undefined && !(refused === "clock-ahead" && isOwn)) return refused;
    const taken = this.#store.take(entry, wallMs);
    if (typeof taken === "string") return taken;
    if (entry.value === undefined) this.#expectExpiry(entry);
    const { previous, evicted } = taken;
    if (entry.value !== undefined) this.#changed({ key: entry.key, entry, previous: live(previous), cause: "written" });
    else if (live(previous) !== undefined) {
      this.#changed({ key: entry.key, entry: undefined, previous, cause: "deleted" });
    }
    for (const one of evicted) this.#removed(one);
    return undefined;
  }

  #changed(change: Omit<Change, "type">): void {
    this.#outputs.push({ type: "change", ...change });
  }

  #removed(previous: MapEntry): void {
    if (previous.value !== undefined) {
      this.#changed({ key: previous.key, entry: undefined, previous, cause: "removed" });
    }
  }

  #expectExpiry({ counter }: MapEntry): void {
    const at = this.#store.expiryOf(counter) - this.#wallOffset;
    this.#buryAt = Math.max(Math.min(this.#buryAt, at), this.#now);
  }

  #bury(): void {
    this.#buryAt = Number.POSITIVE_INFINITY;
    const tombstones = [...this.#store.entries()].filter(({ value }) => value === undefined);
    for (const tombstone of tombstones) {
      if (this.#store.isOver(tombstone, this.#wallMs)) this.#store.bury(tombstone.key);
      // A millisecond more, for a time may have fractions and a clock has none.
      else this.#buryAt = Math.min(this.#buryAt, this.#store.expiryOf(tombstone.counter) - this.#wallOffset + 1);
    }
  }

  #drop(reason: SharedMapDropReason, from: PkiId): void {
    this.#outputs.push({ type: "dropped", reason, from, count: 1 });
  }

  get #wallMs(): number {
    return this.#now + this.#wallOffset;
  }

  // Queries

  /** Why an entry of this name would not be taken; `undefined` when it would be news. Asked before its signature is checked. */
  refusal(name: EntryName, wallMs: number): EntryRefusal | undefined {
    return this.#store.refusal(name, wallMs);
  }

  /** As `Pull.wantsUpdate`. */
  wantsUpdate(from: PkiId, nonce: bigint): boolean {
    return this.#pull.wantsUpdate(from, nonce);
  }

  /** As `Pull.wantsItem`. */
  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean {
    return this.#pull.wantsItem(from, nonce, digest);
  }

  /** The newest write of the key; `undefined` when it has no value. */
  get(key: string): MapEntry | undefined {
    return live(this.#store.get(key));
  }

  /** The newest write of each key that has a value, in no order. */
  get entries(): readonly MapEntry[] {
    return [...this.#store.entries()].filter(({ value }) => value !== undefined);
  }

  /** The newest write of each key, tombstones included, in no order. */
  get all(): Iterable<MapEntry> {
    return this.#store.entries();
  }

  /** How much is held, tombstones included. */
  get held(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#store.size, bytes: this.#store.bytes };
  }
}

function nameOf(entry: MapEntry): EntryName {
  return { ...entry, isDeleted: entry.value === undefined };
}

function live(entry: MapEntry | undefined): MapEntry | undefined {
  return entry?.value === undefined ? undefined : entry;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
