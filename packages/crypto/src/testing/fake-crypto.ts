import { createHash } from "node:crypto";
import { type OrgId, orgId, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { type Block, blockHeaderBytes, encodeBlock } from "@gossip/proto/fabric";
import { blockDataHash } from "../hash.js";
import {
  accepted,
  type MessageCryptoService,
  type Rejection,
  reject,
  type SecurityAdvisor,
  type Verdict,
} from "../ports.js";

const utf8 = new TextEncoder();
const none = new Uint8Array(0);

/** What all fakes of one test believe. Share one among them, so that a revocation is known to every node. */
export class FakeTrust {
  readonly #revoked = new Set<string>();
  readonly #expirations = new Map<string, number>();
  readonly #organizations: ReadonlySet<string> | undefined;
  readonly #channels = new Map<string, ReadonlySet<string>>();
  readonly #wallMs: () => number;

  /** Without `organizations` every organization is known. `wallMs` tells the date to `validateIdentity`; 0 by default. */
  constructor(options: { readonly organizations?: readonly string[]; readonly wallMs?: () => number } = {}) {
    this.#organizations = options.organizations && new Set(options.organizations);
    this.#wallMs = options.wallMs ?? (() => 0);
  }

  /** From now on the identity is refused. */
  revoke(identity: Uint8Array): void {
    this.#revoked.add(textOf(identity));
  }

  /** The identity is valid until `wallMs`, inclusive. Without this, identities never expire. */
  expire(identity: Uint8Array, wallMs: number): void {
    this.#expirations.set(textOf(identity), wallMs);
  }

  /** Says whose members may read the channel. Until the first call, every channel exists and everybody reads it. */
  setChannel(channel: string, organizations: readonly string[]): void {
    this.#channels.set(channel, new Set(organizations));
  }

  expirationOf(identity: Uint8Array): number | undefined {
    return this.#expirations.get(textOf(identity));
  }

  isKnown(org: string): boolean {
    return this.#organizations?.has(org) ?? true;
  }

  validate(identity: Uint8Array): Verdict {
    const parts = partsOf(identity);
    if (parts === undefined)
      return reject("malformed-identity", `expected org:name, got ${identity.length} bytes that are not`);
    if (!this.isKnown(parts.org))
      return reject("unknown-organization", `expected a known organization, got ${parts.org}`);
    if (this.#revoked.has(textOf(identity)))
      return reject("revoked-identity", `expected a valid identity, got ${textOf(identity)}`);
    const expiration = this.expirationOf(identity);
    return expiration !== undefined && this.#wallMs() > expiration
      ? reject("expired-identity", `expected a valid identity, got ${textOf(identity)}`)
      : accepted;
  }

  mayRead(channel: string, org: OrgId | undefined): Verdict {
    if (this.#channels.size === 0) return accepted;
    const members = this.#channels.get(channel);
    if (members === undefined) return reject("unknown-channel", `expected a channel we are in, got ${channel}`);
    return org !== undefined && members.has(org)
      ? accepted
      : reject("policy-not-satisfied", `expected an organization of channel ${channel}, got ${org}`);
  }
}

/** Whom a fake stands for, and whom it believes; fakes that share `trust` change their minds together. */
export interface FakeCryptoOptions {
  readonly org: string;
  readonly name: string;
  /** @default one that believes everybody */
  readonly trust?: FakeTrust;
}

/** A `MessageCryptoService` and `SecurityAdvisor` without secrets. */
export interface FakeCrypto extends MessageCryptoService, SecurityAdvisor {
  /** `org:name` in UTF-8. */
  readonly identity: Uint8Array;
  /** The identity in hex, so that a PKI-ID in a trace can be read. */
  readonly pkiId: PkiId;
  readonly org: OrgId;
  readonly trust: FakeTrust;
  sign(payload: Uint8Array): Uint8Array;
  validateIdentity(identity: Uint8Array): Verdict;
  verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict;
  verifyByChannel(channel: string, identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict;
  verifyBlock(channel: string, blockNumber: bigint, block: Block): Verdict;
}

/**
 * Fast and synchronous cryptography for tests of other packages. Identities are `org:name`, a signature is a hash keyed
 * with the identity, so anybody can forge one: it proves nothing but that the right bytes were signed and checked.
 *
 * @example
 * const trust = new FakeTrust();
 * const crypto = createFakeCrypto({ org: "Org1MSP", name: "peer0", trust });
 * trust.revoke(crypto.identity);
 */
export function createFakeCrypto(options: FakeCryptoOptions): FakeCrypto {
  const { trust = new FakeTrust() } = options;
  const identity = fakeIdentity(options.org, options.name);

  function verify(signer: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const verdict = trust.validate(signer);
    return verdict.ok ? checkSignature(signer, signature, payload) : verdict;
  }

  function orgOf(of: Uint8Array): OrgId | undefined {
    const org = partsOf(of)?.org;
    return org !== undefined && trust.isKnown(org) ? orgId(org) : undefined;
  }

  return {
    identity,
    pkiId: pkiIdFromBytes(identity),
    org: orgId(options.org),
    trust,
    pkiIdOf: (of) => (partsOf(of) === undefined ? undefined : pkiIdFromBytes(of)),
    orgOf,
    validateIdentity: (of) => trust.validate(of),
    expirationOf: (of) => trust.expirationOf(of),
    sign: (payload) => fakeSignature(identity, payload),
    verify,
    verifyByChannel(channel, signer, signature, payload) {
      const verdict = verify(signer, signature, payload);
      return verdict.ok ? trust.mayRead(channel, orgOf(signer)) : verdict;
    },
    verifyBlock,
  };
}

/** The identity that `createFakeCrypto` gives to this name. */
export function fakeIdentity(org: string, name: string): Uint8Array {
  return utf8.encode(`${org}:${name}`);
}

/** Where a fake block stands in its chain, and what it holds. */
export interface FakeBlockOptions {
  readonly channel: string;
  readonly number: bigint;
  readonly previousHash?: Uint8Array;
  readonly data: readonly Uint8Array[];
}

/** A serialized block that every fake accepts for its channel. Transactions are any bytes; the orderer is `orderer:0`. */
export function makeFakeBlock(options: FakeBlockOptions): Uint8Array {
  const { channel, number, previousHash = none, data } = options;
  const header = { number, previousHash, dataHash: blockDataHash(data) };
  const name = utf8.encode(channel);
  const signature = fakeSignature(fakeOrderer, Buffer.concat([name, blockHeaderBytes(header)]));
  return encodeBlock({ header, data, metadata: [signature, name, none, none, none] });
}

const fakeOrderer = fakeIdentity("orderer", "0");

function verifyBlock(channel: string, blockNumber: bigint, block: Block): Verdict {
  const { header, data, metadata } = block;
  const [signature = none, name = none] = metadata;
  if (header.number !== blockNumber)
    return reject("wrong-block-number", `expected ${blockNumber}, got ${header.number}`);
  if (data.length === 0) return reject("malformed-block", "expected transactions, got none");
  if (textOf(name) !== channel) return reject("wrong-channel", `expected ${channel}, got ${textOf(name)}`);
  if (Buffer.compare(header.dataHash, blockDataHash(data)) !== 0)
    return reject("bad-data-hash", "expected the hash of the data");
  const verdict = checkSignature(fakeOrderer, signature, Buffer.concat([name, blockHeaderBytes(header)]));
  return verdict.ok ? accepted : reject("bad-block-signature", verdict.detail);
}

function checkSignature(
  signer: Uint8Array,
  signature: Uint8Array,
  payload: Uint8Array,
): { readonly ok: true } | Rejection {
  return Buffer.compare(signature, fakeSignature(signer, payload)) === 0
    ? { ok: true }
    : reject("bad-signature", `expected the signature of ${textOf(signer)}, got another`);
}

function fakeSignature(signer: Uint8Array, payload: Uint8Array): Uint8Array {
  const length = new Uint8Array([signer.length >>> 8, signer.length]);
  return new Uint8Array(createHash("sha256").update(length).update(signer).update(payload).digest().subarray(0, 16));
}

function partsOf(identity: Uint8Array): { readonly org: string; readonly name: string } | undefined {
  const match = /^(?<org>[\w.-]+):(?<name>[\w.-]+)$/.exec(textOf(identity));
  return match?.groups && { org: match.groups["org"] ?? "", name: match.groups["name"] ?? "" };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
