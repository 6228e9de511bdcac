/**
 * A network that exists only in virtual time: the transport port of `@gossip/comm` over simulated streams.
 *
 * Streams behave like TCP: bytes arrive in order or the connection breaks; nothing is lost in the middle. A partition
 * stalls what crosses it, and breaks a stream that stalls longer than `breakAfterMs`, as keepalives would.
 * Vocabulary of faults: partition, heal, delay, lose (a connection), crash, restart.
 */

import type { DialResult, PingResult, Stream, StreamEnd, StreamHandlers, Transport } from "@gossip/comm";
import { sha256 } from "@gossip/crypto";
import { type Clock, fraction, GossipError, type Millis, type Random, type Timer } from "@gossip/runtime";
import { Trace } from "./trace.js";

/** How the simulated network behaves; clock and random source come from outside, so that a run can be repeated. */
export interface SimNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** One-way delay of a message, drawn for each between these. Default 1 to 10 ms. */
  readonly latencyMs?: { readonly min: Millis; readonly max: Millis };
  /** How long a stream survives a partition. Default 20,000 ms. */
  readonly breakAfterMs?: Millis;
  /** Bytes on their way, per stream and direction, after which a sender is asked to wait. Default 1 MiB. */
  readonly windowBytes?: number;
}

interface Host {
  readonly endpoint: string;
  readonly streams: Set<SimStream>;
  onStream: ((stream: Stream) => void) | undefined;
  /** Grows with each crash, so that what was scheduled before does not reach the next life. */
  life: number;
}

/** @example
 * const network = new SimNetwork({ clock, random: seededRandom(42) });
 * const transport = network.transport("peer0:7051");
 * network.partition([["peer0:7051"], ["peer1:7051", "peer2:7051"]]);
 */
export class SimNetwork {
  readonly trace = new Trace();
  readonly #options: Required<SimNetworkOptions>;
  readonly #hosts = new Map<string, Host>();
  readonly #links = new Set<Link>();
  /** Side of the partition each host is on; hosts not named are on side 0. */
  #sides = new Map<string, number>();
  #extraDelayMs: Millis = 0;

  constructor(options: SimNetworkOptions) {
    this.#options = { latencyMs: { min: 1, max: 10 }, breakAfterMs: 20_000, windowBytes: 1024 * 1024, ...options };
  }

  /** The transport of the host at this endpoint. A host that was closed or crashed can be opened again. */
  transport(endpoint: string): Transport {
    const host: Host = this.#hosts.get(endpoint) ?? { endpoint, streams: new Set(), onStream: undefined, life: 0 };
    this.#hosts.set(endpoint, host);
    return {
      secure: true,
      dial: (target, timeoutMs, onResult) => this.#dial(host, target, timeoutMs, onResult),
      ping: (target, timeoutMs, onResult) => this.#ping(host, target, timeoutMs, onResult),
      listen: (onStream) => {
        if (host.onStream !== undefined)
          throw new GossipError("conflict", `expected ${endpoint} to be free, it is taken`);
        host.onStream = onStream;
      },
      close: async () => {
        host.onStream = undefined;
        for (const stream of [...host.streams]) stream.close();
      },
    };
  }

  /** Cuts the network into groups that do not reach each other. Hosts that are not named form a group of their own. */
  partition(groups: readonly (readonly string[])[]): void {
    this.#fault(`partition ${groups.map((group) => group.join(",")).join(" | ")}`);
    this.#sides = new Map(groups.flatMap((group, side) => group.map((endpoint) => [endpoint, side + 1] as const)));
    for (const link of this.#links) if (this.isCut(link.a, link.b)) link.stall();
  }

  /** Joins all groups again; stalled streams go on. */
  heal(): void {
    this.#fault("heal");
    this.#sides = new Map();
    for (const link of this.#links) link.resume();
  }

  /** Delays every message by this much more, from now on. */
  delay(extraMs: Millis): void {
    this.#fault(`delay ${extraMs}`);
    this.#extraDelayMs = extraMs;
  }

  /** Breaks the connections between two hosts, now. New ones can be made. */
  lose(a: string, b: string): void {
    this.#fault(`lose ${a} ${b}`);
    for (const link of [...this.#links]) {
      if ((link.a === a && link.b === b) || (link.a === b && link.b === a)) link.break("connection lost");
    }
  }

  /** Ends a host without a word: it stops to hear anything, and others see their streams to it break. */
  crash(endpoint: string): void {
    this.#fault(`crash ${endpoint}`);
    const host = this.#hosts.get(endpoint);
    if (host === undefined) return;
    host.life++;
    host.onStream = undefined;
    for (const link of [...this.#links]) if (link.a === endpoint || link.b === endpoint) link.break("connection reset");
    host.streams.clear();
  }

  isCut(a: string, b: string): boolean {
    return (this.#sides.get(a) ?? 0) !== (this.#sides.get(b) ?? 0);
  }

  #fault(what: string): void {
    this.trace.add({ at: this.#options.clock.now(), what: "fault", from: what, to: "" });
  }

  #latency(): Millis {
    const { latencyMs, random } = this.#options;
    return latencyMs.min + fraction(random) * (latencyMs.max - latencyMs.min) + this.#extraDelayMs;
  }

  #dial(from: Host, target: string, timeoutMs: Millis, onResult: (result: DialResult) => void): Timer {
    const { clock } = this.#options;
    const start = clock.now();
    const { life } = from;
    const [there, back] = [this.#latency(), this.#latency()];
    let pending: Timer;
    let opened: SimStream | undefined;
    const settle = (at: Millis, result: () => DialResult) => {
      pending = clock.schedule(at, () => from.life === life && onResult(result()));
    };
    pending = clock.schedule(start + there, () => {
      const host = this.#hosts.get(target);
      if (this.isCut(from.endpoint, target)) {
        return settle(start + timeoutMs, () => ({ ok: false, detail: `no answer from ${target} in ${timeoutMs} ms` }));
      }
      if (host?.onStream === undefined) {
        return settle(start + there + back, () => ({ ok: false, detail: `connection to ${target} refused` }));
      }
      const stream = this.#open(from, host);
      opened = stream;
      settle(start + there + back, () => ({ ok: true, stream }));
    });
    return {
      cancel: () => {
        pending.cancel();
        opened?.close();
      },
    };
  }

  #ping(from: Host, target: string, timeoutMs: Millis, onResult: (result: PingResult) => void): Timer {
    const { clock } = this.#options;
    const { life } = from;
    const isReachable = !this.isCut(from.endpoint, target);
    const isUp = this.#hosts.get(target)?.onStream !== undefined;
    const at = clock.now() + (isReachable ? this.#latency() + this.#latency() : timeoutMs);
    const detail = isReachable ? `connection to ${target} refused` : `no answer from ${target} in ${timeoutMs} ms`;
    return clock.schedule(
      at,
      () => from.life === life && onResult(isReachable && isUp ? { ok: true } : { ok: false, detail }),
    );
  }

  #open(dialer: Host, listener: Host): SimStream {
    const { clock, breakAfterMs, windowBytes } = this.#options;
    const link: Link = new Link(dialer.endpoint, listener.endpoint, {
      clock,
      trace: this.trace,
      breakAfterMs,
      windowBytes,
      latency: () => this.#latency(),
      onEnd: (streams) => {
        this.#links.delete(link);
        for (const host of [dialer, listener]) for (const stream of streams) host.streams.delete(stream);
      },
    });
    this.#links.add(link);
    this.trace.add({ at: clock.now(), what: "open", from: dialer.endpoint, to: listener.endpoint });
    dialer.streams.add(link.outbound);
    listener.streams.add(link.inbound);
    listener.onStream?.(link.inbound);
    return link.outbound;
  }
}

interface LinkOptions {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly breakAfterMs: Millis;
  readonly windowBytes: number;
  latency(): Millis;
  onEnd(streams: readonly SimStream[]): void;
}

/** The two ends of one connection and what is under way between them. */
class Link {
  readonly outbound: SimStream;
  readonly inbound: SimStream;
  readonly a: string;
  readonly b: string;
  readonly options: LinkOptions;
  #breaking: Timer | undefined;
  isStalled = false;

  constructor(a: string, b: string, options: LinkOptions) {
    this.a = a;
    this.b = b;
    this.options = options;
    this.outbound = new SimStream(this, "outbound", a, b);
    this.inbound = new SimStream(this, "inbound", b, a);
    this.outbound.other = this.inbound;
    this.inbound.other = this.outbound;
  }

  stall(): void {
    if (this.isStalled) return;
    this.isStalled = true;
    const { clock, breakAfterMs } = this.options;
    this.#breaking = clock.schedule(clock.now() + breakAfterMs, () => this.break("no answer to keepalive"));
    // What is on its way is held too.
    for (const stream of [this.outbound, this.inbound]) stream.flush();
  }

  resume(): void {
    if (!this.isStalled) return;
    this.isStalled = false;
    this.#breaking?.cancel();
    for (const stream of [this.outbound, this.inbound]) stream.flush();
  }

  break(detail: string): void {
    this.#breaking?.cancel();
    for (const stream of [this.outbound, this.inbound]) stream.break({ ok: false, detail });
    this.options.onEnd([this.outbound, this.inbound]);
  }
}

type InFlight = { readonly bytes: Uint8Array } | { readonly end: StreamEnd };

class SimStream implements Stream {
  readonly direction: "outbound" | "inbound";
  readonly remoteAddress: string;
  readonly remoteTlsCertHash: Uint8Array;
  readonly localTlsCertHash: Uint8Array;
  readonly #link: Link;
  readonly #local: string;
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

  constructor(link: Link, direction: "outbound" | "inbound", local: string, remote: string) {
    this.#link = link;
    this.direction = direction;
    this.#local = local;
    this.remoteAddress = remote;
    this.localTlsCertHash = certHash(local);
    this.remoteTlsCertHash = certHash(remote);
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
    const { clock } = this.#link.options;
    const end = this.#brokenBy;
    if (end !== undefined) {
      this.#timer = clock.schedule(clock.now(), () => this.#end(end));
      return;
    }
    const next = this.#arriving[0];
    if (next === undefined || this.#link.isStalled) return;
    const isUrgent = "end" in next.item && !next.item.end.ok;
    if (!this.#reading && !isUrgent) return;
    this.#timer = clock.schedule(next.at, () => this.#deliver());
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
    trace.add({ at: clock.now(), what: "deliver", from: this.remoteAddress, to: this.#local, bytes });
    this.#arrivingBytes -= bytes.length;
    this.#handlers?.onMessage(bytes);
    if (this.#isFull && this.#arrivingBytes <= windowBytes / 2) {
      this.#isFull = false;
      const sender = this.other;
      clock.schedule(clock.now(), () => sender.#state === "open" && sender.#handlers?.onDrain());
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
    trace.add({ at: clock.now(), what: "end", from: this.remoteAddress, to: this.#local });
    this.#state = "ended";
    this.#arriving.length = 0;
    if (this.other.#state === "ended") onEnd([this, this.other]);
    this.#handlers?.onEnd(end);
  }
}

function certHash(endpoint: string): Uint8Array {
  return sha256(new TextEncoder().encode(`certificate of ${endpoint}`));
}
