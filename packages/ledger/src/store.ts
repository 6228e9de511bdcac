import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { ClassicLevel } from "classic-level";

/** An open LevelDB of bytes. */
export type Store = ClassicLevel<Uint8Array, Uint8Array>;

export interface OpenedStore {
  readonly store: Store;
  /** Why LevelDB's own index had to be rebuilt; `undefined` when it was intact. */
  readonly repaired: string | undefined;
}

const MiB = 1024 * 1024;

const storeOptions = {
  keyEncoding: "view",
  valueEncoding: "view",
  // Blocks are read rarely and mostly once, when another peer catches up, so a large cache per channel would be wasted.
  cacheSize: 2 * MiB,
  // LevelDB's 2 MiB would make a file of almost every large block, and tens of thousands of files of a long chain.
  maxFileSize: 32 * MiB,
} as const;

/**
 * Opens LevelDB in this directory, makes it when the directory is empty, and rebuilds its index (CURRENT, MANIFEST) when
 * that is missing or damaged.
 *
 * An index that is missing beside data must never count as an empty directory: LevelDB would then start afresh and delete
 * the data as left over.
 *
 * @param cure what the operator can do about damage that cannot be healed, for the error
 * @throws GossipError `conflict` when another process has it open, `storage` when the file system refuses,
 * `corrupt` when it cannot be rebuilt.
 */
export async function openStore(dir: string, cure: string): Promise<OpenedStore> {
  await makeDirectory(dir);
  try {
    return { store: await openLevel(dir, false), repaired: undefined };
  } catch (error) {
    // LevelDB locks first, so any other failure means that nobody else has the directory open.
    if (codeOf(error) === "LEVEL_LOCKED") {
      const text = `expected the ledger in ${dir} to be free, got one that is open already, here or in another process`;
      throw new GossipError("conflict", text, { cause: error });
    }
    const index = indexOf(dir, error);
    if (index === "intact") throw openError(dir, error, cure);
    try {
      if (index !== "none") await ClassicLevel.repair(dir);
      return { store: await openLevel(dir, index === "none"), repaired: index === "none" ? undefined : index.damage };
    } catch (second) {
      throw openError(dir, second, cure);
    }
  }
}

/** `storage`, with what was wanted and what the file system said. */
export function storageError(wanted: string, cause: unknown): GossipError {
  return new GossipError("storage", `${wanted}, got ${errorText(rootOf(cause))}`, { cause });
}

/**
 * Whether LevelDB met damaged data, rather than a file system that refused. A file that is gone, or too short for what its
 * index says, counts as damage, though LevelDB calls it an I/O error.
 */
export function isCorruption(error: unknown): boolean {
  if (codeOf(error) === "LEVEL_CORRUPTION") return true;
  return codeOf(error) === "LEVEL_IO_ERROR" && /No such file|Invalid argument/.test(errorText(rootOf(error)));
}

async function makeDirectory(dir: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(dir); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  try {
    // One by one: Node's own way never ends where a file system makes no folders and says that the path does not exist.
    for (const folder of missing) await makeOne(folder);
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw storageError(`expected ${dir} to be a directory or to become one`, error);
  }
}

async function makeOne(folder: string): Promise<void> {
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    // Other channels are opened at the same time.
    if (error.code !== "EEXIST") throw error;
  });
}

async function openLevel(dir: string, createIfMissing: boolean): Promise<Store> {
  const store: Store = new ClassicLevel(dir, { ...storeOptions, createIfMissing });
  await store.open();
  return store;
}

function openError(dir: string, error: unknown, cure: string): GossipError {
  if (!isCorruption(error)) return storageError(`expected to open the ledger in ${dir}`, error);
  const text = `expected the ledger in ${dir} to be intact, got ${errorText(rootOf(error))}; ${cure}`;
  return new GossipError("corrupt", text, { cause: error });
}

/** The state of LevelDB's index after opening failed; `none` when there is neither index nor data. */
function indexOf(dir: string, failure: unknown): "none" | "intact" | { readonly damage: string } {
  const current = join(dir, "CURRENT");
  try {
    if (!existsSync(current)) {
      const isData = (name: string) => /^(?:MANIFEST-\d+|\d+\.(?:ldb|sst|log))$/.test(name);
      return readdirSync(dir).some(isData) ? { damage: "no file CURRENT beside the data" } : "none";
    }
    const manifest = readFileSync(current, "utf8");
    if (!/^MANIFEST-\d+\n$/.test(manifest)) return { damage: "a damaged file CURRENT" };
    if (!existsSync(join(dir, manifest.trimEnd()))) return { damage: `no file ${manifest.trimEnd()}` };
  } catch (error) {
    throw storageError(`expected to read the ledger in ${dir}`, error);
  }
  // The index is sound if it knows of files that are missing. Rebuilding would only make LevelDB delete them as unknown, should
  // they come back.
  const text = errorText(rootOf(failure));
  return isCorruption(failure) && !text.includes("missing files") ? { damage: text } : "intact";
}

/** LevelDB's own error, which abstract-level wraps when opening fails. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

function codeOf(error: unknown): string | undefined {
  return (rootOf(error) as { readonly code?: string } | undefined)?.code;
}
