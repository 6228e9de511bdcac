import { blockDataHash, blockHash } from "@gossip/crypto";
import { type BlockHeader, readBlock } from "@gossip/proto/fabric";
import { errorText, GossipError } from "@gossip/runtime";
import { damageOf, decodeRecord, keyOf, keyRange, numberOf, type RecordKind } from "./records.js";
import { isCorruption, type Store, storageError } from "./store.js";

/** What opening a ledger had to do about damage, for a log line or a status page. */
export interface Healing {
  /** Blocks that were acknowledged but are lost at the tail; they have to be fetched again. `undefined` when none is. */
  readonly lost: { readonly from: bigint; readonly to: bigint } | undefined;
  /** What was expected and what was found. */
  readonly detail: string;
}

/** Where a ledger lies, and what a loss there means. */
export interface Place {
  readonly dir: string;
  readonly channel: string;
  /** Whether lost blocks can be had again elsewhere. */
  readonly refetchable: boolean;
}

export interface Recovered {
  readonly height: bigint;
  readonly lastHash: Uint8Array;
  readonly healed: readonly Healing[];
}

export interface RecoverOptions {
  readonly place: Place;
  /** The number of blocks that were acknowledged, as far as is known. */
  readonly marked: bigint;
  /** Look for gaps among all blocks, not only the newest ones. */
  readonly thorough: boolean;
}

/** Blocks whose contents and links are checked at each start, unless they are large. */
const checkedBlocks = 64;
const checkedBytes = 16 * 1024 * 1024;
/** Newest blocks among which a gap is looked for: more than LevelDB's log can hold of small ones, since damage to the log makes gaps. */
const scannedBlocks = 65_536n;

/**
 * Finds the height and the last hash, and drops broken blocks at the tail.
 *
 * A write that was torn, or damage to the end of LevelDB's log, leaves a chain that is sound and merely shorter, or ends in
 * broken blocks: these are dropped and fetched again, or, where nobody else has them, refused. A broken block with a sound
 * one above it is another matter, which no crash can cause: it is reported. Nothing is touched before either error.
 *
 * @throws GossipError `corrupt` naming the block, what was expected and what was found; `storage`.
 */
export async function recover(store: Store, options: RecoverOptions): Promise<Recovered> {
  try {
    return await recoverChain(store, options);
  } catch (error) {
    if (error instanceof GossipError) throw error;
    const { channel, dir } = options.place;
    if (!isCorruption(error)) throw storageError(`expected to read the ledger of channel ${channel} in ${dir}`, error);
    const text = `expected to read the newest blocks of channel ${channel}, got ${errorText(error)}; ${cure(options.place)}`;
    throw new GossipError("corrupt", text, { cause: error });
  }
}

/** What the operator can do about damage that cannot be healed. */
export function cure({ dir, refetchable }: Place): string {
  return refetchable
    ? `to have all blocks fetched again from other peers, move ${dir} away and start again`
    : `restore ${dir} from a copy, since nobody else can give these blocks back`;
}

/** `corrupt`: this stored block is not what was committed. */
export function corruptBlock(place: Place, blockNumber: bigint, detail: string, cause?: unknown): GossipError {
  const text = `block ${blockNumber} of channel ${place.channel} is damaged: ${detail}; ${cure(place)}`;
  return new GossipError("corrupt", text, { cause });
}

/** Removes every block from `height` on, without reading it. */
export async function truncate(store: Store, height: bigint): Promise<void> {
  for (const kind of ["block", "record"] as const) {
    const keys = await store.keys(keyRange(kind, height)).all();
    await store.batch(
      keys.map((key) => ({ type: "del", key })),
      { sync: true },
    );
  }
}

/** A stored block and its record; either may be missing or unreadable. */
export async function readBoth(
  store: Store,
  blockNumber: bigint,
): Promise<{ readonly block: Uint8Array | undefined; readonly record: Uint8Array | undefined }> {
  const [block, record] = await store.getMany([keyOf("block", blockNumber), keyOf("record", blockNumber)]);
  return { block: plain(block), record: plain(record) };
}

async function recoverChain(store: Store, { place, marked, thorough }: RecoverOptions): Promise<Recovered> {
  const found = await foundHeight(store);
  const broken: string[] = [];
  let height = found;
  let tip: SoundBlock | undefined;
  for (; height > 0n; height--) {
    const newest = await inspect(store, height - 1n);
    if (newest.sound) {
      tip = newest;
      break;
    }
    broken.push(newest.detail);
    // More than a crash can tear: better to stop than to eat up the whole ledger from behind.
    if (broken.length > checkedBlocks) throw corruptBlock(place, height - 1n, newest.detail, newest.cause);
  }
  const known = found > marked ? found : marked;
  if (tip === undefined && known > 0n)
    throw corruptBlock(place, 0n, broken.at(-1) ?? `expected ${known} blocks, found none`);
  if (tip !== undefined) {
    await checkGaps(store, place, height, thorough);
    await checkLinks(store, place, height - 1n, tip);
  }
  const detail = broken.at(-1) ?? `expected ${known} blocks, found ${height}`;
  if (known > height && !place.refetchable) throw corruptBlock(place, height, detail);
  if (broken.length > 0) await truncate(store, height);
  const lastHash = tip?.hash ?? new Uint8Array();
  if (known === height) return { height, lastHash, healed: [] };
  return { height, lastHash, healed: [{ lost: { from: height, to: known - 1n }, detail }] };
}

/** One above the highest number that occurs in a key. */
async function foundHeight(store: Store): Promise<bigint> {
  let height = 0n;
  for (const kind of ["block", "record"] as const) {
    const [key] = await store.keys({ ...keyRange(kind), reverse: true, limit: 1 }).all();
    if (key !== undefined && numberOf(key) >= height) height = numberOf(key) + 1n;
  }
  return height;
}

interface SoundBlock {
  readonly sound: true;
  readonly header: BlockHeader;
  readonly hash: Uint8Array;
  readonly bytes: number;
}

interface BrokenBlock {
  readonly sound: false;
  readonly detail: string;
  readonly cause?: unknown;
}

/** Checks one stored block by itself: checksum, number, data hash, and the hash kept in its record. */
async function inspect(store: Store, blockNumber: bigint): Promise<SoundBlock | BrokenBlock> {
  let both: Awaited<ReturnType<typeof readBoth>>;
  try {
    both = await readBoth(store, blockNumber);
  } catch (cause) {
    if (!isCorruption(cause)) throw cause;
    return { sound: false, detail: `expected readable data, got ${errorText(cause)}`, cause };
  }
  const { block, record } = both;
  const detail = damageOf(block, record);
  if (detail !== undefined || block === undefined || record === undefined) {
    return { sound: false, detail: detail ?? "expected the block, found none" };
  }
  const read = readBlock(block);
  if (!read.ok) return { sound: false, detail: `expected a serialized block, found ${read.detail}` };
  const { header, data } = read.value;
  if (header.number !== blockNumber) return { sound: false, detail: `expected its number, found ${header.number}` };
  const dataHash = blockDataHash(data);
  if (!isEqual(dataHash, header.dataHash)) {
    return { sound: false, detail: `expected data with hash ${hex(header.dataHash)}, found ${hex(dataHash)}` };
  }
  const hash = blockHash(header);
  const kept = decodeRecord(record)?.hash ?? new Uint8Array();
  if (!isEqual(hash, kept)) return { sound: false, detail: `expected header hash ${hex(kept)}, found ${hex(hash)}` };
  return { sound: true, header, hash, bytes: block.length };
}

/** Below a sound tip every block must be sound and linked to. */
async function checkLinks(store: Store, place: Place, tipNumber: bigint, tip: SoundBlock): Promise<void> {
  let above = tip;
  let bytes = tip.bytes;
  let blockNumber = tipNumber;
  for (let checked = 1; checked < checkedBlocks && bytes < checkedBytes && blockNumber > 0n; checked++) {
    const below = await inspect(store, --blockNumber);
    if (!below.sound) throw corruptBlock(place, blockNumber, below.detail, below.cause);
    if (!isEqual(above.header.previousHash, below.hash)) {
      const detail = `expected a link to ${hex(below.hash)}, found ${hex(above.header.previousHash)}`;
      throw corruptBlock(place, blockNumber + 1n, detail);
    }
    above = below;
    bytes += below.bytes;
  }
}

/** Numbers must follow each other; after damage to LevelDB's log or a lost file some are missing. */
async function checkGaps(store: Store, place: Place, height: bigint, thorough: boolean): Promise<void> {
  const kinds: readonly RecordKind[] = thorough ? ["record", "block"] : ["record"];
  const first = thorough || height <= scannedBlocks ? 0n : height - scannedBlocks;
  for (const kind of kinds) {
    if (first > 0n && !(await store.has(keyOf(kind, 0n))))
      throw corruptBlock(place, 0n, "expected the block, found none");
    let expected = first;
    for await (const key of store.keys(keyRange(kind, first, height - 1n))) {
      const number = numberOf(key);
      if (number !== expected) throw corruptBlock(place, expected, `expected the block, found block ${number} next`);
      expected++;
    }
  }
}

/** Without Buffer's other idea of `slice`; the same memory. */
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
