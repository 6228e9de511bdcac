import { createHash } from "node:crypto";
import type { OrgId, PkiId } from "@gossip/proto";
import { assert, BoundedMap, GossipError, isPromise, type MaybePromise, type Millis, whenDone } from "@gossip/runtime";
import {
  accepted,
  type MessageCryptoService,
  type Rejection,
  reject,
  type SecurityAdvisor,
  type Verdict,
} from "./ports.js";

/** An identity we validated. */
export interface KnownIdentity {
  readonly pkiId: PkiId;
  /** The serialized identity, as received. */
  readonly identity: Uint8Array;
  readonly org: OrgId;
  /** Milliseconds since 1970; `undefined` for never. */
  readonly expiresAtWallMs: number | undefined;
}

/** Why an identity went. */
export type RemovalCause = "expired" | "unused" | "suspected" | "replaced";

/** An identity that was known and is not any more. Whoever holds its PKI-ID elsewhere MUST drop it there too. */
export interface Removed {
  readonly pkiId: PkiId;
  readonly identity: Uint8Array;
  readonly cause: RemovalCause;
  /** Of one that was suspected: what it is refused for now, for people. */
  readonly detail?: string;
}

/** What the store checks identities with, how many it keeps, and for how long (page 02 §5). */
export interface IdentityStoreOptions {
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  /** Own serialized identity: never removed for disuse, but gone when it expires or is revoked. */
  readonly self: Uint8Array;
  /**
   * Largest number of identities, own one included. More than the members of all channels; when it is reached, new
   * identities are refused `too-many-identities`, as an eviction would let whoever owns many identities push out the others.
   *
   * @default 10_000
   */
  readonly maxIdentities?: number;
  /**
   * Largest number of identities of one organization, of these; more are refused `too-many-identities`. Whoever holds an
   * organization's key can make as many as it likes, and leaves room for those of the others this way.
   *
   * @default half of `maxIdentities`
   */
  readonly maxIdentitiesPerOrganization?: number;
  /**
   * Identities unused for longer are purged (page 02 §5.4). Shorter forgets departed members sooner and pulls
   * identities of quiet ones again more often.
   *
   * @default 3_600_000 (one hour)
   */
  readonly usageThresholdMs?: number;
  /**
   * Who is a member, or otherwise in touch with us: not purged for disuse, however quiet (page 02 §11.16). Asked once per
   * identity and purge.
   *
   * @default nobody
   */
  readonly isMember?: (pkiId: PkiId) => boolean;
}

/**
 * How long a refusal is remembered: long enough that a flood of one bad identity costs one validation, short enough
 * that an identity which becomes valid is not kept out for longer than a reconnect takes.
 */
const refusalMemoryMs = 5_000;
const maxRefusals = 1_024;

/** Identities that went, or are revoked, and are remembered for that; the one that went first makes room. */
const maxGone = 4_096;

interface Entry extends KnownIdentity {
  lastUsed: Millis;
}

interface Refusal {
  readonly rejection: Rejection;
  readonly until: Millis;
}

/** Why an identity is not asked for, though others offer it. */
interface Gone {
  readonly cause: RemovalCause;
  readonly expiresAtWallMs: number | undefined;
}

/**
 * PKI-ID → identity (protocol page 02 §5). Time is an argument: expiry goes by the date, disuse by the monotonic clock.
 *
 * What went is remembered by its PKI-ID, so that peers that still offer it do not bring it back (`isUnwelcome`): what was
 * revoked until trust changes, what has expired while the date says so, what was replaced or out of use until somebody
 * shows that it is in use (`welcome`), or proves to hold it by a handshake.
 *
 * Deviations from the reference, page 02 §11: what is known is looked up before anything is validated, and must be the
 * same bytes (2, 4); refusals are remembered for a few seconds (2); removals are returned, so nothing is called back
 * under a lock (1); what went is not pulled back, and members are not purged for disuse (9, 16); one deadline stands for
 * all expiry timers (15).
 *
 * @example
 * const identities = new IdentityStore({ crypto, advisor: crypto, self: identity });
 * await identities.put(pkiId, theirIdentity, clock.now(), wallMillis(wall));
 */
export class IdentityStore {
  readonly selfPkiId: PkiId;
  readonly selfOrg: OrgId;
  readonly #crypto: MessageCryptoService;
  readonly #advisor: SecurityAdvisor;
  readonly #usageThresholdMs: number;
  readonly #isMember: (pkiId: PkiId) => boolean;
  readonly #entries: BoundedMap<PkiId, Entry>;
  /** How many of them each organization has; without those that have none. */
  readonly #countByOrg = new Map<OrgId, number>();
  readonly #maxPerOrg: number;
  readonly #refusals = new BoundedMap<string, Refusal>({ maxEntries: maxRefusals, whenFull: "evict-oldest" });
  readonly #gone = new BoundedMap<PkiId, Gone>({ maxEntries: maxGone, whenFull: "evict-oldest" });
  #deadline: Millis = Number.NEGATIVE_INFINITY;
  /** Rises with each change of trust: a verdict of an earlier one is worth nothing. */
  #epoch = 0;

  /**
   * The own identity must be valid now. With asynchronous crypto it is validated at the first `suspect` instead.
   *
   * @throws GossipError `untrusted` when the own identity is refused; `invalid-config` when an option is out of range.
   */
  constructor(options: IdentityStoreOptions) {
    const { crypto, advisor, self, maxIdentities = 10_000, usageThresholdMs = 3_600_000 } = options;
    const { isMember = () => false, maxIdentitiesPerOrganization: maxPerOrg = Math.ceil(maxIdentities / 2) } = options;
    requireConfig(
      Number.isInteger(maxIdentities) && maxIdentities >= 1,
      "maxIdentities to be an integer of at least 1",
      maxIdentities,
    );
    requireConfig(
      Number.isInteger(maxPerOrg) && maxPerOrg >= 1,
      "maxIdentitiesPerOrganization to be an integer of at least 1",
      maxPerOrg,
    );
    requireConfig(usageThresholdMs > 0, "usageThresholdMs to be above 0", usageThresholdMs);
    this.#crypto = crypto;
    this.#advisor = advisor;
    this.#usageThresholdMs = usageThresholdMs;
    this.#isMember = isMember;
    this.#entries = new BoundedMap({ maxEntries: maxIdentities, whenFull: "refuse" });
    this.#maxPerOrg = maxPerOrg;

    const pkiId = crypto.pkiIdOf(self);
    const org = advisor.orgOf(self);
    if (pkiId === undefined) throw untrusted("it has no PKI-ID");
    const verdict = crypto.validateIdentity(self);
    if (!isPromise(verdict) && !verdict.ok) throw untrusted(`${verdict.reason}: ${verdict.detail}`);
    if (org === undefined) throw untrusted("no known organization vouches for it");
    this.selfPkiId = pkiId;
    this.selfOrg = org;
    this.#entries.set(pkiId, {
      pkiId,
      identity: self.slice(),
      org,
      expiresAtWallMs: crypto.expirationOf(self),
      lastUsed: Number.NEGATIVE_INFINITY,
    });
    this.#countByOrg.set(org, 1);
  }

  /**
   * Checks and stores an identity. Known and identical bytes are accepted without validating again; other bytes under a
   * known PKI-ID are refused `pki-id-mismatch`, since signatures would be checked with one identity while the stream
   * shows another. Putting a known identity does not count as use.
   */
  put(pkiId: PkiId, identity: Uint8Array, now: Millis, wallMs: number): MaybePromise<Verdict> {
    const known = this.#entries.get(pkiId);
    if (known !== undefined) return sameIdentity(known, identity, wallMs);
    if (this.#crypto.pkiIdOf(identity) !== pkiId) return this.#mismatch(pkiId, identity);

    const key = refusalKey(identity);
    const refusal = this.#refusals.get(key);
    if (refusal !== undefined && now < refusal.until) return refusal.rejection;

    const epoch = this.#epoch;
    return whenDone(this.#crypto.validateIdentity(identity), (validity): MaybePromise<Verdict> => {
      if (epoch !== this.#epoch) return this.put(pkiId, identity, now, wallMs);
      const verdict = validity.ok ? this.#store(pkiId, identity, now, wallMs) : validity;
      // A full store is our condition, not the identity's, and may be over at the next purge.
      if (!verdict.ok && verdict.reason !== "too-many-identities") {
        this.#refusals.set(key, { rejection: verdict, until: now + refusalMemoryMs });
      }
      if (!verdict.ok && verdict.reason === "revoked-identity") this.#remember(pkiId, "suspected");
      if (!verdict.ok && verdict.reason === "expired-identity") this.#remember(pkiId, "expired", wallMs - 1);
      return verdict;
    });
  }

  /** The identity, which counts as used at `now`. */
  get(pkiId: PkiId, now: Millis): Uint8Array | undefined {
    const entry = this.#entries.get(pkiId);
    if (entry === undefined) return undefined;
    entry.lastUsed = Math.max(entry.lastUsed, now);
    return entry.identity;
  }

  /** The organization of a known PKI-ID, from memory; does not count as use. */
  orgOf(pkiId: PkiId): OrgId | undefined {
    return this.#entries.get(pkiId)?.org;
  }

  /** When a known identity expires, in milliseconds since 1970; `undefined` for never and for unknown ones. */
  expirationOf(pkiId: PkiId): number | undefined {
    return this.#entries.get(pkiId)?.expiresAtWallMs;
  }

  has(pkiId: PkiId): boolean {
    return this.#entries.has(pkiId);
  }

  /** Everything known, own identity included; does not count as use. */
  get all(): readonly KnownIdentity[] {
    return Array.from(this.#entries.values(), ({ pkiId, identity, org, expiresAtWallMs }) => {
      return { pkiId, identity, org, expiresAtWallMs };
    });
  }

  /**
   * When `purge` is next worth calling, on the monotonic clock; in the past before the first call. Never further away
   * than a tenth of the usage threshold, so that a step of the date is noticed too.
   */
  get deadline(): Millis {
    return this.#deadline;
  }

  /**
   * Whether it is known that the identity is not to be had from others: it went for a reason that still holds. What comes
   * by a handshake, or with an alive message, is put all the same, and judged.
   */
  isUnwelcome(pkiId: PkiId, wallMs: number): boolean {
    const gone = this.#gone.get(pkiId);
    if (gone === undefined) return false;
    // The date may have been set back.
    return gone.cause !== "expired" || wallMs > (gone.expiresAtWallMs ?? wallMs);
  }

  /** A new message of it came: if it only fell out of use, or was replaced, it is worth asking for again. */
  welcome(pkiId: PkiId): void {
    const cause = this.#gone.get(pkiId)?.cause;
    if (cause === "unused" || cause === "replaced") this.#gone.delete(pkiId);
  }

  /** How many other identities are valid at `wallMs` and will not be any more `withinMs` later. */
  expiringWithin(withinMs: number, wallMs: number): number {
    let count = 0;
    for (const { pkiId, expiresAtWallMs: at = Number.POSITIVE_INFINITY } of this.#entries.values()) {
      if (pkiId !== this.selfPkiId && at >= wallMs && at <= wallMs + withinMs) count++;
    }
    return count;
  }

  /** Removes what is expired at `wallMs` or was unused for longer than the threshold; returns what went. */
  purge(now: Millis, wallMs: number): readonly Removed[] {
    const removed: Removed[] = [];
    this.#deadline = now + this.#usageThresholdMs / 10;
    for (const entry of this.#entries.values()) {
      const cause = this.#overdue(entry, now, wallMs);
      if (cause === undefined) this.#expectExpiry(entry, now, wallMs);
      else removed.push({ pkiId: entry.pkiId, identity: entry.identity, cause });
    }
    for (const { pkiId, cause } of removed) this.remove(pkiId, cause);
    return removed;
  }

  /**
   * Validates again those the predicate picks and removes the invalid, the expired and the unused; being picked counts
   * as use. Call it after a change of trust is active: it also forgets what was refused before.
   */
  suspect(
    predicate: (identity: KnownIdentity) => boolean,
    now: Millis,
    wallMs: number,
  ): MaybePromise<readonly Removed[]> {
    const removed = this.purge(now, wallMs);
    this.#epoch++;
    this.#refusals.clear();
    for (const [pkiId, { cause }] of [...this.#gone]) if (cause === "suspected") this.#gone.delete(pkiId);
    const picked = [...this.#entries.values()].filter(predicate);
    for (const entry of picked) entry.lastUsed = Math.max(entry.lastUsed, now);
    return whenDone(this.#judge(picked), (judged) => [...removed, ...judged]);
  }

  #judge(entries: readonly Entry[]): MaybePromise<readonly Removed[]> {
    const epoch = this.#epoch;
    const verdicts = entries.map(({ identity }) => this.#crypto.validateIdentity(identity));
    return whenDone(allDone(verdicts), (settled): MaybePromise<readonly Removed[]> => {
      // Trust has changed once more: somebody refused by what was trusted before may be good now.
      if (epoch !== this.#epoch) return this.#judge(entries);
      const removed: Removed[] = [];
      for (const [index, entry] of entries.entries()) {
        const verdict = settled[index];
        assert(verdict !== undefined, "expected one verdict for each suspected identity");
        // While verdicts were awaited the entry may have gone, or come back as another.
        if (verdict.ok || this.#entries.get(entry.pkiId) !== entry) continue;
        const cause = verdict.reason === "expired-identity" ? "expired" : "suspected";
        this.remove(entry.pkiId, cause);
        const detail = `${verdict.reason}: ${verdict.detail}`;
        removed.push({ pkiId: entry.pkiId, identity: entry.identity, cause, detail });
      }
      return removed;
    });
  }

  /** Removes one, and remembers why; what was removed, or `undefined` when it was not there. */
  remove(pkiId: PkiId, cause: RemovalCause): Removed | undefined {
    const entry = this.#entries.get(pkiId);
    if (entry === undefined) return undefined;
    this.#entries.delete(pkiId);
    const left = (this.#countByOrg.get(entry.org) ?? 0) - 1;
    if (left > 0) this.#countByOrg.set(entry.org, left);
    else this.#countByOrg.delete(entry.org);
    this.#remember(pkiId, cause, entry.expiresAtWallMs);
    return { pkiId, identity: entry.identity, cause };
  }

  #remember(pkiId: PkiId, cause: RemovalCause, expiresAtWallMs?: number): void {
    this.#gone.set(pkiId, { cause, expiresAtWallMs });
  }

  #store(pkiId: PkiId, identity: Uint8Array, now: Millis, wallMs: number): Verdict {
    // With asynchronous crypto, another put may have been faster.
    const known = this.#entries.get(pkiId);
    if (known !== undefined) return sameIdentity(known, identity, wallMs);
    const expiresAtWallMs = this.#crypto.expirationOf(identity);
    if (expiresAtWallMs !== undefined && wallMs > expiresAtWallMs) return expired(expiresAtWallMs, wallMs);
    const org = this.#advisor.orgOf(identity);
    if (org === undefined)
      return reject("unknown-organization", "expected a known organization to vouch for the identity, got none");
    const others = this.#countByOrg.get(org) ?? 0;
    if (others >= this.#maxPerOrg) {
      return reject("too-many-identities", `expected at most ${this.#maxPerOrg} identities of ${org}, got one more`);
    }
    // Copied, for the bytes given are a view into a receive buffer.
    const entry: Entry = { pkiId, identity: identity.slice(), org, expiresAtWallMs, lastUsed: now };
    if (!this.#entries.set(pkiId, entry)) {
      return reject("too-many-identities", `expected at most ${this.#entries.size} identities, got one more`);
    }
    this.#countByOrg.set(org, others + 1);
    this.#gone.delete(pkiId);
    this.#expectExpiry(entry, now, wallMs);
    return accepted;
  }

  #mismatch(pkiId: PkiId, identity: Uint8Array): Rejection {
    const actual = this.#crypto.pkiIdOf(identity);
    return actual === undefined
      ? reject(
          "malformed-identity",
          `expected an identity with PKI-ID ${pkiId}, got ${identity.length} bytes that are none`,
        )
      : reject("pki-id-mismatch", `expected an identity with PKI-ID ${pkiId}, got one with ${actual}`);
  }

  #overdue(entry: Entry, now: Millis, wallMs: number): RemovalCause | undefined {
    if (entry.expiresAtWallMs !== undefined && wallMs > entry.expiresAtWallMs) return "expired";
    const isUnused = entry.pkiId !== this.selfPkiId && entry.lastUsed + this.#usageThresholdMs < now;
    return isUnused && !this.#isMember(entry.pkiId) ? "unused" : undefined;
  }

  #expectExpiry(entry: Entry, now: Millis, wallMs: number): void {
    if (entry.expiresAtWallMs === undefined) return;
    // One millisecond more, for an identity is valid up to and including its last millisecond.
    this.#deadline = Math.min(this.#deadline, now + Math.max(0, entry.expiresAtWallMs - wallMs) + 1);
  }
}

function sameIdentity(known: KnownIdentity, identity: Uint8Array, wallMs: number): Verdict {
  if (Buffer.compare(known.identity, identity) !== 0) {
    return reject("pki-id-mismatch", `expected the bytes already known for PKI-ID ${known.pkiId}, got others`);
  }
  const { expiresAtWallMs } = known;
  return expiresAtWallMs !== undefined && wallMs > expiresAtWallMs ? expired(expiresAtWallMs, wallMs) : accepted;
}

function expired(expiresAtWallMs: number, wallMs: number): Rejection {
  const late = Math.ceil((wallMs - expiresAtWallMs) / 1000);
  return reject("expired-identity", `expected an identity that is valid now, got one that expired ${late} s ago`);
}

function refusalKey(identity: Uint8Array): string {
  return createHash("sha256").update(identity).digest("binary");
}

function allDone<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  return values.some(isPromise) ? Promise.all(values) : (values as readonly T[]); // none is a promise
}

function requireConfig(holds: boolean, expected: string, got: number): void {
  if (!holds) throw new GossipError("invalid-config", `expected ${expected}, got ${got}`);
}

function untrusted(why: string): GossipError {
  return new GossipError("untrusted", `expected a valid own identity, got one that is refused: ${why}`);
}
