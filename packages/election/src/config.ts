import { GossipError } from "@gossip/runtime";

/** Options of `Election`. The first four are Fabric's keys under `peer.gossip.election` (protocol page 08 §2). */
export interface ElectionConfig {
  /**
   * Longest wait, after the start, for a view that stays the same. More avoids a needless first election in a large organization.
   * @default 15000
   */
  readonly startupGracePeriodMs: number;
  /**
   * How often the view is looked at during that wait; it is over when two looks in a row see the same peers.
   * @default 1000
   */
  readonly membershipSampleIntervalMs: number;
  /**
   * How long a leader may be silent. It declares itself twice as often. Less notices a dead leader sooner and costs more
   * signatures. All peers of an organization should have the same.
   * @default 10000
   */
  readonly leaderAliveThresholdMs: number;
  /**
   * How long a candidate waits for others after its proposal. At least the time that messages take, several times over. All
   * peers of an organization should have the same.
   * @default 5000
   */
  readonly leaderElectionDurationMs: number;
  /**
   * What a candidate waits beyond `leaderElectionDurationMs`, between half of this and all of it by chance; the chance in all
   * other waits; and the least distance between our declaration and the moment in which another may have just won. Below half
   * of `leaderElectionDurationMs`, and at most a quarter of `leaderAliveThresholdMs`.
   * @default 500, at most the tenth part of either
   */
  readonly settleMarginMs: number;
  /**
   * How long one that yielded keeps out of elections while nobody else is heard to lead; also how long a leader that claims to be ahead of us has
   * to make our ledger grow. With nobody else in the view, a yield lasts `leaderAliveThresholdMs` only.
   * @default 6 × leaderAliveThresholdMs
   */
  readonly yieldMs: number;
  /**
   * Blocks behind a live peer of our organization beyond which we defer and yield; `Infinity` switches height-awareness off.
   * The default is a second of the heaviest traffic that we measure, and is caught up in less than that from other peers: for less, waiting an
   * alive threshold would cost more than it brings.
   * @default 100
   */
  readonly maxLagBlocks: number;
  /**
   * Changes of leader that `history` keeps; the oldest makes room.
   * @default 64
   */
  readonly maxRecords: number;
}

/** Fabric's defaults, and ours where Fabric has no such option. */
export const electionDefaults: ElectionConfig = Object.freeze({
  startupGracePeriodMs: 15_000,
  membershipSampleIntervalMs: 1_000,
  leaderAliveThresholdMs: 10_000,
  leaderElectionDurationMs: 5_000,
  settleMarginMs: 500,
  yieldMs: 60_000,
  maxLagBlocks: 100,
  maxRecords: 64,
});

/**
 * A profile for organizations that want another leader within five seconds, at the price of a declaration per second, member
 * and channel. Stock peers beside ours need the same values under `peer.gossip.election`.
 */
export const fastElection: Partial<ElectionConfig> = Object.freeze({
  startupGracePeriodMs: 5_000,
  membershipSampleIntervalMs: 250,
  leaderAliveThresholdMs: 2_000,
  leaderElectionDurationMs: 1_000,
  settleMarginMs: 100,
  yieldMs: 12_000,
});

/**
 * Fills in what is missing and checks how options relate.
 *
 * @throws GossipError `invalid-config` naming what was expected and what came.
 */
export function resolveElectionConfig(given: Partial<ElectionConfig> = {}): ElectionConfig {
  const { leaderAliveThresholdMs: aliveMs, leaderElectionDurationMs: durationMs } = { ...electionDefaults, ...given };
  const settleMarginMs = Math.min(electionDefaults.settleMarginMs, durationMs / 10, aliveMs / 10);
  const config: ElectionConfig = Object.freeze({ ...electionDefaults, settleMarginMs, yieldMs: 6 * aliveMs, ...given });
  for (const name of Object.keys(electionDefaults) as (keyof ElectionConfig)[]) {
    const value: unknown = config[name];
    const isInRange = Number.isFinite(value) || (name === "maxLagBlocks" && value === Number.POSITIVE_INFINITY);
    if (!(typeof value === "number" && isInRange && value > 0))
      throw expected(`${name} to be a positive number`, value);
  }
  if (!Number.isInteger(config.maxRecords)) throw expected("maxRecords to be an integer", config.maxRecords);
  if (config.settleMarginMs >= durationMs / 2) {
    throw expected(`settleMarginMs below half of leaderElectionDurationMs (${durationMs})`, config.settleMarginMs);
  }
  if (config.settleMarginMs > aliveMs / 4) {
    throw expected(`settleMarginMs of at most a quarter of leaderAliveThresholdMs (${aliveMs})`, config.settleMarginMs);
  }
  if (config.yieldMs < aliveMs) {
    throw expected(`yieldMs of at least leaderAliveThresholdMs (${aliveMs})`, config.yieldMs);
  }
  return config;
}

function expected(what: string, got: unknown): GossipError {
  return new GossipError("invalid-config", `expected ${what}, got ${String(got)}`);
}
