import type { TestChannelOrganization } from "@gossip/fabric/testing";
import type { GossipOptions } from "@gossip/node";

/** What a process of the catch-up bench is told first. */
export interface CatchUpSetup {
  readonly org: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly root: string };
  /** MSP folder of this peer. */
  readonly folder: string;
  readonly organizations: readonly TestChannelOrganization[];
  readonly ordererOrganizations: readonly TestChannelOrganization[];
  /** File with the whole chain. */
  readonly chain: string;
  /** Added to the way of each message, in each direction. */
  readonly oneWayMs: number;
  /** Peers that serve have the chain. `nowhere` checks blocks as a ledger does and keeps none; `disk` makes each durable. */
  readonly ledger:
    | { readonly type: "chain" }
    | { readonly type: "nowhere" }
    | { readonly type: "disk"; readonly dir: string };
  readonly config: GossipOptions;
}

/** From the bench to a process. */
export type CatchUpCommand =
  | { readonly type: "setup"; readonly setup: CatchUpSetup }
  | { readonly type: "start"; readonly bootstrap: readonly string[]; readonly peers: number };

/** From a process to the bench. */
export type CatchUpReport =
  | { readonly type: "listening"; readonly endpoint: string }
  /** All peers are members of the channel. */
  | { readonly type: "met" }
  /** So many blocks are committed; told a few times on the way. */
  | { readonly type: "height"; readonly height: number }
  | ({ readonly type: "caught-up" } & CatchUpResult);

export interface CatchUpResult {
  /** From the moment at which the first peer was known to be in the channel to the first commit, and from that to the last. */
  readonly startMs: number;
  readonly tookMs: number;
  /** Pauses between two commits, the longest first, and at which height. */
  readonly pauses: readonly { readonly ms: number; readonly height: number }[];
  /** Most bytes of blocks that waited for their commit. */
  readonly bufferedBytes: number;
  readonly rssBytes: number;
  /** Of this process, while blocks came. */
  readonly cpuMs: number;
  readonly drops: ReadonlyMap<string, number>;
}

export const channelId = "bench";
