import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { storageError } from "./store.js";

/** What opening LevelDB writes besides the blocks: a new index, a new log, and the old log as a table (4 MiB). */
const spareBytes = 8 * 1024 * 1024;

/**
 * Finds out whether the disk takes these values twice and a little more, by writing as much to a file and removing it.
 *
 * @throws GossipError `storage` when it does not.
 */
export async function probeSpace(dir: string, values: readonly { readonly value: Uint8Array }[]): Promise<void> {
  const path = join(dir, "probe");
  const chunk = new Uint8Array(1024 * 1024);
  let bytes = spareBytes;
  for (const { value } of values) bytes += 2 * value.length;
  try {
    const file = await open(path, "w");
    try {
      for (let written = 0; written < bytes; written += chunk.length) await file.write(chunk);
      // Some file systems find the space only now.
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(`expected ${bytes} bytes of free space in ${dir}`, error);
  } finally {
    await rm(path, { force: true });
  }
}
