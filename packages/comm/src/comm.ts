// CONTRACT (implemented by the comm author; names and shapes are final unless the brief's owner agrees)
import type { Envelope, PkiId } from "@gossip/proto";
import type { IdentityStore, MessageCryptoService, RejectReason, SecurityAdvisor } from "@gossip/crypto";
import type { Clock, Logger, Metrics, Random, WallClock } from "@gossip/runtime";
import type { Transport } from "./ports.js";

/** Where to send: the PKI-ID is empty while unknown (bootstrap and anchor endpoints). */
export interface RemotePeer { readonly pkiId: PkiId; readonly endpoint: string }

/** What the handshake proved about the other side of a stream. Payload and signature are kept: they are its credential for channel policies (page 01 §3.6). */
export interface ConnectionInfo {
  readonly pkiId: PkiId;
  readonly identity: Uint8Array;
  readonly remoteAddress: string;
  /** The remote ConnEstablish payload and its signature. */
  readonly handshake: { readonly payload: Uint8Array; readonly signature: Uint8Array };
  readonly direction: "outbound" | "inbound";
}

/** One received message with the connection it came on. */
export interface Received {
  readonly from: ConnectionInfo;
  readonly bytes: Uint8Array;
  /** Sends on this very connection (never a new dial); dropped with a reason when it is gone or its queue full. */
  respond(envelope: Envelope, lane?: Lane): void;
  /** MUST be called once the message is handled; the stream is paused while too many (count or bytes) are outstanding. */
  done(): void;
}

/** Queue a message waits in: control before blocks before bulk; each lane is bounded in messages and bytes. */
export type Lane = "control" | "block" | "bulk";

/** Why a message was not sent, a connection was refused or ended. Closed: it labels metrics. */
export type CommDropReason =
  | "queue-full" | "dial-failed" | "backing-off" | "connection-lost" | "not-connected" | "too-large" | "closing";
export type HandshakeFailure =
  | RejectReason | "no-tls-certificate" | "tls-hash-mismatch" | "handshake-timeout" | "not-a-conn-message" | "malformed-conn"
  | "stream-ended" | "unexpected-pki-id" | "self-connection" | "too-many-handshakes" | "signing-failed" | "probe" | "closing";

export type CommEvent =
  | { readonly type: "connected"; readonly info: ConnectionInfo }
  | { readonly type: "disconnected"; readonly pkiId: PkiId; readonly detail: string }
  /** The last connection to a member failed or could not be made (page 03 §7). */
  | { readonly type: "presumed-dead"; readonly pkiId: PkiId; readonly endpoint: string; readonly detail: string }
  /** A known endpoint now proves another PKI-ID of the same organization (page 03 §6.4). */
  | { readonly type: "identity-switch"; readonly old: PkiId; readonly current: PkiId }
  | { readonly type: "handshake-refused"; readonly direction: "outbound" | "inbound"; readonly remoteAddress: string; readonly claimed: PkiId; readonly org: string; readonly reason: HandshakeFailure; readonly detail: string }
  | { readonly type: "dropped"; readonly pkiId: PkiId; readonly reason: CommDropReason; readonly bytes: number };

export type ProbeResult = { readonly ok: true; readonly info: ConnectionInfo } | { readonly ok: false; readonly reason: HandshakeFailure | "dial-failed"; readonly detail: string };

export interface CommOptions {
  readonly transport: Transport;
  readonly crypto: MessageCryptoService;
  readonly advisor: SecurityAdvisor;
  readonly identities: IdentityStore;
  /** Own serialized identity. */
  readonly identity: Uint8Array;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly random: Random;
  readonly config: CommConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  onMessage(received: Received): void;
  onEvent(event: CommEvent): void;
}

export interface CommConfig {
  readonly dialTimeoutMs: number;      // 3000
  readonly connTimeoutMs: number;      // 2000
  readonly sendBufferSize: number;     // messages per lane, 200
  readonly sendBufferBytes: number;    // per peer, 128 MiB (must admit one 100 MiB message)
  readonly recvBufferSize: number;     // outstanding messages per connection, 20
  readonly recvBufferBytes: number;
  readonly maxMessageBytes: number;    // 100 MiB
  readonly maxConnections: number;
  readonly maxPendingHandshakes: number;
}

export interface ConnectionView { readonly pkiId: PkiId; readonly direction: "outbound" | "inbound"; readonly remoteAddress: string; readonly queuedMessages: number; readonly queuedBytes: number }

/** The communication layer: authenticated connections keyed by PKI-ID, one per peer. */
export interface Comm {
  readonly pkiId: PkiId;
  /** Best effort, never throws; what is not sent is reported as a `dropped` event. Order per peer is kept, during dialling too. */
  send(peer: RemotePeer, envelope: Envelope, lane?: Lane): void;
  /** Dial, authenticate with `probe`, close: learns who answers at an endpoint (page 03 §10 "Handshake"). */
  handshake(endpoint: string, onResult: (result: ProbeResult) => void): void;
  /** Dial and ping, nothing authenticated beyond TLS (page 03 §10 "Probe"). */
  ping(endpoint: string, onResult: (alive: boolean) => void): void;
  /** Closes the connection to a PKI-ID, if any; a later send dials again. */
  disconnect(pkiId: PkiId, detail: string): void;
  readonly connections: readonly ConnectionView[];
  /** Closes connections in order, then the transport. Idempotent. */
  close(): Promise<void>;
}
export declare const commDefaults: CommConfig;
export declare function createComm(options: CommOptions): Comm;
