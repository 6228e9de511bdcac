import { join } from "node:path";
import { assert, errorText, GossipError, type Logger, silentLogger } from "@gossip/runtime";
import { checkNextBlock, type Ledger } from "@gossip/state";
import { HeightMark } from "./height-mark.js";
import { damageOf, encodeRecord, keyOf, recordOf } from "./records.js";
import { corruptBlock, cure, type Healing, type Place, readBoth, recover, truncate } from "./recovery.js";
import { probeSpace } from "./space.js";
import { isCorruption, openStore, type Store, storageError } from "./store.js";

/** Where a channel's ledger lies and how it is healed; used by `createLedger`. */
export interface LedgerOptions {
  /** Directory of all ledgers of one peer; each channel has a directory of its own name in it. Made when missing. */
  readonly dir: string;
  /** Channel name: letters a to z, digits, `.` and `-`, beginning with a letter, at most 249 characters. */
  readonly channel: string;
  /**
   * Told of what was healed, at the start and after a failed write.
   * @default silentLogger
   */
  readonly log?: Logger;
  /**
   * Whether lost blocks can be had again elsewhere, as those of a peer. Where they cannot, as with an orderer, a loss of
   * blocks is never healed but refused, again at every start: going on would give their numbers to other blocks.
   * @default true
   */
  readonly refetchable?: boolean;
}

/** A committed block. */
export interface LedgerBlock {
  readonly number: bigint;
  /** A serialized `common.Block`, the very bytes that were committed. */
  readonly bytes: Uint8Array;
}

/** A channel's blocks on disk. */
export interface BlockLedger extends Ledger, AsyncDisposable {
  readonly channel: string;
  /** Where the blocks of this channel lie. */
  readonly dir: string;
  /** What was healed when this ledger was opened; empty as a rule. */
  readonly healed: readonly Healing[];
  /**
   * Resolves when the block is on disk. Calls may overlap: each is judged when its turn comes, and those that wait share one
   * write and one flush. `block` MUST NOT be changed until then; it is not copied.
   */
  commit(blockNumber: bigint, block: Uint8Array): Promise<void>;
  /** @throws GossipError `corrupt` when the stored block does not match its checksum. */
  read(blockNumber: bigint): Promise<Uint8Array | undefined>;
  /** Committed blocks in order from `from` (0 when absent), up to the newest one at the time it is reached. */
  blocks(options?: { readonly from?: bigint }): AsyncIterable<LedgerBlock>;
  /** Waits for commits under way. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the ledger of a channel, or makes it. Heals what a crash can leave behind.
 *
 * @throws GossipError `invalid-argument` for a bad channel name; `conflict` when the ledger is open already, here or in another
 * process; `corrupt` naming the block when data in the middle is damaged; `storage` when the file system refuses.
 *
 * @example
 * const ledger = await createLedger({ dir: "peer0/ledgers", channel: "payments" });
 * await ledger.commit(ledger.height, block);
 * await ledger.close();
 */
export async function createLedger(options: LedgerOptions): Promise<BlockLedger> {
  const { channel, log = silentLogger, refetchable = true } = options;
  if (!/^[a-z][a-z0-9.-]{0,248}$/.test(channel)) {
    throw new GossipError(
      "invalid-argument",
      `expected a channel name of letters a to z, digits, "." and "-" that begins with a letter, got ${JSON.stringify(channel)}`,
    );
  }
  const place: Place = { channel, dir: join(options.dir, channel), refetchable };
  const opened = await open(place, log);
  return new LevelLedger(place, log, opened);
}

/** Commits that share one write, at most. */
const maxGroupBlocks = 256;
const maxGroupBytes = 16 * 1024 * 1024;

/** A commit that waits for its turn. */
interface Waiting {
  readonly blockNumber: bigint;
  readonly block: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

interface Opened {
  readonly store: Store;
  readonly mark: HeightMark;
  readonly height: bigint;
  readonly lastHash: Uint8Array;
  readonly healed: readonly Healing[];
}

class LevelLedger implements BlockLedger {
  readonly channel: string;
  readonly dir: string;
  readonly healed: readonly Healing[];
  readonly #place: Place;
  readonly #log: Logger;
  readonly #mark: HeightMark;
  #waiting: Waiting[] = [];
  #store: Store;
  #height: bigint;
  #lastHash: Uint8Array;
  /** The loop that empties `#waiting`, while it runs. */
  #writing: Promise<void> | undefined;
  /** A write failed, so what LevelDB wrote of it is unknown: the next one must start from a clean log. */
  #suspect = false;
  /** Reads wait for it: between closing and opening there is nothing to read from. Never rejects. */
  #reopened: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(place: Place, log: Logger, opened: Opened) {
    this.channel = place.channel;
    this.dir = place.dir;
    this.healed = opened.healed;
    this.#place = place;
    this.#log = log;
    this.#mark = opened.mark;
    this.#store = opened.store;
    this.#height = opened.height;
    this.#lastHash = opened.lastHash;
  }

  get height(): bigint {
    return this.#height;
  }

  get lastHash(): Uint8Array {
    return this.#lastHash;
  }

  async commit(blockNumber: bigint, block: Uint8Array): Promise<void> {
    this.#refuseClosed();
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ blockNumber, block, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async read(blockNumber: bigint): Promise<Uint8Array | undefined> {
    await this.#reopened;
    this.#refuseClosed();
    if (blockNumber < 0n || blockNumber >= this.#height) return undefined;
    let both: Awaited<ReturnType<typeof readBoth>>;
    try {
      both = await readBoth(this.#store, blockNumber);
    } catch (error) {
      this.#refuseClosed();
      if (isCorruption(error)) throw corruptBlock(this.#place, blockNumber, errorText(error), error);
      throw storageError(`expected to read block ${blockNumber} of channel ${this.channel} in ${this.dir}`, error);
    }
    const detail = damageOf(both.block, both.record);
    if (detail !== undefined) throw corruptBlock(this.#place, blockNumber, detail);
    return both.block;
  }

  async *blocks(options: { readonly from?: bigint } = {}): AsyncGenerator<LedgerBlock, void, undefined> {
    for (let number = options.from ?? 0n; number < this.#height; number++) {
      const bytes = await this.read(number);
      assert(bytes !== undefined, `expected block ${number} below height ${this.#height}`);
      yield { number, bytes };
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#writing;
    this.#mark.close();
    await this.#store.close();
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) {
      throw new GossipError(
        "closed",
        `expected the ledger of channel ${this.channel} to be open, got one that was closed`,
      );
    }
  }

  async #writeAll(): Promise<void> {
    // Let all commits of this turn of the event loop come in, so that they share the first write already.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting);
      await this.#writeGroup(group);
    }
    this.#writing = undefined;
  }

  /** Checks each block as if it were alone, then writes those that passed at once; all of them, or none. */
  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const passed: Waiting[] = [];
    const tip = { height: this.#height, lastHash: this.#lastHash };
    const batch: { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
    for (const waiting of group) {
      const { blockNumber, block } = waiting;
      try {
        const { hash } = checkNextBlock(tip, blockNumber, block);
        batch.push({ type: "put", key: keyOf("block", blockNumber), value: block });
        batch.push({ type: "put", key: keyOf("record", blockNumber), value: encodeRecord(recordOf(block, hash)) });
        tip.height = blockNumber + 1n;
        tip.lastHash = hash;
        passed.push(waiting);
      } catch (error) {
        waiting.reject(error);
      }
    }
    if (passed.length === 0) return;
    try {
      if (this.#suspect) await this.#startAfresh(batch);
      await this.#store.batch(batch, { sync: true });
    } catch (error) {
      this.#suspect = true;
      // Whatever it was, the blocks were sound: other codes would say that they were not.
      const wanted = `expected to write block ${passed[0]?.blockNumber} of channel ${this.channel} in ${this.dir}`;
      const isStorage = error instanceof GossipError && error.code === "storage";
      const failure = isStorage ? error : storageError(wanted, error);
      for (const { reject } of passed) reject(failure);
      return;
    }
    this.#height = tip.height;
    this.#lastHash = tip.lastHash;
    this.#mark.write(tip.height);
    for (const { resolve } of passed) resolve();
  }

  /**
   * After a failed write LevelDB's log may end in a torn record, and whatever it appended behind that would be lost at the
   * next start. Opened anew it begins a new log; what it salvaged of the failed write was never acknowledged, and goes.
   */
  async #startAfresh(batch: readonly { readonly value: Uint8Array }[]): Promise<void> {
    // Opening needs space as well, and when it fails nothing can be read any more: make sure before closing.
    if (this.#store.status === "open") await probeSpace(this.dir, batch);
    const reopened = this.#reopen();
    this.#reopened = reopened.catch(() => {});
    await reopened;
    this.#suspect = false;
    this.#log.info("ledger opened anew after a failed write", { channel: this.channel, height: this.#height });
  }

  async #reopen(): Promise<void> {
    await this.#store.close();
    const { store } = await openStore(blocksDir(this.#place), cure(this.#place));
    this.#store = store;
    await truncate(store, this.#height);
  }
}

/** Takes the commits that share the next write: at least one. */
function takeGroup(waiting: Waiting[]): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { block } of waiting) {
    bytes += block.length;
    if (count > 0 && (bytes > maxGroupBytes || count >= maxGroupBlocks)) break;
    count++;
  }
  return waiting.splice(0, count);
}

async function open(place: Place, log: Logger): Promise<Opened> {
  const { store, repaired } = await openStore(blocksDir(place), cure(place));
  let mark: HeightMark | undefined;
  try {
    const opened = openMark(place);
    mark = opened.mark;
    const recovered = await recover(store, { place, marked: opened.height, thorough: repaired !== undefined });
    mark.write(recovered.height);
    const rebuilt: readonly Healing[] =
      repaired === undefined ? [] : [{ lost: undefined, detail: `rebuilt the index, which had ${repaired}` }];
    const healed = [...rebuilt, ...recovered.healed];
    for (const { lost, detail } of healed) {
      log.warn("ledger healed", {
        channel: place.channel,
        dir: place.dir,
        detail,
        ...(lost === undefined ? {} : { lost }),
      });
    }
    return { store, mark, height: recovered.height, lastHash: recovered.lastHash, healed };
  } catch (error) {
    mark?.close();
    await store.close();
    throw error;
  }
}

function openMark(place: Place): ReturnType<typeof HeightMark.open> {
  const path = join(place.dir, "height");
  try {
    return HeightMark.open(path);
  } catch (error) {
    throw storageError(`expected to open ${path}`, error);
  }
}

/** LevelDB has a directory to itself: it deletes what it does not know when it repairs. */
function blocksDir(place: Place): string {
  return join(place.dir, "blocks");
}
