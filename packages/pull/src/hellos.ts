import type { PkiId } from "@gossip/proto";
import { BoundedMap, type Millis } from "@gossip/runtime";
import type { PullConfig } from "./config.js";

/** What a hello entitles its sender to. */
export interface Hello {
  readonly until: Millis;
  /** Items it may still ask for. */
  credit: number;
}

/** The hellos we answered, by sender and nonce: nobody else is served under them (protocol page 05 §12.1). */
export class Hellos {
  readonly #config: PullConfig;
  readonly #byPeer: BoundedMap<PkiId, BoundedMap<bigint, Hello>>;

  constructor(config: PullConfig) {
    this.#config = config;
    const maxEntries = Math.floor(config.maxHellos / config.maxHellosPerPeer);
    this.#byPeer = new BoundedMap({ maxEntries, whenFull: "evict-oldest" });
  }

  /** Remembers a hello that was answered with so many digests; a repeated one is remembered longer, and entitles to no more. */
  add(from: PkiId, nonce: bigint, offered: number, now: Millis): void {
    const { maxHellosPerPeer, requestWaitTimeMs } = this.#config;
    const known = this.#byPeer.get(from);
    const ofPeer = known ?? new BoundedMap<bigint, Hello>({ maxEntries: maxHellosPerPeer, whenFull: "evict-oldest" });
    const credit = ofPeer.get(nonce)?.credit ?? offered;
    ofPeer.set(nonce, { until: now + requestWaitTimeMs, credit });
    this.#byPeer.set(from, ofPeer);
  }

  /** The hello of this sender with this nonce, unless its time is over. */
  get(from: PkiId, nonce: bigint, now: Millis): Hello | undefined {
    const hello = this.#byPeer.get(from)?.get(nonce);
    return hello !== undefined && now <= hello.until ? hello : undefined;
  }
}
