import type { PkiId } from "@gossip/proto";
import type { Millis } from "@gossip/runtime";
import type { ConnectionInfo } from "./handshake.js";
import type { QueuedMessage, SendQueue } from "./send-queue.js";
import type { DialId, StreamId } from "./table-types.js";

/** One authenticated stream. */
export interface Connection {
  readonly stream: StreamId;
  readonly info: ConnectionInfo;
  readonly peer: Peer;
  readonly openedAt: Millis;
  phase: "open" | "retired" | "closing";
  /** It has a message, or asked us to wait. */
  busy: boolean;
  /** Written while provisional; `undefined` once confirmed. */
  provisional: QueuedMessage[] | undefined;
  provisionalBytes: number;
}

/** An attempt to reach a peer. */
export interface Dial {
  readonly id: DialId;
  readonly endpoint: string;
  phase: "delayed" | "queued" | "dialling" | "establishing";
}

/** Everything the table holds of one peer. */
export interface Peer {
  /** The PKI-ID, or `@` and the endpoint while that is unknown. */
  readonly key: string;
  readonly pkiId: PkiId;
  /** Where it was last said to be; empty when it only ever dialled us. */
  endpoint: string;
  /** Where we dialled and found it; sends that know only this endpoint are for it. */
  provenEndpoint: string;
  readonly queue: SendQueue;
  /** In order of opening. */
  readonly connections: Set<Connection>;
  active: Connection | undefined;
  /** A replaced connection whose end is awaited before the active one is written to. */
  hold: Connection | undefined;
  dial: Dial | undefined;
  /** The one redial after a loss was spent; given back when a connection is confirmed. */
  hasRedialled: boolean;
  usedAt: Millis;
}

/** Timers of the table, by what they are about. */
export type TimerName = `${"grace" | "hold" | "redial"} ${string}` | `${"confirm" | "retire" | "close"} ${StreamId}`;

/** Whether the peer has a stream that can be written to. */
export function isConnected(peer: Peer): boolean {
  for (const connection of peer.connections) if (isOpen(connection)) return true;
  return false;
}

/** Neither replaced nor closed. */
export function isOpen(connection: Connection): boolean {
  return connection.phase === "open";
}
