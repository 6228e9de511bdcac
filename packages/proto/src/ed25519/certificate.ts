import { GossipError } from "@gossip/runtime";
import type { Decoded } from "../decoded.js";
import { gossip } from "../generated/ed25519.js";
import {
  checkedText,
  decoded,
  fromLong,
  indexIn,
  integer,
  parseAs,
  plain,
  refused,
  serialize,
  toLong,
} from "../wire.js";

const { ed25519 } = gossip;

/** What the holder of a key is to its organization. */
export type IdentityRole = "peer" | "orderer" | "client" | "admin";

/** The signed part of a compact certificate: one organization vouches for one key. */
export interface CertificateBody {
  readonly version: number;
  readonly serial: Uint8Array;
  readonly org: string;
  /** For people, e.g. `peer0.org1`. */
  readonly name: string;
  readonly role: IdentityRole;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Milliseconds since 1970, inclusive. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970, inclusive. */
  readonly notAfterMs: number;
}

/** `id_bytes` of an Ed25519 `SerializedIdentity`: the body's exact bytes and the root key's signature over them. */
export interface Certificate {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** Octets of an Ed25519 public key. */
export const publicKeyBytes = 32;

/** Reads a certificate; its signature is not checked. Never throws. */
export function readCertificate(bytes: Uint8Array): Decoded<Certificate> {
  return parseAs(ed25519.Certificate, bytes, ({ body, signature }) =>
    decoded({ body: plain(body), signature: plain(signature) }),
  );
}

/** Serializes a certificate. */
export function encodeCertificate({ body, signature }: Certificate): Uint8Array {
  return serialize(ed25519.Certificate, { body, signature });
}

// By their numbers in CertificateBody.Role, which start at 1: a role must be said.
const roles = ["peer", "orderer", "client", "admin"] as const;

/** Reads the body of a certificate. Never throws. */
export function readCertificateBody(bytes: Uint8Array): Decoded<CertificateBody> {
  return parseAs(ed25519.CertificateBody, bytes, (wire) => {
    const role = roles[wire.role - 1];
    if (role === undefined)
      return refused("invalid-field", `expected role to be from 1 to ${roles.length}, got ${wire.role}`);
    const { version, serial, org, name, publicKey } = wire;
    if (publicKey.length !== publicKeyBytes) return refusedKey("public_key", publicKey);
    const notBeforeMs = Number(fromLong(wire.notBeforeMs));
    const notAfterMs = Number(fromLong(wire.notAfterMs));
    if (!Number.isSafeInteger(notBeforeMs) || !Number.isSafeInteger(notAfterMs)) {
      return refused("invalid-field", "expected not_before_ms and not_after_ms to be below 2^53");
    }
    const [serialBytes, keyBytes] = [plain(serial), plain(publicKey)];
    return decoded({ version, serial: serialBytes, org, name, role, publicKey: keyBytes, notBeforeMs, notAfterMs });
  });
}

/**
 * Serializes the body of a certificate.
 *
 * @throws GossipError `invalid-argument` when a number is out of its range, a string has no UTF-8 form, or the key is
 * not 32 bytes long.
 */
export function encodeCertificateBody(body: CertificateBody): Uint8Array {
  return serialize(ed25519.CertificateBody, {
    version: integer(body.version, "version", 0, 2 ** 32 - 1),
    serial: body.serial,
    org: checkedText(body.org, "org"),
    name: checkedText(body.name, "name"),
    role: indexIn(roles, body.role, "role") + 1,
    publicKey: checkedKey(body.publicKey, "publicKey"),
    notBeforeMs: millis(body.notBeforeMs, "notBeforeMs"),
    notAfterMs: millis(body.notAfterMs, "notAfterMs"),
  });
}

/** @throws GossipError `invalid-argument` unless the key is 32 bytes long. */
export function checkedKey(key: Uint8Array, name: string): Uint8Array {
  if (key.length === publicKeyBytes) return key;
  throw new GossipError("invalid-argument", `expected ${name} to have ${publicKeyBytes} bytes, got ${key.length}`);
}

/** Refuses a key that is not 32 bytes long. */
export function refusedKey(name: string, key: Uint8Array): Decoded<never> {
  return refused("invalid-field", `expected ${name} to have ${publicKeyBytes} bytes, got ${key.length}`);
}

function millis(value: number, name: string) {
  return toLong(BigInt(integer(value, name, 0, Number.MAX_SAFE_INTEGER)), name);
}
