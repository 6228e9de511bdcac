import type { Verified } from "@gossip/crypto";
import {
  type AliveMessage,
  comparePeerTime,
  type Envelope,
  type PeerTime,
  type PkiId,
  readInternalEndpoint,
} from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { DiscoveryConfig } from "./config.js";
import { canonicalEndpoint, isPlausibleEndpoint } from "./endpoint.js";
import type { AlivePath, DiscoveryDropReason, DiscoveryMember, MemberDown } from "./io.js";
import type { Hearing, Judgement, Liveness } from "./liveness.js";

/** What is held of one member. */
export interface MemberEntry {
  member: DiscoveryMember;
  /** Its newest alive message, copied out of the receive buffer. */
  envelope: Envelope;
  /** Time of the newest alive message that was pushed to us; forwarding follows it, not the state (page 04 §8.2). */
  pushed: PeerTime | undefined;
  readonly hearing: Hearing;
  /** Known only from the dead list of another peer; such knowledge is not passed on, or it would circle for ever. */
  reported: boolean;
}

/** What remains of a forgotten member, so that old copies of its messages do not bring it back. */
interface Tombstone {
  readonly time: PeerTime;
  readonly until: Millis;
}

/** What an alive message did. */
export interface Applied {
  readonly change: "none" | "learned" | "resurrected" | "reported" | "refreshed" | "updated";
  readonly member: DiscoveryMember;
  /** Whether everybody else should get it too. */
  readonly forward: boolean;
  /** A dead member that made room. */
  readonly evicted?: PkiId;
}

export interface MemberTableOptions {
  readonly config: DiscoveryConfig;
  readonly liveness: Liveness;
  /** Whether the member is seen at a bootstrap or anchor endpoint, and hence never forgotten (page 04 §11). */
  isProtected(member: DiscoveryMember): boolean;
}

/**
 * The members, alive or dead, and the tombstones of those forgotten: the state machine of page 04 §9 and the life of an
 * alive message of §11. A PKI-ID has one entry, so it is never both alive and dead.
 */
export class MemberTable {
  readonly #entries: BoundedMap<PkiId, MemberEntry>;
  readonly #tombstones: BoundedMap<PkiId, Tombstone>;
  /** Canonical endpoint to be dialled → who is to be found there; has the bound of the entries. */
  readonly #byEndpoint = new Map<string, Set<PkiId>>();
  readonly #options: MemberTableOptions;
  readonly #ttlMs: number;
  #aliveCount = 0;
  #alive: readonly DiscoveryMember[] | undefined;
  /** Changes rarely, while members themselves change with every message. */
  #alivePkiIds: readonly PkiId[] | undefined;
  #dead: readonly DiscoveryMember[] | undefined;

  constructor(options: MemberTableOptions) {
    const { maxMembers, aliveExpirationTimeoutMs, msgExpirationFactor } = options.config;
    this.#options = options;
    this.#ttlMs = aliveExpirationTimeoutMs * msgExpirationFactor;
    this.#entries = new BoundedMap({ maxEntries: maxMembers, whenFull: "refuse" });
    // Everybody may be forgotten once and be replaced before the tombstones end.
    this.#tombstones = new BoundedMap({ maxEntries: 2 * maxMembers, whenFull: "evict-oldest" });
  }

  get aliveCount(): number {
    return this.#aliveCount;
  }

  get deadCount(): number {
    return this.#entries.size - this.#aliveCount;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#tombstones.size === 0;
  }

  get alive(): readonly DiscoveryMember[] {
    this.#alive ??= this.#inState("alive");
    return this.#alive;
  }

  get alivePkiIds(): readonly PkiId[] {
    this.#alivePkiIds ??= this.alive.map(({ pkiId }) => pkiId);
    return this.#alivePkiIds;
  }

  get dead(): readonly DiscoveryMember[] {
    this.#dead ??= this.#inState("dead");
    return this.#dead;
  }

  get entries(): Iterable<MemberEntry> {
    return this.#entries.values();
  }

  /** Members, alive or dead, that say to be dialled at this canonical endpoint. */
  at(endpoint: string): readonly DiscoveryMember[] {
    return [...(this.#byEndpoint.get(endpoint) ?? [])].flatMap((pkiId) => this.get(pkiId) ?? []);
  }

  get(pkiId: PkiId): DiscoveryMember | undefined {
    return this.#entries.get(pkiId)?.member;
  }

  /** The newest message of a member, with its secret if that ever came. */
  envelopeOf(pkiId: PkiId): Envelope | undefined {
    return this.#entries.get(pkiId)?.envelope;
  }

  /** Whether nothing is held of it, not even that it was forgotten. */
  isStranger(pkiId: PkiId): boolean {
    return !this.#entries.has(pkiId) && !this.#tombstones.has(pkiId);
  }

  /** Why an alive message would change nothing; `undefined` when it would. */
  refusal(message: AliveMessage, path: AlivePath, hasSecret: boolean): DiscoveryDropReason | undefined {
    const { pkiId, endpoint } = message.member;
    if (pkiId === "" || !isPlausibleEndpoint(endpoint)) return "malformed";
    const entry = this.#entries.get(pkiId);
    if (entry === undefined) {
      const tombstone = this.#tombstones.get(pkiId);
      return tombstone !== undefined && comparePeerTime(message.time, tombstone.time) <= 0 ? "forgotten" : undefined;
    }
    if (path === "dead-entry") return "known-member";
    if (path === "push" && isNewer(message.time, entry.pushed)) return undefined;
    const order = comparePeerTime(message.time, timeOf(entry.member));
    const bringsSecret = hasSecret && entry.envelope.secret === undefined;
    return order > 0 || (order === 0 && bringsSecret) ? undefined : "stale";
  }

  /** Takes a verified alive message of somebody else, from whomever it came; a reason when it is refused. */
  apply(alive: Verified<AliveMessage>, path: AlivePath, from: PkiId, now: Millis): Applied | DiscoveryDropReason {
    const { message, envelope } = alive;
    const refusal = this.refusal(message, path, envelope.secret !== undefined);
    if (refusal !== undefined) return refusal;
    if (bytesOf(envelope) > this.#options.config.maxAliveBytes) return "too-large";
    const secretEndpoint = envelope.secret && readInternalEndpoint(envelope.secret.payload);
    if (!isPlausibleEndpoint(secretEndpoint ?? "")) return "malformed";

    const entry = this.#entries.get(message.member.pkiId);
    return entry === undefined
      ? this.#learn(alive, secretEndpoint, path, now)
      : this.#refresh(entry, alive, secretEndpoint, path, from, now);
  }

  #markDead(entry: MemberEntry, cause: "silence" | "presumed-dead"): MemberDown {
    const member: DiscoveryMember = { ...entry.member, state: "dead" };
    entry.member = member;
    this.#changed(-1);
    return { type: "member-down", member, cause };
  }

  /** Comm gave the member up (page 04 §12): what became of it; `undefined` unless it was alive. */
  presumeDead(pkiId: PkiId, now: Millis): MemberDown | Exclude<Judgement, "believed"> | undefined {
    const entry = this.#entries.get(pkiId);
    if (entry === undefined || entry.member.state === "dead") return undefined;
    const judgement = this.#options.liveness.judge(entry.hearing, now);
    return judgement === "believed" ? this.#markDead(entry, "presumed-dead") : judgement;
  }

  /** Forgets a member and remembers its time; `undefined` when it was unknown. */
  forget(pkiId: PkiId): DiscoveryMember | undefined {
    const member = this.#entries.get(pkiId)?.member;
    if (member === undefined) return undefined;
    this.#entries.delete(pkiId);
    this.#moved(pkiId, member.preferredEndpoint, "");
    this.#changed(member.state === "alive" ? -1 : 0);
    this.#tombstones.set(pkiId, { time: timeOf(member), until: member.lastSeen + 2 * this.#ttlMs });
    return member;
  }

  /** What time alone has done: who is dead now, and who was forgotten after being dead for long. */
  sweep(now: Millis): { readonly down: readonly MemberDown[]; readonly forgotten: readonly PkiId[] } {
    const { liveness } = this.#options;
    const down: MemberDown[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.member.state === "dead") continue;
      if (liveness.isConfirmed(entry.hearing, now)) down.push(this.#markDead(entry, "presumed-dead"));
      else if (liveness.isSilent(entry.hearing, now)) down.push(this.#markDead(entry, "silence"));
    }
    const forgotten = this.dead.filter((member) => this.#isOver(member, now)).map(({ pkiId }) => pkiId);
    for (const pkiId of forgotten) this.forget(pkiId);
    for (const [pkiId, { until }] of this.#tombstones) if (now > until) this.#tombstones.delete(pkiId);
    return { down, forgotten };
  }

  /** Whether others may be told that the member is dead: we knew it alive, and not too long ago (page 04 §19.6). */
  isReportable({ member, reported }: MemberEntry, now: Millis): boolean {
    return !reported && now - member.lastSeen <= this.#ttlMs;
  }

  #learn(
    { message, envelope }: Verified<AliveMessage>,
    secretEndpoint: string | undefined,
    path: AlivePath,
    now: Millis,
  ): Applied | DiscoveryDropReason {
    const isDead = path === "dead-entry";
    const evicted = this.#makeRoom(isDead);
    if (this.#entries.size >= this.#options.config.maxMembers) return "members-full";
    const member = memberOf(message, secretEndpoint ?? "", isDead ? "dead" : "alive", now);
    const forward = path === "push";
    this.#tombstones.delete(member.pkiId);
    this.#entries.set(member.pkiId, {
      member,
      envelope: copyOf(envelope),
      hearing: this.#options.liveness.begin(now),
      pushed: forward ? message.time : undefined,
      reported: isDead,
    });
    this.#moved(member.pkiId, "", member.preferredEndpoint);
    this.#changed(isDead ? 0 : 1);
    return { change: isDead ? "reported" : "learned", member, forward, ...(evicted !== undefined && { evicted }) };
  }

  #refresh(
    entry: MemberEntry,
    { message, envelope }: Verified<AliveMessage>,
    secretEndpoint: string | undefined,
    path: AlivePath,
    from: PkiId,
    now: Millis,
  ): Applied {
    const before = entry.member;
    const forward = path === "push" && isNewer(message.time, entry.pushed);
    if (forward) entry.pushed = message.time;

    const order = comparePeerTime(message.time, timeOf(before));
    if (order === 0 && secretEndpoint !== undefined && sameBytes(envelope.payload, entry.envelope.payload)) {
      // The complete copy of a message that reached us first through another organization (§19.15).
      entry.envelope = copyOf(envelope);
      entry.member = withInternalEndpoint(before, secretEndpoint);
      this.#moved(before.pkiId, before.preferredEndpoint, entry.member.preferredEndpoint);
      this.#changed(0);
      return { change: before.state === "alive" ? "updated" : "none", member: entry.member, forward };
    }
    if (order <= 0) return { change: "none", member: before, forward };

    // A secret outlives the message it came with while its author does: it cannot change within an incarnation.
    const heldSecret = message.time.incarnation === before.incarnation ? entry.envelope.secret : undefined;
    const secret = envelope.secret ?? heldSecret;
    entry.envelope = copyOf(secret === undefined ? envelope : { ...envelope, secret });
    entry.member = memberOf(message, secretEndpoint ?? before.internalEndpoint, "alive", now);
    entry.reported = false;
    const isFirstHand = from === before.pkiId || message.time.incarnation !== before.incarnation;
    this.#options.liveness.heard(entry.hearing, isFirstHand, now);
    this.#moved(before.pkiId, before.preferredEndpoint, entry.member.preferredEndpoint);
    this.#changed(before.state === "dead" ? 1 : 0);
    const change = before.state === "dead" ? "resurrected" : isChanged(before, entry.member) ? "updated" : "refreshed";
    return { change, member: entry.member, forward };
  }

  /** A full table forgets who has been dead longest, but not in favour of another dead one. */
  #makeRoom(forDead: boolean): PkiId | undefined {
    if (forDead || this.#entries.size < this.#options.config.maxMembers) return undefined;
    let oldest: DiscoveryMember | undefined;
    for (const member of this.dead) {
      if (this.#options.isProtected(member)) continue;
      if (oldest === undefined || member.lastSeen < oldest.lastSeen) oldest = member;
    }
    return oldest && this.forget(oldest.pkiId)?.pkiId;
  }

  #isOver(member: DiscoveryMember, now: Millis): boolean {
    return now - member.lastSeen > this.#ttlMs && !this.#options.isProtected(member);
  }

  #inState(state: DiscoveryMember["state"]): readonly DiscoveryMember[] {
    const found: DiscoveryMember[] = [];
    for (const { member } of this.#entries.values()) if (member.state === state) found.push(member);
    return found;
  }

  #moved(pkiId: PkiId, from: string, to: string): void {
    if (from === to) return;
    const [left, entered] = [canonicalEndpoint(from), canonicalEndpoint(to)];
    if (left !== undefined) {
      const there = this.#byEndpoint.get(left);
      there?.delete(pkiId);
      if (there?.size === 0) this.#byEndpoint.delete(left);
    }
    if (entered !== undefined) {
      const there = this.#byEndpoint.get(entered);
      if (there === undefined) this.#byEndpoint.set(entered, new Set([pkiId]));
      else there.add(pkiId);
    }
  }

  #changed(aliveBy: number): void {
    this.#aliveCount += aliveBy;
    if (aliveBy !== 0) this.#alivePkiIds = undefined;
    this.#alive = undefined;
    this.#dead = undefined;
  }
}

function memberOf(
  message: AliveMessage,
  internalEndpoint: string,
  state: DiscoveryMember["state"],
  now: Millis,
): DiscoveryMember {
  const { pkiId, endpoint, metadata } = message.member;
  return {
    pkiId,
    endpoint,
    internalEndpoint,
    preferredEndpoint: internalEndpoint || endpoint,
    metadata: metadata.slice(),
    incarnation: message.time.incarnation,
    sequence: message.time.sequence,
    state,
    lastSeen: now,
  };
}

function withInternalEndpoint(member: DiscoveryMember, internalEndpoint: string): DiscoveryMember {
  return { ...member, internalEndpoint, preferredEndpoint: internalEndpoint || member.endpoint };
}

function isChanged(before: DiscoveryMember, after: DiscoveryMember): boolean {
  return (
    before.endpoint !== after.endpoint ||
    before.internalEndpoint !== after.internalEndpoint ||
    !sameBytes(before.metadata, after.metadata)
  );
}

function isNewer(time: PeerTime, than: PeerTime | undefined): boolean {
  return than === undefined || comparePeerTime(time, than) > 0;
}

function timeOf({ incarnation, sequence }: DiscoveryMember): PeerTime {
  return { incarnation, sequence };
}

function bytesOf({ payload, signature, secret }: Envelope): number {
  return payload.length + signature.length + (secret ? secret.payload.length + secret.signature.length : 0);
}

/** Copied, because a view would keep the whole receive buffer for as long as the member is known. */
function copyOf({ payload, signature, secret }: Envelope): Envelope {
  return {
    payload: payload.slice(),
    signature: signature.slice(),
    ...(secret && { secret: { payload: secret.payload.slice(), signature: secret.signature.slice() } }),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
