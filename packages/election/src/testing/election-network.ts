import { comparePeerTime, type LeadershipMessage, type PeerTime, type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { fraction, type Machine, type Millis, type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock, VirtualProcess } from "@gossip/runtime/testing";
import { type ElectionConfig, resolveElectionConfig } from "../config.js";
import { Election } from "../election.js";
import type { Candidate, ElectionInput, ElectionOutput } from "../io.js";
import { StockElection } from "./stock-election.js";

/** A PKI-ID that reads as a name in hex, for tests; it sorts as the name does. */
export function pkiIdOf(name: string): PkiId {
  return pkiIdFromBytes(new TextEncoder().encode(name));
}

/** The name in a PKI-ID made by `pkiIdOf`. */
export function nameOf(pkiId: PkiId): string {
  return Buffer.from(pkiId, "hex").toString();
}

/** What holds for all peers of a test network; the same seed gives the same history. */
export interface ElectionNetworkOptions {
  readonly seed?: number;
  readonly config?: Partial<ElectionConfig>;
  /** Longest way of a message; each takes between half of it and all of it. Default 10. */
  readonly delayMs?: Millis;
  /** After how long peers notice that another is gone, or is back. Default 100. */
  readonly noticeMs?: Millis;
  /** Blocks that the orderer cuts in a second. Default 0. */
  readonly blocksPerSecond?: number;
  /** Blocks that a peer can take from an orderer, or from another peer, in a second. Default 500. */
  readonly catchUpPerSecond?: number;
  /** How often peers tell each other their heights. Default 1000. */
  readonly stateInfoMs?: Millis;
}

/** What one peer of the test network is started with. */
export interface StartOptions {
  readonly height?: bigint;
  /** Behaves as a stock peer does. Default false. */
  readonly isStock?: boolean;
  /** Tells others this instead of its height. */
  readonly claims?: (height: bigint) => bigint;
  /** Takes part in nothing, though it is seen alive. Default false. */
  readonly isIdle?: boolean;
  /** Gets no blocks from the orderer though it leads. Default false. */
  readonly isCutOff?: boolean;
  readonly config?: Partial<ElectionConfig>;
}

/** An output of one of the machines. */
export interface Happening {
  readonly at: Millis;
  readonly peer: string;
  readonly output: ElectionOutput;
}

type AnyElection = Machine<ElectionInput, ElectionOutput> & { readonly isLeader: boolean };

interface Peer extends Required<Pick<StartOptions, "isIdle" | "isCutOff">> {
  readonly name: string;
  readonly machine: AnyElection;
  readonly run: Run<ElectionInput>;
  readonly process: VirtualProcess;
  readonly claims: (height: bigint) => bigint;
  readonly news: Map<PkiId, PeerTime>;
  height: bigint;
  /** Who it believes to be there. */
  view: ReadonlySet<string>;
}

/** How often blocks arrive, in one lump. */
const tickMs = 100;

/**
 * Elections of one organization in one channel in virtual time, with what a node does around them reduced to the least:
 * messages go to every peer of the view, what is no news is dropped, a leader takes blocks from an orderer, all others take
 * them from whoever they reach. Nothing is signed. For tests of the election itself; `@gossip/sim` runs whole nodes.
 */
export class ElectionNetwork {
  readonly clock = new VirtualClock();
  /** Every output of every machine, in order. */
  readonly happenings: Happening[] = [];
  /** Blocks that the orderer has. */
  ordered = 0n;
  readonly #options: ElectionNetworkOptions;
  readonly #random;
  readonly #peers = new Map<string, Peer>();
  readonly #sides = new Map<string, number>();
  readonly #heights = new Map<string, bigint>();
  readonly #incarnations = new Map<string, bigint>();
  #loss = 0;
  #tick = 0;

  constructor(options: ElectionNetworkOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1);
    this.clock.schedule(tickMs, () => this.#onTick());
  }

  /** Starts a peer, or starts it again with a higher incarnation and the ledger that it had. */
  start(name: string, options: StartOptions = {}): void {
    const { isStock = false, isIdle = false, isCutOff = false, claims = (height) => height } = options;
    const height = options.height ?? this.#heights.get(name) ?? 0n;
    const incarnation = (this.#incarnations.get(name) ?? 0n) + 1n;
    this.#incarnations.set(name, incarnation);
    const self = pkiIdOf(name);
    const config = resolveElectionConfig({ ...this.#options.config, ...options.config });
    const random = seededRandom(this.#random.uint64());
    const machine: AnyElection = isStock
      ? new StockElection({ self, incarnation, config })
      : new Election({ self, incarnation, height, config, random });
    const process = new VirtualProcess(this.clock);
    const running = run<ElectionInput, ElectionOutput>(machine, {
      clock: process.clock,
      perform: (output) => this.#perform(peer, output),
    });
    const common = { isIdle, isCutOff, claims, news: new Map<PkiId, PeerTime>(), view: new Set<string>() };
    const peer: Peer = { name, machine, run: running, process, height, ...common };
    this.#peers.set(name, peer);
    this.#refresh(peer);
    if (!isIdle) running.push({ type: "start" });
    this.#notice();
  }

  /** Kills a peer. */
  stop(name: string): void {
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    this.#heights.set(name, peer.height);
    peer.run.close();
    peer.process.end();
    this.#peers.delete(name);
    this.#notice();
  }

  /** Stops the process of a peer for so long; others go on seeing it. */
  stall(name: string, durationMs: Millis): void {
    const process = this.#peers.get(name)?.process;
    if (process === undefined || process.isStopped) return;
    process.stop();
    this.clock.schedule(this.clock.now() + durationMs, () => process.resume());
  }

  /** Cuts the network into these groups and the rest. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#sides.clear();
    for (const [side, names] of groups.entries()) for (const name of names) this.#sides.set(name, side + 1);
    this.#notice();
  }

  heal(): void {
    this.#sides.clear();
    this.#loss = 0;
    this.#notice();
  }

  /** Loses so much of what is sent from now on, between 0 and 1. */
  lose(share: number): void {
    this.#loss = share;
  }

  /** Hands one input to a peer, as its node would. */
  give(name: string, input: ElectionInput): void {
    this.#push(this.#peer(name), input);
  }

  /** Says something in somebody's name, to all whom that peer reaches. */
  say(author: string, time: PeerTime, isDeclaration: boolean): void {
    this.#send(this.#peer(author), time, isDeclaration);
  }

  runFor(durationMs: Millis): void {
    this.clock.runFor(durationMs);
  }

  /** An election of ours. */
  election(name: string): Election {
    const { machine } = this.#peer(name);
    if (!(machine instanceof Election)) throw new Error(`expected a peer of ours, got ${name}`);
    return machine;
  }

  heightOf(name: string): bigint {
    return this.#peer(name).height;
  }

  get running(): readonly string[] {
    return [...this.#peers.keys()].sort();
  }

  /** Names of those who lead, sorted. */
  get leaders(): readonly string[] {
    return this.running.filter((name) => this.#peer(name).machine.isLeader);
  }

  /** Running peers, by the part of the network they are in. */
  get groups(): readonly (readonly string[])[] {
    const groups = new Map<number, string[]>();
    for (const name of this.running) {
      const side = this.#sides.get(name) ?? 0;
      groups.set(side, [...(groups.get(side) ?? []), name]);
    }
    return [...groups.values()];
  }

  /** What one peer was told of its own leadership: `+` when it gained it, `-` when it lost it. */
  callbacks(name: string): string {
    const signs = this.happenings.map(({ peer, output }) => {
      if (peer !== name) return "";
      return output.type === "gained" ? "+" : output.type === "lost" ? "-" : "";
    });
    return signs.join("");
  }

  /** Messages that were sent, since a time. */
  sent(since: Millis = 0): readonly Happening[] {
    return this.happenings.filter(({ at, output }) => at >= since && output.type === "send");
  }

  #perform(peer: Peer, output: ElectionOutput): void {
    this.happenings.push({ at: this.clock.now(), peer: peer.name, output });
    if (output.type === "send") this.#send(peer, output.time, output.isDeclaration);
  }

  #send(peer: Peer, time: PeerTime, isDeclaration: boolean): void {
    const pkiId = pkiIdOf(peer.name);
    const message: LeadershipMessage = {
      type: "leadership",
      nonce: 0n,
      channel: "demo",
      tag: "chan-and-org",
      pkiId,
      time,
      isDeclaration,
    };
    const longest = this.#options.delayMs ?? 10;
    for (const name of peer.view) {
      if (this.#loss > 0 && fraction(this.#random) < this.#loss) continue;
      const at = this.clock.now() + longest * (0.5 + fraction(this.#random) / 2);
      this.clock.schedule(at, () => {
        const to = this.#peers.get(name);
        if (to === undefined || to.isIdle || !this.#isReached(peer.name, name)) return;
        to.process.onNetwork(this.clock.now(), () => this.#receive(to, message));
      });
    }
  }

  /** The gate: what is no news does not reach the machine. */
  #receive(to: Peer, message: LeadershipMessage): void {
    const before = to.news.get(message.pkiId);
    if (before !== undefined && comparePeerTime(message.time, before) <= 0) return;
    to.news.set(message.pkiId, message.time);
    to.run.push({ type: "message", message });
  }

  #isReached(from: string, to: string): boolean {
    return (this.#sides.get(from) ?? 0) === (this.#sides.get(to) ?? 0);
  }

  /** Everybody learns of a change, each in its own time. */
  #notice(): void {
    for (const peer of this.#peers.values()) {
      const longest = this.#options.noticeMs ?? 100;
      const at = this.clock.now() + longest * (0.5 + fraction(this.#random) / 2);
      this.clock.schedule(at, () => {
        if (this.#peers.get(peer.name) === peer) this.#refresh(peer);
      });
    }
  }

  #refresh(peer: Peer): void {
    const peers: Candidate[] = [];
    const view = new Set<string>();
    for (const other of this.#peers.values()) {
      if (other === peer || !this.#isReached(peer.name, other.name)) continue;
      view.add(other.name);
      peers.push({ pkiId: pkiIdOf(other.name), height: other.claims(other.height) });
    }
    peer.view = view;
    if (!peer.isIdle) this.#push(peer, { type: "view", peers });
  }

  #onTick(): void {
    const { blocksPerSecond = 0, catchUpPerSecond = 500, stateInfoMs = 1_000 } = this.#options;
    this.#tick++;
    this.ordered += BigInt(Math.round((blocksPerSecond * tickMs) / 1_000));
    const step = BigInt(Math.round((catchUpPerSecond * tickMs) / 1_000));
    for (const peer of this.#peers.values()) {
      if (peer.process.isStopped) continue;
      let best = peer.machine.isLeader && !peer.isCutOff ? this.ordered : peer.height;
      for (const other of this.#peers.values()) {
        const isSource = !other.process.isStopped && this.#isReached(peer.name, other.name);
        // Who leads takes its blocks from the orderer alone, in order, and hands them on.
        if (isSource && !peer.machine.isLeader && other.height > best) best = other.height;
      }
      const height = best - peer.height > step ? peer.height + step : best;
      if (height === peer.height) continue;
      peer.height = height;
      if (!peer.isIdle) this.#push(peer, { type: "height", height });
    }
    if ((this.#tick * tickMs) % stateInfoMs === 0) for (const peer of this.#peers.values()) this.#refresh(peer);
    this.clock.schedule(this.clock.now() + tickMs, () => this.#onTick());
  }

  #push(peer: Peer, input: ElectionInput): void {
    if (peer.process.isStopped) peer.process.onNetwork(this.clock.now(), () => peer.run.push(input));
    else peer.run.push(input);
  }

  #peer(name: string): Peer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`expected a running peer, got ${name}`);
    return peer;
  }
}
