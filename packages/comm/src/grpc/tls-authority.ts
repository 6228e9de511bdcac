import { createHash, generateKeyPair, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import { GossipError, systemWallClock, type WallClock, wallMillis } from "@gossip/runtime";
import { bitString, boolean, integer, objectId, octetString, sequence, set, tagged, time, utf8String } from "./der.js";

/** A certificate and its private key (PKCS #8), in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Name and lifetime of the root certificate that an organization's TLS certificates hang on. */
export interface TlsAuthorityOptions {
  /** Common name. */
  readonly name: string;
  /** @default 3650 */
  readonly validityDays?: number;
  /** @default the clock of this machine */
  readonly wall?: WallClock;
}

/** Which node a TLS certificate is for; a host that is missing here cannot be dialled by that name. */
export interface TlsLeafOptions {
  /** Common name; nobody checks it. */
  readonly name: string;
  /** Names and addresses that clients dial, which is what they check. */
  readonly hosts: readonly string[];
  /** @default as long as the authority */
  readonly validityDays?: number;
}

/** Issues certificates for one organization. */
export interface TlsAuthority extends TlsPair {
  /** A certificate for a server and a client: ECDSA P-256, both extended key usages. */
  issue(options: TlsLeafOptions): Promise<TlsPair>;
}

const dayMs = 86_400_000;
/** Certificates begin a little before they were made, for machines whose clocks are behind. */
const backdatedMs = 5 * 60_000;

const ecdsaWithSha256 = sequence(objectId("1.2.840.10045.4.3.2"));
const oids = {
  commonName: "2.5.4.3",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;
/** Bits of a key usage from the left: digitalSignature is the first, keyCertSign and cRLSign the sixth and seventh. */
const signsData = bitString(Uint8Array.of(0b1000_0000), 7);
const signsCertificates = bitString(Uint8Array.of(0b1000_0110), 1);

/**
 * Makes an authority with a fresh key, for development networks and tests.
 * A production network brings certificates of its own.
 *
 * @throws GossipError `invalid-argument` when a name or host is empty or the validity is not positive.
 * @example
 * const authority = await createTlsAuthority({ name: "tls-ca.Org1" });
 * const { cert, key } = await authority.issue({ name: "peer0", hosts: ["localhost", "127.0.0.1"] });
 */
export async function createTlsAuthority(options: TlsAuthorityOptions): Promise<TlsAuthority> {
  const { name, validityDays = 3650, wall = systemWallClock } = options;
  const root = await makeKey();
  const rootId = keyId(root.publicKey);
  const issue = (subject: string, key: KeyObject, days: number, extensions: readonly Uint8Array[]) => {
    if (subject === "" || !(days > 0)) {
      throw new GossipError(
        "invalid-argument",
        `expected a name and a validity above 0 days, got ${JSON.stringify(subject)} and ${days}`,
      );
    }
    const notBefore = wallMillis(wall) - backdatedMs;
    return toPem(
      "CERTIFICATE",
      certificate({
        subject,
        issuer: name,
        key,
        signer: root.privateKey,
        notBefore,
        notAfter: notBefore + days * dayMs,
        extensions,
      }),
    );
  };
  return {
    cert: issue(name, root.publicKey, validityDays, [
      extension(oids.basicConstraints, sequence(boolean(true)), "critical"),
      extension(oids.keyUsage, signsCertificates, "critical"),
      extension(oids.subjectKeyId, octetString(rootId)),
    ]),
    key: keyPem(root.privateKey),
    async issue(leaf) {
      const pair = await makeKey();
      const cert = issue(leaf.name, pair.publicKey, leaf.validityDays ?? validityDays, [
        extension(oids.basicConstraints, sequence(), "critical"),
        extension(oids.keyUsage, signsData, "critical"),
        extension(oids.extendedKeyUsage, sequence(objectId(oids.serverAuth), objectId(oids.clientAuth))),
        extension(oids.subjectKeyId, octetString(keyId(pair.publicKey))),
        extension(oids.authorityKeyId, sequence(tagged(0x80, rootId))),
        extension(oids.subjectAltName, sequence(...leaf.hosts.map(alternativeName))),
      ]);
      return { cert, key: keyPem(pair.privateKey) };
    },
  };
}

interface CertificateOptions {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Uint8Array[];
}

/** RFC 5280 §4.1, version 3. */
function certificate(options: CertificateOptions): Uint8Array {
  const toBeSigned = sequence(
    tagged(0xa0, integer(Uint8Array.of(2))),
    integer(randomBytes(16)),
    ecdsaWithSha256,
    commonName(options.issuer),
    sequence(time(options.notBefore), time(options.notAfter)),
    commonName(options.subject),
    options.key.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...options.extensions)),
  );
  const signature = sign("sha256", toBeSigned, { key: options.signer, dsaEncoding: "der" });
  return sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
}

function commonName(name: string): Uint8Array {
  return sequence(set(sequence(objectId(oids.commonName), utf8String(name))));
}

function extension(oid: string, value: Uint8Array, critical?: "critical"): Uint8Array {
  const flag = critical === undefined ? [] : [boolean(true)];
  return sequence(objectId(oid), ...flag, octetString(value));
}

function alternativeName(host: string): Uint8Array {
  if (host === "") throw new GossipError("invalid-argument", "expected a host name or address, got an empty one");
  if (isIP(host) === 0) return tagged(0x82, new TextEncoder().encode(host));
  return tagged(0x87, addressOctets(host));
}

function addressOctets(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  // The URL parser writes an IPv6 address in one way only: lower-case groups, at most one `::`, no dotted tail.
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

async function makeKey(): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> {
  return promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
}

/** RFC 5280 §4.2.1.2, in the manner of SHA-256 over the whole key info. */
function keyId(key: KeyObject): Uint8Array {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 20);
}

function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
