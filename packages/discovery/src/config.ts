import { GossipError } from "@gossip/runtime";

/** Options of `Discovery`. The first seven are Fabric's keys under `peer.gossip` (protocol page 12 §2). */
export interface DiscoveryConfig {
  /**
   * Period of own alive messages. Less finds changes sooner and costs more: every heartbeat of every member crosses
   * every node about `propagatePeerNum` times.
   * @default 5000
   */
  readonly aliveTimeIntervalMs: number;
  /**
   * Silence after which a member counts as dead. Must exceed `aliveTimeIntervalMs`; less than two or three periods
   * declares members dead over a single lost message.
   * @default 5 × aliveTimeIntervalMs
   */
  readonly aliveExpirationTimeoutMs: number;
  /**
   * Pause between two rounds of probing dead members, and the longest pause between two attempts at a contact.
   * @default aliveExpirationTimeoutMs
   */
  readonly reconnectIntervalMs: number;
  /**
   * Attempts at a contact before giving up, provided that some member is alive: a node that knows nobody never gives up.
   * @default 120
   */
  readonly maxConnectionAttempts: number;
  /**
   * A dead member is forgotten `msgExpirationFactor × aliveExpirationTimeoutMs` after its last alive message, and
   * remembered as forgotten for the same time again, so that old copies cannot bring it back.
   * @default 20
   */
  readonly msgExpirationFactor: number;
  /**
   * Period of asking members for their view. More often heals missed pushes sooner; each round costs one signature and
   * `pullPeerNum` full views.
   * @default 4000
   */
  readonly pullIntervalMs: number;
  /**
   * Members asked per round.
   * @default 3
   */
  readonly pullPeerNum: number;
  /**
   * How often silence is looked for; detection is late by at most this much.
   * @default aliveExpirationTimeoutMs / 10
   */
  readonly aliveCheckIntervalMs: number;
  /**
   * Shortest distance between two heartbeats caused by news (a new member, a change of ours), in a network of up to
   * ten members; it grows in proportion beyond. Also the delay of the first rounds of asking for membership. `Infinity`:
   * nothing is caused by news, heartbeats and rounds come in fixed periods counted from the start, as the reference's do.
   * @default 250
   */
  readonly newsIntervalMs: number;
  /**
   * Pause after the first failed attempt at a contact; it doubles up to `reconnectIntervalMs`.
   * @default 500
   */
  readonly connectRetryMs: number;
  /**
   * How long a contact may take to prove who it is; should exceed dialling and handshake together.
   * @default 15000
   */
  readonly identifyTimeoutMs: number;
  /**
   * How long a membership response is waited for, and accepted.
   * @default 5000
   */
  readonly responseTimeoutMs: number;
  /**
   * Members held, alive and dead together. A full table forgets the longest dead to admit a new one.
   * @default 10000
   */
  readonly maxMembers: number;
  /**
   * Entries of a membership response that are sent, or read; longer views are sent in turns.
   * @default 5000
   */
  readonly maxResponseEntries: number;
  /**
   * Bytes of envelopes in a membership response that we send.
   * @default 16 MiB
   */
  readonly maxResponseBytes: number;
  /**
   * Largest alive message accepted, all parts of its envelope together: each is held as long as its member.
   * @default 65536
   */
  readonly maxAliveBytes: number;
  /**
   * Bootstrap and anchor endpoints held.
   * @default 1000
   */
  readonly maxContacts: number;
  /**
   * Dead members probed in one round; with more of them, each round draws anew.
   * @default 100
   */
  readonly maxProbes: number;
  /**
   * How far back the first message of an unknown member may lie, by its own count of heartbeats since its start. Older ones
   * are replays, or their author's clock is wrong: they are taken when it speaks to us itself or is found at its endpoint.
   * `Infinity` takes them all, as the reference does.
   * @default 2 × msgExpirationFactor × aliveExpirationTimeoutMs
   */
  readonly maxFirstAgeMs: number;
  /**
   * Whether a node that was asleep, late or cut off itself takes that into account before it declares others dead, and
   * follows the intervals in which each member is heard of. Off, the rules are the reference's: whoever comes back from a
   * pause of `aliveExpirationTimeoutMs` declares everybody dead.
   * @default true
   */
  readonly selfHealth: boolean;
  /**
   * How late our timers may be before we take it that we were asleep. Less takes the stutter of a busy process for sleep,
   * more lets short sleeps count as silence of the others.
   * @default 500
   */
  readonly latenessToleranceMs: number;
}

/** Fabric's defaults, and ours where Fabric has no such option. */
export const discoveryDefaults: DiscoveryConfig = Object.freeze({
  aliveTimeIntervalMs: 5_000,
  aliveExpirationTimeoutMs: 25_000,
  reconnectIntervalMs: 25_000,
  maxConnectionAttempts: 120,
  msgExpirationFactor: 20,
  pullIntervalMs: 4_000,
  pullPeerNum: 3,
  aliveCheckIntervalMs: 2_500,
  newsIntervalMs: 250,
  connectRetryMs: 500,
  identifyTimeoutMs: 15_000,
  responseTimeoutMs: 5_000,
  maxMembers: 10_000,
  maxResponseEntries: 5_000,
  maxResponseBytes: 16 * 1024 * 1024,
  maxAliveBytes: 65_536,
  maxContacts: 1_000,
  maxProbes: 100,
  maxFirstAgeMs: 1_000_000,
  selfHealth: true,
  latenessToleranceMs: 500,
});

const counts = [
  "maxConnectionAttempts",
  "pullPeerNum",
  "maxMembers",
  "maxResponseEntries",
  "maxResponseBytes",
  "maxAliveBytes",
  "maxContacts",
  "maxProbes",
] as const;

const mayBeInfinite: ReadonlySet<keyof DiscoveryConfig> = new Set(["newsIntervalMs", "maxFirstAgeMs"]);

/**
 * Fills in what is missing, deriving Fabric's dependent defaults from what is given, and checks how options relate.
 *
 * @throws GossipError `invalid-config` naming what was expected and what came.
 */
export function resolveDiscoveryConfig(given: Partial<DiscoveryConfig> = {}): DiscoveryConfig {
  const aliveTimeIntervalMs = given.aliveTimeIntervalMs ?? discoveryDefaults.aliveTimeIntervalMs;
  const aliveExpirationTimeoutMs = given.aliveExpirationTimeoutMs ?? 5 * aliveTimeIntervalMs;
  const reconnectIntervalMs = given.reconnectIntervalMs ?? aliveExpirationTimeoutMs;
  const derived = {
    aliveTimeIntervalMs,
    aliveExpirationTimeoutMs,
    reconnectIntervalMs,
    aliveCheckIntervalMs: aliveExpirationTimeoutMs / 10,
    maxFirstAgeMs: 2 * (given.msgExpirationFactor ?? discoveryDefaults.msgExpirationFactor) * aliveExpirationTimeoutMs,
    newsIntervalMs: Math.min(discoveryDefaults.newsIntervalMs, aliveTimeIntervalMs),
    latenessToleranceMs: Math.min(discoveryDefaults.latenessToleranceMs, aliveTimeIntervalMs),
    connectRetryMs: Math.min(discoveryDefaults.connectRetryMs, reconnectIntervalMs),
  };
  const config: DiscoveryConfig = Object.freeze({ ...discoveryDefaults, ...derived, ...given });

  for (const name of Object.keys(discoveryDefaults) as (keyof DiscoveryConfig)[]) {
    const value: unknown = config[name];
    if (name === "selfHealth") {
      if (typeof value !== "boolean") throw expected("selfHealth to be a boolean", value);
      continue;
    }
    const isInRange = Number.isFinite(value) || (mayBeInfinite.has(name) && value === Number.POSITIVE_INFINITY);
    if (!(typeof value === "number" && isInRange && value > 0)) {
      throw expected(`${name} to be a positive number`, value);
    }
  }
  for (const name of counts) {
    if (!Number.isInteger(config[name])) throw expected(`${name} to be an integer`, config[name]);
  }
  if (config.aliveExpirationTimeoutMs <= config.aliveTimeIntervalMs) {
    throw expected(
      `aliveExpirationTimeoutMs to exceed aliveTimeIntervalMs (${config.aliveTimeIntervalMs})`,
      config.aliveExpirationTimeoutMs,
    );
  }
  if (config.aliveCheckIntervalMs > config.aliveExpirationTimeoutMs) {
    throw expected(
      `aliveCheckIntervalMs of at most aliveExpirationTimeoutMs (${config.aliveExpirationTimeoutMs})`,
      config.aliveCheckIntervalMs,
    );
  }
  if (config.msgExpirationFactor < 1) throw expected("msgExpirationFactor of at least 1", config.msgExpirationFactor);
  if (config.newsIntervalMs > config.aliveTimeIntervalMs && config.newsIntervalMs !== Number.POSITIVE_INFINITY) {
    throw expected(
      `newsIntervalMs of at most aliveTimeIntervalMs (${config.aliveTimeIntervalMs}), or Infinity`,
      config.newsIntervalMs,
    );
  }
  if (config.connectRetryMs > config.reconnectIntervalMs) {
    throw expected(
      `connectRetryMs of at most reconnectIntervalMs (${config.reconnectIntervalMs})`,
      config.connectRetryMs,
    );
  }
  return config;
}

function expected(what: string, got: unknown): GossipError {
  return new GossipError("invalid-config", `expected ${what}, got ${String(got)}`);
}
