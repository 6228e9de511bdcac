import type { Verdict } from "@gossip/crypto";
import type { Block } from "@gossip/proto/fabric";
import type { Clock, Logger, MaybePromise, Metrics, Random, WallClock } from "@gossip/runtime";
import type { BroadcastConfig, DeliverConfig } from "./config.js";
import type { BlockRefusal, ChainPosition } from "./deliver-machine.js";
import type { ConnectOrderer } from "./orderer-connection.js";

/** An orderer to pull from or submit to. */
export interface OrdererEndpoint {
  /** `host:port`. */
  readonly address: string;
  /** PEM of the authorities that may have issued its TLS certificate. Ignored without `tls`. */
  readonly tlsRoots?: readonly Uint8Array[];
}

/** The client's side of mutual TLS. */
export interface ClientTls {
  /** PEM. Its leaf's hash is what `tls_cert_hash` of a request carries. */
  readonly cert: Uint8Array;
  /** PEM. */
  readonly key: Uint8Array;
  /**
   * Whether requests carry that hash. An orderer that demands client certificates needs it, others pass over it; a Fabric peer
   * sends it when it demands client certificates itself.
   *
   * @default true
   */
  readonly bindRequests?: boolean;
}

/** What `createDeliver` needs: where the orderers are, who asks, where the ledger ends and who takes the blocks. */
export interface DeliverOptions {
  readonly channel: string;
  /** Tried in turn, beginning with any of them. */
  readonly endpoints: readonly OrdererEndpoint[];
  /** @default none: plain connections, for trials only */
  readonly tls?: ClientTls;
  /** Own serialized identity; the orderer decides by it whether we may read the channel. */
  readonly identity: Uint8Array;
  /** Signs with the key of `identity`. */
  sign(payload: Uint8Array): MaybePromise<Uint8Array>;
  /** Where the ledger ends: the first block asked for, and the hash it must link to. */
  readonly position: ChainPosition;
  /** Judges a block whose number and link are right: `verifyBlock` of the channel's `MessageCryptoService`. */
  verify(blockNumber: bigint, block: Block): MaybePromise<Verdict>;
  /**
   * Takes a verified block; blocks come one at a time and in order. Resolving means that the block is in good hands and
   * asks for the next one; until then nothing is read from the orderer. When it rejects, the same block is offered again
   * after a pause. `bytes` are the orderer's own, a view that MAY be kept.
   */
  onBlock(blockNumber: bigint, bytes: Uint8Array, block: Block): Promise<void>;
  /** Told of each refused block; the orderer that sent it is left for a while. */
  readonly onRefused?: (refusal: BlockRefusal) => void;
  /** A defect of this software was met; delivery has ended. @default thrown */
  readonly onFault?: (error: unknown) => void;
  readonly config?: Partial<DeliverConfig>;
  readonly clock?: Clock;
  readonly wall?: WallClock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** How orderers are reached. @default gRPC */
  readonly connect?: ConnectOrderer;
}

/** Where a stream from the orderers stands, for operators; the peer shows it for each channel that it leads. */
export interface DeliverStatus {
  /** `waiting`: all orderers failed and none is due yet. `streaming`: asked, and taking blocks as they come. */
  readonly state: "waiting" | "connecting" | "streaming" | "stopped";
  /** The orderer in use, if any. */
  readonly endpoint: string | undefined;
  /** Number of the block that is asked for next. */
  readonly next: bigint;
  /** Failures of the orderer in use, or of all together while waiting, since the last block. */
  readonly failures: number;
  /** What went wrong last, until a block arrives. */
  readonly lastFailure: string | undefined;
}

/** Pulls one channel's blocks from its orderers until stopped. */
export interface Deliver extends AsyncDisposable {
  readonly status: DeliverStatus;
  /** Uses these orderers from now on; a connection to one that stays is kept. Without any it waits for the next call. */
  setEndpoints(endpoints: readonly OrdererEndpoint[]): void;
  /**
   * Begins again at an earlier position, after a pause: what was handed over from there on is lost, e.g. because the ledger
   * refused another block that had taken its place. Nothing happens when the position is not behind what was handed over.
   */
  rewind(position: ChainPosition): void;
  /** Ends the stream at once and calls `onBlock` no more; one call may still be running. Idempotent. */
  stop(): Promise<void>;
}

/** What `createBroadcaster` needs; one orderer only, since the order of transactions is kept on one stream. */
export interface BroadcasterOptions {
  readonly endpoint: OrdererEndpoint;
  /** @default none: a plain connection, for trials only */
  readonly tls?: ClientTls;
  readonly config?: Partial<BroadcastConfig>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  /** How the orderer is reached. @default gRPC */
  readonly connect?: ConnectOrderer;
}

/** Submits transactions to an orderer, many in flight on one stream, in the order of the calls. */
export interface Broadcaster extends AsyncDisposable {
  /** Transactions held: sent or waiting to be sent. */
  readonly pending: number;
  /**
   * Submits one serialized `common.Envelope`; resolves when the orderer has acknowledged it. After a lost connection
   * what was not acknowledged is sent again, the same bytes in the same order.
   *
   * Rejects with GossipError: `malformed`, `untrusted`, `not-found`, `too-large` or `unavailable` as the orderer's
   * status says; `unavailable` when the orderer gave no acknowledgement for `giveUpAfterMs`, or too much is held; `closed`.
   * A transaction given up as `unavailable` or `closed` may have been ordered all the same.
   */
  submit(transaction: Uint8Array): Promise<void>;
  /** Resolves when another transaction would be sent at once: what a reader of a long file waits for. */
  ready(): Promise<void>;
  /** Ends the connection; what is held is rejected as `closed`. Idempotent. */
  close(): Promise<void>;
}
