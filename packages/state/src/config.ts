import { GossipError } from "@gossip/runtime";

const MiB = 1024 * 1024;

/**
 * Configuration of state transfer: `peer.gossip.state.*` of core.yaml (protocol page 12 §2.6) in milliseconds, and below
 * them our own options. As for those keys in the reference, a zero is taken literally.
 */
export interface StateConfig {
  /**
   * Whether missing blocks are requested from other peers. A peer that does not request still serves.
   * Off, a peer that missed a pushed block waits until somebody pushes it again.
   * @default true (the reference: false)
   */
  readonly enabled: boolean;
  /**
   * Longest time a gap stays unnoticed. News of a greater height starts a transfer at once, so this is only the upper
   * bound, and the pause after a range that nobody could serve. Less costs requests to peers that cannot answer.
   * @default 10_000
   */
  readonly checkIntervalMs: number;
  /**
   * Longest wait for one answer before another peer is asked. Shorter waits follow from how fast a peer has answered so far.
   * @default 3_000
   */
  readonly responseTimeoutMs: number;
  /**
   * Shortest wait for one answer. Less asks another peer sooner when one stalls, and asks twice when it was only busy; a late
   * answer is still taken. `responseTimeoutMs` or more makes all waits that long, as in the reference.
   * @default 300
   */
  readonly minResponseTimeoutMs: number;
  /**
   * Requests under way at a time, over all peers; how many of these there are is found out by trying. 1 asks for one range
   * after the other, as the reference.
   * @default 32
   */
  readonly maxRequests: number;
  /**
   * How far above the height blocks are asked for. More rides out longer stalls of one peer while the others go on; what is
   * held is bounded by `blockBufferBytes` as well. Less than twice `blockBufferSize` counts as that.
   * @default 2_048
   */
  readonly windowBlocks: number;
  /**
   * `end - start` of a range, both inclusive: 10 means up to 11 blocks. Also the longest range that is served; a peer of
   * the reference answers a longer one with silence, so raise it only together with all peers of the channel.
   * @default 10
   */
  readonly batchSize: number;
  /**
   * Further attempts for a range after the first; then the transfer rests until there is news or `checkIntervalMs` has passed.
   * @default 3
   */
  readonly maxRetries: number;
  /**
   * How far above the height a pushed block may lie. Blocks of the ordering service may lie up to twice as far, blocks that
   * were asked for up to `windowBlocks`, which is also the largest number of blocks held.
   * More costs memory and saves requests when pushes overtake each other.
   * @default 20
   */
  readonly blockBufferSize: number;
  /**
   * Bytes of buffered blocks from which on no further block is taken. The last one taken may exceed it, so the most that is
   * held is less than this and one block together.
   * @default 67_108_864 (64 MiB)
   */
  readonly blockBufferBytes: number;
  /**
   * Requests of others that wait for the ledger, over all requesters. More are answered at once with no blocks.
   * @default 100
   */
  readonly channelSize: number;
  /**
   * Of those, how many one requester may have; and as others will have it so, too, how many requests of ours may be under way
   * to one peer. At least 1 and at most `channelSize`.
   * @default 8
   */
  readonly maxRequestsPerPeer: number;
  /**
   * Bytes of blocks from which on nothing is added to a response, though it always holds one block. Well below the 100 MiB that gRPC
   * connections of the reference carry, as the last block may exceed it.
   * @default 52_428_800 (50 MiB)
   */
  readonly maxResponseBytes: number;
  /**
   * Time that pushes get to fill a gap before it is requested; starts again as long as they do fill it.
   * Less requests blocks that are on their way; more delays catching up by as much. Where more is missing than pushes can
   * bring, nothing is waited for. `Infinity`: news starts nothing, only `checkIntervalMs` does, as in the reference.
   * @default 200
   */
  readonly pushGraceMs: number;
  /**
   * Rest of a peer after it failed to answer; doubles with each failure in a row, and ends with an answer.
   * @default 500
   */
  readonly peerBackoffMs: number;
  /**
   * Longest rest of a peer. At least `peerBackoffMs`.
   * @default 30_000
   */
  readonly maxPeerBackoffMs: number;
  /**
   * Wait after a failed commit; doubles with each failure in a row.
   * @default 250
   */
  readonly commitRetryMs: number;
  /**
   * Longest wait after a failed commit. At least `commitRetryMs`.
   * @default 10_000
   */
  readonly maxCommitRetryMs: number;
}

/** The defaults of the reference where it has them, except that transfer is on. */
export const stateDefaults: StateConfig = Object.freeze({
  enabled: true,
  checkIntervalMs: 10_000,
  responseTimeoutMs: 3_000,
  minResponseTimeoutMs: 300,
  maxRequests: 32,
  windowBlocks: 2_048,
  batchSize: 10,
  maxRetries: 3,
  blockBufferSize: 20,
  blockBufferBytes: 64 * MiB,
  channelSize: 100,
  maxRequestsPerPeer: 8,
  maxResponseBytes: 50 * MiB,
  pushGraceMs: 200,
  peerBackoffMs: 500,
  maxPeerBackoffMs: 30_000,
  commitRetryMs: 250,
  maxCommitRetryMs: 10_000,
});

/**
 * Fills what is absent with the defaults, and checks ranges and relations.
 *
 * @throws GossipError `invalid-config` that names the option, what was expected and what came.
 */
export function resolveStateConfig(options: Partial<StateConfig> = {}): StateConfig {
  const config: StateConfig = Object.freeze({ ...stateDefaults, ...options });
  for (const [name, least] of leastValues) {
    const value = config[name];
    const mayBeInfinite = name === "pushGraceMs" && value === Number.POSITIVE_INFINITY;
    if ((!Number.isSafeInteger(value) && !mayBeInfinite) || value < least) {
      throw new GossipError("invalid-config", `expected ${name} to be an integer of at least ${least}, got ${value}`);
    }
  }
  atMost(config, "maxRequestsPerPeer", "channelSize");
  atMost(config, "peerBackoffMs", "maxPeerBackoffMs");
  atMost(config, "commitRetryMs", "maxCommitRetryMs");
  return config;
}

type NumberOption = Exclude<keyof StateConfig, "enabled">;

// A time of 0 would set a timer that is due at once, again and again.
const leastValues: readonly (readonly [NumberOption, number])[] = [
  ["checkIntervalMs", 1],
  ["responseTimeoutMs", 1],
  ["minResponseTimeoutMs", 1],
  ["maxRequests", 1],
  ["windowBlocks", 1],
  ["batchSize", 0],
  ["maxRetries", 0],
  ["blockBufferSize", 1],
  ["blockBufferBytes", 1],
  ["channelSize", 1],
  ["maxRequestsPerPeer", 1],
  ["maxResponseBytes", 1],
  ["pushGraceMs", 1],
  ["peerBackoffMs", 1],
  ["maxPeerBackoffMs", 1],
  ["commitRetryMs", 1],
  ["maxCommitRetryMs", 1],
];

function atMost(config: StateConfig, name: NumberOption, bound: NumberOption): void {
  if (config[name] > config[bound]) {
    throw new GossipError(
      "invalid-config",
      `expected ${name} to be at most ${bound} (${config[bound]}), got ${config[name]}`,
    );
  }
}
