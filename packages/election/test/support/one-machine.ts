import { Election, type ElectionConfig, type ElectionInput, type ElectionOutput } from "@gossip/election";
import { pkiIdOf } from "@gossip/election/testing";
import { type Millis, type Random, seededRandom, type Wake, wake } from "@gossip/runtime";

/** Times that are easy to add up. Waits by chance last between nothing and `M`. */
export const [S, T, D, M] = [1_000, 10_000, 5_000, 500];

export interface Start {
  readonly peers?: Readonly<Record<string, bigint>>;
  readonly height?: bigint;
  readonly config?: Partial<ElectionConfig>;
  readonly afterSequence?: bigint;
  readonly random?: Random;
}

/** One election of `m5`, and everything it says. */
export class OneMachine {
  readonly election: Election;
  now: Millis = 1_000_000;
  readonly all: { readonly at: Millis; readonly output: ElectionOutput }[] = [];
  readonly #sequences = new Map<string, bigint>();

  constructor({ peers = {}, height = 0n, config = {}, afterSequence = 0n, random = seededRandom(3) }: Start = {}) {
    this.election = new Election({ self: pkiIdOf("m5"), incarnation: 7n, height, config, random, afterSequence });
    this.view(peers);
    this.step({ type: "start" });
  }

  step(input: ElectionInput | Wake): readonly ElectionOutput[] {
    const outputs = this.election.step(input, this.now);
    for (const output of outputs) this.all.push({ at: this.now, output });
    return outputs;
  }

  /** Lets time pass, with wakes where they are due. */
  runFor(durationMs: Millis): readonly ElectionOutput[] {
    const from = this.all.length;
    const until = this.now + durationMs;
    while (this.election.deadline <= until) {
      this.now = Math.max(this.now, this.election.deadline);
      this.step(wake);
    }
    this.now = until;
    return this.all.slice(from).map(({ output }) => output);
  }

  /** The view from now on: names and heights. */
  view(peers: Readonly<Record<string, bigint>>): readonly ElectionOutput[] {
    const candidates = Object.entries(peers).map(([name, height]) => ({ pkiId: pkiIdOf(name), height }));
    return this.step({ type: "view", peers: candidates });
  }

  declare(name: string): readonly ElectionOutput[] {
    return this.#say(name, true);
  }

  propose(name: string): readonly ElectionOutput[] {
    return this.#say(name, false);
  }

  /** Lets it win an election. */
  lead(): this {
    this.runFor(S + D + 2 * M);
    if (!this.election.isLeader) throw new Error("expected it to lead");
    return this;
  }

  /** When it said what, in milliseconds from a time on. */
  said(since: Millis, isDeclaration: boolean): readonly Millis[] {
    return this.all
      .filter(({ at, output }) => at > since && output.type === "send" && output.isDeclaration === isDeclaration)
      .map(({ at }) => at - since);
  }

  /** Changes of leadership: `gained`, `lost` with their reasons. */
  get changes(): readonly string[] {
    return this.all.flatMap(({ output }) =>
      output.type === "gained" || output.type === "lost" ? [`${output.type} ${output.reason}`] : [],
    );
  }

  #say(name: string, isDeclaration: boolean): readonly ElectionOutput[] {
    const sequence = (this.#sequences.get(name) ?? 0n) + 1n;
    this.#sequences.set(name, sequence);
    const message = {
      type: "leadership",
      nonce: 0n,
      channel: "demo",
      tag: "chan-and-org",
      pkiId: pkiIdOf(name),
      time: { incarnation: 1n, sequence },
      isDeclaration,
    } as const;
    return this.step({ type: "message", message });
  }
}
