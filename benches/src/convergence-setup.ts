import type { TestChannelOrganization } from "@gossip/fabric/testing";
import type { GossipOptions } from "@gossip/node";

/** What a process of the convergence bench is told before it listens. */
export interface NodeSetup {
  readonly org: string;
  /** Organizations of the channel. */
  readonly organizations: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string; readonly root: string };
  readonly config: GossipOptions;
  readonly trust: TrustSetup;
}

export type TrustSetup =
  | { readonly type: "ed25519"; readonly name: string }
  | {
      readonly type: "fabric";
      /** MSP folder of this peer. */
      readonly folder: string;
      readonly organizations: readonly TestChannelOrganization[];
    };

/** From the bench to a process. Times are milliseconds since 1970. */
export type Command =
  | { readonly type: "setup"; readonly setup: NodeSetup }
  | {
      readonly type: "start";
      readonly at: number;
      readonly peers: number;
      readonly bootstrap: readonly string[];
      /** One endpoint of each organization. */
      readonly anchors: readonly { readonly org: string; readonly endpoint: string }[];
    }
  | { readonly type: "usage" };

/** From a process to the bench. */
export type Report =
  | { readonly type: "listening"; readonly endpoint: string }
  /** Milliseconds from the start command until every other process was a member, and a member of the channel. */
  | ({ readonly type: "converged"; readonly membersMs: number; readonly channelMs: number } & Effort)
  | ({ readonly type: "usage" } & Usage);

/** What it took a peer to know everybody. */
export interface Effort {
  /** Since the start command. */
  readonly cpuMs: number;
  readonly connections: number;
}

/** What the process has used since it began. */
export interface Usage {
  /** User and system. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** By system calls, so with TLS and HTTP/2 around it, and without TCP and IP. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly drops: ReadonlyMap<string, number>;
}

export const channelId = "bench";
