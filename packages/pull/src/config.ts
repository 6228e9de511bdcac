import { GossipError } from "@gossip/runtime";

/** Options of `Pull`. The first five are Fabric's keys under `peer.gossip` (protocol page 12 §2). */
export interface PullConfig {
  /**
   * Pause between rounds. Must exceed `digestWaitTimeMs + responseWaitTimeMs`, so that rounds do not overlap.
   * @default 4000
   */
  readonly pullIntervalMs: number;
  /**
   * Peers asked per round. More finds missing items sooner and costs a list of digests each.
   * @default 3
   */
  readonly pullPeerNum: number;
  /**
   * How long digests are waited for. An upper bound: items are requested as soon as all have answered, or after
   * `digestQuietMs`. Must be below `requestWaitTimeMs`, or our requests come when the responder has forgotten the hello.
   * @default 1000
   */
  readonly digestWaitTimeMs: number;
  /**
   * How long a hello is remembered so that requests with its nonce are served.
   * @default 1500
   */
  readonly requestWaitTimeMs: number;
  /**
   * How long after a request its items are accepted.
   * @default 2000
   */
  readonly responseWaitTimeMs: number;
  /**
   * After the first digest, how long to wait for another before requesting. Less is faster; more spreads requests over
   * more owners. `Infinity`: requests go at the end of `digestWaitTimeMs` whoever has answered, as the reference's do.
   * @default 50
   */
  readonly digestQuietMs: number;
  /**
   * Longest pause between rounds: each that finds nothing, though all answered, doubles the pause up to this, and one
   * that finds something, or `pull-now`, ends that. At least `pullIntervalMs`, and with it every pause is the same.
   * @default 4 × pullIntervalMs
   */
  readonly maxPullIntervalMs: number;
  /**
   * How long a peer may let us wait for items, after a request or the last of its updates, before another that offers them
   * is asked too. Not later than peers remember hellos. `Infinity`: nobody else is asked in the round, as in the reference.
   * @default 300
   */
  readonly failoverMs: number;
  /**
   * Shortest distance between two rounds, however often `pull-now` is given; also the longest delay of the first round.
   * `Infinity`: `pull-now` does nothing, the first round comes after `pullIntervalMs` and all others in that distance, as
   * in the reference.
   * @default 250
   */
  readonly minRoundIntervalMs: number;
  /**
   * How long a peer is not asked again for an item whose verification failed.
   * @default 60000
   */
  readonly refusedTtlMs: number;
  /**
   * Digests taken from, or put into, one message; with more items than that, each digest message is a random part.
   * @default 10000
   */
  readonly maxDigests: number;
  /**
   * Longest digest accepted.
   * @default 256
   */
  readonly maxDigestBytes: number;
  /**
   * Bytes of items after which an update is cut; one larger item still goes out, alone.
   * @default 4 MiB
   */
  readonly maxUpdateBytes: number;
  /**
   * Hellos remembered, of all peers together; the oldest makes room.
   * @default 10000
   */
  readonly maxHellos: number;
  /**
   * Hellos remembered of one peer; the oldest makes room.
   * @default 8
   */
  readonly maxHellosPerPeer: number;
}

/** Fabric's defaults, and ours where Fabric has no such option. */
export const pullDefaults: PullConfig = Object.freeze({
  pullIntervalMs: 4_000,
  pullPeerNum: 3,
  digestWaitTimeMs: 1_000,
  requestWaitTimeMs: 1_500,
  responseWaitTimeMs: 2_000,
  digestQuietMs: 50,
  maxPullIntervalMs: 16_000,
  failoverMs: 300,
  minRoundIntervalMs: 250,
  refusedTtlMs: 60_000,
  maxDigests: 10_000,
  maxDigestBytes: 256,
  maxUpdateBytes: 4 * 1024 * 1024,
  maxHellos: 10_000,
  maxHellosPerPeer: 8,
});

const counts = [
  "pullPeerNum",
  "maxDigests",
  "maxDigestBytes",
  "maxUpdateBytes",
  "maxHellos",
  "maxHellosPerPeer",
] as const;

/** Options that say with `Infinity` that nothing comes early. */
const mayBeInfinite: ReadonlySet<keyof PullConfig> = new Set(["minRoundIntervalMs", "digestQuietMs", "failoverMs"]);

/**
 * Fills in what is missing and checks how options relate.
 *
 * @throws GossipError `invalid-config` naming what was expected and what came.
 */
export function resolvePullConfig(given: Partial<PullConfig> = {}): PullConfig {
  const minRoundIntervalMs = Math.min(
    pullDefaults.minRoundIntervalMs,
    given.pullIntervalMs ?? Number.POSITIVE_INFINITY,
  );
  const maxPullIntervalMs = 4 * (given.pullIntervalMs ?? pullDefaults.pullIntervalMs);
  const config: PullConfig = Object.freeze({ ...pullDefaults, minRoundIntervalMs, maxPullIntervalMs, ...given });
  for (const name of Object.keys(pullDefaults) as (keyof PullConfig)[]) {
    const value: unknown = config[name];
    const isInRange = Number.isFinite(value) || (mayBeInfinite.has(name) && value === Number.POSITIVE_INFINITY);
    if (!(typeof value === "number" && isInRange && value > 0)) {
      throw expected(`${name} to be a positive number`, value);
    }
  }
  for (const name of counts) {
    if (!Number.isInteger(config[name])) throw expected(`${name} to be an integer`, config[name]);
  }
  const { digestWaitTimeMs, requestWaitTimeMs, responseWaitTimeMs, pullIntervalMs } = config;
  if (digestWaitTimeMs >= requestWaitTimeMs) {
    throw expected(`digestWaitTimeMs below requestWaitTimeMs (${requestWaitTimeMs})`, digestWaitTimeMs);
  }
  if (pullIntervalMs <= digestWaitTimeMs + responseWaitTimeMs) {
    throw expected(
      `pullIntervalMs above digestWaitTimeMs + responseWaitTimeMs (${digestWaitTimeMs + responseWaitTimeMs})`,
      pullIntervalMs,
    );
  }
  if (config.minRoundIntervalMs > pullIntervalMs && config.minRoundIntervalMs !== Number.POSITIVE_INFINITY) {
    const what = `minRoundIntervalMs of at most pullIntervalMs (${pullIntervalMs}), or Infinity`;
    throw expected(what, config.minRoundIntervalMs);
  }
  if (config.maxPullIntervalMs < pullIntervalMs) {
    throw expected(`maxPullIntervalMs of at least pullIntervalMs (${pullIntervalMs})`, config.maxPullIntervalMs);
  }
  if (config.maxHellos < config.maxHellosPerPeer) {
    throw expected(`maxHellos of at least maxHellosPerPeer (${config.maxHellosPerPeer})`, config.maxHellos);
  }
  return config;
}

function expected(what: string, got: unknown): GossipError {
  return new GossipError("invalid-config", `expected ${what}, got ${String(got)}`);
}
