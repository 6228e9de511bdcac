import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assert,
  BoundedMap,
  BoundedQueue,
  type GossipError,
  InvariantError,
  isPromise,
  type Machine,
  type Millis,
  run,
  sample,
  samplePreferring,
  seededRandom,
  systemClock,
  systemRandom,
  Timers,
  unreachable,
  type Wake,
  whenDone,
} from "./index.js";
import { checkMachineLaws, VirtualClock } from "./testing/index.js";

/** Beeps every `period`, and repeats what it is told. */
class Metronome implements Machine<{ readonly type: "say"; readonly word: string }, string> {
  #next: Millis = 10;

  get deadline(): Millis {
    return this.#next;
  }

  step(input: { readonly type: "say"; readonly word: string } | Wake, now: Millis): readonly string[] {
    if (input.type === "say") return [input.word];
    if (now < this.#next) return [];
    this.#next = now + 10;
    return ["beep"];
  }
}

describe("run", () => {
  test("wakes a machine at its deadline, again and again", () => {
    const clock = new VirtualClock();
    const heard: string[] = [];
    run(new Metronome(), { clock, perform: (output) => heard.push(`${output} ${clock.now()}`) });
    clock.runFor(30);
    expect(heard).toEqual(["beep 10", "beep 20", "beep 30"]);
  });

  test("handles an input that an output caused after all outputs of the step", () => {
    const clock = new VirtualClock();
    const heard: string[] = [];
    const running = run(new Metronome(), {
      clock,
      perform(output) {
        heard.push(output);
        if (output === "first") running.push({ type: "say", word: "second" });
      },
    });
    running.push({ type: "say", word: "first" });
    expect(heard).toEqual(["first", "second"]);
  });

  test("takes nothing after close", () => {
    const clock = new VirtualClock();
    const heard: string[] = [];
    const running = run(new Metronome(), { clock, perform: (output) => heard.push(output) });
    running.close();
    running.push({ type: "say", word: "late" });
    clock.runFor(100);
    expect(heard).toEqual([]);
  });

  test("closes and tells when a step throws", () => {
    const clock = new VirtualClock();
    const faults: unknown[] = [];
    const running = run(new Metronome(), {
      clock,
      perform() {
        throw new InvariantError("broken");
      },
      onFault: (error) => faults.push(error),
    });
    running.push({ type: "say", word: "x" });
    clock.runFor(100);
    expect(faults).toHaveLength(1);
  });

  test("the metronome keeps the machine laws", () => {
    checkMachineLaws({
      create: () => new Metronome(),
      script: [
        { afterMs: 5, input: { type: "say", word: "a" } },
        { afterMs: 42, input: { type: "say", word: "b" } },
      ],
      maxOutputs: 1,
    });
  });
});

describe("VirtualClock", () => {
  test("runs callbacks in order of time, then of scheduling, and skips cancelled ones", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(20), cancelled: fc.boolean() })), (events) => {
        const clock = new VirtualClock();
        const seen: number[] = [];
        for (const [index, { at, cancelled }] of events.entries()) {
          const timer = clock.schedule(at, () => seen.push(index));
          if (cancelled) timer.cancel();
        }
        clock.runFor(20);
        const expected = [...events.entries()]
          .filter(([, event]) => !event.cancelled)
          .sort(([i, a], [j, b]) => a.at - b.at || i - j)
          .map(([index]) => index);
        expect(seen).toEqual(expected);
        expect(clock.now()).toBe(20);
      }),
    );
  });

  test("moves the date along with time", () => {
    const clock = new VirtualClock({ wallNanos: 1_000_000_000n });
    clock.runFor(1.5);
    expect(clock.nowNanos()).toBe(1_001_500_000n);
  });
});

describe("system clock", () => {
  test("fires after, never before, its time", async () => {
    const start = systemClock.now();
    await new Promise<void>((resolve) => systemClock.schedule(start + 5, resolve));
    expect(systemClock.now()).toBeGreaterThanOrEqual(start + 5);
  });
});

describe("Random", () => {
  test("6.14: a seed gives the same numbers for ever", () => {
    const random = seededRandom(42);
    expect([random.uint64(), random.below(1000), [...random.bytes(5)]]).toMatchInlineSnapshot(`
      [
        7631448709179636432n,
        135,
        [
          166,
          30,
          31,
          138,
          169,
        ],
      ]
    `);
  });

  test("6.14: below is within its bound and reaches every value, for both sources", () => {
    for (const random of [seededRandom(7), systemRandom]) {
      const seen = new Set(Array.from({ length: 400 }, () => random.below(5)));
      expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
    }
  });

  test("6.14: below favours nobody, where a remainder would favour the smaller half", () => {
    const random = seededRandom(5);
    const bound = 3 * 2 ** 30;
    const small = Array.from({ length: 3_000 }, () => random.below(bound)).filter((drawn) => drawn < 2 ** 30).length;
    expect(small).toBeGreaterThan(900);
    expect(small).toBeLessThan(1_100);
  });

  test("06/35, 6.14: sample draws from those that are eligible, all of them when there are not more", () => {
    const isEven = (item: number) => item % 2 === 0;
    const items = Array.from({ length: 100 }, (_, at) => at);
    for (let seed = 0; seed < 50; seed++) {
      const drawn = sample(seededRandom(seed), items, 3, isEven);
      expect([drawn.length, drawn.every(isEven), new Set(drawn).size]).toEqual([3, true, 3]);
    }
    expect(sample(seededRandom(1), items, 100, isEven).sort((a, b) => a - b)).toEqual(items.filter(isEven));
  });

  test("samplePreferring draws of the others only what the preferred do not fill", () => {
    const items = Array.from({ length: 20 }, (_, at) => at);
    for (let seed = 0; seed < 50; seed++) {
      const draw = (count: number) =>
        samplePreferring(
          seededRandom(seed),
          items,
          count,
          (item) => item < 3,
          (item) => item !== 0,
        );
      expect(draw(2).sort()).toEqual([1, 2]);
      const more = draw(4);
      expect([more.slice(0, 2).sort(), new Set(more).size, more.includes(0)]).toEqual([[1, 2], 4, false]);
    }
  });

  test("06/30, 6.14: sample draws distinct elements, all of them when asked for more", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat()),
        fc.nat(20),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (items, count, seed) => {
          const drawn = sample(seededRandom(seed), items, count);
          expect(new Set(drawn).size).toBe(Math.min(count, items.length));
          expect(drawn.every((item) => items.includes(item))).toBe(true);
        },
      ),
    );
  });

  test("06/31: a bound of zero is a misuse", () => {
    expect(() => seededRandom(1).below(0)).toThrow("expected a bound from 1 to 2^32, got 0");
  });
});

describe("BoundedMap", () => {
  test("never holds more than its bound, and evicts the entry set longest ago", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(8), fc.nat())), (sets) => {
        const evicted: number[] = [];
        const map = new BoundedMap<number, number>({
          maxEntries: 3,
          whenFull: "evict-oldest",
          onEvict: (key) => evicted.push(key),
        });
        const model: number[] = [];
        const gone: number[] = [];
        for (const [key, value] of sets) {
          map.set(key, value);
          if (model.includes(key)) model.splice(model.indexOf(key), 1);
          else if (model.length === 3) gone.push(model.shift() as number);
          model.push(key);
        }
        expect([...map.keys()]).toEqual(model);
        expect(evicted).toEqual(gone);
      }),
    );
  });

  test("refuses what is new when told to, and still takes a key it has", () => {
    const map = new BoundedMap<string, number>({ maxEntries: 1, whenFull: "refuse" });
    expect([map.set("a", 1), map.set("b", 2), map.set("a", 3)]).toEqual([true, false, true]);
    expect(map.get("a")).toBe(3);
  });
});

describe("BoundedQueue", () => {
  test("keeps order, count and bytes under any use", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 6 }))), (steps) => {
        const queue = new BoundedQueue<number>({ maxItems: 4, maxBytes: 10, bytesOf: (n) => n, whenFull: "refuse" });
        const model: number[] = [];
        const sum = () => model.reduce((total, n) => total + n, 0);
        for (const step of steps) {
          if (step === null) expect(queue.shift()).toBe(model.shift());
          else {
            const fits = model.length < 4 && sum() + step <= 10;
            expect(queue.push(step)).toBe(fits);
            if (fits) model.push(step);
          }
          expect([queue.length, queue.bytes, queue.peek()]).toEqual([model.length, sum(), model[0]]);
        }
      }),
    );
  });

  test("refuses one item larger than all it may hold, and evicts nothing for it", () => {
    const queue = new BoundedQueue<number>({ maxItems: 4, maxBytes: 10, bytesOf: (n) => n, whenFull: "evict-oldest" });
    queue.push(5);
    expect([queue.push(11), queue.length]).toEqual([false, 1]);
  });
});

describe("Timers", () => {
  test("show the earliest time and expire in order, whatever is set, replaced and cleared", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4), fc.option(fc.nat(50)))), fc.nat(50), (steps, now) => {
        const timers = new Timers<number>();
        const model = new Map<number, number>();
        for (const [name, at] of steps) {
          if (at === null) {
            timers.clear(name);
            model.delete(name);
          } else {
            timers.set(name, at);
            model.set(name, at);
          }
          expect(timers.deadline).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
        }
        const due = [...model].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
        expect(timers.expire(now)).toEqual(due.map(([name]) => name));
        expect(timers.size).toBe(model.size - due.length);
      }),
    );
  });
});

describe("errors and promises", () => {
  test("assert throws an InvariantError that is a GossipError of code internal", () => {
    const thrown = (() => {
      try {
        assert([].length === 1, "none is not one");
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(thrown).toBeInstanceOf(InvariantError);
    expect((thrown as GossipError).code).toBe("internal");
  });

  test("unreachable tells the value that no case was made for, bigints and all", () => {
    expect(() => unreachable({ type: "news", height: 7n } as never)).toThrow('got {"type":"news","height":"7n"}');
  });

  test("whenDone uses a value at once, and a promise when it is there", async () => {
    expect(whenDone(2, (n) => n + 1)).toBe(3);
    const later = whenDone(Promise.resolve(2), (n) => n + 1);
    expect(isPromise(later)).toBe(true);
    expect(await later).toBe(3);
  });
});
