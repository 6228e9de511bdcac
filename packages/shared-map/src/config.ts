import { type PullConfig, pullDefaults, resolvePullConfig } from "@gossip/pull";
import { GossipError } from "@gossip/runtime";

/** Options of `SharedMap`. They should be the same for all who keep a map in common: what one refuses, another could hold. */
export interface SharedMapConfig {
  /**
   * Longest key, in octets of UTF-8. With the author and the version it must fit a digest of the pull.
   * @default 128
   */
  readonly maxKeyBytes: number;
  /**
   * Largest value. The map is for flags, endpoints and hints: every node holds all of it.
   * @default 16_384
   */
  readonly maxValueBytes: number;
  /**
   * Largest entry as it travels: the value, the author's identity, the signature.
   * @default 32_768
   */
  readonly maxEntryBytes: number;
  /**
   * Keys that are held, tombstones included; a further one is refused. At most the `maxDigests` of the pull.
   * @default 10_000
   */
  readonly maxEntries: number;
  /**
   * Octets that are held.
   * @default 16 MiB
   */
  readonly maxBytes: number;
  /**
   * Keys whose newest write is of one author. Beyond it, its oldest writes make room: it can harm only itself.
   * @default 256
   */
  readonly maxEntriesPerAuthor: number;
  /**
   * Octets of one author, as `maxEntriesPerAuthor`; it may itself write up to one `maxEntryBytes` less.
   * @default 1 MiB
   */
  readonly maxBytesPerAuthor: number;
  /**
   * How far the clock of an entry may be ahead of our wall clock. Less bounds more tightly how far a dishonest author can
   * push the clocks of all; more forgives wrong clocks.
   * @default 900_000 (15 minutes, as Fabric forgives in requests of clients)
   */
  readonly maxClockAheadMs: number;
  /**
   * How long a tombstone is offered. Longer than any node is cut off and yet keeps what it held: see §4 of the protocol page.
   * @default 86_400_000 (a day)
   */
  readonly tombstoneTtlMs: number;
  /**
   * Tombstones that are remembered after that, the oldest making room, to answer old copies that turn up.
   * @default 10_000
   */
  readonly maxBuried: number;
  /**
   * Peers to whom news is pushed; 0 leaves all to pull.
   * @default 3
   */
  readonly pushPeerNum: number;
  /**
   * Entries given to a peer in one round because its digest shows that it lacks them; the rest comes in later rounds.
   * @default 100
   */
  readonly maxGiven: number;
}

/** The defaults of all options. */
export const sharedMapDefaults: SharedMapConfig = Object.freeze({
  maxKeyBytes: 128,
  maxValueBytes: 16_384,
  maxEntryBytes: 32_768,
  maxEntries: 10_000,
  maxBytes: 16 * 1024 * 1024,
  maxEntriesPerAuthor: 256,
  maxBytesPerAuthor: 1024 * 1024,
  maxClockAheadMs: 900_000,
  tombstoneTtlMs: 86_400_000,
  maxBuried: 10_000,
  pushPeerNum: 3,
  maxGiven: 100,
});

/** Octets of a digest beside the key: flags, counter, hash, and an author of the largest size. */
const digestOverhead = 26 + 64;

/** Options from 0 on; all others are from 1 on. */
const mayBeZero: ReadonlySet<string> = new Set(["maxClockAheadMs", "pushPeerNum", "maxGiven"]);

/**
 * Fills in what is missing, and checks ranges and relations, those to the pull included.
 *
 * @throws GossipError `invalid-config` that names the option, what was expected and what came.
 */
export function resolveSharedMapConfig(
  given: Partial<SharedMapConfig> = {},
  pull: Partial<PullConfig> = {},
): SharedMapConfig {
  const config: SharedMapConfig = Object.freeze({ ...sharedMapDefaults, ...given });
  for (const name of Object.keys(sharedMapDefaults) as (keyof SharedMapConfig)[]) {
    const value = config[name];
    const least = mayBeZero.has(name) ? 0 : 1;
    if (!Number.isInteger(value) || value < least)
      throw expected(`${name} to be an integer of at least ${least}`, value);
  }
  const { maxDigests, maxDigestBytes } = resolvePullConfig({ ...pullDefaults, ...pull });
  if (config.maxEntries > maxDigests) {
    throw expected(`maxEntries of at most maxDigests of the pull (${maxDigests})`, config.maxEntries);
  }
  if (config.maxKeyBytes + digestOverhead > maxDigestBytes) {
    throw expected(`maxKeyBytes of at most ${maxDigestBytes - digestOverhead}, to fit a digest`, config.maxKeyBytes);
  }
  if (config.maxValueBytes > config.maxEntryBytes) {
    throw expected(`maxValueBytes of at most maxEntryBytes (${config.maxEntryBytes})`, config.maxValueBytes);
  }
  if (2 * config.maxEntryBytes > config.maxBytesPerAuthor) {
    throw expected(`maxBytesPerAuthor of at least twice maxEntryBytes`, config.maxBytesPerAuthor);
  }
  if (config.maxBytesPerAuthor > config.maxBytes) {
    throw expected(`maxBytesPerAuthor of at most maxBytes (${config.maxBytes})`, config.maxBytesPerAuthor);
  }
  return config;
}

function expected(what: string, got: number): GossipError {
  return new GossipError("invalid-config", `expected ${what}, got ${got}`);
}
