/**
 * A network that exists only in virtual time: the transport port of `@gossip/comm` over simulated streams.
 *
 * Streams behave like TCP: bytes arrive in order or the connection breaks; nothing is lost in the middle. A partition
 * holds what crosses it, and breaks a stream that is held longer than `breakAfterMs`, as keepalives would. A stopped
 * process (`stall`) still takes what its kernel can hold: others may write to it until the window is full, and dials to it
 * end without an answer.
 * Vocabulary of faults: partition, heal, delay, lose (a connection), stall, crash, restart.
 */

import type { DialResult, PingResult, Transport } from "@gossip/comm";
import { sha256 } from "@gossip/crypto";
import { type Clock, fraction, GossipError, type Millis, type Random, type Timer } from "@gossip/runtime";
import { VirtualProcess } from "@gossip/runtime/testing";
import type { Host } from "./host.js";
import { Link, type SimStream } from "./link.js";
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
    const host = this.#host(endpoint);
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

  /** The clock of the process at this endpoint, whose timers are held while it is stalled. */
  clock(endpoint: string): Clock {
    return this.#host(endpoint).process.clock;
  }

  /** Stops the process at this endpoint for so long, as SIGSTOP and SIGCONT would. */
  stall(endpoint: string, durationMs: Millis): void {
    this.#fault(`stall ${endpoint} ${durationMs}`);
    const { clock } = this.#options;
    const host = this.#host(endpoint);
    if (host.process.isStopped) return;
    const { life } = host;
    host.process.stop();
    this.#watchLinks();
    clock.schedule(clock.now() + durationMs, () => {
      if (host.life !== life) return;
      this.#fault(`resume ${endpoint}`);
      host.process.resume();
      this.#watchLinks();
    });
  }

  isStalled(endpoint: string): boolean {
    return this.#hosts.get(endpoint)?.process.isStopped ?? false;
  }

  /** Cuts the network into groups that do not reach each other. Hosts that are not named form a group of their own. */
  partition(groups: readonly (readonly string[])[]): void {
    this.#fault(`partition ${groups.map((group) => group.join(",")).join(" | ")}`);
    this.#sides = new Map(groups.flatMap((group, side) => group.map((endpoint) => [endpoint, side + 1] as const)));
    for (const link of this.#links) if (this.isCut(link.a, link.b)) link.hold();
    this.#watchLinks();
  }

  /** Joins all groups again; stalled streams go on. */
  heal(): void {
    this.#fault("heal");
    this.#sides = new Map();
    for (const link of this.#links) link.release();
    this.#watchLinks();
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
    host.process.end();
    for (const link of [...this.#links]) if (link.a === endpoint || link.b === endpoint) link.break("connection reset");
    host.streams.clear();
  }

  isCut(a: string, b: string): boolean {
    return (this.#sides.get(a) ?? 0) !== (this.#sides.get(b) ?? 0);
  }

  #host(endpoint: string): Host {
    const known = this.#hosts.get(endpoint);
    if (known !== undefined) return known;
    const process = new VirtualProcess(this.#options.clock);
    const certHash = sha256(new TextEncoder().encode(`certificate of ${endpoint}`));
    const host: Host = { endpoint, streams: new Set(), process, certHash, onStream: undefined, life: 0 };
    this.#hosts.set(endpoint, host);
    return host;
  }

  /** Keepalives go unanswered where the network is cut or one end is stopped. */
  #watchLinks(): void {
    for (const link of this.#links) {
      link.watch(this.isCut(link.a, link.b) || this.isStalled(link.a) || this.isStalled(link.b));
    }
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
    const { life, process } = from;
    const [there, back] = [this.#latency(), this.#latency()];
    const noAnswer: DialResult = { ok: false, detail: `no answer from ${target} in ${timeoutMs} ms` };
    let opened: SimStream | undefined;
    let arriving: Timer | undefined;
    let isSettled = false;
    const settle = (result: DialResult) => {
      if (isSettled) return;
      isSettled = true;
      arriving?.cancel();
      timeout.cancel();
      if (!result.ok) opened?.close();
      if (from.life === life) onResult(result);
    };
    // A timer of the dialler: when it was stopped for longer, this comes before what the network has brought meanwhile.
    const timeout = process.clock.schedule(start + timeoutMs, () => settle(noAnswer));
    const connecting = clock.schedule(start + there, () => {
      const host = this.#hosts.get(target);
      if (this.isCut(from.endpoint, target)) return;
      if (host?.onStream === undefined) {
        const refused: DialResult = { ok: false, detail: `connection to ${target} refused` };
        arriving = process.onNetwork(start + there + back, () => settle(refused));
        return;
      }
      // Its kernel takes the connection, but nobody answers in TLS.
      if (host.process.isStopped) return;
      const stream = this.#open(from, host);
      opened = stream;
      arriving = process.onNetwork(start + there + back, () => settle({ ok: true, stream }));
    });
    return {
      cancel: () => {
        isSettled = true;
        connecting.cancel();
        arriving?.cancel();
        timeout.cancel();
        opened?.close();
      },
    };
  }

  #ping(from: Host, target: string, timeoutMs: Millis, onResult: (result: PingResult) => void): Timer {
    const { clock } = this.#options;
    const { life, process } = from;
    const isReachable = !this.isCut(from.endpoint, target) && !this.isStalled(target);
    const isUp = this.#hosts.get(target)?.onStream !== undefined;
    const detail = isReachable ? `connection to ${target} refused` : `no answer from ${target} in ${timeoutMs} ms`;
    const result: PingResult = isReachable && isUp ? { ok: true } : { ok: false, detail };
    const settle = () => from.life === life && onResult(result);
    if (!isReachable) return process.clock.schedule(clock.now() + timeoutMs, settle);
    return process.onNetwork(clock.now() + this.#latency() + this.#latency(), settle);
  }

  #open(dialer: Host, listener: Host): SimStream {
    const { clock, breakAfterMs, windowBytes } = this.#options;
    const link: Link = new Link(dialer, listener, {
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
