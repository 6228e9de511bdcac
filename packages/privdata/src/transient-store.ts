import type { PrivatePayload } from "@gossip/proto";
import { errorText, type Logger } from "@gossip/runtime";
import type { BatchOperation } from "classic-level";
import { type Level, openLevel, plainCause, probeSpace, readError } from "./level.js";
import { maxWaitingRecords, type PrivateDataLimits } from "./limits.js";
import {
  allDescriptions,
  belowHeight,
  type Description,
  decodeDescription,
  descriptionsOf,
  descriptionsOfTransaction,
  type EntryKind,
  encodeDescription,
  extentOf,
  heightKeyOf,
  idIn,
  idOf,
  isIntact,
  keyOf,
  transactionHashIn,
} from "./records.js";
import { type Refusal, refusal, Usage } from "./usage.js";

/** A set that is to be kept. */
export interface NewRecord {
  readonly payload: PrivatePayload;
  /** What the purge goes by. */
  readonly height: bigint;
  /** Whose peer sent it; empty when not known. */
  readonly org: string;
}

/** `known`: the very same set is held already. */
export type Kept = { readonly ok: true; readonly isKnown: boolean } | Refusal;

/** A record, without its content. */
export interface Held {
  readonly id: Uint8Array;
  readonly description: Description;
}

export interface TransientStoreOptions {
  /** LevelDB's directory. */
  readonly dir: string;
  readonly limits: PrivateDataLimits;
  readonly log: Logger;
  /** Told of each change of `usage`. */
  readonly onUsage: (usage: Usage) => void;
}

/** Records that share one write and one flush, at most; the bytes are bounded by `maxWaitingBytes`. */
const maxGroupRecords = 256;
/** Records that one step of a purge removes; pushes are written between steps. */
const purgeStepRecords = 500;
/** Records read at a time when the store is opened. */
const openStepRecords = 1000;
/** The part of `maxBytes` that has to be purged before LevelDB is told to give the space back. */
const compactPart = 1 / 8;

interface Waiting {
  readonly record: NewRecord;
  readonly id: Uint8Array;
  resolve(kept: Kept): void;
}

interface Purge {
  below: bigint;
  removed: number;
  readonly done: Promise<number>;
  finish(removed: number): void;
}

type Operation = BatchOperation<Level, Uint8Array, Uint8Array>;

/**
 * Sets of private data on disk (protocol page 11 §5), in LevelDB.
 *
 * There is one writer: pushes that wait share one write and one flush, and a purge advances between them step by step. So
 * what a group of pushes was judged by still holds when it is written, and the totals in memory are those on disk.
 */
export class TransientStore {
  readonly usage = new Usage();
  readonly #options: TransientStoreOptions;
  #level: Level;
  #arrival: bigint;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #purge: Purge | undefined;
  /** The loop that empties `#waiting` and `#purge`, while it runs. */
  #working: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  #purgedBytes = 0;
  /** A write failed, so what LevelDB wrote of it is unknown: the next one must start from a clean log. */
  #isSuspect = false;
  /** Reads wait for it: between closing and opening there is nothing to read from. Never rejects. */
  #reopened: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(options: TransientStoreOptions, level: Level) {
    this.#options = options;
    this.#level = level;
    this.#arrival = 0n;
  }

  /** @throws GossipError `conflict`, `corrupt` or `storage`, as `openLevel`. */
  static async open(options: TransientStoreOptions): Promise<TransientStore> {
    const store = new TransientStore(options, await openLevel(options.dir));
    try {
      await store.#count();
    } catch (error) {
      await store.#level.close();
      throw readError(options.dir, error);
    }
    return store;
  }

  /** Resolves when the set is on disk, or says why it is not. The bytes MUST NOT be changed until then. */
  keep(record: NewRecord): Promise<Kept> {
    const { limits } = this.#options;
    const bytes = bytesOf(record);
    if (this.#closing !== undefined)
      return Promise.resolve(refusal("closed", "expected an open store, got a closed one"));
    if (this.#waiting.length >= maxWaitingRecords || this.#waitingBytes + bytes > limits.maxWaitingBytes) {
      return Promise.resolve(
        refusal("busy", `expected a push that can be written now, got ${this.#waiting.length} sets before it`),
      );
    }
    return new Promise((resolve) => {
      this.#waiting.push({ record, id: idOf(record.payload), resolve });
      this.#waitingBytes += bytes;
      this.#work();
    });
  }

  /** Removes the records below a height; how many there were. Never rejects: what could not be removed goes the next time. */
  purgeBelow(height: bigint): Promise<number> {
    if (this.#closing !== undefined) return Promise.resolve(0);
    if (this.#purge === undefined) {
      let finish: Purge["finish"] = () => {};
      const done = new Promise<number>((resolve) => {
        finish = resolve;
      });
      this.#purge = { below: height, removed: 0, done, finish };
      this.#work();
    }
    if (height > this.#purge.below) this.#purge.below = height;
    return this.#purge.done;
  }

  /** The records of one collection in one transaction, in no particular order. @throws what LevelDB throws. */
  async find(txId: string, namespace: string, collection: string): Promise<readonly Held[]> {
    await this.#reopened;
    const limit = this.#options.limits.maxRecordsPerTransaction;
    const found = await this.#level.iterator({ ...descriptionsOf(txId, namespace, collection), limit }).all();
    return found.flatMap(([key, value]) => {
      const description = decodeDescription(value);
      return description === undefined ? [] : [{ id: idIn("description", key), description }];
    });
  }

  /** The set or the configuration of a record; `undefined` when it is gone or damaged. @throws what LevelDB throws. */
  async read(kind: "set" | "config", { id, description }: Held): Promise<Uint8Array | undefined> {
    await this.#reopened;
    const bytes = await this.#level.get(keyOf(kind, id));
    if (bytes === undefined || !isIntact(bytes, description[kind])) return undefined;
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Waits for what is being written; a purge stops after its step. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#working;
    await this.#compacting;
    await this.#level.close();
  }

  #work(): void {
    this.#working ??= this.#workAll();
  }

  async #workAll(): Promise<void> {
    // Let all pushes of this turn of the event loop come in, so that they share the first write already.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#purge !== undefined) {
      const group = this.#waiting.splice(0, maxGroupRecords);
      if (group.length > 0) await this.#writeGroup(group);
      if (this.#purge !== undefined) await this.#purgeStep(this.#purge);
    }
    // In the same breath as the last look at what waits, or a push that comes between would wait for ever.
    this.#working = undefined;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      if (this.#isSuspect) await this.#startAfresh(group);
      const plan = await this.#plan(group);
      if (plan.operations.length > 0) await this.#level.batch(plan.operations, { sync: true });
      this.usage.add(plan.usage);
      this.#options.onUsage(this.usage);
      for (const [at, { resolve }] of group.entries()) resolve(plan.answers[at] as Kept);
    } catch (error) {
      this.#isSuspect = true;
      this.#options.log.error("private data not written", { dir: this.#options.dir, error: errorText(error) });
      const refused = refusal("disk", `expected to write private data, got ${plainCause(error)}`);
      for (const { resolve } of group) resolve(refused);
    }
    for (const { record } of group) this.#waitingBytes -= bytesOf(record);
  }

  /** Judges each push as if it came alone, after those before it; what is to be written for all that passed. */
  async #plan(group: readonly Waiting[]) {
    const usage = new Usage();
    const operations: Operation[] = [];
    const answers: Kept[] = [];
    const planned = new Map<string, Description>();
    const perTransaction = new Map<string, number>();
    for (const { record, id } of group) {
      const name = Buffer.from(id).toString("hex");
      const earlier = planned.get(name);
      const known = earlier ?? (await this.#describe(id));
      const description = known ?? describe(record, this.#arrival);
      if (known === undefined) {
        const transaction = transactionHashIn(id);
        const siblings = perTransaction.get(transaction) ?? (await this.#countOfTransaction(id));
        const refused = this.usage.refusalOf(description, { planned: usage, siblings, limits: this.#options.limits });
        if (refused !== undefined) {
          answers.push(refused);
          continue;
        }
        perTransaction.set(transaction, siblings + 1);
        usage.count(description);
        this.#arrival++;
        operations.push(...putting(record, id, description));
        planned.set(name, description);
      } else if (earlier === undefined && !(await this.#isWhole(id, known))) {
        operations.push(...putting(record, id, known));
      }
      if (record.height > description.height) {
        const later = { ...description, height: record.height };
        operations.push({ type: "del", key: heightKeyOf(description.height, id) }, ...describing(id, later));
        planned.set(name, later);
      }
      answers.push({ ok: true, isKnown: known !== undefined });
    }
    return { operations, answers, usage };
  }

  async #describe(id: Uint8Array): Promise<Description | undefined> {
    const bytes = await this.#level.get(keyOf("description", id));
    return bytes && decodeDescription(bytes);
  }

  /** What was pushed again is acknowledged again, so it has to be there still. */
  async #isWhole(id: Uint8Array, { set, config }: Description): Promise<boolean> {
    const [heldSet, heldConfig] = await this.#level.getMany([keyOf("set", id), keyOf("config", id)]);
    if (heldSet === undefined || heldConfig === undefined) return false;
    return isIntact(heldSet, set) && isIntact(heldConfig, config);
  }

  async #countOfTransaction(id: Uint8Array): Promise<number> {
    const limit = this.#options.limits.maxRecordsPerTransaction;
    const keys = await this.#level.keys({ ...descriptionsOfTransaction(id), limit }).all();
    return keys.length;
  }

  async #purgeStep(purge: Purge): Promise<void> {
    const isClosing = this.#closing !== undefined;
    let isDone = true;
    try {
      if (!isClosing && !this.#isSuspect) isDone = await this.#removeSome(purge);
    } catch (error) {
      this.#isSuspect = true;
      this.#options.log.error("private data not purged", { dir: this.#options.dir, error: errorText(error) });
    }
    if (!isDone) return;
    this.#purge = undefined;
    purge.finish(purge.removed);
    if (!isClosing) this.#compact();
  }

  /** One step of a purge; whether it was the last one. */
  async #removeSome(purge: Purge): Promise<boolean> {
    const keys = await this.#level.keys({ ...belowHeight(purge.below), limit: purgeStepRecords }).all();
    const ids = keys.map((key) => idIn("height", key));
    const found = await this.#level.getMany(ids.map((id) => keyOf("description", id)));
    const removed = new Usage();
    const operations: Operation[] = keys.map((key) => ({ type: "del", key }));
    for (const [at, id] of ids.entries()) {
      const bytes = found[at];
      const description = bytes && decodeDescription(bytes);
      if (description !== undefined && description.height >= purge.below) continue;
      if (description !== undefined) removed.count(description);
      for (const kind of contentKinds) operations.push({ type: "del", key: keyOf(kind, id) });
    }
    // Not flushed: what a crash brings back is purged again.
    if (operations.length > 0) await this.#level.batch(operations);
    this.usage.subtract(removed);
    this.#options.onUsage(this.usage);
    purge.removed += removed.records;
    this.#purgedBytes += removed.bytes;
    return keys.length < purgeStepRecords;
  }

  /** LevelDB keeps what was deleted until it rewrites the file it is in, which it may never do by itself. */
  #compact(): void {
    if (this.#compacting !== undefined || this.#purgedBytes < this.#options.limits.maxBytes * compactPart) return;
    this.#purgedBytes = 0;
    this.#compacting = this.#level
      .compactRange(Uint8Array.of(0), Uint8Array.of(0xff))
      .catch((error: unknown) => {
        this.#options.log.warn("space of purged private data not given back", { error: errorText(error) });
      })
      .finally(() => {
        this.#compacting = undefined;
      });
  }

  /**
   * After a failed write LevelDB's log may end in a torn record, and whatever it appended behind that would be lost at the
   * next start. Opened anew it begins a new log. What it salvaged of the failed write counts as held, which does no harm.
   */
  async #startAfresh(group: readonly Waiting[]): Promise<void> {
    // Opening needs space as well, and when it fails nothing can be read any more: make sure before closing.
    const bytes = group.reduce((sum, { record }) => sum + bytesOf(record), 0);
    if (this.#level.status === "open") await probeSpace(this.#options.dir, bytes);
    const reopened = this.#reopen();
    this.#reopened = reopened.catch(() => {});
    await reopened;
    this.#isSuspect = false;
    this.#options.log.info("store of private data opened anew after a failed write", { dir: this.#options.dir });
  }

  async #reopen(): Promise<void> {
    await this.#compacting;
    await this.#level.close();
    this.#level = await openLevel(this.#options.dir);
    await this.#count();
  }

  /** Adds up what is held. */
  async #count(): Promise<void> {
    const counted = new Usage();
    const values = this.#level.values(allDescriptions());
    try {
      for (
        let some = await values.nextv(openStepRecords);
        some.length > 0;
        some = await values.nextv(openStepRecords)
      ) {
        for (const value of some) {
          const description = decodeDescription(value);
          if (description === undefined) continue;
          counted.count(description);
          if (description.arrival >= this.#arrival) this.#arrival = description.arrival + 1n;
        }
      }
    } finally {
      await values.close();
    }
    this.usage.clear();
    this.usage.add(counted);
    this.#options.onUsage(this.usage);
  }
}

const contentKinds: readonly Exclude<EntryKind, "height">[] = ["description", "config", "set"];

function bytesOf({ payload }: NewRecord): number {
  return payload.rwset.length + payload.collectionConfigs.length;
}

function describe({ payload, height, org }: NewRecord, arrival: bigint): Description {
  const { txId, namespace, collection, rwset, collectionConfigs } = payload;
  return {
    height,
    arrival,
    org,
    txId,
    namespace,
    collection,
    set: extentOf(rwset),
    config: extentOf(collectionConfigs),
  };
}

function putting({ payload }: NewRecord, id: Uint8Array, description: Description): readonly Operation[] {
  return [
    { type: "put", key: keyOf("set", id), value: payload.rwset },
    { type: "put", key: keyOf("config", id), value: payload.collectionConfigs },
    ...describing(id, description),
  ];
}

function describing(id: Uint8Array, description: Description): readonly Operation[] {
  return [
    { type: "put", key: keyOf("description", id), value: encodeDescription(description) },
    { type: "put", key: heightKeyOf(description.height, id), value: new Uint8Array(0) },
  ];
}
