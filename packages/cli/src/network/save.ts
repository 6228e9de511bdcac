import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";

/**
 * Writes a file, in a folder that is made when missing.
 *
 * @throws GossipError `storage` that names the file: what the system says of a full disk names none
 */
export async function save(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeFile(path, content, { mode });
  } catch (cause) {
    throw new GossipError("storage", `expected to write ${path}, got ${errorText(cause)}`, { cause });
  }
}

/**
 * Makes a folder, and those above it. Node's own way to do so never ends where a file system makes no folders and says
 * that the path does not exist, as /proc does.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    await mkdir(folder, { mode }).catch((error: NodeJS.ErrnoException) => {
      // Another process may make the same.
      if (error.code !== "EEXIST") throw error;
    });
  }
}
