import type { ContactChanged, ContactFailure } from "@gossip/discovery";
import { BoundedMap, type Logger } from "@gossip/runtime";

/** Bootstrap and anchor peers are few; what is forgotten of one is only how often it failed. */
const maxContacts = 1_000;

/** What to think of a failure that has no cause of its own. */
const meanings: Readonly<Record<ContactFailure, string>> = {
  "not-identified": "expected an answer to our handshake, got none in time",
  "wrong-organization": "expected a peer of our own organization, got one of another",
  "no-response": "expected its members, got no answer: its log may say why",
};

/**
 * Tells the operator which bootstrap and anchor peers answer, and why the others do not: the cause is known only to who
 * dialled, and the contact's own words (`not-identified`) cannot be acted on. What repeats itself is told ever more rarely.
 */
export class ContactLog {
  readonly #log: Logger;
  readonly #failures = new BoundedMap<string, { readonly detail: string; readonly count: number }>({
    maxEntries: maxContacts,
    whenFull: "evict-oldest",
  });
  /** Why the endpoint that was dialled last could not be identified. */
  readonly #details = new BoundedMap<string, string>({ maxEntries: maxContacts, whenFull: "evict-oldest" });

  constructor(log: Logger) {
    this.#log = log;
  }

  /** To be called before discovery hears of it. */
  onIdentifyFailed(endpoint: string, reason: string, detail: string): void {
    this.#details.set(endpoint, `${reason}: ${detail}`);
  }

  onContact({ endpoint, state, failure }: ContactChanged): void {
    const cause = this.#details.get(endpoint);
    this.#details.delete(endpoint);
    if (state === "answered" || failure === undefined) {
      this.#failures.delete(endpoint);
      return this.#log.info("bootstrap or anchor peer answered", { endpoint });
    }
    const detail = cause ?? meanings[failure];
    const last = this.#failures.get(endpoint);
    const count = last?.detail === detail ? last.count + 1 : 1;
    this.#failures.set(endpoint, { detail, count });
    const isLoud = state === "given-up" || (count & (count - 1)) === 0;
    this.#log[isLoud ? "warn" : "debug"]("bootstrap or anchor peer not reached", {
      endpoint,
      state,
      reason: failure,
      detail,
      count,
    });
  }
}
