import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";

/** In the year 2262. Above it there would be no room for later lives, and no clock has ever shown it. */
const latest = 2n ** 63n - 1n;

/**
 * The largest incarnation that this peer has used, in a file of its data folder. Others drop alive messages that are not
 * newer than what they know, so after the wall clock stepped back a peer without it would stay dead for them.
 */
export class IncarnationFile {
  readonly #folder: string;
  readonly #path: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, "incarnation");
  }

  /**
   * 0 when the peer has not lived before.
   *
   * @throws GossipError `corrupt` when the file holds no number, `storage` when it cannot be read.
   */
  async read(): Promise<bigint> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0n;
      throw new GossipError("storage", `expected to read ${this.#path}, got ${errorText(error)}`, { cause: error });
    }
    const incarnation = /^\d{1,19}\n?$/.test(text) ? BigInt(text.trim()) : latest + 1n;
    if (incarnation > latest) {
      const shown = JSON.stringify(text.slice(0, 40));
      const cure = "remove it, unless the clock was set back: then wait until it has caught up";
      throw new GossipError("corrupt", `expected ${this.#path} to hold the last incarnation, got ${shown}; ${cure}`);
    }
    return incarnation;
  }

  /**
   * Replaces the number at once or not at all, whenever the process is killed.
   *
   * @throws GossipError `storage`.
   */
  async write(incarnation: bigint): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      const temporary = `${this.#path}.new`;
      const file = await open(temporary, "w", 0o600);
      try {
        await file.writeFile(`${incarnation}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (error) {
      throw new GossipError("storage", `expected to write ${this.#path}, got ${errorText(error)}`, { cause: error });
    }
  }
}
