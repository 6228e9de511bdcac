import { run } from "@gossip/runtime";
import { checkMachineLaws, VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, test } from "vitest";
import { Emitter, type EmitterConfig } from "./emitter.js";

interface Word {
  readonly key: string | undefined;
  readonly word: string;
  readonly waitMs?: number;
}

const defaults: EmitterConfig = { iterations: 1, burstSize: 10, burstLatencyMs: 10, maxElements: 100 };
const word = (text: string, key?: string): Word => ({ key, word: text });

/** Plays additions at their times and lists every emission as `time: words`. */
function play(
  config: Partial<EmitterConfig>,
  additions: readonly (readonly [at: number, element: Word])[],
  until = 10_000,
) {
  const emitter = new Emitter<Word>({ ...defaults, ...config });
  const seen: string[] = [];
  const note = (at: number, outputs: ReturnType<typeof emitter.step>) => {
    for (const output of outputs) {
      const words =
        output.type === "emit" ? output.elements.map((element) => element.word).join(" ") : output.element.word;
      seen.push(`${at} ${output.type === "emit" ? "emit" : output.reason}: ${words}`);
    }
  };
  const wakeUntil = (end: number) => {
    for (let at = emitter.deadline; at <= end; at = emitter.deadline) note(at, emitter.step({ type: "wake" }, at));
  };
  for (const [at, element] of additions) {
    wakeUntil(at);
    note(at, emitter.step({ type: "add", element }, at));
  }
  wakeUntil(until);
  return { seen, emitter };
}

describe("Emitter", () => {
  test("06/16, 6.3: holds what was added until the latency is over", () => {
    const { emitter } = play(
      {},
      [
        [0, word("a")],
        [0, word("b")],
        [0, word("c")],
      ],
      9,
    );
    expect(emitter.size).toBe(3);
  });

  test("06/17: emits nothing more once it is stopped, whatever is left", () => {
    const clock = new VirtualClock();
    let emissions = 0;
    const running = run(new Emitter<Word>({ ...defaults, iterations: 10, burstSize: 1, burstLatencyMs: 100 }), {
      clock,
      perform: () => emissions++,
    });
    running.push({ type: "add", element: word("a") });
    clock.runFor(100);
    running.close();
    clock.runFor(1_000);
    expect(emissions).toBe(2);
  });

  test("06/19, 6.4: elements that come one after the other each get their own rounds", () => {
    const additions = ["1", "2", "3", "4", "5"].map((text, at) => [at * 600, word(text)] as const);
    const { seen } = play({ iterations: 5, burstSize: 100, burstLatencyMs: 500 }, additions, 2_400);
    const times = (text: string) => seen.filter((line) => line.split(": ")[1]?.split(" ").includes(text)).length;
    expect(["1", "2", "3", "4", "5"].map(times)).toEqual([4, 3, 2, 1, 0]);
  });

  test("06/18, 6.4, 6.5: one element and ten iterations give exactly ten emissions, and nothing is left", () => {
    const { seen, emitter } = play({ iterations: 10, burstSize: 1 }, [[0, word("a")]]);
    expect(seen).toHaveLength(10);
    expect([emitter.size, emitter.deadline]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  test("06/20, 6.3: fifty at once with a burst size of ten give five emissions", () => {
    const burst = Array.from({ length: 50 }, (_, index) => [0, word(String(index))] as const);
    expect(play({ burstLatencyMs: 800 }, burst).seen).toHaveLength(5);
  });

  test("6.3: the latency counts from the first element, not the last", () => {
    expect(
      play({}, [
        [0, word("a")],
        [9, word("b")],
        [11, word("c")],
      ]).seen,
    ).toEqual(["10 emit: a b", "21 emit: c"]);
  });

  test("6.4: a newer element replaces an older one of its key and keeps its own rounds", () => {
    expect(
      play({ iterations: 2 }, [
        [0, word("old", "k")],
        [5, word("new", "k")],
      ]).seen,
    ).toEqual(["10 emit: new", "20 emit: new"]);
  });

  test("6.5: elements waiting for further rounds do not count against the burst size", () => {
    const { seen } = play({ iterations: 2, burstSize: 2 }, [
      [0, word("a")],
      [0, word("b")],
      [1, word("c")],
    ]);
    expect(seen).toEqual(["0 emit: a b", "10 emit: a b c", "20 emit: c"]);
  });

  test("6.17: what may wait waits, and goes with what may not", () => {
    const patient = (text: string) => ({ ...word(text), waitMs: 500 });
    expect(play({}, [[0, patient("a")]]).seen).toEqual(["500 emit: a"]);
    expect(
      play({}, [
        [0, patient("a")],
        [100, word("b")],
        [105, patient("c")],
        [200, patient("d")],
      ]).seen,
    ).toEqual(["110 emit: a b c", "700 emit: d"]);
  });

  test("6.17: what may wait does not fill a burst, also when it takes the place of something else", () => {
    const patient = (text: string, key?: string) => ({ ...word(text, key), waitMs: 500 });
    const { seen } = play({ burstSize: 2 }, [
      [0, patient("a")],
      [0, patient("b")],
      [1, word("old", "k")],
      [2, patient("new", "k")],
      [3, word("c")],
      [4, word("d")],
    ]);
    expect(seen).toEqual(["4 emit: a b new c d"]);
  });

  test("6.6: no iterations mean no push, and it says so", () => {
    expect(play({ iterations: 0 }, [[0, word("a")]]).seen).toEqual(["0 push-off: a"]);
  });

  test("6.3: a full emitter drops the newest, and it says so", () => {
    const { seen } = play({ maxElements: 1, burstSize: 5 }, [
      [0, word("a")],
      [0, word("b")],
    ]);
    expect(seen).toEqual(["0 emitter-full: b", "10 emit: a"]);
  });

  test("keeps the machine laws", () => {
    checkMachineLaws({
      create: () => new Emitter<Word>({ ...defaults, iterations: 3, burstLatencyMs: 0 }),
      script: [1, 4, 30, 0, 2].map((afterMs, index) => ({
        afterMs,
        input: { type: "add", element: word(String(index)) },
      })),
      maxOutputs: 1,
    });
  });
});
