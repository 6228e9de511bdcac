import type { Verified } from "@gossip/crypto";
import type { OrgId, PkiId, StateInfo } from "@gossip/proto";
import { BoundedMap } from "@gossip/runtime";

export interface StateInfosOptions {
  /** Members of the channel. */
  readonly maxEntries: number;
  /** Bytes of their envelopes; of one organization at most half. */
  readonly maxBytes: number;
}

interface Held {
  readonly info: Verified<StateInfo>;
  readonly org: OrgId;
  readonly bytes: number;
}

/**
 * The state infos of one channel, one for each member. Bounded in bytes too, for a state info has as much in it as its author
 * likes; and by organization, so that whoever holds the key of one leaves room for the members of others (7.38).
 */
export class StateInfos {
  readonly #options: StateInfosOptions;
  readonly #held: BoundedMap<PkiId, Held>;
  readonly #bytesByOrg = new Map<OrgId, number>();
  #bytes = 0;

  constructor(options: StateInfosOptions) {
    this.#options = options;
    this.#held = new BoundedMap({ maxEntries: options.maxEntries, whenFull: "refuse" });
  }

  /** Whether there was room; else what was held before stays. */
  set(pkiId: PkiId, org: OrgId, info: Verified<StateInfo>): boolean {
    const { maxBytes } = this.#options;
    const bytes = info.envelope.payload.length + info.envelope.signature.length;
    const before = this.#held.get(pkiId);
    const grown = bytes - (before?.bytes ?? 0);
    const isTooMuch = this.#bytes + grown > maxBytes || (this.#bytesByOrg.get(org) ?? 0) + grown > maxBytes / 2;
    // Whoever is held already may say the same in other words, whatever the others take.
    if ((isTooMuch && grown > 0) || !this.#held.set(pkiId, { info, org, bytes })) return false;
    if (before !== undefined) this.#count(before.org, -before.bytes);
    this.#count(org, bytes);
    return true;
  }

  get(pkiId: PkiId): Verified<StateInfo> | undefined {
    return this.#held.get(pkiId)?.info;
  }

  delete(pkiId: PkiId): void {
    const held = this.#held.get(pkiId);
    if (held === undefined) return;
    this.#held.delete(pkiId);
    this.#count(held.org, -held.bytes);
  }

  get size(): number {
    return this.#held.size;
  }

  keys(): Iterable<PkiId> {
    return this.#held.keys();
  }

  get all(): readonly Verified<StateInfo>[] {
    return Array.from(this.#held.values(), ({ info }) => info);
  }

  #count(org: OrgId, bytes: number): void {
    this.#bytes += bytes;
    const left = (this.#bytesByOrg.get(org) ?? 0) + bytes;
    if (left > 0) this.#bytesByOrg.set(org, left);
    else this.#bytesByOrg.delete(org);
  }
}
