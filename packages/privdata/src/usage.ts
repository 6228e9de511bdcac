import { type PrivateDataLimits, recordOverheadBytes } from "./limits.js";
import type { Description } from "./records.js";

/**
 * Why a pushed set is not kept; closed, since it labels a metric.
 *
 * | Reason | Meaning |
 * | --- | --- |
 * | `malformed` | it names no transaction, or a name is longer than any can be |
 * | `too-large` | the set or its configuration is above its limit |
 * | `too-many-records` | the transaction has as many sets as it may have |
 * | `organization-full` | the sender's organization has its share of the store |
 * | `full` | there is no room left |
 * | `busy` | too many sets wait to be written |
 * | `disk` | the write failed |
 * | `closed` | the store was closed |
 */
export type RefusalReason =
  | "malformed"
  | "too-large"
  | "too-many-records"
  | "organization-full"
  | "full"
  | "busy"
  | "disk"
  | "closed";

/** A set that is not kept. */
export interface Refusal {
  readonly ok: false;
  readonly reason: RefusalReason;
  /** What was expected and what came; it is told to the sender. */
  readonly detail: string;
}

export function refusal(reason: RefusalReason, detail: string): Refusal {
  return { ok: false, reason, detail };
}

/** The bytes that a record counts for. */
function costOf({ set, config }: Description): number {
  return set.length + config.length + recordOverheadBytes;
}

/** Adds up records: how many, their bytes, and whose they are. There are as many organizations as in the channel. */
export class Usage {
  #records = 0;
  #bytes = 0;
  readonly #perOrganization = new Map<string, number>();

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(org: string): number {
    return this.#perOrganization.get(org) ?? 0;
  }

  /** Why one more record, after those that are planned, does not fit. */
  refusalOf(
    description: Description,
    context: { readonly planned: Usage; readonly siblings: number; readonly limits: PrivateDataLimits },
  ): Refusal | undefined {
    const { planned, siblings, limits } = context;
    const cost = costOf(description);
    if (siblings >= limits.maxRecordsPerTransaction) {
      const most = limits.maxRecordsPerTransaction;
      return refusal("too-many-records", `expected at most ${most} sets of one transaction, got one more`);
    }
    const inAll = this.#bytes + planned.bytes;
    if (inAll + cost > limits.maxBytes) {
      return refusal(
        "full",
        `expected at most ${limits.maxBytes} bytes of private data, got ${cost} more than ${inAll}`,
      );
    }
    const { org } = description;
    const ofOrganization = this.bytesOf(org) + planned.bytesOf(org);
    if (ofOrganization + cost > limits.maxBytesPerOrganization) {
      const most = limits.maxBytesPerOrganization;
      return refusal(
        "organization-full",
        `expected at most ${most} bytes of private data from one organization, got ${cost} more than ${ofOrganization}`,
      );
    }
    return undefined;
  }

  count(description: Description): void {
    this.#change(1, costOf(description), description.org);
  }

  add(other: Usage): void {
    this.#merge(other, 1);
  }

  subtract(other: Usage): void {
    this.#merge(other, -1);
  }

  clear(): void {
    this.#records = 0;
    this.#bytes = 0;
    this.#perOrganization.clear();
  }

  #merge(other: Usage, sign: 1 | -1): void {
    this.#records += sign * other.#records;
    this.#bytes += sign * other.#bytes;
    for (const [org, bytes] of other.#perOrganization) this.#charge(org, sign * bytes);
  }

  #change(records: number, bytes: number, org: string): void {
    this.#records += records;
    this.#bytes += bytes;
    this.#charge(org, bytes);
  }

  #charge(org: string, bytes: number): void {
    const sum = this.bytesOf(org) + bytes;
    if (sum === 0) this.#perOrganization.delete(org);
    else this.#perOrganization.set(org, sum);
  }
}
