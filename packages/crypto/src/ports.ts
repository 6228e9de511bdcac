import type { OrgId, PkiId } from "@gossip/proto";
import type { Block } from "@gossip/proto/fabric";
import type { MaybePromise } from "@gossip/runtime";

/** Yes, or why not. `reason` is from a closed set since it labels a metric; `detail` is for people. */
export type Verdict = { readonly ok: true } | Rejection;

/** A refusal as a value, since bad input from a peer is expected and not an error of ours. */
export interface Rejection {
  readonly ok: false;
  readonly reason: RejectReason;
  /** What was expected and what came, in one line. */
  readonly detail: string;
}

/** Why an identity, a signature or a block was refused. */
export type RejectReason =
  | "malformed-identity"
  | "unknown-organization"
  | "untrusted-identity"
  | "expired-identity"
  | "revoked-identity"
  | "pki-id-mismatch"
  | "unknown-identity"
  | "too-many-identities"
  | "unsigned"
  | "bad-signature"
  | "policy-not-satisfied"
  | "unknown-channel"
  | "malformed-block"
  | "wrong-block-number"
  | "wrong-channel"
  | "bad-data-hash"
  | "bad-block-signature";

/** The one positive verdict. */
export const accepted: Verdict = Object.freeze({ ok: true });

/** A negative verdict. */
export function reject(reason: RejectReason, detail: string): Rejection {
  return { ok: false, reason, detail };
}

/**
 * All knowledge about identities, signatures and blocks (protocol page 02 §3).
 * The gossip layer never looks inside an identity.
 *
 * Duties of an implementation, which `messageCryptoServiceCases` of `@gossip/crypto/testing` checks:
 * every method MUST NOT throw on any input that came from a peer; MAY return promises, but a method that can
 * answer at once SHOULD, since synchronous cryptography keeps simulation deterministic; MUST NOT keep a reference
 * to the byte arrays it is given, for they are views into receive buffers.
 */
export interface MessageCryptoService {
  /** The PKI-ID of a serialized identity, without validating it; `undefined` when it cannot be decoded. */
  pkiIdOf(identity: Uint8Array): PkiId | undefined;
  /** Whether the identity is one we trust, now: its organization known, its certificate issued by it, not revoked, not expired. */
  validateIdentity(identity: Uint8Array): MaybePromise<Verdict>;
  /** When the identity expires, in milliseconds since 1970; `undefined` for never. Called only after `validateIdentity` accepted. */
  expirationOf(identity: Uint8Array): number | undefined;
  /** Signs with this node's key. */
  sign(payload: Uint8Array): MaybePromise<Uint8Array>;
  /** Whether `signature` over `payload` is that of the identity, and the identity is valid. */
  verify(identity: Uint8Array, signature: Uint8Array, payload: Uint8Array): MaybePromise<Verdict>;
  /** As `verify`, and the signer may read the channel. */
  verifyByChannel(
    channel: string,
    identity: Uint8Array,
    signature: Uint8Array,
    payload: Uint8Array,
  ): MaybePromise<Verdict>;
  /**
   * Whether a block is what it claims: number, channel, data hash, and the orderers' signatures over its header
   * (protocol page 02 §3.5). The link to the previous block is checked where blocks are committed.
   */
  verifyBlock(channel: string, blockNumber: bigint, block: Block): MaybePromise<Verdict>;
}

/** Tells organizations (protocol page 02 §4). */
export interface SecurityAdvisor {
  /** The organization of a serialized identity, without validating it; `undefined` on any failure. MUST NOT throw. */
  orgOf(identity: Uint8Array): OrgId | undefined;
}
