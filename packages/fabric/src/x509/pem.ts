/** A block of PEM, as Go's decoder finds it. */
export interface PemBlock {
  /** What stands after `BEGIN`, e.g. `CERTIFICATE`. */
  readonly type: string;
  readonly der: Uint8Array;
  /** How many bytes follow the block's last line. */
  readonly trailingBytes: number;
}

const begin = "-----BEGIN ";
const end = "\n-----END ";
const dashes = "-----";
const lineLength = 64;

/**
 * The first block of PEM in `bytes`; `undefined` when there is none.
 *
 * Takes what Go's decoder takes and nothing else, since a Go peer must find the same certificate in the same bytes or
 * none (page 13 §1.2): text before the block, CRLF, headers, blanks inside base64 and no newline after the last line
 * are fine; a block that is broken is passed over.
 */
export function readPem(bytes: Uint8Array): PemBlock | undefined {
  // One character per byte, so that offsets in the text are offsets in the bytes.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  let from = 0;
  while (true) {
    const endAt = text.indexOf(end, from);
    if (endAt < 0) return undefined;
    const block = blockBetween(text, from, endAt);
    if (block !== undefined) return block;
    from = endAt + end.length;
  }
}

/** PEM as Go's encoder writes it: lines of 64 characters, each ended by `\n`. */
export function writePem(type: string, der: Uint8Array): Uint8Array {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = [`${begin}${type}${dashes}`];
  for (let at = 0; at < base64.length; at += lineLength) lines.push(base64.slice(at, at + lineLength));
  lines.push(`-----END ${type}${dashes}`, "");
  return new TextEncoder().encode(lines.join("\n"));
}

/** The block whose last line begins after the newline at `endAt`, if it is whole. */
function blockBetween(text: string, from: number, endAt: number): PemBlock | undefined {
  const beginAt = text.slice(from, endAt).lastIndexOf(begin) + from;
  if (beginAt < from || (beginAt > from && text[beginAt - 1] !== "\n")) return undefined;
  const first = lineAt(text, beginAt + begin.length);
  if (!first.line.endsWith(dashes)) return undefined;
  const type = first.line.slice(0, -dashes.length);

  const body = afterHeaders(text, first.next);
  // With headers there has to be a newline of the body's own before the last line.
  if (body === undefined || (body !== first.next && body > endAt)) return undefined;

  const trailerAt = endAt + end.length;
  const trailer = type + dashes;
  if (!text.startsWith(trailer, trailerAt)) return undefined;
  const last = lineAt(text, trailerAt + trailer.length);
  if (last.line !== "") return undefined;

  const der = decodeBase64(text.slice(Math.min(body, endAt), endAt));
  return der === undefined ? undefined : { type, der, trailingBytes: text.length - last.next };
}

/** Where the lines with a colon end; `undefined` when nothing follows them. */
function afterHeaders(text: string, start: number): number | undefined {
  let at = start;
  while (at < text.length) {
    const { line, next } = lineAt(text, at);
    if (!line.includes(":")) return at;
    at = next;
  }
  return undefined;
}

/** A line without its end and the blanks before that. A carriage return belongs to the end of a line only before `\n`. */
function lineAt(text: string, start: number): { readonly line: string; readonly next: number } {
  const newline = text.indexOf("\n", start);
  if (newline < 0) return { line: trimBlanks(text.slice(start)), next: text.length };
  const stop = newline > start && text[newline - 1] === "\r" ? newline - 1 : newline;
  return { line: trimBlanks(text.slice(start, stop)), next: newline + 1 };
}

function trimBlanks(line: string): string {
  let stop = line.length;
  while (stop > 0 && (line[stop - 1] === " " || line[stop - 1] === "\t")) stop--;
  return line.slice(0, stop);
}

/** Node's own decoder forgives any character. */
function decodeBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/[ \t\r\n]/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) return undefined;
  return new Uint8Array(Buffer.from(digits, "base64"));
}
