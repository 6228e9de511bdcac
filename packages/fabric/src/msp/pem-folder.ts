import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { readPem } from "../x509/pem.js";

/** Largest file of an MSP folder that is read; revocation lists of large organizations have some megabytes. */
const maxMspFileBytes = 16 * 1_024 * 1_024;

/** A file of a folder. */
export interface FolderFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/**
 * The files of a folder that hold PEM, by name, links followed and folders left out (page 13 §1.4). What is skipped goes
 * to `warnings`.
 *
 * @returns `undefined` when there is no such folder
 * @throws GossipError `storage` when the folder is there and cannot be read.
 */
export async function readPemFolder(folder: string, warnings: string[]): Promise<readonly FolderFile[] | undefined> {
  const files = await readFolder(folder, maxMspFileBytes, warnings);
  return files?.filter(({ path, content }) => {
    const isPem = readPem(content) !== undefined;
    if (!isPem) warnings.push(`${path}: expected PEM, got none; the file is skipped`);
    return isPem;
  });
}

/** The files of a folder by name, as `readPemFolder`, whatever they hold. */
export async function readFolder(
  folder: string,
  maxBytes: number,
  warnings: string[],
): Promise<readonly FolderFile[] | undefined> {
  const names = await namesIn(folder);
  if (names === undefined) return undefined;
  const files: FolderFile[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      const found = await stat(path);
      if (found.isDirectory()) continue;
      if (found.size <= maxBytes) files.push({ path, content: new Uint8Array(await readFile(path)) });
      else warnings.push(`${path}: expected at most ${maxBytes} bytes, got ${found.size}; the file is skipped`);
    } catch (error) {
      warnings.push(`${path}: expected a readable file, got ${errorText(error)}; it is skipped`);
    }
  }
  return files;
}

/** Names in order; `undefined` without the folder. */
async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(folder)).sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new GossipError("storage", `expected to read the folder ${folder}, got ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** Whether the error of a file operation says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
