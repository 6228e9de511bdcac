import { readdir, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import {
  decodePrivateKey,
  decodeRevocationLists,
  encodePrivateKey,
  encodeRevocationLists,
  generateKeyPair,
  issueIdentity,
  makeRevocationList,
  parseRevocationList,
  pkiIdOfParts,
} from "@gossip/crypto";
import { type PkiId, pkiId as pkiIdOf } from "@gossip/proto";
import { type IdentityRole, readCertificate, readCertificateBody } from "@gossip/proto/ed25519";
import { readSerializedIdentity } from "@gossip/proto/fabric";
import { GossipError, systemWallClock, wallMillis } from "@gossip/runtime";
import { withFileLock } from "./file-lock.js";
import { networkLockPath, readNetworkFile } from "./network-file.js";
import { type MemberKind, networkPaths } from "./paths.js";
import { save } from "./save.js";

const dayMs = 86_400_000;
/** As long as Fabric's tool gives; a development network is thrown away earlier. */
const validityMs = 3_650 * dayMs;
/** Certificates are valid from a little before they were made, for machines whose clocks are behind. */
const backdatedMs = 5 * 60_000;

/** The mode of a file that only its owner may read. */
const secret = 0o600;

/** Whom a network's organizations vouch for, as their files say now. */
export interface IdentityEntry {
  readonly name: string;
  readonly kind: MemberKind;
  readonly org: string;
  readonly role: IdentityRole;
  readonly pkiId: PkiId;
  /** RFC 3339. */
  readonly expiresAt: string;
  readonly revoked: boolean;
}

/** What a revocation did. */
export interface Revocation {
  readonly pkiId: PkiId;
  readonly org: string;
  /** Number of the list that names it. */
  readonly number: bigint;
  /** False when an earlier list named it already. */
  readonly isNew: boolean;
}

/** A new key, and an identity for it that the organization's root key signs. */
export function issue(
  holder: { readonly org: string; readonly name: string; readonly role: IdentityRole },
  rootPrivateKey: Uint8Array,
): { readonly identity: Uint8Array; readonly privateKey: Uint8Array } {
  const nowMs = wallMillis(systemWallClock);
  const { privateKey, publicKey } = generateKeyPair();
  const validity = { notBeforeMs: nowMs - backdatedMs, notAfterMs: nowMs + validityMs };
  return { identity: issueIdentity({ ...holder, ...validity, rootPrivateKey, publicKey }), privateKey };
}

/**
 * Every member of a network with its identity: orderers, peers, then clients.
 *
 * @throws GossipError `not-found`, or `malformed` when what is revoked cannot be read
 */
export async function networkIdentities(dir: string): Promise<readonly IdentityEntry[]> {
  const { orderers, peers } = await readNetworkFile(dir);
  const clients = await readdir(dirname(networkPaths(dir).member("client", "any").dir)).catch(() => []);
  const members = [
    ...orderers.map(({ name }) => ({ kind: "orderer" as const, name })),
    ...peers.map(({ name }) => ({ kind: "peer" as const, name })),
    ...clients.sort().map((name) => ({ kind: "client" as const, name })),
  ];
  const lists = await readLists(dir).catch((error: unknown) => {
    // A network made without lists has revoked nobody; of one whose lists cannot be read nobody knows.
    if (error instanceof GossipError && error.code === "not-found") return [];
    throw error;
  });
  const revoked = new Set(lists.flatMap(({ said }) => said.revoked));
  return await Promise.all(
    members.map(async ({ kind, name }) => {
      const described = describe(await readFile(networkPaths(dir).member(kind, name).identity));
      return { name, kind, ...described, revoked: revoked.has(described.pkiId) };
    }),
  );
}

/**
 * Gives a member a new key and identity, with name, role and organization as before. The old identity stays valid until it
 * expires or is revoked; whoever uses the files has to be started again.
 *
 * @throws GossipError `not-found`
 */
export async function renewIdentity(
  dir: string,
  name: string,
): Promise<{ readonly before: IdentityEntry; readonly after: IdentityEntry }> {
  const before = find(await networkIdentities(dir), name);
  const { kind, org, role } = before;
  const { identity, privateKey } = issue({ org, name, role }, await rootKeyOf(dir, org));
  const own = networkPaths(dir).member(kind, name);
  const files = [
    { path: own.key, content: encodePrivateKey(privateKey), mode: secret },
    { path: own.identity, content: identity, mode: 0o644 },
  ];
  // Two renewals at once must not leave the key of one with the identity of the other.
  await withFileLock(networkLockPath(dir), async () => {
    // Both are on disk before either is in place, so that what can fail has failed by then.
    for (const { path, content, mode } of files) await save(`${path}.new`, content, mode);
    for (const { path } of files) await rename(`${path}.new`, path);
  });
  return { before, after: { name, kind, ...describe(identity), revoked: false } };
}

/**
 * Adds an identity to the list of those that its organization has revoked; running peers see that the file has changed.
 *
 * @param target name of a member, or the PKI-ID of an identity that nobody may hold any more
 * @param org whose identity it is, where `target` is a PKI-ID that no member has
 * @throws GossipError `not-found`, `invalid-argument`
 */
export async function revokeIdentity(dir: string, target: string, org?: string): Promise<Revocation> {
  const all = await networkIdentities(dir);
  const member = all.find(({ name, pkiId }) => name === target || pkiId === target.toLowerCase());
  if (member === undefined && !/^[0-9a-f]{64}$/i.test(target)) find(all, target);
  const issuer = member?.org ?? org;
  if (issuer === undefined) {
    const message = `expected the PKI-ID of a member, or --org with it, got ${target}`;
    throw new GossipError("invalid-argument", message);
  }
  const pkiId = member?.pkiId ?? pkiIdOf(target.toLowerCase());
  const rootPrivateKey = await rootKeyOf(dir, issuer);
  return await withFileLock(networkLockPath(dir), async () => {
    const lists = await readLists(dir);
    const last = lists.find(({ said }) => said.org === issuer)?.said;
    const revoked = last?.revoked ?? [];
    const number = last?.number ?? 0n;
    if (revoked.includes(pkiId)) return { pkiId, org: issuer, number, isNew: false };
    const next = { org: issuer, number: number + 1n, revoked: [...revoked, pkiId] };
    const list = makeRevocationList({ ...next, rootPrivateKey });
    const others = lists.filter(({ said }) => said.org !== issuer).map(({ bytes }) => bytes);
    const path = networkPaths(dir).revocations;
    await save(`${path}.new`, encodeRevocationLists([...others, list]));
    await rename(`${path}.new`, path);
    return { pkiId, org: issuer, number: next.number, isNew: true };
  });
}

async function readLists(dir: string) {
  const path = networkPaths(dir).revocations;
  const text = await readFile(path, "utf8").catch((cause) => {
    const cure = "add peer.revocations.file to each peer.yaml, and start the peers again";
    throw new GossipError("not-found", `expected revocation lists in ${path}; a network made without them: ${cure}`, {
      cause,
    });
  });
  return decodeRevocationLists(text).map((bytes) => ({ bytes, said: parseRevocationList(bytes) }));
}

async function rootKeyOf(dir: string, org: string): Promise<Uint8Array> {
  const path = networkPaths(dir).rootKey(org);
  const pem = await readFile(path, "utf8").catch((cause) => {
    throw new GossipError("not-found", `expected the root key of ${org} at ${path}`, { cause });
  });
  return decodePrivateKey(pem);
}

function find(all: readonly IdentityEntry[], name: string): IdentityEntry {
  const found = all.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  throw new GossipError("not-found", `expected one of ${all.map((entry) => entry.name).join(", ")}, got ${name}`);
}

function describe(identity: Uint8Array): Pick<IdentityEntry, "org" | "role" | "pkiId" | "expiresAt"> {
  const serialized = readSerializedIdentity(identity);
  if (!serialized.ok) throw malformed(serialized.detail);
  const { mspId, idBytes } = serialized.value;
  const certificate = readCertificate(idBytes);
  if (!certificate.ok) throw malformed(certificate.detail);
  const body = readCertificateBody(certificate.value.body);
  if (!body.ok) throw malformed(body.detail);
  const { org, role, notAfterMs } = body.value;
  return { org, role, pkiId: pkiIdOfParts(mspId, idBytes), expiresAt: new Date(notAfterMs).toISOString() };
}

function malformed(detail: string): GossipError {
  return new GossipError("malformed", `expected an Ed25519 identity, got ${detail}`);
}
