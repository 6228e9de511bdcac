import { type OrgId, orgId, type PkiId } from "@gossip/proto";
import type { ChannelConfig, IdentityRole } from "@gossip/proto/ed25519";
import { type Block, readSerializedIdentity } from "@gossip/proto/fabric";
import { BoundedMap, GossipError, type WallClock, wallMillis } from "@gossip/runtime";
import { pkiIdOfParts } from "../hash.js";
import {
  accepted,
  type MessageCryptoService,
  type Rejection,
  reject,
  type SecurityAdvisor,
  type Verdict,
} from "../ports.js";
import type { BackendName } from "./backend.js";
import { maxIdentityBytes, type ParsedIdentity, readIdentity } from "./identity.js";
import { createSigner, publicKeyOf } from "./keys.js";
import { parseRevocationList } from "./revocation.js";
import { Ed25519Verifier } from "./verifier.js";
import { type OrdererCheck, verifyBlock } from "./verify-block.js";

/** An organization and the key that signs its certificates. */
export interface TrustedOrganization {
  readonly id: OrgId;
  /** 32 bytes. */
  readonly rootPublicKey: Uint8Array;
}

/** Who this peer is, whom it trusts, and how signatures are checked. */
export interface Ed25519CryptoOptions {
  /** Own serialized identity, from `issueIdentity`. */
  readonly identity: Uint8Array;
  /** The 32-byte seed of the key in that identity. */
  readonly privateKey: Uint8Array;
  /** Whom to trust apart from channels: at least the own organization. */
  readonly organizations: readonly TrustedOrganization[];
  /** Tells whether certificates are valid now. */
  readonly wall: WallClock;
  /**
   * Which implementation of the curve; ignored when `verifier` is given.
   *
   * @default node:crypto where it has Ed25519, noble elsewhere
   */
  readonly backend?: BackendName;
  /** Shared among many in one process, so that a key or signature is checked once for all of them. */
  readonly verifier?: Ed25519Verifier;
}

/** Roles that may read a channel; an orderer only writes it. */
const readerRoles: readonly IdentityRole[] = ["peer", "client", "admin"];

/** Entries are about 1 kB each. */
const maxCheckedIdentities = 10_000;

type Roots = ReadonlyMap<OrgId, Uint8Array>;

interface Channel {
  readonly readers: Roots;
  readonly orderers: Roots;
}

/** An identity whose certificate `root` signed: timeless, so it holds until the root is not trusted any more. */
interface CheckedIdentity {
  readonly parsed: ParsedIdentity;
  readonly root: Uint8Array;
}

/** The newest revocation list of an organization. */
interface Revocations {
  readonly number: bigint;
  readonly signed: Uint8Array;
  readonly revoked: ReadonlySet<PkiId>;
}

type Checked = { readonly ok: true; readonly parsed: ParsedIdentity } | Rejection;

/**
 * MessageCryptoService and SecurityAdvisor over Ed25519 organizations; synchronous throughout.
 *
 * An organization is its root key, and has one: a channel that names another key for a known organization is refused,
 * or it could put its own people among the members of another channel.
 *
 * Certificates expire by the wall clock. A block stays valid when the certificate of its orderer has expired since, as
 * in the reference: else nobody could catch up on last year's blocks. What an orderer signed whose identity was revoked
 * counts for nothing: nobody can tell the old from what a thief signs.
 *
 * @example
 * const crypto = new Ed25519Crypto({ identity, privateKey, organizations: [{ id, rootPublicKey }], wall: systemWallClock });
 * crypto.setChannel(readGenesisBlock(genesis));
 */
export class Ed25519Crypto implements MessageCryptoService, SecurityAdvisor {
  readonly #sign: (payload: Uint8Array) => Uint8Array;
  readonly #wall: WallClock;
  readonly #verifier: Ed25519Verifier;
  readonly #configured: Roots;
  readonly #channels = new Map<string, Channel>();
  readonly #revocations = new Map<OrgId, Revocations>();
  /** Whose identities are believed: the configured organizations and the readers of all channels. */
  #trusted: Roots;
  readonly #checked = new BoundedMap<string, CheckedIdentity>({
    maxEntries: maxCheckedIdentities,
    whenFull: "evict-oldest",
  });

  /**
   * @throws GossipError `invalid-config` when the identity does not decode, the private key is not its own, or a root
   * key cannot be one.
   */
  constructor(options: Ed25519CryptoOptions) {
    const { identity, privateKey, organizations, wall, backend, verifier } = options;
    this.#wall = wall;
    this.#verifier = verifier ?? new Ed25519Verifier(backend === undefined ? {} : { backend });
    this.#configured = this.#roots(organizations);
    this.#trusted = this.#configured;

    const own = readIdentity(identity);
    if ("reason" in own) throw new GossipError("invalid-config", `own identity: ${own.detail}`);
    if (Buffer.compare(publicKeyOf(privateKey, this.#verifier.backend), own.publicKey) !== 0) {
      throw new GossipError("invalid-config", `expected the private key of identity ${own.name}, got another`);
    }
    this.#sign = createSigner(privateKey, this.#verifier.backend);
  }

  /**
   * Installs (or replaces) a channel's configuration: who may read it and whose orderers sign its blocks. Its
   * organizations are trusted from now on; those of its orderers only for its blocks.
   *
   * @throws GossipError `invalid-config` when a root key cannot be one, or is not the one known for its organization.
   * Nothing has changed then.
   */
  setChannel(config: ChannelConfig): void {
    const readers = this.#roots(config.organizations);
    const orderers = this.#roots(config.ordererOrganizations);
    const others = [...this.#channels].filter(([name]) => name !== config.channelId).map(([, channel]) => channel);
    const sources = [
      this.#configured,
      ...others.flatMap((channel) => [channel.readers, channel.orderers]),
      readers,
      orderers,
    ];
    requireOneKeyEach(sources, config.channelId);
    this.#channels.set(config.channelId, { readers, orderers });
    this.#trusted = new Map(
      [this.#configured, readers, ...others.map((channel) => channel.readers)].flatMap((roots) => [...roots]),
    );
  }

  /**
   * Puts an organization's list of revoked identities in force, in place of the one before. Whoever is named in it is refused
   * from now on; ask `node.suspect` to part with those who are members.
   *
   * @returns false when this very list is in force already
   * @throws GossipError `malformed`; `not-found` when the organization is none that we know; `untrusted` unless its root key
   * signed the list; `conflict` when the list is older than the one in force, or another of the same number. Nothing has
   * changed then.
   */
  setRevocationList(list: Uint8Array): boolean {
    const { org, number, revoked, signed, signature } = parseRevocationList(list);
    const id = orgId(org);
    const root = this.#rootOf(id);
    if (root === undefined) {
      throw new GossipError("not-found", `expected a revocation list of an organization we know, got one of ${org}`);
    }
    if (!this.#verifier.verify(root, signature, signed)) {
      throw new GossipError("untrusted", `expected the root key of ${org} to have signed its revocation list`);
    }
    const known = this.#revocations.get(id);
    if (known !== undefined && Buffer.compare(known.signed, signed) === 0) return false;
    if (known !== undefined && number <= known.number) {
      const expected = `expected revocation list ${known.number} of ${org}, or a later one`;
      throw new GossipError(
        "conflict",
        `${expected}, got ${number === known.number ? "another with that number" : number}`,
      );
    }
    this.#revocations.set(id, { number, signed, revoked: new Set(revoked) });
    return true;
  }

  pkiIdOf(identity: Uint8Array): PkiId | undefined {
    if (identity.length === 0 || identity.length > maxIdentityBytes) return undefined;
    const serialized = readSerializedIdentity(identity);
    return serialized.ok ? pkiIdOfParts(serialized.value.mspId, serialized.value.idBytes) : undefined;
  }

  /** The organization that signed the identity's certificate; `undefined` unless we trust it. Expiry is not looked at. */
  orgOf(identity: Uint8Array): OrgId | undefined {
    const checked = this.#check(identity, this.#trusted);
    return checked.ok ? checked.parsed.org : undefined;
  }

  validateIdentity(identity: Uint8Array): Verdict {
    const checked = this.#checkNow(identity, this.#trusted);
    return checked.ok ? accepted : checked;
  }

  expirationOf(identity: Uint8Array): number | undefined {
    const checked = this.#check(identity, this.#trusted);
    return checked.ok ? checked.parsed.notAfterMs : undefined;
  }

  sign(payload: Uint8Array): Uint8Array {
    return this.#sign(payload);
  }

  verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const checked = this.#checkNow(identity, this.#trusted);
    return checked.ok ? this.#verifyBy(checked.parsed, signature, payload) : checked;
  }

  verifyByChannel(channel: string, identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const known = this.#channels.get(channel);
    if (known === undefined)
      return reject("unknown-channel", `expected a channel we are in, got ${JSON.stringify(channel)}`);
    const checked = this.#checkNow(identity, this.#trusted);
    if (!checked.ok) return checked;
    const { org, role } = checked.parsed;
    const verdict = this.#verifyBy(checked.parsed, signature, payload);
    if (!verdict.ok) return verdict;
    if (!known.readers.has(org)) {
      return reject("policy-not-satisfied", `expected an organization of channel ${channel}, got ${org}`);
    }
    if (!readerRoles.includes(role)) {
      return reject("policy-not-satisfied", `expected a role that reads channel ${channel}, got ${role}`);
    }
    return accepted;
  }

  verifyBlock(channel: string, blockNumber: bigint, block: Block): Verdict {
    const known = this.#channels.get(channel);
    return verifyBlock(channel, blockNumber, block, known && this.#ordererCheck(known));
  }

  #ordererCheck(channel: Channel): OrdererCheck {
    return (creator, signature, signed) => {
      const checked = this.#check(creator, channel.orderers);
      if (!checked.ok) return reject("bad-block-signature", `expected an orderer of the channel; ${checked.detail}`);
      const { role, name } = checked.parsed;
      const revoked = this.#revocationOf(checked.parsed);
      if (revoked !== undefined) return reject("bad-block-signature", revoked.detail);
      if (role !== "orderer") return reject("bad-block-signature", `expected an orderer to sign, got ${role} ${name}`);
      const verdict = this.#verifyBy(checked.parsed, signature, signed);
      return verdict.ok ? accepted : reject("bad-block-signature", verdict.detail);
    };
  }

  #verifyBy(signer: ParsedIdentity, signature: Uint8Array, payload: Uint8Array): Verdict {
    return this.#verifier.verify(signer.publicKey, signature, payload)
      ? accepted
      : reject("bad-signature", `expected a signature of ${signer.name} (${signer.org}), got another`);
  }

  /** As `#check`, and the certificate is valid now. */
  #checkNow(identity: Uint8Array, roots: Roots): Checked {
    const checked = this.#check(identity, roots);
    if (!checked.ok) return checked;
    const revoked = this.#revocationOf(checked.parsed);
    if (revoked !== undefined) return revoked;
    const { name, notBeforeMs, notAfterMs } = checked.parsed;
    const now = wallMillis(this.#wall);
    if (now > notAfterMs) {
      return reject(
        "expired-identity",
        `expected an identity that is valid now, got ${name} which expired at ${date(notAfterMs)}`,
      );
    }
    if (now < notBeforeMs) {
      return reject(
        "untrusted-identity",
        `expected an identity that is valid now, got ${name} which is valid from ${date(notBeforeMs)}`,
      );
    }
    return checked;
  }

  #revocationOf({ pkiId, org, name }: ParsedIdentity): Rejection | undefined {
    const list = this.#revocations.get(org);
    if (list === undefined || !list.revoked.has(pkiId)) return undefined;
    const got = `got ${name}, which revocation list ${list.number} of ${org} names`;
    return reject("revoked-identity", `expected an identity that is not revoked, ${got}`);
  }

  /** There is one key for each organization, wherever it is named. */
  #rootOf(org: OrgId): Uint8Array | undefined {
    const orderers = [...this.#channels.values()].map((channel) => channel.orderers);
    return [this.#trusted, ...orderers].map((roots) => roots.get(org)).find((root) => root !== undefined);
  }

  /** Whether one of the organizations issued the identity. */
  #check(identity: Uint8Array, roots: Roots): Checked {
    const key = Buffer.from(identity.buffer, identity.byteOffset, identity.byteLength).toString(
      "latin1",
      0,
      maxIdentityBytes + 1,
    );
    const known = this.#checked.get(key);
    const parsed = known?.parsed ?? readIdentity(identity);
    if ("reason" in parsed) return parsed;
    const root = roots.get(parsed.org);
    if (root === undefined) {
      return reject("unknown-organization", `expected an organization we know, got ${JSON.stringify(parsed.org)}`);
    }
    if (known !== undefined && Buffer.compare(known.root, root) === 0) return { ok: true, parsed };
    if (!this.#verifier.verify(root, parsed.signature, parsed.body)) {
      return reject(
        "untrusted-identity",
        `expected a certificate signed by the root key of ${parsed.org}, got another`,
      );
    }
    if (!this.#verifier.isGoodKey(parsed.publicKey)) {
      return reject(
        "untrusted-identity",
        `expected a public key of prime order in the certificate of ${parsed.name}, got another`,
      );
    }
    this.#checked.set(key, { parsed, root });
    return { ok: true, parsed };
  }

  #roots(organizations: readonly { readonly id: string; readonly rootPublicKey: Uint8Array }[]): Roots {
    const roots = new Map<OrgId, Uint8Array>();
    for (const { id, rootPublicKey } of organizations) {
      const known = roots.get(orgId(id));
      if (known !== undefined && Buffer.compare(known, rootPublicKey) !== 0) {
        throw new GossipError("invalid-config", `expected one root key for organization ${id}, got two`);
      }
      if (!this.#verifier.isGoodKey(rootPublicKey)) {
        throw new GossipError(
          "invalid-config",
          `expected an Ed25519 root key for organization ${id}, got bytes that are none`,
        );
      }
      roots.set(orgId(id), rootPublicKey.slice());
    }
    return roots;
  }
}

function requireOneKeyEach(sources: readonly Roots[], channelId: string): void {
  const known = new Map<OrgId, Uint8Array>();
  for (const [id, root] of sources.flatMap((roots) => [...roots])) {
    if (Buffer.compare(known.get(id) ?? root, root) !== 0) {
      throw new GossipError(
        "invalid-config",
        `expected channel ${channelId} to keep the root key of organization ${id}, got another`,
      );
    }
    known.set(id, root);
  }
}

function date(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
