/** How transactions become blocks; Fabric's `BatchSize` and `BatchTimeout`. */
export interface BatchConfig {
  /** Most transactions in a block. More means fewer signatures and fsyncs per transaction. @default 500 */
  readonly maxMessageCount: number;
  /** Largest transaction, as a serialized envelope; a larger one is refused with 413. @default 10485760 */
  readonly absoluteMaxBytes: number;
  /**
   * Size at which a block is cut although it could take more transactions. A transaction above it gets a block of its
   * own. Must not exceed `absoluteMaxBytes`.
   * @default 2097152
   */
  readonly preferredMaxBytes: number;
  /**
   * Longest wait of a transaction for others to share its block. A client that sends one transaction at a time and waits
   * for its acknowledgement waits this long for each; one that keeps many in flight does not.
   * @default 200
   */
  readonly batchTimeoutMs: number;
}

/** What the orderer holds in memory. */
export interface LimitsConfig {
  /** Most transactions per channel accepted and not yet committed; at the limit streams are read no further. @default 10000 */
  readonly maxPending: number;
  /** The same in bytes; must not be below `absoluteMaxBytes`. @default 134217728 */
  readonly maxPendingBytes: number;
  /** Most unanswered transactions of one stream. @default 10000 */
  readonly maxPendingPerStream: number;
  /** Most streams of all clients together; one more is ended with RESOURCE_EXHAUSTED. @default 1000 */
  readonly maxStreams: number;
  /** Most recent transactions of a channel that are recognised when submitted again. @default 100000 */
  readonly maxRecent: number;
  /** The same in bytes of these transactions, since they are read from the ledger at start. @default 268435456 */
  readonly maxRecentBytes: number;
}

/** What a file says about an orderer. Paths are absolute once resolved. */
export interface OrdererConfig {
  /** For people, in logs. @default "orderer" */
  readonly name: string;
  /** `host:port` to bind; port 0 takes a free one. */
  readonly listenAddress: string;
  /** Folder of the ledgers, one sub-folder per channel. One process at a time. */
  readonly fileSystemPath: string;
  /** Serialized identity and its Ed25519 key (PKCS#8 PEM, 64 hex digits, or 32 bytes). */
  readonly identity: { readonly file: string; readonly keyFile: string };
  /** PEM files. With `clientRootCasFiles`, clients must present a certificate of one of these authorities. */
  readonly tls?: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly clientRootCasFiles: readonly string[];
  };
  /** Each channel's block 0. */
  readonly channels: readonly { readonly genesisFile: string }[];
  readonly batch: BatchConfig;
  readonly limits: LimitsConfig;
}
