/**
 * Strict DER, as far as Go's readers check it (page 13 §3.4, §9).
 *
 * The schema classes of @peculiar/asn1-x509, with which this package makes certificates for tests, do not serve for
 * reading other people's: they sit on a reader of BER, which forgives indefinite and padded lengths, and they take some
 * fields with a wrong tag. Whoever relied on them would accept certificates that no Go peer accepts.
 */

/** ASN.1 tags as they stand in the first octet. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Most levels of nesting that are looked at; a certificate has about ten. */
export const maxDerDepth = 32;

const constructedBit = 0x20;
const highTagNumber = 0x1f;
const maxLengthOctets = 4;

/** Bytes are not DER, or not of the expected shape. Never leaves this package: readers turn it into a refusal. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One tag, length and contents. */
export interface DerElement {
  readonly tag: number;
  /** Without tag and length. */
  readonly contents: Uint8Array;
  /** All of it. */
  readonly raw: Uint8Array;
}

/** Reads elements one after another; views, not copies. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** Tag of the next element; `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The next element, which must have the tag if one is given. */
  read(what: string, tag?: number): DerElement {
    const element = elementAt(this.#bytes, this.#offset, what);
    if (tag !== undefined && element.tag !== tag) {
      throw new DerError(`expected ${what} with tag ${hex(tag)}, got tag ${hex(element.tag)}`);
    }
    this.#offset += element.raw.length;
    return element;
  }

  /** The next element if it has the tag. */
  readOptional(what: string, tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(what, tag) : undefined;
  }

  /** Refuses elements that are left. */
  end(what: string): void {
    if (!this.isEmpty) {
      throw new DerError(`expected ${what} to end, got ${this.#bytes.length - this.#offset} more bytes`);
    }
  }
}

/** A reader of what one element holds. */
export function readerOf(element: DerElement): DerReader {
  return new DerReader(element.contents);
}

/** The only element in `bytes`. */
export function onlyElement(bytes: Uint8Array, what: string, tag?: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.read(what, tag);
  reader.end(what);
  return element;
}

/** Refuses bytes that are not one element of DER through and through. Contents of OCTET STRINGs are not looked into. */
export function requireDer(bytes: Uint8Array, what: string): void {
  checkElement(onlyElement(bytes, what), what, 0);
}

/** The value of an INTEGER. */
export function integerValue(element: DerElement, what: string): bigint {
  checkInteger(element.contents, what);
  const magnitude = BigInt(`0x${Buffer.from(element.contents).toString("hex")}`);
  return BigInt.asIntN(element.contents.length * 8, magnitude);
}

/** The octets of a BIT STRING that must be a whole number of them. */
export function bitStringOctets(element: DerElement, what: string): Uint8Array {
  checkBitString(element.contents, what);
  if (element.contents[0] !== 0) throw new DerError(`expected ${what} in whole octets, got some bits unused`);
  return element.contents.subarray(1);
}

/** The dotted form of an OBJECT IDENTIFIER. */
export function objectIdentifier(element: DerElement, what: string): string {
  const arcs: number[] = [];
  let arc = 0;
  let octets = 0;
  for (const octet of element.contents) {
    if (octets === 0 && octet === 0x80) throw new DerError(`expected ${what} in fewest octets, got a padded arc`);
    arc = arc * 128 + (octet & 0x7f);
    octets++;
    if (arc > 0x7fff_ffff) throw new DerError(`expected ${what} with arcs below 2^31, got a larger one`);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
      octets = 0;
    }
  }
  const first = arcs.shift();
  if (first === undefined || octets !== 0) throw new DerError(`expected ${what}, got a truncated object identifier`);
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs].join(".");
}

/** One element with these contents. */
export function encodeElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag), encodeLength(length), ...contents]));
}

/** An INTEGER of 0 or more, in fewest octets. */
export function encodeInteger(value: bigint): Uint8Array {
  const digits = value.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  const needsZero = (octets[0] ?? 0) >= 0x80;
  return encodeElement(tags.integer, needsZero ? Uint8Array.of(0) : new Uint8Array(0), octets);
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

function elementAt(bytes: Uint8Array, offset: number, what: string): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError(`expected ${what}, got the end of the bytes`);
  if ((tag & highTagNumber) === highTagNumber) throw new DerError(`expected ${what}, got a tag of several octets`);
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) throw new DerError(`expected ${what} with a definite length, got an indefinite one`);
    if (count > maxLengthOctets) throw new DerError(`expected a length in ${maxLengthOctets} octets, got ${count}`);
    length = 0;
    for (const octet of bytes.subarray(start, start + count)) length = length * 256 + octet;
    start += count;
    const isMinimal = length >= 0x80 && length >= 256 ** (count - 1);
    if (!isMinimal) throw new DerError(`expected the length of ${what} in fewest octets, got ${count} octets`);
  }
  if (start + length > bytes.length) {
    throw new DerError(`expected ${length} bytes of ${what}, got ${Math.max(0, bytes.length - start)}`);
  }
  return { tag, contents: bytes.subarray(start, start + length), raw: bytes.subarray(offset, start + length) };
}

function checkElement(element: DerElement, what: string, depth: number): void {
  if (depth > maxDerDepth) throw new DerError(`expected ${what} in at most ${maxDerDepth} levels, got more`);
  switch (element.tag) {
    case tags.boolean:
      booleanValue(element, what);
      return;
    case tags.integer:
      return checkInteger(element.contents, what);
    case tags.bitString:
      return checkBitString(element.contents, what);
    case tags.objectIdentifier:
      objectIdentifier(element, what);
      return;
  }
  if ((element.tag & constructedBit) === 0) return;
  const inner = readerOf(element);
  while (!inner.isEmpty) checkElement(inner.read(what), what, depth + 1);
}

/** The value of a BOOLEAN, which DER writes in two ways only. */
export function booleanValue(element: DerElement, what: string): boolean {
  const [octet, ...more] = element.contents;
  if (more.length > 0 || (octet !== 0 && octet !== 0xff)) {
    throw new DerError(
      `expected the BOOLEAN in ${what} to be 00 or ff, got ${Buffer.from(element.contents).toString("hex")}`,
    );
  }
  return octet === 0xff;
}

function checkInteger(contents: Uint8Array, what: string): void {
  const [first, second] = contents;
  if (first === undefined) throw new DerError(`expected an INTEGER in ${what}, got none`);
  if (second === undefined) return;
  const isPadded = (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);
  if (isPadded) throw new DerError(`expected the INTEGER in ${what} in fewest octets, got a padded one`);
}

function checkBitString(contents: Uint8Array, what: string): void {
  const unused = contents[0];
  const last = contents.length > 1 ? contents[contents.length - 1] : undefined;
  if (unused === undefined || unused > 7 || (last === undefined && unused !== 0)) {
    throw new DerError(`expected a BIT STRING in ${what}, got a malformed one`);
  }
  if (last !== undefined && (last & ((1 << unused) - 1)) !== 0) {
    throw new DerError(`expected unused bits in ${what} to be 0, got others`);
  }
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, "0")}`;
}
