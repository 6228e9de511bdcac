import { type DerElement, DerError, objectIdentifier, readerOf, tags } from "./der.js";

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Dotted object identifier of its type. */
  readonly type: string;
  readonly value: string;
}

/** Types of attributes that mean something to an MSP. */
export const attributeTypes = {
  commonName: "2.5.4.3",
  organizationalUnit: "2.5.4.11",
} as const;

/**
 * The attributes of a Name in order (page 13 §3.5). Names are compared by their bytes, never by these.
 *
 * @throws DerError unless Go reads the name.
 */
export function readName(element: DerElement): readonly NameAttribute[] {
  const attributes: NameAttribute[] = [];
  const sets = readerOf(element);
  while (!sets.isEmpty) {
    const set = readerOf(sets.read("a part of a name", tags.set));
    while (!set.isEmpty) {
      const fields = readerOf(set.read("an attribute of a name", tags.sequence));
      const type = objectIdentifier(fields.read("the type of an attribute", tags.objectIdentifier), "an attribute");
      attributes.push({ type, value: readText(fields.read("the value of an attribute")) });
    }
  }
  return attributes;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of one of ASN.1's string types, as Go decodes it. */
function readText({ tag, contents }: DerElement): string {
  const latin1 = Buffer.from(contents).toString("latin1");
  switch (tag) {
    case tags.utf8String:
      return readUtf8(contents);
    case tags.printableString:
      // The asterisk and the ampersand are not in the set, but in certificates.
      return matching(latin1, /^[A-Za-z0-9 '()+,\-./:=?*&]*$/, "PrintableString");
    case tags.ia5String:
      return matching(latin1, /^[\0-\x7f]*$/, "IA5String");
    case tags.numericString:
      return matching(latin1, /^[0-9 ]*$/, "NumericString");
    case tags.t61String:
      return latin1;
    case tags.bmpString:
      return readBmp(contents);
    default:
      throw new DerError(`expected a string in a name, got tag 0x${tag.toString(16).padStart(2, "0")}`);
  }
}

function readUtf8(contents: Uint8Array): string {
  try {
    return utf8.decode(contents);
  } catch {
    throw new DerError("expected UTF-8 in a name, got other bytes");
  }
}

function matching(text: string, pattern: RegExp, what: string): string {
  if (!pattern.test(text)) throw new DerError(`expected a ${what} in a name, got characters that it does not have`);
  return text;
}

/** Two octets for each character of the basic plane; a terminator is dropped, surrogates and non-characters refused. */
function readBmp(contents: Uint8Array): string {
  if (contents.length % 2 !== 0) throw new DerError("expected a BMPString of pairs of octets, got an odd number");
  const codes: number[] = [];
  for (let at = 0; at < contents.length; at += 2) codes.push((contents[at] ?? 0) * 256 + (contents[at + 1] ?? 0));
  if (codes.at(-1) === 0) codes.pop();
  const isRefused = (code: number) =>
    code >= 0xfffe || (code >= 0xfdd0 && code <= 0xfdef) || (code >= 0xd800 && code <= 0xdfff);
  if (codes.some(isRefused)) throw new DerError("expected characters in a BMPString, got surrogates or non-characters");
  return codes.map((code) => String.fromCharCode(code)).join("");
}
