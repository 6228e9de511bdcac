import { type Random, seededRandom } from "@gossip/runtime";

/**
 * Input that tempts a program to change it: empty and equal lines, carriage returns, several scripts, separators that
 * are none, bytes that are no UTF-8, a line of `longBytes` now and then, and no line feed at the end.
 */
export function mixedLines(seed: number, count: number, longBytes = 50_000): Uint8Array {
  const random = seededRandom(seed);
  const lines = Array.from({ length: count }, (_, index) =>
    index % 97 === 96 ? longLine(random, longBytes) : line(random),
  );
  // An empty last line without its line feed would be no line at all.
  return Buffer.from(Buffer.concat([...lines.flatMap((bytes) => [bytes, Buffer.from("\n")]), Buffer.from("the end")]));
}

const words = [
  "ledger",
  "größe",
  "Grüße",
  "日本語",
  "данные",
  "🙂🙃",
  "a\u0301",
  "\u2028",
  "\u0000",
  "\ufeff",
  "'\"\\",
  "-",
];

function line(random: Random): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return Buffer.from("the same line again");
    case 2:
      return Buffer.from(`${text(random, 5)}\r`);
    case 3:
      return random.bytes(1 + random.below(40)).map((byte) => (byte === 0x0a ? 0xff : byte));
    default:
      return Buffer.from(text(random, 1 + random.below(30)));
  }
}

function longLine(random: Random, bytes: number): Uint8Array {
  return Buffer.alloc(bytes, text(random, 100));
}

function text(random: Random, count: number): string {
  return Array.from({ length: count }, () => words[random.below(words.length)]).join(" ");
}
