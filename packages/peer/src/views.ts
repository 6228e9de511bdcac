/** Answer of `GET /gossip/members`. Numbers of 64 bits are decimal strings; fields are only ever added. */
export interface MembersView {
  readonly self: SelfView;
  /** Alive members first, then dead ones; within each by PKI-ID. Self excluded. */
  readonly members: readonly MemberEntry[];
  readonly connections: readonly ConnectionEntry[];
  /** What was dropped since start, by reason, e.g. `{"gate/not-news": 3}`. */
  readonly drops: Readonly<Record<string, number>>;
  /** Who and what was refused, newest last. */
  readonly refusals: readonly RefusalEntry[];
}

/** The peer that answers; a new `incarnation` tells that it was started again. */
export interface SelfView {
  readonly id: string;
  readonly pkiId: string;
  readonly org: string;
  readonly endpoint: string;
  readonly incarnation: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** When the own identity expires, RFC 3339; `null` for never. */
  readonly expiresAt: string | null;
}

/** A peer of any organization as this peer sees it; two peers may see it differently for a while. */
export interface MemberEntry {
  readonly pkiId: string;
  /** `null` while the member's identity is unknown. */
  readonly org: string | null;
  /** External endpoint; may be empty. */
  readonly endpoint: string;
  /** Known for members of the own organization only; else empty. */
  readonly internalEndpoint: string;
  readonly state: "alive" | "dead";
  readonly incarnation: string;
  readonly sequence: string;
  /** Milliseconds since it was last heard of. */
  readonly lastSeenMs: number;
  /** When its identity expires, RFC 3339; `null` for never, and while the identity is unknown. */
  readonly expiresAt: string | null;
}

/** An open connection to another peer; a queue that keeps growing shows who takes messages too slowly. */
export interface ConnectionEntry {
  readonly pkiId: string;
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

/** Something this peer did not accept, and why; repetitions are counted in one entry. */
export interface RefusalEntry {
  /** When it last happened, RFC 3339. */
  readonly at: string;
  readonly what: "handshake" | "message" | "block";
  readonly from: string;
  readonly org: string;
  readonly reason: string;
  readonly detail: string;
  readonly count: number;
}

/** A peer that declares itself leader of our organization in a channel. */
export interface LeaderEntry {
  readonly pkiId: string;
  /** Milliseconds since its last declaration. */
  readonly lastSeenMs: number;
}

/** Who leads our organization in a channel, as this peer knows. */
export interface LeadershipEntry {
  /** Leader by its operator's word; elected or standing for it; or neither. */
  readonly mode: "static" | "elected" | "none";
  /** PKI-ID, this peer's own included; `null` for nobody, and where this peer does not take part. */
  readonly leader: string | null;
  /** Gave up leadership, and leaves it to others for a while. */
  readonly yielding: boolean;
  /** Changes, newest last. */
  readonly history: readonly LeadershipChangeEntry[];
}

/** One change of who leads. */
export interface LeadershipChangeEntry {
  /** As RFC 3339 has it. */
  readonly at: string;
  readonly leader: string | null;
  readonly previous: string | null;
  readonly reason: string;
}

/** Answer of `GET /gossip/channels`. */
export interface ChannelsView {
  /** By name. */
  readonly channels: readonly ChannelEntry[];
}

/** How far this peer is with one channel and whom it shares it with; the height counts blocks, block 0 included. */
export interface ChannelEntry {
  readonly channel: string;
  readonly height: string;
  /** Whether this peer takes the blocks of its organization from the orderer. */
  readonly leader: boolean;
  /** Other peers that declare themselves leaders of our organization, by PKI-ID. */
  readonly leaders: readonly LeaderEntry[];
  readonly leadership: LeadershipEntry;
  readonly lastBlock: { readonly number: string /** Lower-case hex. */; readonly hash: string } | null;
  /** Blocks and bytes that wait for commit. */
  readonly buffered: { readonly blocks: number; readonly bytes: number };
  readonly health: { readonly ok: true } | { readonly ok: false; readonly detail: string };
  /** Members of the channel as their state infos say, self excluded, by PKI-ID. */
  readonly members: readonly ChannelMemberEntry[];
  /** The connection to the orderers; `null` when this peer is no leader. */
  readonly deliver: DeliverEntry | null;
}

/** Another peer of the channel; its height beside our own shows who is behind. */
export interface ChannelMemberEntry {
  readonly pkiId: string;
  readonly org: string | null;
  readonly endpoint: string;
  readonly internalEndpoint: string;
  readonly state: "alive" | "dead";
  readonly height: string;
  readonly lastSeenMs: number;
}

/** How the orderers are being read. */
export interface DeliverEntry {
  /** `waiting`: all orderers failed, and none is due yet. */
  readonly state: "waiting" | "connecting" | "streaming" | "stopped";
  /** The orderer in use; `null` between two. */
  readonly endpoint: string | null;
  /** Number of the block asked for next. */
  readonly next: string;
  readonly failures: number;
  /** What went wrong last, until a block arrives. */
  readonly lastFailure: string | null;
}

/** Answer of `GET /healthz`: Fabric's fields, and `checks` beside them. */
export interface HealthView {
  readonly status: "OK" | "Service Unavailable";
  /** RFC 3339. */
  readonly time: string;
  /** Absent when nothing failed. */
  readonly failed_checks?: readonly { readonly component: string; readonly reason: string }[];
  /** Every check with what it found; `gossip` is there to inform and never fails. */
  readonly checks: readonly HealthCheck[];
}

/** What a check found. */
export interface HealthCheck {
  /** `gossip`, or `channel/` and a channel's name. */
  readonly component: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** One line of the answer of `GET /gossip/channels/CHANNEL/blocks`. */
export interface BlockEntry {
  readonly number: string;
  /** Lower-case hex. */
  readonly hash: string;
  /** Lower-case hex; empty for block 0. */
  readonly previousHash: string;
  /** Configuration is none. */
  readonly transactions: readonly TransactionEntry[];
}

/** One transaction of a block, short enough to compare the ledgers of two peers by. */
export interface TransactionEntry {
  /** `message` for what our own clients submit, `endorser-transaction` for Fabric's. */
  readonly type: string;
  /** Where it has one. */
  readonly txId?: string;
  /** Bytes of the data that was submitted. */
  readonly size: number;
  /** Lower-case hex of the SHA-256 of that data. */
  readonly sha256: string;
  /** The data of a message, when it is text. */
  readonly text?: string;
}
