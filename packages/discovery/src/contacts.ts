import type { PkiId } from "@gossip/proto";
import { BoundedMap, fraction, type Millis, type Random } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { ContactRole, DiscoveryMember } from "./io.js";

/**
 * A bootstrap or anchor endpoint.
 *
 * ```
 * waiting ──► identifying ──► requested ──► answered
 *    ▲             │              │             │ nobody alive, or its identity gone
 *    └─────────────┴── failure ───┘             ▼
 *    └────────────────────────────────────── waiting
 * ```
 * After too many failures `given-up` takes the place of `waiting`, until the contact is needed again.
 */
export interface Contact {
  /** As given: this is what is dialled. */
  readonly endpoint: string;
  role: ContactRole;
  phase: "waiting" | "identifying" | "requested" | "answered" | "given-up";
  attempts: number;
  /** Who proved to be there, and the nonce of the request sent to it; in phase `requested`. */
  asked: { readonly pkiId: PkiId; readonly nonce: bigint } | undefined;
}

/** Bootstrap and anchor endpoints by their canonical spelling. */
export class Contacts {
  readonly #contacts: BoundedMap<string, Contact>;

  constructor(config: DiscoveryConfig) {
    this.#contacts = new BoundedMap({ maxEntries: config.maxContacts, whenFull: "refuse" });
  }

  /** A new contact; `undefined` when there are too many. `endpoint` must be one. */
  add(endpoint: string, role: ContactRole): Contact | undefined {
    const contact: Contact = { endpoint, role, phase: "waiting", attempts: 0, asked: undefined };
    return this.#contacts.set(keyOf(endpoint), contact) ? contact : undefined;
  }

  get(endpoint: string): Contact | undefined {
    return this.#contacts.get(keyOf(endpoint));
  }

  delete(endpoint: string): void {
    this.#contacts.delete(keyOf(endpoint));
  }

  get all(): Iterable<Contact> {
    return this.#contacts.values();
  }

  /** The contacts at which the member is to be found. */
  of(member: DiscoveryMember): readonly Contact[] {
    const found = [this.get(member.internalEndpoint), this.get(member.endpoint)];
    return found.filter((contact) => contact !== undefined);
  }

  /** The contact that waits for this answer: nonce and sender must both match (page 04 §19.16). */
  awaiting(from: PkiId, nonce: bigint): Contact | undefined {
    for (const contact of this.#contacts.values()) {
      if (contact.phase === "requested" && contact.asked?.pkiId === from && contact.asked.nonce === nonce)
        return contact;
    }
    return undefined;
  }
}

/** Pause after so many failed attempts: doubling, capped, and half of it by chance, so that peers do not come in step. */
export function retryDelay(attempts: number, config: DiscoveryConfig, random: Random): Millis {
  const { connectRetryMs, reconnectIntervalMs } = config;
  const full = Math.min(connectRetryMs * 2 ** Math.min(attempts, 30), reconnectIntervalMs);
  return full / 2 + (full / 2) * fraction(random);
}

function keyOf(endpoint: string): string {
  return canonicalEndpoint(endpoint) ?? endpoint;
}
