import type { PkiId } from "@gossip/proto";
import type {
  DigestReceived,
  HelloReceived,
  PullDropReason,
  PullOutput,
  PullPeer,
  RequestReceived,
  UpdateReceived,
} from "@gossip/pull";
import type { MapEntry } from "./entry.js";
import type { EntryRefusal } from "./store.js";

/** The user writes. `value` is `undefined` to delete. */
export interface WriteRequested {
  readonly type: "write";
  /** Names the write in the answer; not used twice. */
  readonly id: number;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** Answer to `sign`. */
export interface Signed {
  readonly type: "signed";
  readonly id: number;
  readonly entry: MapEntry;
}

/** Answer to `sign` that failed; the write is forgotten. */
export interface SignFailed {
  readonly type: "sign-failed";
  readonly id: number;
}

/** A peer pushed an entry, whose signature the gate has checked after asking `refusal`. */
export interface EntryReceived {
  readonly type: "entry";
  readonly entry: MapEntry;
  readonly from: PkiId;
}

/** A hello with the summary of what its sender holds. */
export interface SharedHelloReceived extends HelloReceived {
  readonly summary: Uint8Array;
}

/** A peer that keeps the map came: its news is wanted, and ours for it. */
export interface PeerUp {
  readonly type: "peer-up";
  readonly peer: PullPeer;
}

/** An author is not trusted any more: its certificate has expired, or was revoked. */
export interface AuthorRemoved {
  readonly type: "author-removed";
  readonly author: PkiId;
}

/** Everything `SharedMap` takes, besides `wake`: each with the wall clock, in milliseconds since 1970. */
export type SharedMapInput = { readonly wallMs: number } & (
  | WriteRequested
  | Signed
  | SignFailed
  | EntryReceived
  | SharedHelloReceived
  | DigestReceived
  | RequestReceived
  | UpdateReceived<MapEntry>
  | PeerUp
  | AuthorRemoved
);

/** Make and sign an entry with this content, answer `signed`. */
export interface Sign {
  readonly type: "sign";
  readonly id: number;
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly counter: bigint;
}

/** The end of a write. */
export interface Written {
  readonly type: "written";
  readonly id: number;
  /** `superseded` when a newer write of the key came while this one was signed; `nothing-to-delete` when the key has no value. */
  readonly outcome: "stored" | "superseded" | "nothing-to-delete" | "author-full" | "map-full";
}

/** Send these entries to this peer, which is likely to lack them. */
export interface Push {
  readonly type: "push";
  readonly to: PkiId;
  readonly entries: readonly MapEntry[];
}

/** A key has another value now, or none. */
export interface Change {
  readonly type: "change";
  readonly key: string;
  /** `undefined` when the key has no value any more. */
  readonly entry: MapEntry | undefined;
  readonly previous: MapEntry | undefined;
  /** `removed` when it went without a newer write: its author is not trusted any more, or has written too much since. */
  readonly cause: "written" | "deleted" | "removed";
}

/** Something of a peer was refused. */
export interface SharedMapDropped {
  readonly type: "dropped";
  readonly reason: SharedMapDropReason;
  readonly from: PkiId;
  readonly count: number;
}

/** Why; closed, since it labels a metric. */
export type SharedMapDropReason = EntryRefusal | PullDropReason;

/** Begin an exchange, with the summary of what we hold. */
export interface SendSharedHello {
  readonly type: "send-hello";
  readonly to: PullPeer;
  readonly nonce: bigint;
  readonly summary: Uint8Array;
}

/** Everything `SharedMap` says. */
export type SharedMapOutput =
  | Sign
  | Written
  | Push
  | Change
  | SharedMapDropped
  | SendSharedHello
  | Extract<PullOutput<MapEntry>, { readonly type: "send-digest" | "send-request" | "send-update" }>;
