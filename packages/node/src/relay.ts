import { comparePeerTime, type PeerTime, type PkiId, type StateInfo } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";

export interface RelayOptions {
  /** How long a state info keeps older ones of its author and channel from being passed on. */
  readonly ttlMs: Millis;
  readonly maxAuthors: number;
}

/** Channels of one author; beyond it, the one heard of longest ago makes room, so that an author crowds out only itself. */
const maxChannelsPerAuthor = 100;

interface Passed {
  readonly time: PeerTime;
  readonly until: Millis;
}

/**
 * What was passed on of channels that this node is not in (protocol page 07 §5.4): the time of the newest state info per
 * author and channel MAC. By author alone, two channels of one author would keep each other's state infos back (§16 item 2).
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #byAuthor: BoundedMap<PkiId, BoundedMap<string, Passed>>;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#byAuthor = new BoundedMap({ maxEntries: options.maxAuthors, whenFull: "evict-oldest" });
  }

  /** Whether it is newer than what was passed on: asked before its signature is checked. */
  wants({ pkiId, channelMac, time }: StateInfo, now: Millis): boolean {
    const passed = this.#byAuthor.get(pkiId)?.get(keyOf(channelMac));
    return passed === undefined || now > passed.until || comparePeerTime(time, passed.time) > 0;
  }

  /** Remembers that it is passed on; false when, meanwhile, one as new was. */
  add(info: StateInfo, now: Millis): boolean {
    if (!this.wants(info, now)) return false;
    const channels =
      this.#byAuthor.get(info.pkiId) ??
      new BoundedMap<string, Passed>({ maxEntries: maxChannelsPerAuthor, whenFull: "evict-oldest" });
    channels.set(keyOf(info.channelMac), { time: info.time, until: now + this.#options.ttlMs });
    this.#byAuthor.set(info.pkiId, channels);
    return true;
  }
}

function keyOf(mac: Uint8Array): string {
  return Buffer.from(mac).toString("hex");
}
