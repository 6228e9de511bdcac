import type { AliveMessage, Member, PeerTime, PkiId } from "@gossip/proto";
import { GossipError, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint, leadsTo } from "./endpoint.js";
import type { AlivePath, SelfRecord, UpdateSelf } from "./io.js";
import { OwnTime } from "./own-time.js";
import type { Turn } from "./turn.js";

/** Who we are. */
export interface DiscoverySelf {
  readonly pkiId: PkiId;
  /** External endpoint; empty (the default) means invisible to other organizations. */
  readonly endpoint?: string;
  /** What peers of the own organization dial. */
  readonly internalEndpoint: string;
  readonly metadata?: Uint8Array;
}

/** What own alive messages say, and what is done with those that come back (page 04 §5, §7.3, §13.1, §13.2). */
export class OwnRecord {
  readonly #turn: Turn;
  readonly #time: OwnTime;
  readonly #internalEndpoint: string;
  /** For how long echoes of an earlier life may come, and how often a conflict is worth saying. */
  readonly #patienceMs: Millis;
  #member: Member;
  #startedAt: Millis | undefined;
  #lastConflict = Number.NEGATIVE_INFINITY;

  /** @throws GossipError `invalid-argument` naming what was expected and what came. */
  constructor(self: DiscoverySelf, incarnation: bigint, config: DiscoveryConfig, turn: Turn) {
    this.#turn = turn;
    this.#time = new OwnTime(incarnation);
    this.#patienceMs = config.aliveExpirationTimeoutMs;
    this.#internalEndpoint = checkedEndpoint("internalEndpoint", self.internalEndpoint);
    this.#member = {
      pkiId: checkedPkiId(self.pkiId),
      endpoint: self.endpoint ? checkedEndpoint("endpoint", self.endpoint) : "",
      metadata: self.metadata?.slice() ?? new Uint8Array(),
    };
  }

  get member(): Member {
    return this.#member;
  }

  get pkiId(): PkiId {
    return this.#member.pkiId;
  }

  get incarnation(): bigint {
    return this.#time.current.incarnation;
  }

  /** The date, in milliseconds since 1970, as our incarnation has it. */
  get wallMs(): number {
    return Number(this.incarnation / 1_000_000n) + this.#turn.now - this.startedAt;
  }

  /** When the first step was. */
  get startedAt(): Millis {
    return this.#startedAt ?? this.#turn.now;
  }

  /** To be called at the first step. */
  started(): void {
    this.#startedAt ??= this.#turn.now;
  }

  /** What one more message says; its sequence number is used up. */
  next(): SelfRecord {
    return { member: this.#member, time: this.#time.next(), internalEndpoint: this.#internalEndpoint };
  }

  /** @throws GossipError `invalid-argument` for an endpoint that is none. */
  update({ metadata, endpoint }: UpdateSelf): void {
    this.#member = {
      pkiId: this.#member.pkiId,
      endpoint: endpoint ? checkedEndpoint("endpoint", endpoint) : (endpoint ?? this.#member.endpoint),
      metadata: metadata?.slice() ?? this.#member.metadata,
    };
  }

  /** Whether dialling the endpoint would reach ourselves (§7.2). */
  isAt(endpoint: string): boolean {
    const canonical = canonicalEndpoint(endpoint);
    const own = { endpoint: this.#member.endpoint, internalEndpoint: this.#internalEndpoint };
    return canonical !== undefined && leadsTo(canonical, own);
  }

  /** Whether a message of ours with this time, by this way, is worth the check of its signature. */
  isNotable(time: PeerTime, path: AlivePath): boolean {
    return path === "dead-entry" || this.#time.isNotable(time);
  }

  /** A message of ours came back: is it news of another process with our identity? (§13.1) */
  onReturned({ time, member }: AliveMessage, from: PkiId): void {
    const { now } = this.#turn;
    this.#turn.drop("own-message", from);
    if (this.#time.isForeign(time) && now - this.#lastConflict > this.#patienceMs) {
      this.#lastConflict = now;
      this.#turn.say({ type: "identity-conflict", endpoint: member.endpoint, time });
    }
    if (now - this.startedAt > this.#patienceMs) this.#time.remember(time);
  }
}

function checkedPkiId(pkiId: PkiId): PkiId {
  if (pkiId !== "") return pkiId;
  throw new GossipError("invalid-argument", "expected self.pkiId to be a PKI-ID, got an empty one");
}

function checkedEndpoint(name: string, endpoint: string): string {
  if (canonicalEndpoint(endpoint) !== undefined) return endpoint;
  throw new GossipError("invalid-argument", `expected self.${name} as host:port, got ${JSON.stringify(endpoint)}`);
}
