import { constants, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { type ClientDuplexStream, type ServerDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import type { Stream, StreamEnd, StreamHandlers } from "../ports.js";

/** What goes over a call: the serialized envelope, untouched. */
export type OutboundCall = ClientDuplexStream<Uint8Array, Uint8Array>;
export type InboundCall = ServerDuplexStream<Uint8Array, Uint8Array>;

export interface GrpcStreamOptions {
  readonly remoteAddress: string;
  readonly remoteTlsCertHash: Uint8Array | undefined;
  readonly localTlsCertHash: Uint8Array | undefined;
  readonly writeBufferBytes: number;
  /** The stream has ended; what carried it can go. */
  onOver(stream: GrpcStream): void;
}

/** A call that has got this many messages to write is told to wait, whatever their size. */
const maxPendingWrites = 64;
/** An acceptor that refuses gives its reason this long to reach the other side; then the connection is cut. */
const refusalTimeoutMs = 1000;

/** One GossipStream call as a stream. The two sides of a call differ in how they begin, end and fail. */
export abstract class GrpcStream implements Stream {
  abstract readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly remoteTlsCertHash: Uint8Array | undefined;
  readonly localTlsCertHash: Uint8Array | undefined;
  readonly #options: GrpcStreamOptions;
  readonly #call: OutboundCall | InboundCall;
  #handlers: StreamHandlers | undefined;
  #end: StreamEnd | undefined;
  #isClosing = false;
  #isAborted = false;
  #pendingWrites = 0;
  #pendingBytes = 0;
  #awaitsDrain = false;

  constructor(call: OutboundCall | InboundCall, options: GrpcStreamOptions) {
    this.#call = call;
    this.#options = options;
    this.remoteAddress = options.remoteAddress;
    this.remoteTlsCertHash = options.remoteTlsCertHash;
    this.localTlsCertHash = options.localTlsCertHash;
    readOneAhead(call);
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    if (this.#end !== undefined) queueMicrotask(() => this.#handlers?.onEnd(this.#end as StreamEnd));
    else this.#call.on("data", (bytes: Uint8Array) => this.#onData(bytes));
  }

  send(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isAborted || this.#end !== undefined) return true;
    this.#pendingWrites++;
    this.#pendingBytes += bytes.length;
    // The callback comes when HTTP/2 has taken the message, so flow control of the other side is felt here.
    this.#call.write(bytes, () => this.#onWritten(bytes.length));
    const hasRoom = this.#hasRoom();
    if (!hasRoom) this.#awaitsDrain = true;
    return hasRoom;
  }

  setReading(reading: boolean): void {
    if (reading) this.#call.resume();
    else this.#call.pause();
  }

  close(error?: string): void {
    if (this.#end !== undefined || this.#isAborted) return;
    if (error === undefined) {
      if (this.#isClosing) return;
      this.#isClosing = true;
      this.#call.end();
      return;
    }
    this.#isAborted = true;
    this.abort(error);
    queueMicrotask(() => this.finish({ ok: false, detail: error }));
  }

  /** Ends the call at once, telling the other side as far as gRPC can. */
  protected abstract abort(error: string): void;

  /** The stream is over; the first call counts. */
  finish(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#options.onOver(this);
    this.#handlers?.onEnd(end);
  }

  #onData(bytes: Uint8Array): void {
    if (this.#end === undefined && !this.#isAborted) this.#handlers?.onMessage(bytes);
  }

  #onWritten(bytes: number): void {
    this.#pendingWrites--;
    this.#pendingBytes -= bytes;
    if (!this.#awaitsDrain || !this.#hasRoom() || this.#end !== undefined) return;
    this.#awaitsDrain = false;
    this.#handlers?.onDrain();
  }

  #hasRoom(): boolean {
    return this.#pendingWrites < maxPendingWrites && this.#pendingBytes < this.#options.writeBufferBytes;
  }
}

/** The side that dialled. */
export class OutboundGrpcStream extends GrpcStream {
  readonly direction = "outbound";
  readonly #call: OutboundCall;
  #status: StatusObject | undefined;
  #isReadToEnd = false;

  constructor(call: OutboundCall, options: GrpcStreamOptions) {
    super(call, options);
    this.#call = call;
    call.on("status", (received: StatusObject) => {
      this.#status = received;
      // A failed call has nothing more to read; one that ended well may still have messages in front of its end.
      if (received.code !== status.OK) this.finish({ ok: false, detail: describeStatus(received) });
      else this.#finishWhenRead();
    });
    call.on("end", () => {
      this.#isReadToEnd = true;
      this.#finishWhenRead();
    });
  }

  protected override abort(): void {
    this.#call.cancel();
  }

  #finishWhenRead(): void {
    if (this.#status === undefined || !this.#isReadToEnd) return;
    this.finish({ ok: true, detail: this.isClosing ? "closed" : "closed by the other side" });
  }
}

/** The side that was dialled. */
export class InboundGrpcStream extends GrpcStream {
  readonly direction = "inbound";
  readonly #call: InboundCall;
  readonly #cut: () => void;
  #remoteHasEnded = false;

  /** `cut` ends the connection under the call, whatever is still to be sent. */
  constructor(call: InboundCall, cut: () => void, options: GrpcStreamOptions) {
    super(call, options);
    this.#call = call;
    this.#cut = cut;
    // Errors of the call show as its end; without a listener they would end the process.
    call.on("error", () => {});
    call.on("end", () => {
      this.#remoteHasEnded = true;
      call.end();
    });
    // Comes at the end of every call, however it ended.
    call.on("cancelled", () => this.finish(this.#endOfCall()));
  }

  protected override abort(error: string): void {
    // The documented way to end a call with a status; what was written before goes out first.
    this.#call.emit("error", { code: status.UNKNOWN, details: error.slice(0, 1000) });
    const timer = setTimeout(this.#cut, refusalTimeoutMs);
    timer.unref();
    this.#call.once("cancelled", () => clearTimeout(timer));
  }

  #endOfCall(): StreamEnd {
    // A dialler of Node that cancels ends its side first and resets the stream after, so the end alone says nothing.
    const isReset = (http2StreamOf(this.#call)?.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR;
    if (this.isClosing && !isReset) return { ok: true, detail: "closed" };
    if (this.#remoteHasEnded && !isReset) return { ok: true, detail: "closed by the other side" };
    return { ok: false, detail: "the other side reset the stream, or sent more than a message may have" };
  }
}

/** `UNAVAILABLE: …`, of a failed dial the cause alone, without the sentence and the date that grpc-js puts around it. */
export function describeStatus({ code, details }: Pick<StatusObject, "code" | "details">): string {
  const cause = /Last error: (?:Error: )?(.+?)\.? Resolution note:/s.exec(details)?.[1] ?? details;
  return `${status[code] ?? code}: ${cause.replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)/g, "")}`;
}

/**
 * The HTTP/2 stream under an accepted call. grpc-js has no public way to it; without it, an end cannot be told from a
 * reset, nor a window widened, and the conformance cases fail.
 */
export function http2StreamOf(call: InboundCall): ServerHttp2Stream | undefined {
  const { call: inner } = call as { call?: { stream?: ServerHttp2Stream } };
  return inner?.stream;
}

/**
 * A readable stream of objects reads sixteen ahead, which for messages of up to 100 MiB is a lot of memory on a stream
 * that was paused. There is no public way to ask a call of grpc-js for less.
 */
function readOneAhead(call: Readable): void {
  const { _readableState: state } = call as { _readableState?: { highWaterMark?: number } };
  if (state?.highWaterMark !== undefined) state.highWaterMark = 1;
}
