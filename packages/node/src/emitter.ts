/**
 * The batching emitter (protocol page 06, part B).
 *
 * Purpose: messages that go to randomly chosen members are collected for a few milliseconds, so that a burst of blocks
 * shares one choice of peers, and a message may be emitted more than once, each time to other peers.
 *
 * States: empty, or holding elements with the rounds each has left. An `add` that brings the number of elements not yet
 * emitted to `burstSize` emits at once; otherwise the burst latency, counted from the first element, does. Elements that may
 * wait longer go with those that may not.
 *
 * Invariants: an element is emitted exactly `iterations` times unless a newer one with its key replaces it; order of
 * arrival is kept in every burst; at most `maxElements` are held.
 *
 * Deviations from the reference: a newer element replaces an older one of the same key (§F 12); elements that wait for
 * further rounds do not count against the burst size (§F 13); nothing runs while the buffer is empty.
 */

import { assert, type Machine, type Millis, type Wake } from "@gossip/runtime";

export interface EmitterConfig {
  /** Rounds an element is emitted in; 0 switches push off. Default 1. */
  readonly iterations: number;
  /** New elements that cause an emission at once. Default 10. */
  readonly burstSize: number;
  /** Longest wait of an element for company. Default 10 ms. */
  readonly burstLatencyMs: Millis;
  /** Elements held at most; beyond, new ones are dropped. Default 10,000. */
  readonly maxElements: number;
}

export interface Keyed {
  /** Elements with equal keys supersede each other; `undefined` supersedes nothing. */
  readonly key: string | undefined;
  /** How long it may wait for others to share a burst with; such elements do not fill one. Default: the burst latency. */
  readonly waitMs?: Millis | undefined;
}

export interface EmitterInput<T extends Keyed> {
  readonly type: "add";
  readonly element: T;
}

export type EmitterOutput<T extends Keyed> =
  /** Send these, in this order, to freshly chosen peers. */
  | { readonly type: "emit"; readonly elements: readonly T[] }
  | { readonly type: "dropped"; readonly reason: "push-off" | "emitter-full"; readonly element: T };

export class Emitter<T extends Keyed> implements Machine<EmitterInput<T>, EmitterOutput<T>> {
  readonly #config: EmitterConfig;
  #held: { readonly element: T; left: number }[] = [];
  #fresh = 0;
  #deadline: Millis = Number.POSITIVE_INFINITY;

  constructor(config: EmitterConfig) {
    assert(config.iterations >= 0, `expected iterations of at least 0, got ${config.iterations}`);
    this.#config = config;
  }

  get deadline(): Millis {
    return this.#deadline;
  }

  /** Elements held for this or a later round. */
  get size(): number {
    return this.#held.length;
  }

  step(input: EmitterInput<T> | Wake, now: Millis): readonly EmitterOutput<T>[] {
    switch (input.type) {
      case "add":
        return this.#onAdd(input.element, now);
      case "wake":
        return now >= this.#deadline ? this.#emit(now) : [];
    }
  }

  #onAdd(element: T, now: Millis): readonly EmitterOutput<T>[] {
    const { iterations, burstSize, burstLatencyMs, maxElements } = this.#config;
    if (iterations === 0) return [{ type: "dropped", reason: "push-off", element }];
    if (element.key !== undefined) {
      const before = this.#held.findIndex((held) => held.element.key === element.key);
      const superseded = before < 0 ? undefined : this.#held.splice(before, 1)[0];
      if (superseded?.left === iterations && isUrgent(superseded.element)) this.#fresh--;
    }
    if (this.#held.length >= maxElements) return [{ type: "dropped", reason: "emitter-full", element }];
    this.#held.push({ element, left: iterations });
    if (isUrgent(element) && ++this.#fresh >= burstSize) return this.#emit(now);
    this.#deadline = Math.min(this.#deadline, now + (element.waitMs ?? burstLatencyMs));
    return [];
  }

  #emit(now: Millis): readonly EmitterOutput<T>[] {
    const elements = this.#held.map((held) => held.element);
    for (const held of this.#held) held.left--;
    this.#held = this.#held.filter((held) => held.left > 0);
    this.#fresh = 0;
    // A wait of nothing would give a deadline that has already come, against the machine laws.
    this.#deadline =
      this.#held.length === 0 ? Number.POSITIVE_INFINITY : now + Math.max(this.#config.burstLatencyMs, 1);
    return elements.length === 0 ? [] : [{ type: "emit", elements }];
  }
}

function isUrgent({ waitMs }: Keyed): boolean {
  return waitMs === undefined;
}
