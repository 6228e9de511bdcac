import type { LeadershipMessage, PeerTime, PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";

/** A peer that could lead: of our organization, alive, in the channel. */
export interface Candidate {
  readonly pkiId: PkiId;
  /** Blocks in its ledger, as it says. */
  readonly height: bigint;
}

/** Takes part from now on. */
export interface StartElection {
  readonly type: "start";
}

/** Takes part no more: says nothing, and stops delivery if this node leads. */
export interface StopElection {
  readonly type: "stop";
}

/** The whole view of now: alive eligible members of the channel of our own organization, self excluded. */
export interface ViewChanged {
  readonly type: "view";
  readonly peers: readonly Candidate[];
}

/** Our own ledger has grown. */
export interface HeightChanged {
  readonly type: "height";
  readonly height: bigint;
}

/** A leadership message, verified, of our organization, newer than its author's last. */
export interface LeadershipReceived {
  readonly type: "message";
  readonly message: LeadershipMessage;
}

/** Give up leadership, because delivery does not work, or somebody wants it. Does nothing to one that does not lead. */
export interface YieldLeadership {
  readonly type: "yield";
  readonly reason: YieldReason;
}

/** Why a leader is told to yield. */
export type YieldReason = "no-orderer" | "delivery-failed" | "requested";

/** Everything `Election` takes, besides `wake`. */
export type ElectionInput =
  | StartElection
  | StopElection
  | ViewChanged
  | HeightChanged
  | LeadershipReceived
  | YieldLeadership;

/** Sign a leadership message of ours and send it directly to every member of the view. */
export interface SendLeadership {
  readonly type: "send";
  readonly time: PeerTime;
  readonly isDeclaration: boolean;
}

/** We lead: start delivery. */
export interface LeadershipGained {
  readonly type: "gained";
  readonly reason: LeadershipReason;
}

/** We lead no more: stop delivery. */
export interface LeadershipLost {
  readonly type: "lost";
  readonly reason: LeadershipReason;
}

/** Whoever leads, us or another, changed. */
export interface LeadershipRecorded {
  readonly type: "recorded";
  readonly record: LeadershipRecord;
}

/** A message was refused. */
export interface LeadershipDropped {
  readonly type: "dropped";
  readonly reason: ElectionDropReason;
  readonly from: PkiId;
}

/** Everything `Election` says. */
export type ElectionOutput =
  | SendLeadership
  | LeadershipGained
  | LeadershipLost
  | LeadershipRecorded
  | LeadershipDropped;

/** A change of leader. */
export interface LeadershipRecord {
  readonly at: Millis;
  /** Who leads from now on; `undefined` when nobody is known to. */
  readonly leader: PkiId | undefined;
  readonly previous: PkiId | undefined;
  readonly reason: LeadershipReason;
}

/** Why the leader changed; closed, since it labels a metric. */
export type LeadershipReason =
  /** We stood, and nobody objected. */
  | "elected"
  /** Another declared itself. */
  | "declared"
  /** We led, and a peer of a lower PKI-ID declared itself. */
  | "deposed"
  /** The leader was not heard for `leaderAliveThresholdMs`. */
  | "silent"
  /** The leader died, left the channel, or proposes, which leaders do not. */
  | "left"
  /** We led, and were more than `maxLagBlocks` behind for too long, or another that is ahead leads too. */
  | "fell-behind"
  /** The leader claimed a height, and our ledger did not grow under it. */
  | "unproven"
  /** The election was stopped. */
  | "stopped"
  | YieldReason;

/** Why a message was refused; closed, since it labels a metric. */
export type ElectionDropReason =
  /** Before `start`, or after `stop`. */
  | "not-running"
  /** It names us as its author. */
  | "own-message"
  /** Its author is not in the view. A declaration still puts our own standing off, once. */
  | "not-in-view"
  /** A declaration of one whose claim of a height has proved empty. */
  | "unproven-claim";
