import type { AliveMessage, PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint } from "./endpoint.js";
import type { OwnRecord } from "./own-record.js";
import type { Turn } from "./turn.js";

/**
 * How old the first message of a stranger may be (page 04 §19.11). Whoever keeps an alive message could show a peer alive
 * that is long gone, to everybody who has forgotten it or was started since: nothing of it is stale by comparison.
 *
 * A message says when its author started, and by its sequence at least how many heartbeats ago that was; what is older by
 * that count than the tombstones of the forgotten last is doubted. The author may yet live with a clock that is wrong:
 * it is taken at its word when it speaks to us itself, or proves to be at its endpoint.
 */
export class FirstContact {
  readonly #config: DiscoveryConfig;
  readonly #turn: Turn;
  readonly #own: OwnRecord;
  /** Who proved to be at the endpoint it names. */
  readonly #proven: BoundedMap<PkiId, true>;
  /** Endpoints that were asked who is there, and when. */
  readonly #asked: BoundedMap<string, Millis>;

  constructor(config: DiscoveryConfig, turn: Turn, own: OwnRecord) {
    this.#config = config;
    this.#turn = turn;
    this.#own = own;
    this.#proven = new BoundedMap({ maxEntries: config.maxProbes, whenFull: "evict-oldest" });
    this.#asked = new BoundedMap({ maxEntries: config.maxProbes, whenFull: "refuse" });
  }

  /** Whether a stranger's message is to be doubted that came from `from`. */
  doubts({ member, time }: AliveMessage, from: PkiId): boolean {
    if (member.pkiId === from || this.#proven.has(member.pkiId)) return false;
    const saidAt = time.incarnation / nanosPerMs + time.sequence * BigInt(Math.round(this.#config.aliveTimeIntervalMs));
    return this.#own.wallMs - Number(saidAt) > this.#config.maxFirstAgeMs;
  }

  /** Asks who is there, once in a while. */
  ask(endpoint: string): void {
    const canonical = canonicalEndpoint(endpoint);
    if (canonical === undefined || this.#own.isAt(endpoint)) return;
    const { now } = this.#turn;
    for (const [one, at] of [...this.#asked]) if (now - at >= this.#config.reconnectIntervalMs) this.#asked.delete(one);
    if (this.#asked.has(canonical) || !this.#asked.set(canonical, now)) return;
    this.#turn.say({ type: "verify-endpoint", endpoint, older: [] });
  }

  onVerified(pkiId: PkiId): void {
    this.#proven.set(pkiId, true);
  }
}

const nanosPerMs = 1_000_000n;
