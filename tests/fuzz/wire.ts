/** Protobuf without a schema: fields as they stand on the wire, to be changed in ways that no encoder would. */

import { pick, type Random } from "@gossip/runtime";

export interface Field {
  readonly number: number;
  readonly wireType: number;
  /** What follows the tag, a length included. */
  readonly body: Uint8Array;
  /** The content of a length-delimited field. */
  readonly content: Uint8Array | undefined;
}

const none = new Uint8Array(0);

/** The fields, when the bytes are a message in the usual form. */
export function fieldsOf(bytes: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = varintAt(bytes, at);
    if (tag === undefined) return undefined;
    const number = Number(tag.value >> 3n);
    const wireType = Number(tag.value & 7n);
    const start = tag.end;
    let end: number;
    let content: Uint8Array | undefined;
    if (wireType === 0) {
      const value = varintAt(bytes, start);
      if (value === undefined) return undefined;
      end = value.end;
    } else if (wireType === 1 || wireType === 5) end = start + (wireType === 1 ? 8 : 4);
    else if (wireType === 2) {
      const length = varintAt(bytes, start);
      if (length === undefined) return undefined;
      end = length.end + Number(length.value);
      content = bytes.subarray(length.end, end);
    } else return undefined;
    if (number === 0 || end > bytes.length) return undefined;
    fields.push({ number, wireType, body: bytes.subarray(start, end), content });
    at = end;
  }
  return fields;
}

export function bytesOfFields(fields: readonly Field[]): Uint8Array {
  return joined(
    fields.flatMap(({ number, wireType, body }) => [varint((BigInt(number) << 3n) | BigInt(wireType)), body]),
  );
}

export function lengthDelimited(number: number, content: Uint8Array): Field {
  return { number, wireType: 2, body: joined([varint(BigInt(content.length)), content]), content };
}

function varint(value: bigint, extraBytes = 0): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  } while (left > 0n);
  for (let extra = 0; extra < extraBytes; extra++) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return Uint8Array.from(bytes);
}

/** The bytes with one thing about them changed, at any depth. */
export function mutated(bytes: Uint8Array, random: Random, depth = 0): Uint8Array {
  const fields = fieldsOf(bytes);
  if (fields === undefined || fields.length === 0 || random.below(12) === 0) return mutatedBytes(bytes, random);
  const at = random.below(fields.length);
  const field = fields[at] as Field;
  // Deep parts are many and small, so the way down is taken more often than not.
  if (field.content !== undefined && field.content.length > 1 && depth < 6 && random.below(3) > 0) {
    const inner = mutated(field.content, random, depth + 1);
    return bytesOfFields(fields.with(at, lengthDelimited(field.number, inner)));
  }
  const change = pick(random, fieldChanges) as FieldChange;
  return change(fields, at, random);
}

/** Whether Go's decoder would take this for a message, whatever its fields mean: it is stricter than most. */
export function isWellFormed(bytes: Uint8Array): boolean {
  return endOfMessage(bytes, 0, undefined) === bytes.length;
}

/** Where the fields from `at` on end: at the end of the bytes, or behind the end of `group`; -1 when they are malformed. */
function endOfMessage(bytes: Uint8Array, start: number, group: bigint | undefined): number {
  for (let at = start; ; ) {
    if (at === bytes.length) return group === undefined ? at : -1;
    const tag = strictVarintAt(bytes, at);
    const number = tag === undefined ? 0n : tag.value >> 3n;
    if (tag === undefined || number < 1n || number >= 2n ** 29n) return -1;
    const wireType = Number(tag.value & 7n);
    if (wireType === 4) return number === group ? tag.end : -1;
    at = endOfValue(bytes, tag.end, wireType, number);
    if (at < 0 || at > bytes.length) return -1;
  }
}

function endOfValue(bytes: Uint8Array, at: number, wireType: number, number: bigint): number {
  if (wireType === 1) return at + 8;
  if (wireType === 5) return at + 4;
  if (wireType === 3) return endOfMessage(bytes, at, number);
  const varint = wireType === 0 || wireType === 2 ? strictVarintAt(bytes, at) : undefined;
  if (varint === undefined) return -1;
  return wireType === 0 ? varint.end : varint.end + Number(varint.value);
}

function strictVarintAt(bytes: Uint8Array, at: number) {
  const varint = varintAt(bytes, at);
  return varint === undefined || varint.value >= 2n ** 64n ? undefined : varint;
}

type FieldChange = (fields: readonly Field[], at: number, random: Random) => Uint8Array;

const extremes = [0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

const fieldChanges: readonly FieldChange[] = [
  (fields, at) => bytesOfFields(fields.toSpliced(at, 1)),
  (fields, at) => bytesOfFields(fields.toSpliced(at, 0, fields[at] as Field)),
  (fields, at, random) => {
    const copies = Array.from({ length: 1 + random.below(40) }, () => fields[at] as Field);
    return bytesOfFields(fields.toSpliced(at, 0, ...copies));
  },
  (fields, at, random) => {
    const other = random.below(fields.length);
    return bytesOfFields(fields.with(at, fields[other] as Field).with(other, fields[at] as Field));
  },
  (fields, at, random) => bytesOfFields(fields.with(at, { ...(fields[at] as Field), number: 1 + random.below(30) })),
  (fields, at, random) => bytesOfFields(fields.with(at, { ...(fields[at] as Field), wireType: random.below(8) })),
  (fields, at, random) => {
    const body = varint(pick(random, extremes) ?? 0n, random.below(3));
    return bytesOfFields(
      fields.with(at, { number: (fields[at] as Field).number, wireType: 0, body, content: undefined }),
    );
  },
  (fields, at, random) =>
    bytesOfFields(fields.with(at, lengthDelimited((fields[at] as Field).number, random.bytes(random.below(80))))),
  (fields, at) => bytesOfFields(fields.with(at, lengthDelimited((fields[at] as Field).number, none))),
  (fields, at, random) =>
    bytesOfFields(fields.toSpliced(at, 0, lengthDelimited(1 + random.below(4_000), random.bytes(random.below(20))))),
  (fields, at, random) => {
    // A length that is not that of what follows.
    const { number, content = none } = fields[at] as Field;
    const wrong =
      pick(random, [...extremes, BigInt(content.length + 1), BigInt(Math.max(0, content.length - 1))]) ?? 0n;
    const body = joined([varint(wrong), content]);
    return bytesOfFields(fields.with(at, { number, wireType: 2, body, content }));
  },
  (fields, at, random) => {
    // A group, which nobody sends any more, around the rest or open at its end.
    const open = { number: 1 + random.below(30), wireType: 3, body: none, content: undefined };
    const rest = random.below(2) === 0 ? [{ ...open, wireType: 4 }] : [];
    return bytesOfFields([...fields.slice(0, at), open, ...fields.slice(at), ...rest]);
  },
  (fields, at, random) => {
    // Envelopes within envelopes.
    let content = bytesOfFields(fields);
    for (let level = 1 + random.below(20); level > 0; level--)
      content = bytesOfFields([lengthDelimited((fields[at] as Field).number, content)]);
    return content;
  },
];

function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.below(bytes.length + 1);
  switch (random.below(5)) {
    case 0:
      return copy.subarray(0, at);
    case 1:
      return joined([copy.subarray(0, at), random.bytes(1 + random.below(16)), copy.subarray(at)]);
    case 2:
      return joined([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + 1 + random.below(8)))]);
    case 3:
      return random.bytes(random.below(200));
    default:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
  }
}

function varintAt(bytes: Uint8Array, at: number): { readonly value: bigint; readonly end: number } | undefined {
  let value = 0n;
  for (let length = 0; length < 10; length++) {
    const byte = bytes[at + length];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * length);
    if (byte < 0x80) return { value, end: at + length + 1 };
  }
  return undefined;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
