import type { Stream, StreamEnd, StreamHandlers } from "@gossip/comm";
import type { Clock, Millis, Timer } from "@gossip/runtime";
import type { Host } from "./host.js";
import type { Trace } from "./trace.js";

export interface LinkOptions {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly breakAfterMs: Millis;
  readonly windowBytes: number;
  latency(): Millis;
  onEnd(streams: readonly SimStream[]): void;
}

/** The two ends of one connection and what is under way between them. */
export class Link {
  readonly outbound: SimStream;
  readonly inbound: SimStream;
  readonly a: string;
  readonly b: string;
  readonly options: LinkOptions;
  #breaking: Timer | undefined;
  isHeld = false;

  constructor(dialler: Host, listener: Host, options: LinkOptions) {
    this.a = dialler.endpoint;
    this.b = listener.endpoint;
    this.options = options;
    this.outbound = new SimStream(this, "outbound", dialler, listener);
    this.inbound = new SimStream(this, "inbound", listener, dialler);
    this.outbound.other = this.inbound;
    this.inbound.other = this.outbound;
  }

  /** Nothing arrives any more, what is on its way included. */
  hold(): void {
    this.isHeld = true;
    for (const stream of [this.outbound, this.inbound]) stream.flush();
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    for (const stream of [this.outbound, this.inbound]) stream.flush();
  }

  /** Breaks the connection when keepalives stay unanswered for too long. */
  watch(isUnanswered: boolean): void {
    if (isUnanswered === (this.#breaking !== undefined)) return;
    this.#breaking?.cancel();
    const { clock, breakAfterMs } = this.options;
    this.#breaking = isUnanswered
      ? clock.schedule(clock.now() + breakAfterMs, () => this.break("no answer to keepalive"))
      : undefined;
  }

  break(detail: string): void {
    this.#breaking?.cancel();
    for (const stream of [this.outbound, this.inbound]) stream.break({ ok: false, detail });
    this.options.onEnd([this.outbound, this.inbound]);
  }
}

type InFlight = { readonly bytes: Uint8Array } | { readonly end: StreamEnd };

export class SimStream implements Stream {
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly remoteTlsCertHash: Uint8Array;
  readonly localTlsCertHash: Uint8Array;
  readonly #link: Link;
  readonly #local: Host;
  other!: SimStream;
  #handlers: StreamHandlers | undefined;
  /** Sent to this end, in order; each is delivered when its time has come and the ones before it are. */
  readonly #arriving: { readonly at: Millis; readonly item: InFlight }[] = [];
  #arrivingBytes = 0;
  #lastAt: Millis = 0;
  #reading = true;
  #isFull = false;
  #timer: Timer | undefined;
  /** `closing` from our own close in order on, until the other side has ended too. */
  #state: "open" | "closing" | "ended" = "open";
  /** With what this side ends now, without waiting for anything under way. */
  #brokenBy: StreamEnd | undefined;

  constructor(link: Link, direction: "outbound" | "inbound", local: Host, remote: Host) {
    this.#link = link;
    this.direction = direction;
    this.#local = local;
    this.remoteAddress = remote.endpoint;
    this.localTlsCertHash = local.certHash;
    this.remoteTlsCertHash = remote.certHash;
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.flush();
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state !== "open" || this.#brokenBy !== undefined) return true;
    // A copy, as on a real wire: what the sender does with its buffer later is not seen by the receiver.
    this.other.#enqueue({ bytes: new Uint8Array(bytes) });
    this.other.#isFull = this.other.#arrivingBytes > this.#link.options.windowBytes;
    return !this.other.#isFull;
  }

  setReading(reading: boolean): void {
    this.#reading = reading;
    if (reading) this.flush();
  }

  close(error?: string): void {
    if (this.#state === "ended" || this.#brokenBy !== undefined) return;
    if (error !== undefined) {
      this.other.#enqueue({ end: { ok: false, detail: error } });
      this.break({ ok: false, detail: error });
    } else if (this.#state === "open") {
      this.#state = "closing";
      this.other.#enqueue({ end: { ok: true, detail: "closed by the other side" } });
    }
  }

  /** Ends this side now, whatever is under way. */
  break(end: StreamEnd): void {
    if (this.#state === "ended" || this.#brokenBy !== undefined) return;
    this.#brokenBy = end;
    this.flush();
  }

  /** Delivers what is due, or arranges to be woken when the next is. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#handlers === undefined || this.#state === "ended") return;
    const { process } = this.#local;
    const end = this.#brokenBy;
    if (end !== undefined) {
      this.#timer = process.onNetwork(this.#link.options.clock.now(), () => this.#end(end));
      return;
    }
    const next = this.#arriving[0];
    if (next === undefined || this.#link.isHeld) return;
    const isUrgent = "end" in next.item && !next.item.end.ok;
    if (!this.#reading && !isUrgent) return;
    this.#timer = process.onNetwork(next.at, () => this.#deliver());
  }

  #enqueue(item: InFlight): void {
    if (this.#state === "ended") return;
    const { clock, latency } = this.#link.options;
    this.#lastAt = Math.max(this.#lastAt, clock.now() + latency());
    this.#arriving.push({ at: this.#lastAt, item });
    if ("bytes" in item) this.#arrivingBytes += item.bytes.length;
    if (this.#arriving.length === 1) this.flush();
  }

  #deliver(): void {
    const next = this.#arriving.shift();
    if (next === undefined) return;
    if ("end" in next.item) return this.#onOtherEnd(next.item.end);
    const { bytes } = next.item;
    const { clock, trace, windowBytes } = this.#link.options;
    trace.add({ at: clock.now(), what: "deliver", from: this.remoteAddress, to: this.#local.endpoint, bytes });
    this.#arrivingBytes -= bytes.length;
    this.#handlers?.onMessage(bytes);
    if (this.#isFull && this.#arrivingBytes <= windowBytes / 2) {
      this.#isFull = false;
      const sender = this.other;
      const drain = () => sender.#state === "open" && sender.#handlers?.onDrain();
      sender.#local.process.onNetwork(clock.now(), drain);
    }
    this.flush();
  }

  /** Who is told of an end in order ends too, after what it has sent; who has begun is done then. */
  #onOtherEnd(end: StreamEnd): void {
    if (this.#state === "closing" && end.ok) return this.#end({ ok: true, detail: "closed" });
    if (this.#state === "open" && end.ok) this.other.#enqueue({ end });
    this.#end(end);
  }

  #end(end: StreamEnd): void {
    const { clock, trace, onEnd } = this.#link.options;
    trace.add({ at: clock.now(), what: "end", from: this.remoteAddress, to: this.#local.endpoint });
    this.#state = "ended";
    this.#arriving.length = 0;
    if (this.other.#state === "ended") onEnd([this, this.other]);
    this.#handlers?.onEnd(end);
  }
}
