import { existsSync, readdirSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { ClassicLevel } from "classic-level";

/** An open LevelDB of bytes. */
export type Level = ClassicLevel<Uint8Array, Uint8Array>;

const MiB = 1024 * 1024;

const levelOptions = {
  keyEncoding: "view",
  valueEncoding: "view",
  // Most sets are written, perhaps read once, and purged.
  cacheSize: 2 * MiB,
} as const;

/** What opening LevelDB writes besides the sets: a new index, a new log, and the old log as a table (4 MiB). */
const spareBytes = 8 * MiB;

/**
 * Opens LevelDB in this directory, or makes it. The directory is for its owner only.
 *
 * @throws GossipError `conflict` when it is open already, here or in another process; `corrupt` when LevelDB cannot read
 * its own files; `storage` when the file system refuses.
 */
export async function openLevel(dir: string): Promise<Level> {
  try {
    await makeDirectory(dir);
    if (isHeadless(dir)) throw corruptError(dir, "no file CURRENT beside the data");
    const level: Level = new ClassicLevel(dir, levelOptions);
    await level.open();
    return level;
  } catch (error) {
    if (error instanceof GossipError) throw error;
    if (codeOf(error) === "LEVEL_LOCKED") {
      const text = `expected the private data in ${dir} to be free, got a store that is open already, here or in another process`;
      throw new GossipError("conflict", text, { cause: error });
    }
    throw readError(dir, error);
  }
}

/** Why private data in this directory cannot be read: `corrupt` or `storage`. */
export function readError(dir: string, error: unknown): GossipError {
  const text = errorText(rootOf(error));
  const isDamage = codeOf(error) === "LEVEL_CORRUPTION" || /No such file|Invalid argument/.test(text);
  if (isDamage && codeOf(error)?.startsWith("LEVEL_")) return corruptError(dir, text, error);
  return new GossipError("storage", `expected to read the private data in ${dir}, got ${text}`, { cause: error });
}

/** What LevelDB or the file system said, in one line and without where it happened: it may be told to a peer. */
export function plainCause(error: unknown): string {
  const text = errorText(rootOf(error));
  const known = /No space left on device|Read-only file system|Disk quota exceeded|File too large|Input\/output error/i;
  return known.exec(text)?.[0].toLowerCase() ?? "an error of the disk";
}

/**
 * Finds out whether the disk takes so many bytes twice and a little more, by writing as much to a file and removing it.
 *
 * @throws the file system's error when it does not.
 */
export async function probeSpace(dir: string, bytes: number): Promise<void> {
  const path = join(dir, "..", probeName);
  const chunk = new Uint8Array(MiB);
  try {
    const file = await open(path, "w", 0o600);
    try {
      for (let written = 0; written < spareBytes + 2 * bytes; written += chunk.length) await file.write(chunk);
      // Some file systems find the space only now.
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

async function makeDirectory(dir: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(dir); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    // One by one: Node's own way never ends where a file system makes no folders and says that the path does not exist.
    await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      // Other channels are opened at the same time.
      if (error.code !== "EEXIST") throw error;
    });
  }
}

/** Beside LevelDB's directory, where nobody else writes. */
const probeName = "probe";

/** LevelDB would take data without an index for an empty directory, and delete it as left over. */
function isHeadless(dir: string): boolean {
  if (existsSync(join(dir, "CURRENT"))) return false;
  return readdirSync(dir).some((name) => /^(?:MANIFEST-\d+|\d+\.(?:ldb|sst|log))$/.test(name));
}

function corruptError(dir: string, found: string, cause?: unknown): GossipError {
  const cure = `to go on without the private data that is in it, move ${dir} away and start again`;
  return new GossipError("corrupt", `expected the private data in ${dir} to be intact, got ${found}; ${cure}`, {
    cause,
  });
}

/** LevelDB's own error, which abstract-level wraps when opening fails. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

function codeOf(error: unknown): string | undefined {
  return (rootOf(error) as { readonly code?: string } | undefined)?.code;
}
