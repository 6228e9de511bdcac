import type { RemotePeer } from "@gossip/comm";
import { type Envelope, type PkiId, readMessage, type SharedEntry } from "@gossip/proto";
import { type PullPeer, pullDefaults } from "@gossip/pull";
import {
  GossipError,
  type Logger,
  type Millis,
  type Run,
  run,
  unreachable,
  wallMillis,
  whenDone,
} from "@gossip/runtime";
import {
  type Change,
  type EntryName,
  type EntryRefusal,
  encodeDigest,
  type MapEntry,
  readEntry,
  SharedMap,
  type SharedMapInput,
  type SharedMapOutput,
  type Written,
} from "@gossip/shared-map";
import type { SharedChange, SharedMapView, SharedValue, SharedWriter } from "./api.js";
import { attempt } from "./attempt.js";
import type { GossipConfig } from "./config.js";
import { sharedDigest, sharedHello, sharedRequest, sharedUpdate } from "./shared-map-messages.js";
import type { ChannelSurroundings } from "./surroundings.js";

/** What the map of one channel is made of. */
export interface SharedMapShellOptions {
  readonly channel: string;
  readonly incarnation: bigint;
  readonly around: ChannelSurroundings;
  /** Alive members of the channel, self excluded. */
  members(): readonly RemotePeer[];
  /** Whether the organization that vouches for an identity is one of the channel's. */
  isOfChannel(identity: Uint8Array): boolean;
  readonly mayWrite: ((write: SharedWriter) => boolean) | undefined;
}

/** An input without the wall clock, which all get alike. */
type Input = SharedMapInput extends infer One ? (One extends unknown ? Omit<One, "wallMs"> : never) : never;

/** Nanoseconds of an incarnation in a millisecond of an entry's clock. */
const nanosPerMilli = 1_000_000n;

/** Rounds of the map's pull that are caused by news are so many times rarer than those of other pulls. */
const calm = 8;

function rarer({ minRoundIntervalMs, pullIntervalMs }: GossipConfig): Millis {
  const isByClock = minRoundIntervalMs === Number.POSITIVE_INFINITY;
  return isByClock ? minRoundIntervalMs : Math.min(calm * minRoundIntervalMs, pullIntervalMs);
}

/** The shared map of one channel: drives the machine, signs and sends for it, and is what programs see of it. */
export class SharedMapShell implements SharedMapView {
  readonly #options: SharedMapShellOptions;
  readonly #map: SharedMap;
  readonly #run: Run<SharedMapInput>;
  readonly #log: Logger;
  /** Members that were greeted since they came. */
  #known: ReadonlySet<PkiId> = new Set();
  /** Writes whose end somebody waits for. */
  readonly #writes = new Map<number, (outcome: Written["outcome"] | "not-signed" | "closed") => void>();
  readonly #listeners = new Set<(change: SharedChange) => void>();
  #nextWrite = 1;
  #closed = false;

  constructor(options: SharedMapShellOptions) {
    const { around, incarnation } = options;
    const { self, config, random, clock, onFault, log } = around;
    this.#options = options;
    this.#log = log.child("shared");
    this.#map = new SharedMap({
      self,
      startCounter: incarnation / nanosPerMilli,
      peers: () => this.#peers,
      config: config.sharedMap,
      pull: {
        ...config,
        // Each that comes up is a reason to ask, and many may come at once; what is new is pushed anyway.
        minRoundIntervalMs: rarer(config),
        maxDigestBytes: Math.max(config.maxDigestBytes, pullDefaults.maxDigestBytes),
      },
      random,
    });
    this.#run = run(this.#map, { clock, onFault, perform: (output) => this.#perform(output) });
  }

  // What programs see

  get size(): number {
    return this.#map.entries.length;
  }

  get(key: string): SharedValue | undefined {
    const entry = this.#map.get(key);
    return entry && this.#view(entry);
  }

  entries(): readonly SharedValue[] {
    return this.#map.entries.map((entry) => this.#view(entry)).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    const { maxValueBytes } = this.#options.around.config.sharedMap;
    if (value.length > maxValueBytes) {
      throw new GossipError("too-large", `expected a value of at most ${maxValueBytes} bytes, got ${value.length}`);
    }
    await this.#write(key, new Uint8Array(value));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#write(key, undefined)) !== "nothing-to-delete";
  }

  on(_event: "change", listener: (change: SharedChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *changes(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<SharedChange> {
    const { signal } = options;
    const isOver = () => signal?.aborted === true;
    /** The newest change of each key that was not handed out: as many as there are keys, however slow the reader. */
    const waiting = new Map<string, SharedChange>();
    let wake = () => {};
    const stop = this.on("change", (change) => {
      waiting.delete(change.key);
      waiting.set(change.key, change);
      wake();
    });
    const onAbort = () => wake();
    signal?.addEventListener("abort", onAbort);
    this.#onClose.add(onAbort);
    try {
      while (!isOver()) {
        for (const [key, change] of waiting) {
          waiting.delete(key);
          yield change;
          if (isOver()) return;
        }
        if (this.#closed) return;
        if (waiting.size > 0) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop();
      signal?.removeEventListener("abort", onAbort);
      this.#onClose.delete(onAbort);
    }
  }

  /** Iterations that wait; told when the channel closes. */
  readonly #onClose = new Set<() => void>();

  async #write(key: string, value: Uint8Array | undefined): Promise<Written["outcome"]> {
    const { channel, around, mayWrite } = this.#options;
    const { maxKeyBytes, enabled } = around.config.sharedMap;
    if (!enabled) throw new GossipError("unavailable", "expected the shared map to be on, got one that is off");
    if (this.#closed) throw closedError(channel);
    const bytes = Buffer.byteLength(key);
    if (bytes < 1 || bytes > maxKeyBytes || /\p{Surrogate}/u.test(key)) {
      throw new GossipError("invalid-argument", `expected a key of 1 to ${maxKeyBytes} bytes, got ${bytes}`);
    }
    if (mayWrite?.({ key, author: around.self, org: around.selfOrg }) === false) {
      throw new GossipError("untrusted", `expected a key that this node may write, got ${JSON.stringify(key)}`);
    }
    const id = this.#nextWrite++;
    const outcome = await new Promise<Written["outcome"] | "not-signed" | "closed">((resolve) => {
      this.#writes.set(id, resolve);
      this.#push({ type: "write", id, key, value });
    });
    switch (outcome) {
      case "author-full":
      case "map-full":
        throw new GossipError("too-large", `expected room in the shared map of ${channel}, got ${outcome}`);
      case "not-signed":
        throw new GossipError("unavailable", "expected the own key to sign, got a failure; see the log");
      case "closed":
        throw closedError(channel);
      default:
        return outcome;
    }
  }

  #view({ key, value, author, counter }: MapEntry): SharedValue {
    const org = this.#options.around.membership.orgOf(author);
    return { key, value: new Uint8Array(value ?? []), author, org, version: counter };
  }

  // What the gate asks and hands in

  get isOn(): boolean {
    return this.#options.around.config.sharedMap.enabled;
  }

  /** Why an entry of this name would not be taken; `undefined` when it would be news. */
  refusal(name: EntryName): EntryRefusal | undefined {
    return this.#map.refusal(name, this.#wallMs);
  }

  /** How much is held, tombstones included. */
  get held(): { readonly entries: number; readonly bytes: number } {
    return this.#map.held;
  }

  mayWrite(write: SharedWriter): boolean {
    return this.#options.mayWrite?.(write) ?? true;
  }

  wantsUpdate(from: PkiId, nonce: bigint): boolean {
    return this.#map.wantsUpdate(from, nonce);
  }

  wantsItem(from: PkiId, nonce: bigint, digest: Uint8Array): boolean {
    return this.#map.wantsItem(from, nonce, digest);
  }

  take(input: Extract<Input, { readonly type: "entry" | "hello" | "digest" | "request" | "update" }>): void {
    this.#push(input);
  }

  // What the channel hands in

  /** Members came or went, or told in a handshake what they understand. */
  peersChanged(): void {
    if (!this.isOn || this.#closed) return;
    const before = this.#known;
    const peers = this.#peers;
    this.#known = new Set(peers.map(({ pkiId }) => pkiId));
    for (const peer of peers) if (!before.has(peer.pkiId)) this.#push({ type: "peer-up", peer });
  }

  /** Removes what is of authors that are not good any more. `isOne` picks those that are looked at. */
  judgeAuthors(isOne: (author: PkiId) => boolean): void {
    const { around, isOfChannel } = this.#options;
    for (const [author, identity] of this.#authors()) {
      const isExpired = (around.crypto.expirationOf(identity) ?? Number.POSITIVE_INFINITY) < this.#wallMs;
      if (isExpired || !isOfChannel(identity)) this.#removeAuthor(author);
      else if (isOne(author)) {
        whenDone(
          attempt(() => around.crypto.validateIdentity(identity)),
          (judged) => {
            if (!judged.ok) around.onFault(judged.error);
            else if (!judged.value.ok) this.#removeAuthor(author);
          },
        );
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#run.close();
    for (const settle of this.#writes.values()) settle("closed");
    this.#writes.clear();
    for (const tell of [...this.#onClose]) tell();
  }

  #removeAuthor(author: PkiId): void {
    this.#log.info("entries removed, for their author is not trusted any more", {
      channel: this.#options.channel,
      author,
    });
    this.#push({ type: "author-removed", author });
  }

  /** Each author of what is held, with its identity. */
  #authors(): ReadonlyMap<PkiId, Uint8Array> {
    const authors = new Map<PkiId, Uint8Array>();
    for (const { author, envelope } of this.#map.all) {
      if (authors.has(author)) continue;
      const message = readMessage(envelope.payload);
      if (message.ok && message.value.type === "shared-entry") authors.set(author, message.value.identity);
    }
    return authors;
  }

  get #peers(): readonly PullPeer[] {
    const { around, members } = this.#options;
    return this.isOn ? members().filter(({ pkiId }) => around.features.has(pkiId, "shared-map")) : [];
  }

  get #wallMs(): number {
    return wallMillis(this.#options.around.wall);
  }

  #push(input: Input): void {
    // The type of the input is one of those of which `Input` is made.
    this.#run.push({ ...input, wallMs: this.#wallMs } as SharedMapInput);
  }

  // Effects

  #perform(output: SharedMapOutput): void {
    const { channel, around } = this.#options;
    switch (output.type) {
      case "sign":
        return void whenDone(around.exit.sharedEntry(channel, output), (signed) => {
          const { id } = output;
          if (signed !== undefined) {
            return this.#push({ type: "signed", id, entry: readEntry(signed.message, signed.envelope) });
          }
          this.#push({ type: "sign-failed", id });
          this.#settle(id, "not-signed");
        });
      case "written":
        return this.#settle(output.id, output.outcome);
      case "change":
        return this.#tell(output);
      case "push":
        for (const { envelope } of output.entries) this.#send(output.to, envelope, "bulk");
        return;
      case "send-hello":
        return this.#send(output.to.pkiId, sharedHello(channel, output.nonce, output.summary), "control");
      case "send-digest":
        return this.#send(output.to, sharedDigest(channel, output.nonce, output.digests), "bulk");
      case "send-request":
        return this.#send(output.to.pkiId, sharedRequest(channel, output.nonce, output.digests), "control");
      case "send-update": {
        const envelopes = output.items.map(({ envelope }) => envelope);
        return this.#send(output.to, sharedUpdate(channel, output.nonce, envelopes), "bulk");
      }
      case "dropped":
        return around.drops.count("shared-map", output.reason, output.count);
      default:
        return unreachable(output);
    }
  }

  #settle(id: number, outcome: Written["outcome"] | "not-signed"): void {
    const settle = this.#writes.get(id);
    this.#writes.delete(id);
    settle?.(outcome);
  }

  #tell({ key, entry, previous, cause }: Change): void {
    const change: SharedChange = {
      key,
      entry: entry && this.#view(entry),
      previous: previous && this.#view(previous),
      cause,
    };
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#log.error("a listener threw", { event: "change", error });
      }
    }
  }

  #send(pkiId: PkiId, envelope: Envelope, lane: "control" | "bulk"): void {
    const { around } = this.#options;
    around.comm().sendFeature("shared-map", { pkiId, endpoint: around.endpointOf(pkiId) }, envelope, lane);
  }
}

/** What a digest would call the entry in a message. */
export function nameOf(message: SharedEntry, envelope: Envelope): EntryName {
  return { ...readEntry(message, envelope), isDeleted: message.isDeleted };
}

/** The digest under which an entry was asked for. */
export function digestOf(message: SharedEntry, envelope: Envelope): Uint8Array {
  return encodeDigest(nameOf(message, envelope));
}

function closedError(channel: string): GossipError {
  return new GossipError("closed", `expected channel ${channel} to be open, got one that was closed`);
}
