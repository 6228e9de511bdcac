import type { ConnectionView, Transport } from "@gossip/comm";
import type { KnownIdentity, MessageCryptoService, SecurityAdvisor } from "@gossip/crypto";
import type { ElectionConfig, ElectionInput, LeadershipReason } from "@gossip/election";
import type { OrgId, PkiId, PrivateDataDigest, PrivateDataElement, PrivatePayload, Properties } from "@gossip/proto";
import type { Clock, Logger, MaybePromise, Metrics, Random, WallClock } from "@gossip/runtime";
import type { Ledger } from "@gossip/state";
import type { GossipOptions } from "./config.js";
import type { ChannelService, GossipService } from "./service.js";

/** What `createNode` needs; a host program supplies keys, trust and transport, all else has defaults. */
export interface NodeOptions {
  /** Own serialized identity. */
  readonly identity: Uint8Array;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly transport: Transport;
  /** `host:port` that peers of the own organization dial. */
  readonly endpoint: string;
  /** `host:port` shown to other organizations; empty (default) means invisible to them. */
  readonly externalEndpoint?: string;
  /** Endpoints of own-organization peers dialled first. */
  readonly bootstrap?: readonly string[];
  readonly config?: GossipOptions;
  readonly clock?: Clock;
  readonly wall?: WallClock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly metrics?: Metrics;
  /** The largest incarnation used in an earlier life of this identity; the new one is larger, whatever the wall clock says. */
  readonly lastIncarnation?: bigint;
}

/** Another peer as this node sees it now; a copy that does not change afterwards. */
export interface MemberView {
  readonly pkiId: PkiId;
  readonly org: OrgId | undefined;
  /** External endpoint; may be empty. */
  readonly endpoint: string;
  /** Known for own-organization members only; else empty. */
  readonly internalEndpoint: string;
  readonly metadata: Uint8Array;
  readonly state: "alive" | "dead";
  readonly incarnation: bigint;
  readonly sequence: bigint;
  /** Milliseconds since it was last heard of. */
  readonly lastSeenMs: number;
  /** When its identity expires, in milliseconds since 1970; `undefined` for never. */
  readonly expiresAtWallMs: number | undefined;
}

/** A member of one channel, with the ledger height it last told in its state info. */
export interface ChannelMemberView extends MemberView {
  readonly properties: Properties;
}

/** What a node must know of a channel before it joins, usually read from the genesis block. */
export interface JoinOptions {
  /** Keeps the channel's blocks; `noLedger()` for a node that keeps none. */
  readonly ledger: Ledger;
  /** Organizations of the channel. */
  readonly organizations: readonly OrgId[];
  /** Anchor peers of any organization of the channel. */
  readonly anchors?: readonly { readonly org: OrgId; readonly endpoint: string }[];
  /** Static leadership: this node takes blocks from the orderer and pushes them to its organization. Not beside `election`. */
  readonly leader?: boolean;
  /** Dynamic leadership: the members of the organization elect who takes blocks from the orderers. `true` for the node's own configuration. */
  readonly election?: true | Partial<ElectionConfig>;
  /**
   * Told when an election gave this node leadership, or took it: to begin, or to end, to take blocks from the orderers. Calls
   * come one after the other, gained and lost in turn, lost also when the channel is left or closed. MUST NOT throw.
   */
  readonly onLeadership?: (isLeader: boolean, reason: LeadershipReason) => void;
  /** Whether a leader pushes the blocks it publishes, and blocks are offered to be pulled (`peer.deliveryclient.blockGossipEnabled`). @default true */
  readonly blockGossip?: boolean;
  /**
   * Told of each committed block before the next one is committed, e.g. to apply a config block. `trust-changed` says that
   * the channel's trust is another one now: blocks that wait, identities and state infos are judged anew. While it fails, no
   * further block is committed, `health` says why, and it is called again from time to time. Not called once the channel is closed.
   */
  readonly onCommitted?: (blockNumber: bigint, block: Uint8Array) => MaybePromise<undefined | "trust-changed">;
  /**
   * Told that a block was taken and is refused now, just before its commit: it breaks the chain, or trust has changed. A
   * copy that came meanwhile found its place taken, so a leader asks its orderers again from the height of the ledger.
   */
  readonly onRefused?: (blockNumber: bigint) => void;
  /**
   * Who may write which key of the shared map. It MUST say the same on all nodes, and MUST NOT throw.
   * @default every member of the channel may write every key
   */
  readonly mayWriteShared?: (write: SharedWriter) => boolean;
  /** Where private data is kept. @default nowhere: what is pushed is acknowledged with an error, and requests are answered empty */
  readonly privateData?: PrivateDataHandler;
}

/** What a config block may change while a channel is running (page 09 §3). */
export interface ChannelUpdate {
  /** Organizations of the channel. Members of others are forgotten. */
  readonly organizations: readonly OrgId[];
  /** Anchor peers; new ones are dialled. */
  readonly anchors: readonly { readonly org: OrgId; readonly endpoint: string }[];
}

/** Whose peer pushed private data or asks for it, with what proves it (page 11 §8). */
export interface PrivateDataPeer {
  readonly pkiId: PkiId;
  readonly org: OrgId | undefined;
  /** Serialized identity. */
  readonly identity: Uint8Array;
  /** What the handshake of its connection signed, and the signature: a policy can be evaluated on it. */
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Keeps private data for a channel; `@gossip/privdata` has one. The node has checked that the peer may read the channel. */
export interface PrivateDataHandler {
  /** Stores a pushed set; it is acknowledged when this resolves, so it must be durable by then. A rejection is told to the sender. */
  store(payload: PrivatePayload, from: PrivateDataPeer): Promise<void>;
  /** What is held of what is asked for, and the peer may have; in any order. MUST NOT reject. */
  answer(digests: readonly PrivateDataDigest[], from: PrivateDataPeer): Promise<readonly PrivateDataElement[]>;
}

/** One key of a channel's shared map, as it is now; a copy. */
export interface SharedValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** Who wrote it. */
  readonly author: PkiId;
  /** Of the author; `undefined` when its identity is not in memory any more. */
  readonly org: OrgId | undefined;
  /** The author's clock at the write: milliseconds since 1970, as a rule. Larger is newer. */
  readonly version: bigint;
}

/** A key of a channel's shared map has another value. */
export interface SharedChange {
  readonly key: string;
  /** `undefined` when the key has no value any more. */
  readonly entry: SharedValue | undefined;
  readonly previous: SharedValue | undefined;
  /** `removed` when nobody deleted it: its author is not trusted any more, or wrote more than one may. */
  readonly cause: "written" | "deleted" | "removed";
}

/** Who writes which key. */
export interface SharedWriter {
  readonly key: string;
  readonly author: PkiId;
  readonly org: OrgId | undefined;
}

/**
 * A map that the members of a channel keep in common, those with this software: for feature flags, endpoints, hints. Whoever
 * is in the channel may write any key, unless `mayWriteShared` says otherwise; the newest write of a key wins everywhere,
 * sooner or later. It is in memory only, and the ledger knows nothing of it (protocol page 14).
 *
 * @example
 * await channel.shared.set("flags/dark-mode", new TextEncoder().encode("on"));
 * for await (const { key, entry } of channel.shared.changes()) console.log(key, entry?.value);
 */
export interface SharedMapView {
  /** Keys that have a value. */
  readonly size: number;
  get(key: string): SharedValue | undefined;
  /** All keys that have a value, in order of keys. */
  entries(): readonly SharedValue[];
  /**
   * Resolves when the write is signed and in the own map; others come to hold it.
   *
   * @throws GossipError `invalid-argument` (the key), `too-large` (the value, the own share, the map), `untrusted` (by
   * `mayWriteShared`), `unavailable` (the map is off, the key does not sign), `closed`.
   */
  set(key: string, value: Uint8Array): Promise<void>;
  /** As `set`; false when the key had no value, and nothing was written. */
  delete(key: string): Promise<boolean>;
  /** Told of each change, own ones too. Returns what ends the listening. */
  on(event: "change", listener: (change: SharedChange) => void): () => void;
  /** Changes from now on, until the channel closes or `signal` aborts. Of each key that waits, the newest alone. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<SharedChange>;
}

/** A peer that declares itself leader of its organization in a channel (page 08). */
export interface LeaderView {
  readonly pkiId: PkiId;
  readonly org: OrgId | undefined;
  /** Milliseconds since its last declaration. */
  readonly lastSeenMs: number;
}

/** Why an elected leader gives up: no orderer is to be reached, delivery failed for another reason, or somebody asked for it. */
export type YieldReason = Extract<ElectionInput, { readonly type: "yield" }>["reason"];

/** One change of who leads the own organization in a channel, as this node saw it. */
export interface LeadershipChange {
  readonly atWallMs: number;
  readonly leader: PkiId | undefined;
  readonly previous: PkiId | undefined;
  readonly reason: LeadershipReason | "static";
}

/**
 * Who takes a channel's blocks from the orderers for the own organization (protocol page 08).
 *
 * @example
 * channel.leadership.on("change", ({ leader, reason }) => console.log(leader ?? "nobody", reason));
 */
export interface LeadershipView {
  /** Leader by its operator's word; elected, or standing for it; or neither. */
  readonly mode: "static" | "elected" | "none";
  readonly isLeader: boolean;
  /** Who leads as far as this node's election knows, itself included; `undefined` for nobody, and where it does not take part. */
  readonly leader: PkiId | undefined;
  /** Gave up leadership, and leaves it to others for a while. */
  readonly isYielding: boolean;
  /** Newest last, bounded. */
  readonly history: readonly LeadershipChange[];
  /** Gives up leadership for a while, if there is any: others may lead meanwhile. Static leaders do not. */
  yield(reason?: YieldReason): void;
  /** Told of each change. Returns what ends the listening. */
  on(event: "change", listener: (change: LeadershipChange) => void): () => void;
}

/** Something refused, for `/gossip` output: newest last, bounded. */
export interface Refusal {
  readonly atWallMs: number;
  readonly what: "handshake" | "message" | "block";
  readonly from: string;
  readonly org: string;
  readonly reason: string;
  readonly detail: string;
  readonly count: number;
}

/** What a host program may listen to, for reports and alarms; nothing in the protocol depends on a listener. */
export interface NodeEvents {
  "member-up": (member: MemberView) => void;
  "member-down": (member: MemberView) => void;
  refused: (refusal: Refusal) => void;
  /** A defect was met and the node closed itself; the host program decides what follows. */
  fault: (error: unknown) => void;
}

/** One peer's part in gossip, made by `createNode`: it knows the other peers, and joins channels to share their blocks. */
export interface GossipNode extends GossipService {
  readonly pkiId: PkiId;
  readonly org: OrgId;
  readonly endpoint: string;
  readonly incarnation: bigint;
  /** When the own identity expires, in milliseconds since 1970; `undefined` for never. */
  readonly expiresAtWallMs: number | undefined;
  /** "ok", or why nobody takes this node for a peer any more: its own identity has expired, or was revoked. */
  readonly health: { readonly ok: true } | { readonly ok: false; readonly detail: string };
  /** Alive members, self excluded. */
  readonly members: readonly MemberView[];
  readonly deadMembers: readonly MemberView[];
  readonly channels: ReadonlyMap<string, Channel>;
  readonly connections: readonly ConnectionView[];
  /** Counted reasons of what was dropped, e.g. `gate/not-news`. */
  readonly drops: ReadonlyMap<string, number>;
  readonly refusals: readonly Refusal[];
  join(channel: string, options: JoinOptions): Promise<Channel>;
  setMetadata(metadata: Uint8Array): void;
  /**
   * Judges known identities anew, own one included: to be called when trust has changed, as when a revocation is known and in
   * force in `crypto`. Whose identity is not good any more is forgotten in every place, disconnected, and not let back in;
   * resolves with their PKI-IDs when that is done. Config blocks of joined channels do this by themselves.
   *
   * @param predicate which identities may have become invalid; `() => true` for all
   */
  suspect(predicate: (identity: KnownIdentity) => boolean): Promise<readonly PkiId[]>;
  on<E extends keyof NodeEvents>(event: E, listener: NodeEvents[E]): () => void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A channel this node has joined: the leader publishes the orderer's blocks here, everybody reads committed ones. */
export interface Channel extends ChannelService {
  readonly id: string;
  readonly height: bigint;
  /** As `leadership.isLeader`. */
  readonly isLeader: boolean;
  readonly leadership: LeadershipView;
  /** Members of the channel as their state infos say, self excluded. */
  readonly members: readonly ChannelMemberView[];
  /** Blocks and bytes waiting for commit. */
  readonly buffered: { readonly blocks: number; readonly bytes: number };
  /** "ok", or why commits stopped (e.g. a full disk). */
  readonly health: { readonly ok: true } | { readonly ok: false; readonly detail: string };
  readonly lastBlock: { readonly number: bigint; readonly hash: Uint8Array } | undefined;
  /** What the members keep in common. */
  readonly shared: SharedMapView;
  /** Who declared leadership of our organization within the leader alive threshold, self excluded. */
  readonly leaders: readonly LeaderView[];
  /**
   * Follows a config block: organizations that left are forgotten, new anchors are dialled, identities are judged anew. An
   * anchor that cannot be dialled is named in a warning and left out.
   *
   * @throws GossipError `invalid-argument` unless the own organization is among them: leave the channel instead; `closed`.
   */
  updateConfig(update: ChannelUpdate): void;
  /**
   * Tells the members of the channel that this peer left, and closes it; it may be joined again. For when the own
   * organization was removed, or the channel is not wanted any more. Resolves when it is closed, and never rejects.
   */
  leave(): Promise<void>;
  /** A verified block from the orderer: buffered for commit and pushed to the organization. Resolves when there is room for the next one. */
  publish(blockNumber: bigint, block: Uint8Array): Promise<void>;
  block(blockNumber: bigint): Promise<Uint8Array | undefined>;
  /** Committed blocks in order from `from` (default: height), ends when the channel closes or `signal` aborts. */
  blocks(options?: {
    readonly from?: bigint;
    readonly signal?: AbortSignal;
  }): AsyncIterable<{ readonly number: bigint; readonly bytes: Uint8Array }>;
}
