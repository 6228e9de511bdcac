import type { Timer } from "@gossip/runtime";

/** Why a stream ended, for logs, metrics and the other side. */
export interface StreamEnd {
  /** True when it ended in order: closed by one side, without an error. */
  readonly ok: boolean;
  readonly detail: string;
}

/** What the reader of a stream is told; given to `start`, before which nothing is delivered. */
export interface StreamHandlers {
  /** One message, whole. The array belongs to the receiver. */
  onMessage(bytes: Uint8Array): void;
  /** The stream takes more after `send` had returned false. */
  onDrain(): void;
  /** Called exactly once, last. */
  onEnd(end: StreamEnd): void;
}

/**
 * Message-framed bytes between two processes: the seam between protocol and transport.
 *
 * Duties, which `transportCases` of `@gossip/comm/testing` checks: messages MUST arrive whole, in order, at most once;
 * nothing is delivered before `start`; handlers MUST NOT be called from inside a call to the stream; after `onEnd`
 * nothing. A stream whose other side has closed MUST end its own side by itself, after what was sent, and only then call
 * `onEnd`: so whoever dialled can close without losing a message in either direction.
 */
export interface Stream {
  /** Who opened it. */
  readonly direction: "outbound" | "inbound";
  /** Transport address of the other side; for an inbound stream an ephemeral port, not a gossip endpoint. */
  readonly remoteAddress: string;
  /** SHA-256 of the other side's TLS leaf certificate; `undefined` when it presented none or there is no TLS. */
  readonly remoteTlsCertHash: Uint8Array | undefined;
  /** SHA-256 of our own TLS leaf certificate in this role; `undefined` without TLS. */
  readonly localTlsCertHash: Uint8Array | undefined;
  /** Begins delivery. Called once; what came before is delivered then. */
  start(handlers: StreamHandlers): void;
  /** Takes one message always; false means: wait for `onDrain` before the next. After the end it does nothing. */
  send(bytes: Uint8Array): boolean;
  /** Stops (false) or resumes (true) delivery, at once, and so that the other side comes to feel it. */
  setReading(reading: boolean): void;
  /**
   * Ends the stream after what was sent; until `onEnd`, an outbound stream goes on delivering what the other side had
   * sent, an inbound one MAY. With `error`, at once: what is on the way may be lost. A dialler sees the acceptor's
   * `error` in its `onEnd`; an acceptor sees an end, which MAY look like one in order.
   * Idempotent, except that an `error` still cuts short an end in order. `onEnd` follows if the stream was started.
   */
  close(error?: string): void;
}

/** An open stream, not yet authenticated, or why there is none; `detail` is for people. */
export type DialResult =
  | { readonly ok: true; readonly stream: Stream }
  | { readonly ok: false; readonly detail: string };

/** Whether something answered at an endpoint; `detail` says why not, for people. */
export type PingResult = { readonly ok: true } | { readonly ok: false; readonly detail: string };

/** Where streams come from. Callbacks MUST NOT be called from inside the call that registered them. */
export interface Transport {
  /** True when streams are protected by TLS: then both certificate hashes are required in the handshake (page 03 §3.4). */
  readonly secure: boolean;
  /**
   * Opens a stream to `host:port`; `onResult` is called exactly once unless cancelled before. Cancelling closes what was
   * opened; after `onResult` it does nothing. MUST NOT throw, whatever the endpoint is.
   */
  dial(endpoint: string, timeoutMs: number, onResult: (result: DialResult) => void): Timer;
  /** Asks `host:port` for a sign of life, without authentication beyond TLS (page 03 §10). Cancelled as a dial is. */
  ping(endpoint: string, timeoutMs: number, onResult: (result: PingResult) => void): Timer;
  /** From now on, inbound streams are given to `onStream`. Called once. */
  listen(onStream: (stream: Stream) => void): void;
  /** Ends all streams, stops listening; dials and pings in progress fail. Idempotent. */
  close(): Promise<void>;
}
