import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** More files than an MSP folder ever has. */
const maxFiles = 1_000;

/**
 * Tells whether a file, or anything in a folder, has changed. It looks when it is asked, because notices of file systems
 * do not come over network file systems, mounts of containers and links that are swapped.
 */
export class FileWatch {
  readonly #path: string;
  #seen: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether something is other than when it was asked last, or asked for the first time. Never rejects. */
  async hasChanged(): Promise<boolean> {
    const found = (await marksOf(this.#path, maxFiles)).join("\n");
    const isOther = found !== this.#seen;
    this.#seen = found;
    return isOther;
  }
}

/** What tells contents apart without reading them; a file that is replaced, as it should be, has another inode. */
async function marksOf(path: string, left: number): Promise<readonly string[]> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return [`${path} none`];
  if (!found.isDirectory()) return [`${path} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`];
  const names = (await readdir(path).catch(() => [])).sort().slice(0, left);
  const marks: string[] = [];
  for (const name of names) {
    if (marks.length >= left) break;
    marks.push(...(await marksOf(join(path, name), left - marks.length)));
  }
  return marks;
}
