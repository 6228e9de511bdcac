import { comparePeerTime, type PeerTime, type PkiId, type StateInfo } from "@gossip/proto";
import { BoundedMap, ExpiringStore, type Millis } from "@gossip/runtime";

export interface RelayOptions {
  /** How long a state info keeps older ones of its author and channel from being passed on. */
  readonly ttlMs: Millis;
  readonly maxAuthors: number;
}

/** Channels of one author; beyond it, the one heard of longest ago makes room, so that an author crowds out only itself. */
const maxChannelsPerAuthor = 100;

/** What is kept of a state info that was passed on. */
interface Passed {
  readonly channel: string;
  readonly time: PeerTime;
}

type Channels = ExpiringStore<string, Passed, PeerTime>;

/**
 * What was passed on of channels that this node is not in (protocol page 07 §5.4): the time of the newest state info per
 * author and channel MAC. By author alone, two channels of one author would keep each other's state infos back (§16 item 2).
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #byAuthor: BoundedMap<PkiId, Channels>;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#byAuthor = new BoundedMap({ maxEntries: options.maxAuthors, whenFull: "evict-oldest" });
  }

  /** Whether it is newer than what was passed on: asked before its signature is checked. */
  wants(info: StateInfo, now: Millis): boolean {
    const channels = this.#byAuthor.get(info.pkiId);
    channels?.expire(now);
    return channels?.wants(passed(info)) ?? true;
  }

  /** Remembers that it is passed on; false when, meanwhile, one as new was. */
  add(info: StateInfo, now: Millis): boolean {
    if (!this.wants(info, now)) return false;
    const channels = this.#byAuthor.get(info.pkiId) ?? this.#channels();
    channels.add(passed(info), now);
    this.#byAuthor.set(info.pkiId, channels);
    return true;
  }

  #channels(): Channels {
    return new ExpiringStore<string, Passed, PeerTime>({
      keyOf: ({ channel }) => channel,
      rankOf: ({ time }) => time,
      isNewer: (incoming, held) => comparePeerTime(incoming, held) > 0,
      // Nobody asks for them: they are there to refuse older ones only.
      visibleMs: this.#options.ttlMs,
      tombstoneMs: 0,
      maxEntries: maxChannelsPerAuthor,
      whenFull: "evict-oldest",
    });
  }
}

function passed({ channelMac, time }: StateInfo): Passed {
  return { channel: Buffer.from(channelMac).toString("hex"), time };
}
