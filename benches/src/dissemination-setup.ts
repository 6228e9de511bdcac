import type { GossipOptions } from "@gossip/node";

/** What a process of the dissemination bench is told before it listens. */
export interface PeerSetup {
  readonly tls: { readonly cert: string; readonly key: string; readonly root: string };
  readonly identity: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly genesisBlock: Uint8Array;
  readonly config: GossipOptions;
  readonly leads: boolean;
}

/** From the bench to a process. */
export type Command =
  | { readonly type: "setup"; readonly setup: PeerSetup }
  | { readonly type: "start"; readonly bootstrap: readonly string[]; readonly others: number }
  /** To the leader: takes this block as from an orderer. */
  | { readonly type: "block"; readonly blockNumber: bigint; readonly block: Uint8Array }
  | { readonly type: "result" };

/** From a process to the bench. Times are milliseconds since 1970, comparable on one machine. */
export type Report =
  | { readonly type: "listening"; readonly endpoint: string }
  | { readonly type: "converged" }
  | { readonly type: "result"; readonly result: PeerResult };

/** What became of the blocks in one process. */
export interface PeerResult {
  /** When the leader took each block in hand; empty elsewhere. */
  readonly publishedAt: readonly (readonly [bigint, number])[];
  /** When each block was committed. */
  readonly committedAt: readonly (readonly [bigint, number])[];
  /** User and system, since the start command. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}
