import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";

/**
 * The number of acknowledged blocks, in a file beside LevelDB.
 *
 * LevelDB gives up the end of a damaged log without a word, and a ledger that is merely shorter looks intact. The mark
 * remembers how long it was. It is not flushed to disk with each commit, which would double the cost: after a power failure
 * it may be behind, and then it only knows less.
 */
export class HeightMark {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Opens the mark, making it when missing, and says what stood in it: 0 when it is new or unreadable. */
  static open(path: string): { readonly mark: HeightMark; readonly height: bigint } {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    return { mark: new HeightMark(file), height: parse(readFileSync(file, "utf8")) };
  }

  /**
   * Overwrites in place; bytes that exist need no further space, so even a full disk takes them. A file system that refuses
   * all the same makes the mark know less, which must not fail a commit that is on disk already.
   */
  write(height: bigint): void {
    try {
      writeSync(this.#file, `${height.toString().padStart(digits, "0")}\n`, 0);
    } catch {
      // See above.
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Those of the largest uint64. */
const digits = 20;

function parse(text: string): bigint {
  return /^\d{20}\n$/.test(text) ? BigInt(text) : 0n;
}
