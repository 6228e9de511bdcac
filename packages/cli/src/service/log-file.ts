import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * A log file of bounded size: a full one becomes `FILE.1`, in place of the one before. Lines are written at once, since
 * the last ones before a crash are those somebody will want to read.
 */
export class LogFile {
  readonly #file: string;
  readonly #maxBytes: number;
  #descriptor: number;
  #bytes: number;

  /** @param maxBytes of one file; there are at most two */
  constructor(file: string, maxBytes = 16 * 1024 * 1024) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    mkdirSync(dirname(file), { recursive: true });
    this.#descriptor = openSync(file, "a", 0o600);
    this.#bytes = statSync(file).size;
  }

  /** Never throws: a full disk must not end a peer that could still serve. */
  write(line: string): void {
    try {
      if (this.#bytes >= this.#maxBytes) this.#turn();
      this.#bytes += writeSync(this.#descriptor, line);
    } catch {
      // There is nowhere left to say so.
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #turn(): void {
    renameSync(this.#file, `${this.#file}.1`);
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.#file, "a", 0o600);
    this.#bytes = 0;
  }
}
