import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter, readLines } from "./lines.js";

const encoder = new TextEncoder();

function split(chunks: readonly Uint8Array[], maxLineBytes = 1_000_000): Uint8Array[] {
  const splitter = new LineSplitter({ maxLineBytes });
  const lines = chunks.flatMap((chunk) => [...splitter.push(chunk)]);
  const last = splitter.end();
  return last === undefined ? lines : [...lines, last];
}

function texts(input: string): string[] {
  return split([encoder.encode(input)]).map((line) => new TextDecoder().decode(line));
}

describe("LineSplitter", () => {
  it.each([
    ["nothing", "", []],
    ["one empty line", "\n", [""]],
    ["a last line without its line feed", "a\nb", ["a", "b"]],
    ["nothing after the last line feed", "a\nb\n", ["a", "b"]],
    ["empty lines between others", "a\n\n\nb\n\n", ["a", "", "", "b", ""]],
    ["carriage returns, which belong to the line", "a\r\nb\r", ["a\r", "b\r"]],
    ["other separators, which are none", "a\u2028b\u000bc\u0085d", ["a\u2028b\u000bc\u0085d"]],
  ])("gives %s", (_, input, expected) => {
    expect(texts(input)).toEqual(expected);
  });

  it("gives back the very bytes, however they were cut into chunks", () => {
    const byte = fc.oneof({ weight: 3, arbitrary: fc.constant(0x0a) }, { weight: 10, arbitrary: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(fc.array(byte, { maxLength: 20 }), { maxLength: 20 }), (chunks) => {
        const lines = split(chunks.map((chunk) => Uint8Array.from(chunk)));
        const whole = Buffer.from(chunks.flat());
        const endsOpen = whole.length > 0 && whole.at(-1) !== 0x0a;
        const joined = Buffer.concat(lines.flatMap((line) => [line, encoder.encode("\n")]));
        expect(joined.equals(endsOpen ? Buffer.concat([whole, encoder.encode("\n")]) : whole)).toBe(true);
        expect(lines.every((line) => !line.includes(0x0a))).toBe(true);
      }),
    );
  });

  it("takes a line of exactly the limit", () => {
    expect(split([encoder.encode("12345\n12345")], 5)).toHaveLength(2);
  });

  it("refuses a longer line by its number, after it gave the lines before it", () => {
    const splitter = new LineSplitter({ maxLineBytes: 5 });
    const given: Uint8Array[] = [];
    expect(() => {
      for (const line of splitter.push(encoder.encode("one\ntwo\nthree and more\n"))) given.push(line);
    }).toThrow("expected line 3 to have at most 5 bytes, which is what the orderer takes, got a longer one");
    expect(given).toHaveLength(2);
  });

  it("refuses a long line before it has seen its end", () => {
    const splitter = new LineSplitter({ maxLineBytes: 5 });
    expect([...splitter.push(encoder.encode("123"))]).toEqual([]);
    expect(() => [...splitter.push(encoder.encode("456"))]).toThrow("line 1");
  });
});

describe("readLines", () => {
  it("reads a stream of chunks", async () => {
    async function* chunks() {
      yield encoder.encode("a\nb");
      yield encoder.encode("c");
      yield encoder.encode("\nd");
    }
    const lines: string[] = [];
    for await (const line of readLines(chunks(), { maxLineBytes: 10 })) lines.push(new TextDecoder().decode(line));
    expect(lines).toEqual(["a", "bc", "d"]);
  });
});
