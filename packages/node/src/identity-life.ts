import type { IdentityStore, KnownIdentity, RemovalCause, Removed } from "@gossip/crypto";
import type { PkiId } from "@gossip/proto";
import {
  type Clock,
  type Logger,
  type MaybePromise,
  type Metrics,
  type WallClock,
  wallMillis,
  whenDone,
} from "@gossip/runtime";
import { attempt } from "./attempt.js";

/** An identity, own or another's, that runs out within this is told of. */
const expiryWarningMs = 7 * 24 * 3_600_000;

/** What the life of identities has to do with the rest of the node. */
export interface IdentityLifeOptions {
  readonly identities: IdentityStore;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Whoever we hold a connection with. */
  connected(): Iterable<PkiId>;
  /** Everything that knows the identity MUST forget it: pull, discovery, channels, connections. */
  onRemoved(removed: Pick<Removed, "pkiId" | "cause">): void;
  /** A defect was met; the node closes. */
  onFault(error: unknown): void;
}

/**
 * How identities end once they were admitted (protocol page 02 §5.4, §5.5, §11.13): expired, unused, revoked, or replaced by
 * others of the same peer. Whoever calls `tick` every few seconds needs no timers of expiry, which would have to be made of
 * steps where they lie further ahead than a timer can (page 02 §11.15).
 */
export class IdentityLife {
  readonly #options: IdentityLifeOptions;
  readonly #expiring: { set(value: number): void };
  /** When the own identity expires; also after it is gone. */
  readonly expiresAtWallMs: number | undefined;
  #lost: string | undefined;
  #isWarned = false;

  constructor(options: IdentityLifeOptions) {
    this.#options = options;
    this.#expiring = options.metrics.gauge({
      name: "gossip_identities_expiring",
      help: "Identities of other peers that expire within seven days",
    });
    this.expiresAtWallMs = options.identities.expirationOf(options.identities.selfPkiId);
    this.#warn();
  }

  /** What became of the own identity, once it is not good any more. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Removes what has expired and what nobody uses. To be called every few seconds. */
  tick(): void {
    const { identities, clock } = this.#options;
    this.#warn();
    if (clock.now() < identities.deadline) return;
    this.#withdrawAll(identities.purge(clock.now(), this.#wallMs));
    this.#expiring.set(identities.expiringWithin(expiryWarningMs, this.#wallMs));
  }

  /** Validates again those that the predicate picks; done when those that are not good any more are gone everywhere. */
  suspect(predicate: (identity: KnownIdentity) => boolean): MaybePromise<readonly PkiId[]> {
    const { identities, clock, onFault } = this.#options;
    const judging = attempt(() => identities.suspect(predicate, clock.now(), this.#wallMs));
    return whenDone(judging, (judged) => {
      if (judged.ok) return this.#withdrawAll(judged.value);
      onFault(judged.error);
      return [];
    });
  }

  /** A peer proved another identity where it had this one. */
  replaced(pkiId: PkiId): void {
    const removed = this.#options.identities.remove(pkiId, "replaced");
    // What is held elsewhere is not worth more for the identity being gone.
    this.#withdrawAll([removed ?? { pkiId, cause: "replaced" }]);
  }

  #withdrawAll(removed: readonly Omit<Removed, "identity">[]): readonly PkiId[] {
    const { identities, log, onRemoved, connected } = this.#options;
    for (const one of removed) {
      if (one.pkiId === identities.selfPkiId) this.#onOwnLost(one.cause);
      else log.info("identity removed", { pkiId: one.pkiId, cause: one.cause, detail: one.detail });
      onRemoved(one);
    }
    // A handshake that was under way meanwhile may have been accepted before its identity went.
    for (const pkiId of connected()) if (!identities.has(pkiId)) onRemoved({ pkiId, cause: "suspected" });
    return removed.map(({ pkiId }) => pkiId);
  }

  /** The others judge as we do. It goes on, for the operator to see and for blocks that still come. */
  #onOwnLost(cause: RemovalCause): void {
    const { identities, log } = this.#options;
    const what =
      cause === "expired" ? "has expired" : "was revoked, or is of an authority that is not trusted any more";
    this.#lost = `own identity ${what}: other peers and orderers refuse it; enroll this peer anew and restart it`;
    log.error(this.#lost, { pkiId: identities.selfPkiId });
  }

  /** Once, whether the day comes while the node runs or lies before its start. */
  #warn(): void {
    const { log } = this.#options;
    const expires = this.expiresAtWallMs;
    if (this.#isWarned || expires === undefined || expires - this.#wallMs >= expiryWarningMs) return;
    this.#isWarned = true;
    log.warn("own identity expires soon: renew it, or every peer will refuse us", {
      at: new Date(expires).toISOString(),
    });
  }

  get #wallMs(): number {
    return wallMillis(this.#options.wall);
  }
}
