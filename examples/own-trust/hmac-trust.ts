import { createHmac, timingSafeEqual } from "node:crypto";
import {
  accepted,
  blockDataHash,
  type MessageCryptoService,
  reject,
  type SecurityAdvisor,
  sha256,
  type Verdict,
} from "@gossip/crypto";
import { type OrgId, orgId, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { type Block, type BlockHeader, blockHeaderBytes, encodeBlock } from "@gossip/proto/fabric";

export interface HmacTrustOptions {
  /** Own identity, from `issueIdentity`. */
  readonly identity: Uint8Array;
  /** The secret of each organization that is known. */
  readonly secrets: ReadonlyMap<OrgId, Uint8Array>;
  /** Who reads a channel, and who orders its blocks. */
  readonly channels: ReadonlyMap<string, { readonly readers: readonly OrgId[]; readonly orderer: OrgId }>;
}

/**
 * Trust among those who share a secret: identities, messages and blocks carry a MAC under the secret of an organization.
 * Whoever can check can also forge, so this suits the machines of one owner and nobody else.
 */
export class HmacTrust implements MessageCryptoService, SecurityAdvisor {
  readonly #options: HmacTrustOptions;

  constructor(options: HmacTrustOptions) {
    this.#options = options;
  }

  pkiIdOf(identity: Uint8Array): PkiId | undefined {
    return parse(identity) && pkiIdFromBytes(sha256(identity));
  }

  orgOf(identity: Uint8Array): OrgId | undefined {
    const org = parse(identity)?.org;
    return org !== undefined && this.#options.secrets.has(org) ? org : undefined;
  }

  expirationOf(identity: Uint8Array): number | undefined {
    return parse(identity)?.expiresMs;
  }

  validateIdentity(identity: Uint8Array): Verdict {
    const parsed = parse(identity);
    if (parsed === undefined)
      return reject("malformed-identity", "expected org, name, expiry and MAC, got other bytes");
    const { org, name, expiresMs } = parsed;
    const secret = this.#options.secrets.get(org);
    if (secret === undefined) return reject("unknown-organization", `expected a known organization, got ${org}`);
    if (!isSame(identity, issueIdentity(secret, parsed)))
      return reject("untrusted-identity", `expected ${name} to have the MAC of ${org}, got another`);
    const isOver = Date.now() > expiresMs;
    return isOver ? reject("expired-identity", `expected ${name} to be valid, got one until ${expiresMs}`) : accepted;
  }

  sign(payload: Uint8Array): Uint8Array {
    return this.#signature(this.#options.identity, payload);
  }

  verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const verdict = this.validateIdentity(identity);
    if (!verdict.ok || isSame(signature, this.#signature(identity, payload))) return verdict;
    return reject("bad-signature", "expected the MAC of this payload and identity, got another");
  }

  verifyByChannel(channel: string, identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): Verdict {
    const verdict = this.verify(identity, signature, payload);
    if (!verdict.ok) return verdict;
    const readers = this.#options.channels.get(channel)?.readers;
    if (readers === undefined) return reject("unknown-channel", `expected a channel we are in, got ${channel}`);
    const org = this.orgOf(identity);
    if (org !== undefined && readers.includes(org)) return accepted;
    return reject("policy-not-satisfied", `expected a reader of ${channel}, got a member of ${org}`);
  }

  verifyBlock(channel: string, blockNumber: bigint, { header, data, metadata }: Block): Verdict {
    if (header.number !== blockNumber)
      return reject("wrong-block-number", `expected ${blockNumber}, got ${header.number}`);
    if (data.length === 0) return reject("malformed-block", "expected transactions, got none");
    if (!isSame(header.dataHash, blockDataHash(data))) return reject("bad-data-hash", "expected the hash of the data");
    const [name = none, signature = none] = metadata;
    if (!isSame(name, utf8.encode(channel)))
      return reject("wrong-channel", `expected a block of ${channel}, got another's`);
    const secret = this.#options.secrets.get(this.#options.channels.get(channel)?.orderer ?? nobody);
    const isSigned = secret !== undefined && isSame(signature, blockMac(secret, name, header, data));
    return isSigned ? accepted : reject("bad-block-signature", "expected the MAC of the orderer, got another");
  }

  #signature(identity: Uint8Array, payload: Uint8Array): Uint8Array {
    const secret = this.#options.secrets.get(this.orgOf(identity) ?? nobody);
    // Never because of what a peer sent, for `verify` has validated its identity by now.
    if (secret === undefined) throw new Error("expected an identity of a known organization");
    return mac(secret, "message", identity, payload);
  }
}

export interface Holder {
  readonly org: OrgId;
  readonly name: string;
  readonly expiresMs: number;
}

/** An identity: `org name expiry mac`, in one form only. Names are of letters, digits, `_`, `.` and `-`. */
export function issueIdentity(secret: Uint8Array, { org, name, expiresMs }: Holder): Uint8Array {
  const body = `${org} ${name} ${expiresMs}`;
  return utf8.encode(`${body} ${Buffer.from(mac(secret, "identity", utf8.encode(body))).toString("hex")}`);
}

export interface MakeBlockOptions {
  readonly channel: string;
  readonly number: bigint;
  /** `blockHash` of the header before; empty for block 0. */
  readonly previousHash: Uint8Array;
  readonly data: readonly Uint8Array[];
}

/** A block as `verifyBlock` expects it: in its metadata the channel and the orderer's MAC. */
export function makeBlock(secret: Uint8Array, { channel, number, previousHash, data }: MakeBlockOptions): Uint8Array {
  const header = { number, previousHash, dataHash: blockDataHash(data) };
  const name = utf8.encode(channel);
  return encodeBlock({ header, data, metadata: [name, blockMac(secret, name, header, data)] });
}

const utf8 = new TextEncoder();
const none = new Uint8Array(0);
const nobody = orgId("");

function parse(identity: Uint8Array): Holder | undefined {
  const match = /^([\w.-]+) ([\w.-]+) (\d{1,15}) [0-9a-f]{64}$/.exec(Buffer.from(identity).toString("latin1"));
  if (match === null) return undefined;
  const [, org = "", name = "", expiresMs] = match;
  return { org: orgId(org), name, expiresMs: Number(expiresMs) };
}

/** The data once more, although its hash is in the header: the hash does not fix where one transaction ends. */
function blockMac(secret: Uint8Array, name: Uint8Array, header: BlockHeader, data: readonly Uint8Array[]): Uint8Array {
  return mac(secret, "block", name, blockHeaderBytes(header), ...data);
}

function mac(secret: Uint8Array, purpose: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", secret).update(purpose);
  // With its length before each part, or different parts could be the same bytes.
  for (const part of parts) hmac.update(` ${part.length} `).update(part);
  return new Uint8Array(hmac.digest());
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
