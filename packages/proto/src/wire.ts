import { errorText, GossipError } from "@gossip/runtime";
import Long from "long";
import protobuf from "protobufjs/minimal.js";
import type { Decoded, DecodeFailure } from "./decoded.js";

/**
 * What lies between the generated code and the messages of this package: strict and bounded reading, writing without
 * needless copies, and the conversions that the generated code leaves to us.
 */

/** A message of the generated code: `decode` gives every field, `encode` takes those that are set. */
export interface MessageCodec<T> {
  encode(message: Init<T>, writer: protobuf.Writer): protobuf.Writer;
  decode(reader: protobuf.Reader, length?: number): T;
}

/** The fields of a message, all of them optional, through all sub-messages. */
export type Init<T> = T extends Uint8Array | Long | string | number | boolean | null
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Init<Element>[]
    : { readonly [Name in keyof T]?: Init<T[Name]> | undefined };

/**
 * The most fields one message may have, those of its sub-messages included. A field takes two bytes on the wire and a
 * hundred times that in memory, so the limit on bytes alone would let one message fill the heap.
 */
export const maxMessageFields = 262_144;

/** Ignores unknown fields, as it must, and stops at `maxMessageFields`. */
export class BoundedReader extends protobuf.Reader {
  #fieldsLeft = maxMessageFields;

  constructor(bytes: Uint8Array) {
    super(plain(bytes));
    this.discardUnknown = true;
  }

  override tag(): number {
    if (--this.#fieldsLeft < 0) throw new RangeError(`more than ${maxMessageFields} fields`);
    return super.tag();
  }

  override uint32(): number {
    const from = this.pos;
    const value = super.uint32();
    this.#checkVarint(from);
    return value;
  }

  override uint64(): ReturnType<protobuf.Reader["uint64"]> {
    const from = this.pos;
    const value = super.uint64();
    this.#checkVarint(from);
    return value;
  }

  override bool(): boolean {
    const from = this.pos;
    const value = super.bool();
    this.#checkVarint(from);
    return value;
  }

  override skip(length?: number): this {
    const from = this.pos;
    super.skip(length);
    if (length === undefined) this.#checkVarint(from);
    return this;
  }

  /** Go refuses a tenth byte that has more than the last of 64 bits; what we took here, and passed on, would cut us off from stock peers. */
  #checkVarint(from: number): void {
    const length = this.pos - from;
    if (length < 10) return;
    if (length > 10 || (this.buf[this.pos - 1] ?? 0) > 1) throw new RangeError("a varint of more than 64 bits");
  }

  get isOverFieldLimit(): boolean {
    return this.#fieldsLeft < 0;
  }
}

/** The value that was decoded. */
export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

/** Why nothing was decoded. */
export function refused(reason: DecodeFailure, detail: string): Decoded<never> {
  return { ok: false, reason, detail };
}

/** Refuses a message without a sub-message that it must have (page 01 §12). */
export function missing(field: string): Decoded<never> {
  return refused("missing-field", `expected ${field} to be present`);
}

/** Refuses a number of an enum that has `count` of them, from 0 on. */
export function unknownNumber(field: string, count: number, number: number): Decoded<never> {
  return refused("invalid-field", `expected ${field} to be from 0 to ${count - 1}, got ${number}`);
}

/** Runs `read` on the bytes; whatever it throws is the fault of the bytes. */
export function reading<T>(bytes: Uint8Array, read: (reader: BoundedReader) => T): Decoded<T> {
  const reader = new BoundedReader(bytes);
  try {
    return decoded(read(reader));
  } catch (error) {
    return refused(reader.isOverFieldLimit ? "too-large" : "undecodable", errorText(error));
  }
}

/** Decodes one message of the generated code. */
export function parse<T>(codec: MessageCodec<T>, bytes: Uint8Array): Decoded<T> {
  return reading(bytes, (reader) => codec.decode(reader));
}

/** Decodes and converts, unless decoding fails. */
export function parseAs<T, R>(
  codec: MessageCodec<T>,
  bytes: Uint8Array,
  convert: (message: T) => Decoded<R>,
): Decoded<R> {
  const parsed = parse(codec, bytes);
  return parsed.ok ? convert(parsed.value) : parsed;
}

/** The value, or the error that `decode*` functions throw. */
export function unwrapped<T>(result: Decoded<T>, what: string): T {
  if (result.ok) return result.value;
  throw new GossipError(
    result.reason === "too-large" ? "too-large" : "malformed",
    `expected ${what}, got ${result.reason}: ${result.detail}`,
  );
}

/** Serializes a message. `sizeHint` is an upper bound of its size if the caller knows one; large messages need it. */
export function serialize<T>(codec: MessageCodec<T>, message: Init<T>, sizeHint = 256): Uint8Array {
  const writer = new SizedWriter(sizeHint);
  codec.encode(message, writer);
  // A shared result would pin what is spare in the buffer; a copy of a large one would cost more than that.
  const spare = writer.buf.length - writer.pos;
  return writer.finish(spare * 16 < writer.pos);
}

/** Writes into a buffer of the given size, so that a block is copied once and not at each doubling of the buffer. */
class SizedWriter extends protobuf.Writer {
  // No pool: what is sent soon and what is kept long would share a buffer there.
  static override alloc(size: number): Uint8Array {
    return new Uint8Array(size);
  }

  constructor(size: number) {
    super();
    this.buf = new Uint8Array(size);
  }
}

const emptyBytes = new Uint8Array(0);

/** A view that is a Uint8Array and nothing more; of nothing, always the same, so that no receive buffer is pinned. */
export function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return emptyBytes;
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** All the bytes, one after the other, in a buffer of their own. */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** All 64 bits of a Long, unsigned. */
export function fromLong(long: Pick<Long, "low" | "high">): bigint {
  return long.high === 0 ? BigInt(long.low >>> 0) : (BigInt(long.high >>> 0) << 32n) | BigInt(long.low >>> 0);
}

/** @throws GossipError `invalid-argument` unless `value` is from 0 to 2^64 - 1. */
export function toLong(value: bigint, name: string): Long {
  if (BigInt.asUintN(64, value) !== value) {
    throw new GossipError("invalid-argument", `expected ${name} to be from 0 to 2^64 - 1, got ${value}`);
  }
  return Long.fromBits(Number(value & 0xffff_ffffn), Number(value >> 32n), true);
}

/** @throws GossipError `invalid-argument` unless `value` is from -2^63 to 2^63 - 1. */
export function toSignedLong(value: bigint, name: string): Long {
  if (BigInt.asIntN(64, value) !== value) {
    throw new GossipError("invalid-argument", `expected ${name} to be from -2^63 to 2^63 - 1, got ${value}`);
  }
  return toLong(BigInt.asUintN(64, value), name).toSigned();
}

/** @throws GossipError `invalid-argument` unless `value` is an integer from `min` to `max`. */
export function integer(value: number, name: string, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new GossipError("invalid-argument", `expected ${name} to be an integer from ${min} to ${max}, got ${value}`);
}

/** The place of `name` in a list. @throws GossipError `invalid-argument` when it has none. */
export function indexIn<Name extends string>(names: readonly Name[], name: Name, field: string): number {
  const index = names.indexOf(name);
  if (index >= 0) return index;
  throw new GossipError("invalid-argument", `expected ${field} to be one of ${names.join(", ")}, got ${name}`);
}

/** @throws GossipError `invalid-argument` when `text` has no UTF-8 form, which a Fabric peer would refuse to decode. */
export function checkedText(text: string, name: string): string {
  if (/\p{Surrogate}/u.test(text)) {
    throw new GossipError("invalid-argument", `expected ${name} without lone surrogates, got ${JSON.stringify(text)}`);
  }
  return text;
}

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8Bytes(text: string, name: string): Uint8Array {
  return encoder.encode(checkedText(text, name));
}

/** The text, or `undefined` when the bytes are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return bytes.length === 0 ? "" : strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}
