import { describe, expect, it } from "vitest";
import {
  DerError,
  encodeElement,
  encodeInteger,
  integerValue,
  maxDerDepth,
  objectIdentifier,
  onlyElement,
  requireDer,
  tags,
} from "./der.js";
import { readName } from "./name.js";
import { readTime } from "./time.js";

const hex = (digits: string) => new Uint8Array(Buffer.from(digits.replaceAll(" ", ""), "hex"));
const one = (digits: string) => onlyElement(hex(digits), "an element");

describe("The DER reader", () => {
  const refused: readonly [string, string, string][] = [
    ["nothing", "", "the end of the bytes"],
    ["a tag alone", "30", "the end of the bytes"],
    ["an indefinite length", "3080 0000", "indefinite"],
    ["a length of one octet in two", "3081 00", "fewest octets"],
    ["a length of two octets in three", "3082 0001 00", "fewest octets"],
    ["a length of five octets", "3085 0000000001 00", "4 octets"],
    ["a tag of several octets", "1f01 00", "several octets"],
    ["contents that are cut off", "3003 0500", "expected 3 bytes"],
    ["bytes after it", "0500 00", "1 more bytes"],
    ["an INTEGER without octets", "0200", "INTEGER"],
    ["a padded INTEGER", "0202 007f", "fewest octets"],
    ["a padded negative INTEGER", "0202 ff80", "fewest octets"],
    ["a BOOLEAN that is neither", "0101 01", "00 or ff"],
    ["a BIT STRING with unused bits that are set", "0302 0101", "unused bits"],
    ["a BIT STRING without octets", "0300", "BIT STRING"],
    ["an object identifier with a padded arc", "0602 8001", "fewest octets"],
    ["an object identifier that is cut off", "0602 8881", "truncated"],
    ["a fault within", "3004 3002 0200", "INTEGER"],
  ];
  it.each(refused)("refuses %s", (_, digits, text) => {
    const read = () => requireDer(hex(digits), "an element");
    expect(read).toThrow(DerError);
    expect(read).toThrow(text);
  });

  it("looks a bounded number of levels deep", () => {
    let nested: Uint8Array = hex("0500");
    for (let level = 0; level <= maxDerDepth; level++) nested = encodeElement(tags.sequence, nested);
    expect(() => requireDer(nested, "an element")).toThrow(`at most ${maxDerDepth} levels`);
  });

  it.each([0n, 1n, 127n, 128n, 255n, 256n, 2n ** 64n - 1n])("reads the INTEGER %d as it writes it", (value) => {
    expect(integerValue(onlyElement(encodeInteger(value), "a number"), "a number")).toBe(value);
  });

  it("reads negative numbers and large object identifiers", () => {
    expect(integerValue(one("0201 ff"), "a number")).toBe(-1n);
    expect(objectIdentifier(one("0603 550403"), "a type")).toBe("2.5.4.3");
    expect(objectIdentifier(one("0603 883703"), "a type")).toBe("2.999.3");
    expect(objectIdentifier(one("0608 2a8648ce3d040302"), "a type")).toBe("1.2.840.10045.4.3.2");
  });
});

describe("Times in certificates", () => {
  const time = (tag: number, text: string) => readTime({ tag, contents: Buffer.from(text), raw: new Uint8Array(0) });
  const taken: readonly [number, string, string][] = [
    [tags.utcTime, "200229120000Z", "2020-02-29T12:00:00.000Z"],
    [tags.utcTime, "2002291200Z", "2020-02-29T12:00:00.000Z"],
    [tags.utcTime, "491231235959Z", "2049-12-31T23:59:59.000Z"],
    [tags.utcTime, "500101000000Z", "1950-01-01T00:00:00.000Z"],
    [tags.utcTime, "200101000000+0130", "2019-12-31T22:30:00.000Z"],
    [tags.utcTime, "200101000000-0130", "2020-01-01T01:30:00.000Z"],
    [tags.generalizedTime, "20500101000000Z", "2050-01-01T00:00:00.000Z"],
    [tags.generalizedTime, "99991231235959Z", "9999-12-31T23:59:59.000Z"],
  ];
  it.each(taken)("are read: %i %s", (tag, text, expected) => {
    expect(new Date(time(tag, text)).toISOString()).toBe(expected);
  });

  const refused: readonly [number, string][] = [
    [tags.utcTime, "190229120000Z"],
    [tags.utcTime, "200101240000Z"],
    [tags.utcTime, "201301000000Z"],
    [tags.utcTime, "200101000000"],
    [tags.utcTime, "200101000000+0000"],
    [tags.utcTime, "200101000000.5Z"],
    [tags.generalizedTime, "20200101000000.5Z"],
    [tags.generalizedTime, "202001010000Z"],
    [tags.integer, "200101000000Z"],
  ];
  it.each(refused)("are refused: %i %s", (tag, text) => {
    expect(() => time(tag, text)).toThrow(DerError);
  });
});

describe("Names in certificates", () => {
  const unit = (tag: number, contents: Uint8Array) =>
    onlyElement(
      encodeElement(
        tags.sequence,
        encodeElement(
          tags.set,
          encodeElement(
            tags.sequence,
            encodeElement(tags.objectIdentifier, hex("55040b")),
            encodeElement(tag, contents),
          ),
        ),
      ),
      "a name",
    );
  const taken: readonly [string, number, string, string][] = [
    ["UTF8String", tags.utf8String, "c3bc", "ü"],
    ["PrintableString", tags.printableString, "612a26", "a*&"],
    ["IA5String", tags.ia5String, "6140", "a@"],
    ["NumericString", tags.numericString, "3120", "1 "],
    ["T61String", tags.t61String, "fc", "ü"],
    ["BMPString", tags.bmpString, "00fc0000", "ü"],
  ];
  it.each(taken)("may be of %s", (_, tag, digits, text) => {
    expect(readName(unit(tag, hex(digits)))).toEqual([{ type: "2.5.4.11", value: text }]);
  });

  const refused: readonly [string, number, string][] = [
    ["UTF8String", tags.utf8String, "fc"],
    ["PrintableString", tags.printableString, "40"],
    ["IA5String", tags.ia5String, "fc"],
    ["NumericString", tags.numericString, "61"],
    ["BMPString with half a character", tags.bmpString, "00fc00"],
    ["BMPString with surrogates", tags.bmpString, "d83dde00"],
    ["OCTET STRING", tags.octetString, "61"],
  ];
  it.each(refused)("may not be of a malformed %s", (_, tag, digits) => {
    expect(() => readName(unit(tag, hex(digits)))).toThrow(DerError);
  });
});
