import { GossipError } from "@gossip/runtime";

/** Bounds what is held of input that may never send a line feed. */
export interface LineOptions {
  /** Longest line, its line feed not counted. A longer one is refused as soon as it is seen, however long it would become. */
  readonly maxLineBytes: number;
}

const lineFeed = 0x0a;

/**
 * Cuts bytes into lines and changes nothing: only a line feed separates, so carriage returns, empty lines and bytes that
 * are no UTF-8 stay as they are. A last line without its line feed counts; after a line feed at the very end nothing follows.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  /** Pieces of the line that is not complete yet. */
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;
  #complete = 0;

  constructor(options: LineOptions) {
    this.#maxLineBytes = options.maxLineBytes;
  }

  /** The lines that `chunk` completes, which may be views into it. @throws GossipError `too-large`, after the lines before the long one. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      yield this.#take();
    }
    this.#keep(chunk.subarray(start));
  }

  /** The last line, when the bytes did not end with a line feed. */
  end(): Uint8Array | undefined {
    return this.#pendingBytes > 0 ? this.#take() : undefined;
  }

  #keep(piece: Uint8Array): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > this.#maxLineBytes) {
      throw new GossipError(
        "too-large",
        `expected line ${this.#complete + 1} to have at most ${this.#maxLineBytes} bytes, which is what the orderer takes, got a longer one`,
      );
    }
    if (piece.length > 0) this.#pieces.push(piece);
  }

  #take(): Uint8Array {
    const [only, ...rest] = this.#pieces;
    const line = only !== undefined && rest.length === 0 ? only : joined(this.#pieces, this.#pendingBytes);
    this.#pieces = [];
    this.#pendingBytes = 0;
    this.#complete += 1;
    return line;
  }
}

/** The lines of a stream of bytes, holding no more than one chunk and one line at a time. See {@link LineSplitter}. */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const splitter = new LineSplitter(options);
  for await (const chunk of source) yield* splitter.push(chunk);
  const last = splitter.end();
  if (last !== undefined) yield last;
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const line = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    line.set(piece, at);
    at += piece.length;
  }
  return line;
}
