// CONTRACT (implemented by the crypto author)
import type { OrgId, PkiId } from "@gossip/proto";
import type { MaybePromise, Millis } from "@gossip/runtime";
import type { MessageCryptoService, SecurityAdvisor, Verdict } from "./ports.js";

export interface KnownIdentity { readonly pkiId: PkiId; readonly identity: Uint8Array; readonly org: OrgId; readonly expiresAtWallMs: number | undefined }
export type RemovalCause = "expired" | "unused" | "suspected" | "replaced";
export interface IdentityStoreOptions {
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  /** Own serialized identity: never removed for disuse. */
  readonly self: Uint8Array;
  /** Default 10_000. */
  readonly maxIdentities?: number;
  /** Default 1 hour: identities unused for longer are purged (page 02 §5.4). */
  readonly usageThresholdMs?: number;
}
export interface Removed { readonly pkiId: PkiId; readonly identity: Uint8Array; readonly cause: RemovalCause }
/** PKI-ID → identity (protocol page 02 §5). Time is an argument. It never calls back; what it removes it returns. */
export declare class IdentityStore {
  constructor(options: IdentityStoreOptions);
  readonly selfPkiId: PkiId;
  readonly selfOrg: OrgId;
  /** Checks and stores. Look-up first: same PKI-ID and identical bytes are accepted without validating again; different bytes under the same PKI-ID are refused `pki-id-mismatch`. Expired: `expired-identity`. `pkiId` must equal what crypto computes. */
  put(pkiId: PkiId, identity: Uint8Array, now: Millis, wallMs: number): MaybePromise<Verdict>;
  /** The identity, and marks it used at `now`. */
  get(pkiId: PkiId, now: Millis): Uint8Array | undefined;
  /** The organization of a known PKI-ID, from memory; does not count as use. */
  orgOf(pkiId: PkiId): OrgId | undefined;
  /** Everything known, own identity included. */
  readonly all: readonly KnownIdentity[];
  has(pkiId: PkiId): boolean;
  /** Removes what is expired at `wallMs` or unused; returns what went. Call when `deadline` (monotonic) has come. */
  purge(now: Millis, wallMs: number): readonly Removed[];
  /** Re-validates those the predicate picks and removes the invalid; also the unused. */
  suspect(predicate: (identity: KnownIdentity) => boolean, now: Millis, wallMs: number): MaybePromise<readonly Removed[]>;
  /** Removes one. */
  remove(pkiId: PkiId): boolean;
}
