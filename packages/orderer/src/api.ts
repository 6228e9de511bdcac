import type { Clock, Logger, Metrics, Random, WallClock } from "@gossip/runtime";
import type { BatchConfig, LimitsConfig } from "./config.js";

/** What an orderer is made of; `readOrdererFiles` makes one from an `OrdererConfig`, a program may write it by hand. */
export interface OrdererOptions {
  /** For people, in logs. @default "orderer" */
  readonly name?: string;
  /** `host:port` to bind; port 0 takes a free one. */
  readonly listenAddress: string;
  /** Folder of the ledgers, one sub-folder per channel. One process at a time. */
  readonly fileSystemPath: string;
  /** Own serialized identity, of an orderer organization of every channel. */
  readonly identity: Uint8Array;
  /** 32-byte seed of the own Ed25519 key. */
  readonly privateKey: Uint8Array;
  /** @default none: plain connections, for trials only */
  readonly tls?: OrdererTls;
  /** Serialized block 0 of each channel; name and organizations are read from it. */
  readonly genesisBlocks: readonly Uint8Array[];
  readonly batch?: Partial<BatchConfig>;
  readonly limits?: Partial<LimitsConfig>;
  readonly clock?: Clock;
  readonly wall?: WallClock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly metrics?: Metrics;
}

/** PEM contents. */
export interface OrdererTls {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** Authorities of client certificates. When there are any, clients must present one; else none is asked for. */
  readonly clientRootCas: readonly Uint8Array[];
}

/** What can be seen of one channel. */
export interface OrderedChannel {
  readonly id: string;
  /** Number of blocks. */
  readonly height: bigint;
  /** Hash of the newest block's header. */
  readonly lastHash: Uint8Array;
  /** Transactions accepted and not yet committed. */
  readonly pending: number;
  /** "ok", or why the newest block could not be written. */
  readonly health: { readonly ok: true } | { readonly ok: false; readonly detail: string };
}

/** A running orderer. */
export interface Orderer extends AsyncDisposable {
  /** `host:port` it is bound to. */
  readonly endpoint: string;
  readonly channels: ReadonlyMap<string, OrderedChannel>;
  /** Cuts and commits what was accepted, acknowledges it, and ends all streams. Idempotent. */
  close(): Promise<void>;
}
