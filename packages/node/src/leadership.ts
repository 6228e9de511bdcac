import {
  type Candidate,
  Election,
  type ElectionInput,
  type ElectionOutput,
  type LeadershipRecord,
} from "@gossip/election";
import type { LeadershipMessage, PkiId } from "@gossip/proto";
import { type Run, run, unreachable, wallMillis, whenDone } from "@gossip/runtime";
import type { JoinOptions, LeadershipChange, LeadershipView, YieldReason } from "./api.js";
import type { ChannelSurroundings } from "./surroundings.js";

export interface LeadershipOptions {
  readonly channel: string;
  readonly incarnation: bigint;
  readonly join: Pick<JoinOptions, "leader" | "election" | "onLeadership" | "ledger">;
  readonly around: ChannelSurroundings;
  /** Alive members of the channel of our own organization. */
  candidates(): readonly Candidate[];
}

/** Changes that are remembered; the oldest makes room. */
const maxHistory = 100;

/**
 * Who takes a channel's blocks from the orderers (protocol page 08): this node by its operator's word, nobody here, or whoever
 * is elected. Drives the election, signs and sends for it, and is what programs see of it.
 */
export class Leadership implements LeadershipView {
  readonly mode: LeadershipView["mode"];
  readonly #options: LeadershipOptions;
  readonly #election: Election | undefined;
  readonly #run: Run<ElectionInput> | undefined;
  readonly #history: LeadershipChange[] = [];
  readonly #listeners = new Set<(change: LeadershipChange) => void>();

  constructor(options: LeadershipOptions) {
    const { join, around, incarnation } = options;
    this.#options = options;
    this.mode = join.leader === true ? "static" : join.election === undefined ? "none" : "elected";
    if (join.leader === true) this.#remember({ leader: around.self, previous: undefined, reason: "static" });
    if (this.mode !== "elected") return;
    const { clock, random, config, onFault, self, afterSequence } = around;
    this.#election = new Election({
      self,
      incarnation,
      // Above those of an earlier stay in the channel: leadership messages are fewer than the nanoseconds of state infos.
      afterSequence,
      height: join.ledger.height,
      config: { ...config.election, ...(join.election === true ? {} : join.election) },
      random,
    });
    this.#run = run(this.#election, { clock, onFault, perform: (output) => this.#perform(output) });
  }

  // What programs see

  get isLeader(): boolean {
    return this.mode === "static" || (this.#election?.isLeader ?? false);
  }

  get isYielding(): boolean {
    return this.#election?.isYielding ?? false;
  }

  get leader(): PkiId | undefined {
    return this.mode === "static" ? this.#options.around.self : this.#election?.leader;
  }

  get history(): readonly LeadershipChange[] {
    return [...this.#history];
  }

  yield(reason: YieldReason = "requested"): void {
    this.#run?.push({ type: "yield", reason });
  }

  on(_event: "change", listener: (change: LeadershipChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // What the channel hands in

  start(): void {
    this.#run?.push({ type: "view", peers: this.#options.candidates() });
    this.#run?.push({ type: "start" });
  }

  peersChanged(): void {
    if (this.#run !== undefined) this.#run.push({ type: "view", peers: this.#options.candidates() });
  }

  onHeight(height: bigint): void {
    this.#run?.push({ type: "height", height });
  }

  onMessage(message: LeadershipMessage): void {
    this.#run?.push({ type: "message", message });
  }

  /** No message follows, and nobody is told: the others notice that this node left. */
  close(): void {
    this.#run?.push({ type: "stop" });
    this.#run?.close();
    if (this.mode === "elected") this.#gauge(false);
  }

  // Effects

  #perform(output: ElectionOutput): void {
    const { channel, around, join } = this.#options;
    switch (output.type) {
      case "send":
        return void whenDone(around.exit.leadership(channel, output.time, output.isDeclaration), (emission) => {
          if (emission !== undefined) around.emit(emission);
        });
      case "gained":
      case "lost": {
        const isLeader = output.type === "gained";
        this.#gauge(isLeader);
        return join.onLeadership?.(isLeader, output.reason);
      }
      case "recorded":
        return this.#recorded(output.record);
      case "dropped":
        return around.drops.count("election", output.reason);
      default:
        return unreachable(output);
    }
  }

  #recorded({ leader, previous, reason }: LeadershipRecord): void {
    const { channel, around } = this.#options;
    const change = this.#remember({ leader, previous, reason });
    around.log.child("election").info("leader changed", { channel, leader, previous, reason });
    for (const listener of this.#listeners) listener(change);
  }

  #remember(change: Omit<LeadershipChange, "atWallMs">): LeadershipChange {
    const remembered = { atWallMs: wallMillis(this.#options.around.wall), ...change };
    this.#history.push(remembered);
    if (this.#history.length > maxHistory) this.#history.shift();
    return remembered;
  }

  #gauge(isLeader: boolean): void {
    const { channel, around } = this.#options;
    around.metrics
      .gauge({ name: "gossip_leader_election_leader", help: "1 on a leader, 0 on a follower", labels: ["channel"] })
      .set(isLeader ? 1 : 0, { channel });
  }
}
