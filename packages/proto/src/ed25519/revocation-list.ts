import type { Decoded } from "../decoded.js";
import { gossip } from "../generated/ed25519.js";
import { type PkiId, pkiIdFromBytes, pkiIdToBytes } from "../pki-id.js";
import { checkedText, decoded, fromLong, integer, parseAs, plain, refused, serialize, toLong } from "../wire.js";

const { ed25519 } = gossip;

/** The signed part of a revocation list: identities that an organization does not vouch for any more. */
export interface RevocationListBody {
  readonly version: number;
  readonly org: string;
  /** Each list of an organization has a greater number than the one before, which it replaces. */
  readonly number: bigint;
  readonly revoked: readonly PkiId[];
}

/** The body's exact bytes, and the root key's signature over their domain and them. */
export interface RevocationList {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** The most identities that one list may name. */
export const maxRevokedIdentities = 65_536;

/** Octets of a PKI-ID. */
const pkiIdBytes = 32;

/** Reads a revocation list; its signature is not checked. Never throws. */
export function readRevocationList(bytes: Uint8Array): Decoded<RevocationList> {
  return parseAs(ed25519.RevocationList, bytes, ({ body, signature }) =>
    decoded({ body: plain(body), signature: plain(signature) }),
  );
}

/** Serializes a revocation list. */
export function encodeRevocationList({ body, signature }: RevocationList): Uint8Array {
  return serialize(ed25519.RevocationList, { body, signature });
}

/** Reads the body of a revocation list. Never throws. */
export function readRevocationListBody(bytes: Uint8Array): Decoded<RevocationListBody> {
  return parseAs(ed25519.RevocationListBody, bytes, ({ version, org, number, pkiIds }) => {
    if (pkiIds.length > maxRevokedIdentities) {
      return refused("too-large", `expected at most ${maxRevokedIdentities} identities, got ${pkiIds.length}`);
    }
    const odd = pkiIds.find(({ length }) => length !== pkiIdBytes);
    if (odd !== undefined) {
      return refused("invalid-field", `expected PKI-IDs of ${pkiIdBytes} bytes, got one of ${odd.length}`);
    }
    return decoded({ version, org, number: fromLong(number), revoked: pkiIds.map((id) => pkiIdFromBytes(plain(id))) });
  });
}

/**
 * Serializes the body of a revocation list.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range or the organization has no UTF-8 form.
 */
export function encodeRevocationListBody({ version, org, number, revoked }: RevocationListBody): Uint8Array {
  return serialize(ed25519.RevocationListBody, {
    version: integer(version, "version", 0, 2 ** 32 - 1),
    org: checkedText(org, "org"),
    number: toLong(number, "number"),
    pkiIds: revoked.map(pkiIdToBytes),
  });
}
