import type { PkiId } from "@gossip/proto";
import {
  encodeRevocationList,
  encodeRevocationListBody,
  maxRevokedIdentities,
  readRevocationList,
  readRevocationListBody,
} from "@gossip/proto/ed25519";
import { GossipError } from "@gossip/runtime";
import { createSigner } from "./keys.js";

/** The one version of revocation lists there is. */
const listVersion = 1;

/** What the signature covers besides the body: the same key signs certificates, and one must not be taken for the other. */
const domain = new TextEncoder().encode("gossip revocation list\0");

const label = "GOSSIP REVOCATION LIST";

/** What a new revocation list says, and the root key that signs it. */
export interface RevocationListOptions {
  /** The organization that vouched for the identities. */
  readonly org: string;
  /** 32-byte seed of the organization's root key. */
  readonly rootPrivateKey: Uint8Array;
  /** Greater than that of the list which this one replaces. */
  readonly number: bigint;
  /** All identities that are not vouched for any more, those of earlier lists included. */
  readonly revoked: readonly PkiId[];
}

/** What a list says; signed by whoever has `signature`. */
export interface ParsedRevocationList {
  readonly org: string;
  readonly number: bigint;
  readonly revoked: readonly PkiId[];
  /** What the root key signed, and its signature. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Makes the list of identities that an organization has revoked, for `Ed25519Crypto.setRevocationList`.
 *
 * @throws GossipError `invalid-argument` when a field is not what the documentation says.
 *
 * @example
 * const list = makeRevocationList({ org: "Org1MSP", rootPrivateKey: root.privateKey, number: 2n, revoked: [pkiId] });
 * await writeFile("revocations.pem", encodeRevocationLists([list]));
 */
export function makeRevocationList({ org, rootPrivateKey, number, revoked }: RevocationListOptions): Uint8Array {
  if (org === "") throw new GossipError("invalid-argument", 'expected the name of an organization, got ""');
  if (revoked.length > maxRevokedIdentities) {
    const expected = `expected at most ${maxRevokedIdentities} identities in a revocation list`;
    throw new GossipError("invalid-argument", `${expected}, got ${revoked.length}`);
  }
  const body = encodeRevocationListBody({ version: listVersion, org, number, revoked: [...new Set(revoked)].sort() });
  return encodeRevocationList({ body, signature: createSigner(rootPrivateKey)(signedBytes(body)) });
}

/**
 * Reads a revocation list; its signature is not checked.
 *
 * @throws GossipError `malformed`.
 */
export function parseRevocationList(bytes: Uint8Array): ParsedRevocationList {
  const list = readRevocationList(bytes);
  if (!list.ok) throw malformed(list.detail);
  const body = readRevocationListBody(list.value.body);
  if (!body.ok) throw malformed(body.detail);
  const { version, ...said } = body.value;
  if (version !== listVersion) throw malformed(`expected version ${listVersion}, got ${version}`);
  return { ...said, signed: signedBytes(list.value.body), signature: list.value.signature };
}

/** Lists of any number of organizations as text: PEM blocks that may be put together in one file. */
export function encodeRevocationLists(lists: readonly Uint8Array[]): string {
  const block = (bytes: Uint8Array) => {
    const lines =
      Buffer.from(bytes)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
  };
  return lists.map(block).join("");
}

/**
 * Reads what `encodeRevocationLists` wrote. Text between the blocks is for people.
 *
 * @throws GossipError `malformed` when a block is cut, or is none of these.
 */
export function decodeRevocationLists(text: string): readonly Uint8Array[] {
  const lists: Uint8Array[] = [];
  const rest = text.replace(
    new RegExp(`-----BEGIN ${label}-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END ${label}-----`, "g"),
    (_, base64: string) => {
      lists.push(new Uint8Array(Buffer.from(base64, "base64")));
      return "";
    },
  );
  if (/-----(BEGIN|END) /.test(rest)) throw malformed("a block that is cut, or no revocation list");
  return lists;
}

function signedBytes(body: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([domain, body]));
}

function malformed(detail: string): GossipError {
  return new GossipError("malformed", `expected revocation lists, got ${detail}`);
}
