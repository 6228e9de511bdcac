import type { CommConfig } from "@gossip/comm";
import { commDefaults } from "@gossip/comm";
import { type DiscoveryConfig, discoveryDefaults, resolveDiscoveryConfig } from "@gossip/discovery";
import { type ElectionConfig, electionDefaults, resolveElectionConfig } from "@gossip/election";
import { type PullConfig, pullDefaults, resolvePullConfig } from "@gossip/pull";
import { GossipError } from "@gossip/runtime";
import { resolveSharedMapConfig, type SharedMapConfig, sharedMapDefaults } from "@gossip/shared-map";
import { resolveStateConfig, type StateConfig, stateDefaults } from "@gossip/state";

/** Options of a node: `peer.gossip.*` of core.yaml (protocol page 12 §2) in milliseconds, and below them our own. */
export interface GossipConfig extends CommConfig, DiscoveryConfig, PullConfig {
  /**
   * Rounds in which a message is pushed, each to other peers; 0 leaves dissemination to pull and state transfer.
   * @default 1
   */
  readonly propagateIterations: number;
  /**
   * Peers that a message is pushed to per round. More is faster and more certain, and multiplies traffic.
   * @default 3
   */
  readonly propagatePeerNum: number;
  /**
   * New messages that end the wait for company.
   * @default 10
   */
  readonly maxPropagationBurstSize: number;
  /**
   * Longest wait of a message for company.
   * @default 10
   */
  readonly maxPropagationBurstLatencyMs: number;
  /**
   * Time after start in which alive messages carry the identity (page 02 §8).
   * @default 10_000
   */
  readonly publishCertPeriodMs: number;
  /**
   * Longest wait of a changed state info for its publication.
   * @default 4_000
   */
  readonly publishStateInfoIntervalMs: number;
  /**
   * Pause between asking members of a channel for its state infos.
   * @default 4_000
   */
  readonly requestStateInfoIntervalMs: number;
  /**
   * How often the gauge of a channel's members is set.
   * @default 5_000
   */
  readonly membershipTrackerIntervalMs: number;
  /** `peer.gossip.election.*`; also how long a declaration of leadership holds for a node that does not stand. */
  readonly election: ElectionConfig;
  /** `peer.gossip.state.*`. */
  readonly state: StateConfig;
  /** Of the map that members of a channel keep in common (protocol page 14). */
  readonly sharedMap: SharedMapConfig & {
    /**
     * Whether to take part: to tell so in handshakes, and to talk with peers of ours about it.
     * @default true
     */
    readonly enabled: boolean;
  };
  /**
   * Whether programs may talk to each other, and what they say to many is passed on: it is told in handshakes, and peers of ours
   * alone get any of it (protocol page 07, 7.41).
   * @default true
   */
  readonly applicationMessages: boolean;
  /**
   * Largest application message that is taken or made, topic and signature included.
   * @default 65_536
   */
  readonly maxApplicationBytes: number;
  /**
   * Messages that wait for a reader of `accept`, for each of them; beyond, the oldest of whoever has most waiting is dropped.
   * @default 1_000
   */
  readonly maxAcceptedMessages: number;
  /**
   * Bytes of them.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxAcceptedBytes: number;
  /**
   * Blocks below the newest committed one that are offered to members of the organization that missed them; more helps those
   * that were away for longer and costs memory. Fabric peers take no more than theirs at a time, so not above that.
   * @default 10
   */
  readonly maxBlockCountToStore: number;
  /**
   * Bytes of blocks kept for that, per channel; the lowest make room.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxBlockWindowBytes: number;
  /**
   * Shortest distance between two publications of our state info. Less tells heights sooner and costs a signature and
   * `propagatePeerNum` messages each. `Infinity`: state infos are published and asked for in fixed periods alone.
   * @default 250
   */
  readonly minStateInfoGapMs: number;
  /**
   * Largest state info that is taken: each is held as long as its member, and told to all others.
   * @default 65_536
   */
  readonly maxStateInfoBytes: number;
  /**
   * Bytes of state infos in one snapshot that we send; more of them are several snapshots.
   * @default 4 MiB
   */
  readonly maxSnapshotBytes: number;
  /**
   * Bytes of state infos that are held for one channel; those of one organization fill at most half. A peer without chaincodes
   * takes some hundreds, one with a hundred chaincodes ten thousand.
   * @default 64 MiB
   */
  readonly maxStateInfosBytes: number;
  /**
   * Questions of one peer and kind that are answered per second: for our members, our identities, our state infos. A peer
   * with default intervals asks once in seconds, and a few times at once when it starts.
   * @default 20
   */
  readonly maxQuestionsPerSecond: number;
  /**
   * Alive messages of one author, and its state infos and leadership messages in one channel, that are taken per second, ten
   * seconds' worth at once. More lets one member cost more signatures; a Fabric peer makes one of each in some seconds, ours
   * at most some per second.
   * @default 10
   */
  readonly maxNewsPerSecond: number;
  /**
   * Pushes of private data and questions for it, of one peer, that are worked on at a time; further ones wait on its connection.
   * @default 16
   */
  readonly maxPrivateDataTasks: number;
  /**
   * Private data sets that one question may ask for; what is beyond is not answered. Fabric asks for those of a block, or
   * of ten when it reconciles.
   * @default 10_000
   */
  readonly maxPrivateDataDigests: number;
  /**
   * Bytes of private data in one answer; sets beyond it are left out, and may be asked for again. Below `maxMessageBytes`.
   * @default 52_428_800 (50 MiB)
   */
  readonly maxPrivateDataBytes: number;
  /**
   * Messages that wait for their burst at most.
   * @default 10_000
   */
  readonly maxEmitterElements: number;
}

/** What a program may set; everything else has its default. */
export type GossipOptions = Partial<Omit<GossipConfig, "election" | "state" | "sharedMap">> & {
  readonly election?: Partial<ElectionConfig>;
  readonly state?: Partial<StateConfig>;
  readonly sharedMap?: Partial<GossipConfig["sharedMap"]>;
};

/** Fabric's defaults, and ours where Fabric has no such option. */
export const gossipDefaults: GossipConfig = Object.freeze({
  ...commDefaults,
  ...discoveryDefaults,
  ...pullDefaults,
  propagateIterations: 1,
  propagatePeerNum: 3,
  maxPropagationBurstSize: 10,
  maxPropagationBurstLatencyMs: 10,
  publishCertPeriodMs: 10_000,
  publishStateInfoIntervalMs: 4_000,
  requestStateInfoIntervalMs: 4_000,
  membershipTrackerIntervalMs: 5_000,
  election: electionDefaults,
  state: stateDefaults,
  sharedMap: Object.freeze({ ...sharedMapDefaults, enabled: true }),
  applicationMessages: true,
  maxApplicationBytes: 65_536,
  maxAcceptedMessages: 1_000,
  maxAcceptedBytes: 16 * 1024 * 1024,
  maxBlockCountToStore: 10,
  maxBlockWindowBytes: 64 * 1024 * 1024,
  minStateInfoGapMs: 250,
  maxStateInfoBytes: 65_536,
  maxSnapshotBytes: 4 * 1024 * 1024,
  maxStateInfosBytes: 64 * 1024 * 1024,
  maxQuestionsPerSecond: 20,
  maxNewsPerSecond: 10,
  maxPrivateDataTasks: 16,
  maxPrivateDataDigests: 10_000,
  maxPrivateDataBytes: 50 * 1024 * 1024,
  maxEmitterElements: 10_000,
});

/**
 * A node that follows the timers of the reference: what happens waits for the next tick, as on a stock peer, where our
 * defaults let news act at once. For measuring what ours gain, and for studying the protocol; not for production, where it
 * is slower, cheaper in nothing, and no better understood by stock peers.
 *
 * What is no timer stays ours: checks, bounds, chance in the pauses of contacts, who is asked and told.
 *
 * @example
 * const node = await createNode({ ...options, config: { ...stockProfile, propagatePeerNum: 4 } });
 */
export const stockProfile: GossipOptions = Object.freeze({
  // Heartbeats every 5 s and rounds of asking every 4 s from the start, no matter who came.
  newsIntervalMs: Number.POSITIVE_INFINITY,
  connectRetryMs: discoveryDefaults.reconnectIntervalMs,
  selfHealth: false,
  // Identities are pulled every 4 s, the first time after 4 s, and requested when digests were waited for for 1 s.
  minRoundIntervalMs: Number.POSITIVE_INFINITY,
  digestQuietMs: Number.POSITIVE_INFINITY,
  maxPullIntervalMs: pullDefaults.pullIntervalMs,
  // Changed state infos are published, and those of others asked for, every 4 s.
  minStateInfoGapMs: Number.POSITIVE_INFINITY,
  // Missing blocks are looked for every 10 s, and asked for range after range, each for 3 s.
  state: Object.freeze({
    pushGraceMs: Number.POSITIVE_INFINITY,
    maxRequests: 1,
    windowBlocks: 2 * stateDefaults.blockBufferSize,
    minResponseTimeoutMs: stateDefaults.responseTimeoutMs,
  }),
});

const leastValues = [
  ["propagateIterations", 0],
  ["propagatePeerNum", 0],
  ["maxPropagationBurstSize", 1],
  ["maxPropagationBurstLatencyMs", 0],
  ["publishCertPeriodMs", 0],
  ["publishStateInfoIntervalMs", 1],
  ["requestStateInfoIntervalMs", 1],
  ["membershipTrackerIntervalMs", 1],
  ["maxApplicationBytes", 1_024],
  ["maxAcceptedMessages", 1],
  ["maxAcceptedBytes", 1],
  ["maxBlockCountToStore", 1],
  ["maxBlockWindowBytes", 1],
  ["minStateInfoGapMs", 1],
  ["maxStateInfoBytes", 1],
  ["maxSnapshotBytes", 1],
  ["maxStateInfosBytes", 1],
  ["maxQuestionsPerSecond", 1],
  ["maxNewsPerSecond", 1],
  ["maxPrivateDataTasks", 1],
  ["maxPrivateDataDigests", 1],
  ["maxPrivateDataBytes", 1],
  ["maxEmitterElements", 1],
] as const;

/**
 * Fills in what is missing, deriving Fabric's dependent defaults, and checks ranges and relations.
 *
 * @throws GossipError `invalid-config` that names the option, what was expected and what came.
 */
export function resolveGossipConfig(given: GossipOptions = {}): GossipConfig {
  const discovery = resolveDiscoveryConfig(only(given, discoveryDefaults));
  const pull = resolvePullConfig(only(given, pullDefaults));
  const election = resolveElectionConfig(given.election);
  const state = resolveStateConfig(given.state);
  const sharedMap = resolveSharedMap(given.sharedMap, pull);
  const config: GossipConfig = Object.freeze({
    ...gossipDefaults,
    ...given,
    ...discovery,
    ...pull,
    election,
    state,
    sharedMap,
  });
  for (const [name, least] of leastValues) {
    const value = config[name];
    // Times may have fractions, everything else is a number of something.
    const kind = name.endsWith("Ms") ? "a number" : "an integer";
    const mayBeInfinite = name === "minStateInfoGapMs" && value === Number.POSITIVE_INFINITY;
    if (value < least || !(kind === "an integer" ? Number.isInteger(value) : Number.isFinite(value) || mayBeInfinite)) {
      throw new GossipError("invalid-config", `expected ${name} to be ${kind} of at least ${least}, got ${value}`);
    }
  }
  return config;
}

/** A digest of the map must name all its keys, so the bound of digests bounds the map too. */
function resolveSharedMap(
  given: GossipOptions["sharedMap"] = {},
  { maxDigests }: PullConfig,
): GossipConfig["sharedMap"] {
  const maxEntries = Math.min(sharedMapDefaults.maxEntries, maxDigests);
  const config = resolveSharedMapConfig({ maxEntries, ...only(given, sharedMapDefaults) }, { maxDigests });
  return Object.freeze({ ...config, enabled: given.enabled ?? true });
}

/** The options that `defaults` has, so that each package checks its own. */
function only<T extends object>(given: object, defaults: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => name in defaults)) as Partial<T>;
}
