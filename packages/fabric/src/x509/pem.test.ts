import { describe, expect, it } from "vitest";
import { readPem, writePem } from "./pem.js";

const der = new Uint8Array(100).map((_, index) => index);
const text = Buffer.from(writePem("CERTIFICATE", der)).toString();
const read = (content: string) => readPem(Buffer.from(content, "latin1"));

describe("writePem", () => {
  it("13.21: writes lines of 64 characters, each ended by a newline, as Go does", () => {
    const lines = text.split("\n");
    expect(lines.map((line) => line.length)).toEqual([27, 64, 64, 8, 25, 0]);
    expect(read(text)).toEqual({ type: "CERTIFICATE", der, trailingBytes: 0 });
  });
});

describe("13.22: readPem", () => {
  const [, ...rest] = text.split("\n");
  const body = rest.slice(0, 3).join("\n");
  const begin = "-----BEGIN CERTIFICATE-----";
  const end = "-----END CERTIFICATE-----";
  const taken: readonly [string, string][] = [
    ["without the last newline", text.trimEnd()],
    ["with CRLF", text.replaceAll("\n", "\r\n")],
    ["after other text", `subject=peer0\nissuer=ca\n${text}`],
    ["after a block that is broken", `${begin}\n%%%\n${end}\n${text}`],
    ["after a block that never ends", `${begin}\nAAAA\n${text}`],
    ["with a header", `${begin}\nProc-Type: 4\n\n${body}\n${end}\n`],
    ["with blanks after its lines", text.replaceAll("\n", " \t\n")],
    ["with blanks in its lines", text.replace("AAEC", "A A\tE C")],
    ["in one line", `${begin}\n${body.replaceAll("\n", "")}\n${end}`],
  ];
  it.each(taken)("takes a block %s", (_, content) => {
    expect(read(content)).toMatchObject({ type: "CERTIFICATE", der });
  });

  const refused: readonly [string, string][] = [
    ["nothing", ""],
    ["no end", text.slice(0, -10)],
    ["text before BEGIN in its line", `x${text}`],
    ["text after BEGIN's dashes", text.replace(`${begin}`, `${begin}x`)],
    ["text after END's dashes", `${text.trimEnd()}x`],
    ["a carriage return for the last end of a line", `${text.trimEnd()}\r`],
    ["two types", text.replace("END CERTIFICATE", "END X509 CRL")],
    ["a character that is not base64", text.replace("AAEC", "AA_C")],
    ["base64 without its padding", text.replace("==\n", "\n").replace("=\n", "\n")],
    ["padding in the middle", text.replace("AAEC", "AA==")],
    ["headers and nothing else", `${begin}\nName: value\n${end}\n`],
  ];
  it.each(refused)("finds no block in %s", (_, content) => {
    expect(read(content)).toBeUndefined();
  });

  it("counts the bytes after the last line", () => {
    expect(read(`${text}x`)?.trailingBytes).toBe(1);
    expect(read(text + text)?.trailingBytes).toBe(text.length);
    expect(read(`${text}\n`)?.trailingBytes).toBe(1);
  });

  it("takes an empty block", () => {
    expect(read(`${begin}\n${end}\n`)).toMatchObject({ type: "CERTIFICATE", der: new Uint8Array(0) });
  });
});
