/**
 * Contacts: bootstrap and anchor endpoints, which are dialled without knowing who is there (page 04 §7).
 *
 * ```
 * waiting ──► identifying ──► requested ──► answered
 *    ▲             │              │             │ nobody alive, or its identity gone
 *    └─────────────┴── failure ───┘             ▼
 *    └────────────────────────────────────── waiting
 * ```
 * After too many failures `given-up` takes the place of `waiting`, until the contact is needed again. A contact whose
 * member is alive is not dialled. Its one timer ends, by phase, a pause, an identification or the wait for a response.
 */

import type { PkiId } from "@gossip/proto";
import { BoundedMap, fraction, type Millis, type Random, type Timers } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { Exchange } from "./exchange.js";
import type { Connect, ContactFailure, ContactRole, DiscoveryMember, Identified } from "./io.js";
import type { OwnRecord } from "./own-record.js";
import type { Turn } from "./turn.js";

/** A bootstrap or anchor endpoint. */
interface Contact {
  /** As given: this is what is dialled. */
  readonly endpoint: string;
  role: ContactRole;
  phase: "waiting" | "identifying" | "requested" | "answered" | "given-up";
  attempts: number;
  /** Who proved to be there, and the nonce of the request sent to it; in phase `requested`. */
  asked: { readonly pkiId: PkiId; readonly nonce: bigint } | undefined;
}

/** The timer of a contact, by its endpoint as given. */
export type ContactTimer = `contact ${string}`;

export interface ContactsOptions {
  readonly config: DiscoveryConfig;
  readonly random: Random;
  readonly turn: Turn;
  readonly timers: Pick<Timers<ContactTimer>, "set" | "clear">;
  readonly own: OwnRecord;
  readonly exchange: Pick<Exchange, "request">;
  /** Members that are alive. */
  alive(): readonly DiscoveryMember[];
}

export class Contacts {
  readonly #options: ContactsOptions;
  /** By their canonical spelling. */
  readonly #contacts: BoundedMap<string, Contact>;

  constructor(options: ContactsOptions) {
    this.#options = options;
    this.#contacts = new BoundedMap({ maxEntries: options.config.maxContacts, whenFull: "refuse" });
  }

  /** Whether the member is seen at a bootstrap or anchor endpoint. */
  has(member: DiscoveryMember): boolean {
    return this.#of(member).length > 0;
  }

  onConnect({ endpoint, role }: Connect): void {
    const { turn, own } = this.#options;
    if (canonicalEndpoint(endpoint) === undefined) return turn.drop("malformed");
    if (own.isAt(endpoint)) return turn.drop("own-endpoint");
    if (role === "foreign-anchor" && own.member.endpoint === "") return turn.drop("no-external-endpoint");
    const known = this.#get(endpoint);
    if (known !== undefined) {
      // What is expected of a bootstrap endpoint is the strictest, and stays.
      if (known.role !== "bootstrap") known.role = role;
      if (known.phase === "given-up") this.#restart(known);
      return;
    }
    const contact: Contact = { endpoint, role, phase: "waiting", attempts: 0, asked: undefined };
    if (!this.#contacts.set(keyOf(endpoint), contact)) turn.drop("contacts-full");
    else if (this.#isAliveAt(contact)) this.#answered(contact);
    else this.#attempt(contact);
  }

  onRelease(endpoint: string): void {
    const contact = this.#get(endpoint);
    if (contact === undefined) return;
    this.#options.timers.clear(timerOf(contact));
    this.#contacts.delete(keyOf(endpoint));
  }

  onTimer(timer: ContactTimer): void {
    const contact = this.#get(timer.slice("contact ".length));
    if (contact?.phase === "waiting") this.#attempt(contact);
    else if (contact?.phase === "identifying") this.#fail(contact, "not-identified");
    else if (contact?.phase === "requested") this.#fail(contact, "no-response");
  }

  onIdentified({ endpoint, pkiId, sameOrg }: Identified): void {
    const { turn, own, random, timers, config, exchange } = this.#options;
    const contact = this.#get(endpoint);
    if (contact?.phase !== "identifying") return turn.drop("unexpected-result", pkiId);
    if (pkiId === own.pkiId) {
      this.onRelease(endpoint);
      return turn.drop("own-endpoint", pkiId);
    }
    if (!sameOrg && contact.role !== "foreign-anchor") return this.#fail(contact, "wrong-organization");
    const nonce = nonZero(random);
    contact.phase = "requested";
    contact.asked = { pkiId, nonce };
    timers.set(timerOf(contact), turn.now + config.responseTimeoutMs);
    exchange.request([{ pkiId, endpoint: contact.endpoint, includeSecret: sameOrg }], nonce);
  }

  onIdentifyFailed(endpoint: string): void {
    const contact = this.#get(endpoint);
    if (contact?.phase === "identifying") this.#fail(contact, "not-identified");
    else this.#options.turn.drop("unexpected-result");
  }

  /** A response came: the contact that waits for it has answered; nonce and sender must both match (§19.16). */
  onResponse(from: PkiId, nonce: bigint): void {
    for (const contact of this.#contacts.values()) {
      const { phase, asked } = contact;
      if (phase === "requested" && asked?.pkiId === from && asked.nonce === nonce) this.#answered(contact);
    }
  }

  onMemberUp(member: DiscoveryMember): void {
    for (const contact of this.#of(member)) {
      // An attempt under way may go on: its response brings a whole view.
      if (contact.phase === "waiting" || contact.phase === "given-up") this.#answered(contact);
    }
  }

  /** Its identity is gone: somebody else may be at that endpoint now, under another one (§13.3). */
  onMemberForgotten(member: DiscoveryMember): void {
    for (const contact of this.#of(member)) if (!this.#isAliveAt(contact)) this.#restart(contact);
  }

  /** Nobody is alive any more: contacts are what leads back (§13.8). */
  onAlone(): void {
    for (const contact of this.#contacts.values()) this.#restart(contact);
  }

  #attempt(contact: Contact): void {
    const { timers, turn, config } = this.#options;
    contact.phase = "identifying";
    contact.attempts++;
    timers.set(timerOf(contact), turn.now + config.identifyTimeoutMs);
    turn.say({ type: "identify", endpoint: contact.endpoint });
  }

  #fail(contact: Contact, failure: ContactFailure): void {
    const { timers, turn, config, random, alive } = this.#options;
    contact.asked = undefined;
    const { endpoint } = contact;
    if (this.#isAliveAt(contact)) return this.#answered(contact);
    if (contact.attempts >= config.maxConnectionAttempts && alive().length > 0) {
      contact.phase = "given-up";
      timers.clear(timerOf(contact));
      turn.say({ type: "contact", endpoint, state: "given-up", failure });
      return;
    }
    contact.phase = "waiting";
    timers.set(timerOf(contact), turn.now + retryDelay(contact.attempts - 1, config, random));
    turn.say({ type: "contact", endpoint, state: "retrying", failure });
  }

  #answered(contact: Contact): void {
    contact.phase = "answered";
    contact.attempts = 0;
    contact.asked = undefined;
    this.#options.timers.clear(timerOf(contact));
    this.#options.turn.say({ type: "contact", endpoint: contact.endpoint, state: "answered" });
  }

  /** Begins anew with a contact that was thought to be done with. */
  #restart(contact: Contact): void {
    const { timers, turn, config, random } = this.#options;
    if (contact.phase !== "answered" && contact.phase !== "given-up") return;
    contact.phase = "waiting";
    contact.attempts = 0;
    timers.set(timerOf(contact), turn.now + retryDelay(0, config, random));
  }

  #get(endpoint: string): Contact | undefined {
    return this.#contacts.get(keyOf(endpoint));
  }

  /** The contacts at which the member is to be found. */
  #of(member: DiscoveryMember): readonly Contact[] {
    const found = [this.#get(member.internalEndpoint), this.#get(member.endpoint)];
    return found.filter((contact) => contact !== undefined);
  }

  #isAliveAt(contact: Contact): boolean {
    return this.#options.alive().some((member) => this.#of(member).includes(contact));
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

function timerOf({ endpoint }: Contact): ContactTimer {
  return `contact ${endpoint}`;
}

/** 0 says "not a contact's" (§4.2), so a contact's nonce is drawn again until it is another. */
function nonZero(random: Random): bigint {
  for (;;) {
    const nonce = random.uint64();
    if (nonce !== 0n) return nonce;
  }
}
