import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpiringStore, type ExpiringStoreOptions } from "./index.js";

interface Note {
  readonly key: string;
  readonly rank: number;
}

const note = (key: string | number, rank = 0): Note => ({ key: String(key), rank });

type Options = ExpiringStoreOptions<string, Note, number>;

/** Larger ranks replace smaller ones, three seconds visible and three more as a tombstone. */
function store(changes: Partial<Options> = {}): ExpiringStore<string, Note, number> {
  return new ExpiringStore({
    keyOf: ({ key }) => key,
    rankOf: ({ rank }) => rank,
    isNewer: (incoming, held) => incoming > held,
    visibleMs: 3_000,
    tombstoneMs: 3_000,
    maxEntries: 100,
    whenFull: "evict-oldest",
    ...changes,
  });
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, at) => note(from + at));
const notes = (held: ExpiringStore<string, Note, number>) => [...held.values()].map(({ value }) => value);

describe("ExpiringStore", () => {
  test("06/1: keeps values of different keys beside each other", () => {
    const held = store();
    for (const one of upTo(3)) held.add(one, 0);
    expect([held.size, notes(held)]).toEqual([3, upTo(3)]);
  });

  test("06/2: a newer value replaces the one of its key, and tells which", () => {
    const held = store();
    expect(held.add(note("k", 0), 0)).toEqual({ added: true, replaced: undefined, evicted: undefined });
    for (let rank = 1; rank < 10; rank++) {
      expect(held.add(note("k", rank), rank)).toEqual({
        added: true,
        replaced: note("k", rank - 1),
        evicted: undefined,
      });
      expect([held.size, held.get("k")]).toEqual([1, { value: note("k", rank), at: rank }]);
    }
  });

  test("06/3: what is not newer is refused, an equal one too", () => {
    const held = store();
    held.add(note("k", 10), 0);
    for (let rank = 10; rank >= 0; rank--) {
      expect([held.wants(note("k", rank)), held.add(note("k", rank), 1)]).toEqual([
        false,
        { added: false, reason: "obsolete" },
      ]);
    }
    expect(notes(held)).toEqual([note("k", 10)]);
  });

  test("06/5, 6.2: a value is hidden after its time, refuses old copies for as long again, and is then forgotten", () => {
    const held = store();
    const [first, second] = [upTo(10), upTo(10, 10)];
    const taken = (all: readonly Note[], now: number) => all.filter((one) => held.add(one, now).added).length;
    expect(taken(first, 0)).toBe(10);
    expect(held.expire(2_000)).toEqual([]);
    expect([taken(first, 2_000), taken(second, 2_000)]).toEqual([0, 10]);
    expect(held.expire(4_000)).toEqual(first);
    expect([held.size, held.tombstones, notes(held)]).toEqual([10, 10, second]);
    expect(taken([...first, ...second], 4_000)).toBe(0);
    expect(held.expire(7_999)).toEqual(second);
    expect([held.size, taken(first, 7_999), taken(second, 7_999)]).toEqual([0, 10, 0]);
    expect(held.size).toBe(10);
  });

  test("06/6: nothing expires while its owner has other things to do, and all of it when it asks", () => {
    const held = store();
    for (const one of upTo(10)) held.add(one, 0);
    expect([held.size, held.add(note(3), 3_500)]).toEqual([10, { added: false, reason: "obsolete" }]);
    expect(held.expire(3_500)).toEqual(upTo(10));
    expect([held.size, held.add(note(3), 3_500)]).toEqual([0, { added: false, reason: "obsolete" }]);
  });

  test("06/7: has no task of its own: whose owner does not ask any more holds what it held, and stays usable", () => {
    const held = store();
    held.add(note("k"), 0);
    expect([held.deadline, held.size]).toEqual([3_000, 1]);
    expect(held.add(note("k", 1), 4_000)).toMatchObject({ added: true, replaced: note("k") });
  });

  test("06/8: a purge takes out what its owner does not want, and tells of it in order", () => {
    const held = store();
    for (let rank = 0; rank < 10; rank++) held.add(note(rank, rank), 0);
    expect([held.purge(({ rank }) => rank > 9), held.size]).toEqual([[], 10]);
    expect(held.purge(({ rank }) => rank % 2 === 0).map(({ rank }) => rank)).toEqual([0, 2, 4, 6, 8]);
    expect(held.size).toBe(5);
    expect(held.add(note(4, 1), 0).added).toBe(true);
  });

  test("06/N1: a newer value takes the place of a tombstone, and counts once", () => {
    const held = store();
    held.add(note("k", 1), 0);
    held.expire(3_000);
    expect([held.size, held.tombstones, held.get("k")]).toEqual([0, 1, undefined]);
    expect(held.add(note("k", 2), 4_000)).toEqual({ added: true, replaced: undefined, evicted: undefined });
    expect([held.size, held.tombstones]).toEqual([1, 0]);
  });

  test("06/N2: a value that is refused changes nothing", () => {
    const held = store({ maxEntries: 2, whenFull: "refuse" });
    held.add(note("a", 5), 0);
    held.add(note("b", 5), 0);
    expect([held.add(note("a", 5), 1), held.add(note("c", 9), 1)]).toEqual([
      { added: false, reason: "obsolete" },
      { added: false, reason: "full" },
    ]);
    expect([...held.values()]).toEqual([
      { value: note("a", 5), at: 0 },
      { value: note("b", 5), at: 0 },
    ]);
    expect(held.add(note("a", 6), 1).added).toBe(true);
  });

  test("06/N3: tombstones that are taken out do not count", () => {
    const held = store();
    for (const one of upTo(2)) held.add(one, 0);
    held.expire(3_000);
    expect(held.purge(() => true)).toEqual([]);
    for (const key of ["0", "1"]) expect(held.delete(key)).toBeUndefined();
    expect([held.size, held.tombstones, held.deadline]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
    expect(held.add(note(0), 3_000).added).toBe(true);
  });

  test("gives up the oldest tombstone for a new key, and then the oldest value", () => {
    const held = store({ maxEntries: 2 });
    held.add(note("a"), 0);
    held.add(note("b"), 2_000);
    held.expire(3_000);
    expect(held.add(note("c"), 3_000)).toMatchObject({ added: true, evicted: undefined });
    expect(held.add(note("d"), 3_000)).toMatchObject({ added: true, evicted: note("b") });
    expect([notes(held), held.tombstones]).toEqual([[note("c"), note("d")], 0]);
  });

  test("a value that expires never is only replaced", () => {
    const held = store({ visibleMs: Number.POSITIVE_INFINITY });
    held.add(note("k"), 0);
    expect([held.expire(1e12), held.deadline]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  test("hides and forgets at once what is long overdue", () => {
    const held = store();
    held.add(note("k", 5), 0);
    expect(held.expire(60_000)).toEqual([note("k", 5)]);
    expect([held.tombstones, held.add(note("k", 1), 60_000).added]).toEqual([0, true]);
  });

  test("is what a plain list with its rule is, for whatever comes, and its deadline is never wrong", () => {
    const step = fc.record({ after: fc.nat(2_000), key: fc.nat(4), rank: fc.nat(4), asks: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = store();
        let model: { note: Note; at: number; isHidden: boolean }[] = [];
        let now = 0;
        for (const { after, key, rank, asks } of steps) {
          now += after;
          if (asks) {
            const due = held.deadline <= now;
            const hidden = model.filter((one) => !one.isHidden && now - one.at >= 3_000);
            const gone = model.filter((one) => now - one.at >= 6_000);
            expect(due).toBe(hidden.length + gone.length > 0);
            expect(held.expire(now)).toEqual(hidden.map((one) => one.note));
            for (const one of hidden) one.isHidden = true;
            model = model.filter((one) => !gone.includes(one));
          }
          const incoming = note(key, rank);
          const before = model.find((one) => one.note.key === incoming.key);
          const isObsolete = before !== undefined && before.note.rank >= rank;
          expect(held.add(incoming, now).added).toBe(!isObsolete);
          if (!isObsolete) {
            model = model.filter((one) => one !== before);
            model.push({ note: incoming, at: now, isHidden: false });
          }
          expect(notes(held)).toEqual(model.filter((one) => !one.isHidden).map((one) => one.note));
          expect(held.tombstones).toBe(model.filter((one) => one.isHidden).length);
        }
      }),
    );
  });
});
