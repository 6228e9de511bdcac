import type { PkiId } from "@gossip/proto";
import type { Feature } from "./features.js";
import type { ConnectionInfo } from "./handshake.js";
import type { Lane } from "./send-queue.js";

/** Where to send: the PKI-ID is empty while unknown (bootstrap and anchor endpoints). */
export interface RemotePeer {
  readonly pkiId: PkiId;
  readonly endpoint: string;
}

/** Why a message was not sent. Closed: it labels metrics. */
export type CommDropReason =
  | "queue-full"
  /** All queues together hold too much, and this peer's the most. */
  | "over-budget"
  | "dial-failed"
  | "backing-off"
  | "connection-lost"
  | "not-connected"
  | "too-large"
  /** Its connection is to a build without the feature that the message is of. */
  | "not-understood"
  | "closing";

/** A connection as seen from outside. */
export interface ConnectionView {
  readonly pkiId: PkiId;
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
}

export interface ConnectionTableConfig {
  readonly maxConnections: number;
  /** Dials in progress; further ones wait their turn. */
  readonly maxDials: number;
  readonly sendBufferSize: number;
  readonly sendBufferBytes: number;
  /** Of all peers together. */
  readonly maxQueuedBytes: number;
  readonly maxMessageBytes: number;
  /** How long two streams to one peer are both kept. Longer than a handshake takes, or both sides may judge differently. */
  readonly graceMs: number;
  /** After this long without an end, the other side has evidently accepted us. */
  readonly confirmMs: number;
  /** Longest wait for the end of a replaced stream before its successor is written to. */
  readonly holdMs: number;
  /** After this a stream that was closed in order is aborted. */
  readonly closeMs: number;
  /** Random wait before the one redial after a loss, so that both sides do not dial at the same moment. */
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** Wait after a failed dial, and its limit; it doubles with each failure. */
  readonly backOffMinMs: number;
  readonly backOffMaxMs: number;
}

/** The part of the configuration that is about times of the table itself. */
export const tableTimes = Object.freeze({
  graceMs: 5000,
  confirmMs: 1000,
  holdMs: 2000,
  closeMs: 10_000,
  redialMinMs: 50,
  redialMaxMs: 250,
  backOffMinMs: 500,
  backOffMaxMs: 10_000,
});

/** Numbers of streams and dials, given by the shell and the table respectively. */
export type StreamId = number;
export type DialId = number;

export type TableInput =
  | {
      readonly type: "send";
      readonly peer: RemotePeer;
      readonly bytes: Uint8Array;
      readonly lane: Lane;
      /** Only for a connection whose other side named it. */
      readonly feature?: Feature;
      /** The nonce under which its acknowledgement is awaited. */
      readonly awaited?: bigint;
    }
  /** To a connected peer, and never a reason to dial. */
  | { readonly type: "respond"; readonly pkiId: PkiId; readonly bytes: Uint8Array; readonly lane: Lane }
  | { readonly type: "disconnect"; readonly pkiId: PkiId; readonly detail: string }
  | { readonly type: "close" }
  /** Our ConnEstablish is on its way: from now on the other side may drop its own dial in favour of ours. */
  | { readonly type: "establish-sent"; readonly dial: DialId }
  | { readonly type: "dialled"; readonly dial: DialId; readonly stream: StreamId; readonly info: ConnectionInfo }
  | { readonly type: "dial-failed"; readonly dial: DialId; readonly detail: string }
  /** A stream to an endpoint that no dial of the table had asked for. */
  | { readonly type: "contacted"; readonly endpoint: string; readonly stream: StreamId; readonly info: ConnectionInfo }
  | { readonly type: "accepted"; readonly stream: StreamId; readonly info: ConnectionInfo }
  | { readonly type: "received"; readonly stream: StreamId }
  /** The stream took the message; `more` is false while it wants no further one. */
  | { readonly type: "written"; readonly stream: StreamId; readonly more: boolean }
  | { readonly type: "drained"; readonly stream: StreamId }
  | { readonly type: "ended"; readonly stream: StreamId; readonly ok: boolean; readonly detail: string };

export type TableOutput =
  | { readonly type: "dial"; readonly dial: DialId; readonly endpoint: string; readonly expected: PkiId }
  /** The dial is not wanted any more, at whatever stage it is. */
  | { readonly type: "abandon"; readonly dial: DialId }
  /** Hand this to the stream, answer `written`. */
  | { readonly type: "write"; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** End in order, after what was written. With `deaf`, deliver nothing more from it. */
  | { readonly type: "close"; readonly stream: StreamId; readonly deaf: boolean }
  | { readonly type: "abort"; readonly stream: StreamId; readonly detail: string }
  | { readonly type: "connected"; readonly info: ConnectionInfo }
  | { readonly type: "disconnected"; readonly pkiId: PkiId; readonly detail: string }
  | { readonly type: "presumed-dead"; readonly pkiId: PkiId; readonly endpoint: string; readonly detail: string }
  | { readonly type: "identity-switch"; readonly old: PkiId; readonly current: PkiId }
  | {
      readonly type: "dropped";
      readonly pkiId: PkiId;
      readonly reason: CommDropReason;
      readonly bytes: number;
      /** As it was given with the message. */
      readonly awaited?: bigint;
    };
