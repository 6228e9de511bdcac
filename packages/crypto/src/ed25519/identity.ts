import { type OrgId, orgId, type PkiId } from "@gossip/proto";
import {
  type CertificateBody,
  encodeCertificate,
  encodeCertificateBody,
  type IdentityRole,
  readCertificate,
  readCertificateBody,
} from "@gossip/proto/ed25519";
import { encodeSerializedIdentity, readSerializedIdentity } from "@gossip/proto/fabric";
import { GossipError, systemRandom } from "@gossip/runtime";
import { pkiIdOfParts } from "../hash.js";
import { type Rejection, reject } from "../ports.js";
import { createSigner } from "./keys.js";
import { isPrimeOrderPoint } from "./strict.js";

/** The one version of compact certificates there is. */
const certificateVersion = 1;

/** Ours have about 200 bytes; the bound keeps what is hashed, cached and decoded small. */
export const maxIdentityBytes = 4_096;

/** What a new certificate says, and the root key that signs it. */
export interface IssueOptions {
  /** The organization that vouches. */
  readonly org: string;
  /** 32-byte seed of the organization's root key. */
  readonly rootPrivateKey: Uint8Array;
  /** For people, e.g. `peer0.org1`. */
  readonly name: string;
  /** What its holder may do: only an `orderer` signs blocks. */
  readonly role: IdentityRole;
  /** The holder's key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** First and last millisecond of validity, since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /**
   * What distinguishes certificates that are otherwise equal.
   *
   * @default 16 random bytes
   */
  readonly serial?: Uint8Array;
}

/**
 * Issues a serialized identity: msp.SerializedIdentity{org, compact certificate signed by the organization's root key}.
 *
 * @throws GossipError `invalid-argument` when a field is not what the documentation says.
 *
 * @example
 * const identity = issueIdentity({
 *   org: "Org1MSP", rootPrivateKey: root.privateKey, name: "peer0.org1", role: "peer", publicKey: keys.publicKey,
 *   notBeforeMs: Date.now(), notAfterMs: Date.now() + 365 * 86_400_000,
 * });
 */
export function issueIdentity(options: IssueOptions): Uint8Array {
  const {
    org,
    rootPrivateKey,
    name,
    role,
    publicKey,
    notBeforeMs,
    notAfterMs,
    serial = systemRandom.bytes(16),
  } = options;
  requireArgument(org !== "", "the name of an organization", JSON.stringify(org));
  requireArgument(isPrimeOrderPoint(publicKey), "a public key that is a canonical point of prime order", "another");
  requireArgument(
    isTime(notBeforeMs) && isTime(notAfterMs),
    "times in whole milliseconds since 1970",
    `${notBeforeMs} and ${notAfterMs}`,
  );
  requireArgument(notBeforeMs <= notAfterMs, "notBeforeMs not above notAfterMs", `${notBeforeMs} and ${notAfterMs}`);
  const body = encodeCertificateBody({
    version: certificateVersion,
    serial,
    org,
    name,
    role,
    publicKey,
    notBeforeMs,
    notAfterMs,
  });
  const certificate = encodeCertificate({ body, signature: createSigner(rootPrivateKey)(body) });
  const identity = encodeSerializedIdentity({ mspId: org, idBytes: certificate });
  requireArgument(
    identity.length <= maxIdentityBytes,
    `an identity of at most ${maxIdentityBytes} bytes`,
    `${identity.length}`,
  );
  return identity;
}

/** What the bytes of an identity say, believed by nobody yet. */
export interface ParsedIdentity {
  readonly pkiId: PkiId;
  readonly org: OrgId;
  readonly name: string;
  readonly role: IdentityRole;
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** What the root key signed, and its signature. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads a serialized identity; copies what it keeps.
 *
 * Both wrappings must be encoded as we encode them. Their bytes are under no signature, so without this anybody could
 * re-encode a peer's identity: a second form of the certificate has another PKI-ID, and a second form of
 * SerializedIdentity, put first, would keep the peer's own bytes out of an identity store.
 */
export function readIdentity(identity: Uint8Array): ParsedIdentity | Rejection {
  if (identity.length === 0) return reject("malformed-identity", "expected an identity, got no bytes");
  if (identity.length > maxIdentityBytes) {
    return reject(
      "malformed-identity",
      `expected an identity of at most ${maxIdentityBytes} bytes, got ${identity.length}`,
    );
  }
  const serialized = readSerializedIdentity(identity);
  if (!serialized.ok) return malformed("a serialized identity", serialized.detail);
  const { mspId, idBytes } = serialized.value;
  if (!sameBytes(encodeSerializedIdentity(serialized.value), identity)) {
    return malformed("a serialized identity in its one encoding", "another encoding of the same fields");
  }
  const certificate = readCertificate(idBytes);
  if (!certificate.ok) return malformed("a compact certificate", certificate.detail);
  if (!sameBytes(encodeCertificate(certificate.value), idBytes)) {
    return malformed("a certificate in its one encoding", "another encoding of the same fields");
  }
  const body = readCertificateBody(certificate.value.body);
  if (!body.ok) return malformed("the body of a compact certificate", body.detail);
  return (
    checkBody(body.value, mspId) ?? {
      pkiId: pkiIdOfParts(mspId, idBytes),
      org: orgId(mspId),
      name: body.value.name,
      role: body.value.role,
      publicKey: body.value.publicKey.slice(),
      notBeforeMs: body.value.notBeforeMs,
      notAfterMs: body.value.notAfterMs,
      body: certificate.value.body.slice(),
      signature: certificate.value.signature.slice(),
    }
  );
}

function checkBody(body: CertificateBody, mspId: string): Rejection | undefined {
  if (body.version !== certificateVersion) {
    return malformed(`a certificate of version ${certificateVersion}`, `version ${body.version}`);
  }
  if (body.org === "" || body.org !== mspId) {
    return malformed(`a certificate of organization ${JSON.stringify(mspId)}`, `one of ${JSON.stringify(body.org)}`);
  }
  return undefined;
}

function malformed(expected: string, got: string): Rejection {
  return reject("malformed-identity", `expected ${expected}, got ${got}`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0;
}

function requireArgument(holds: boolean, expected: string, got: string): void {
  if (!holds) throw new GossipError("invalid-argument", `expected ${expected}, got ${got}`);
}
