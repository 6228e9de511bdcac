import { blockDigest, parseBlockDigest } from "@gossip/proto";
import { anybody, pullItemsCases } from "@gossip/pull/testing";
import { VirtualClock } from "@gossip/runtime/testing";
import { describe, expect, test } from "vitest";
import { BlockWindow } from "./block-window.js";

const ttlMs = 400_000;

function create(options: Partial<ConstructorParameters<typeof BlockWindow>[0]> = {}) {
  const clock = new VirtualClock();
  let height = 0n;
  const isWanted = (number: bigint) => number >= height && number < height + 20n;
  const window = new BlockWindow({ maxBlockCountToStore: 10, maxBytes: 1_000, ttlMs, clock, isWanted, ...options });
  const commit = (count: number, bytes = 10) => {
    for (let left = count; left > 0; left--) window.add(height++, new Uint8Array(bytes));
  };
  return { window, clock, commit, height: () => height };
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => BigInt(from + at));

describe("BlockWindow", () => {
  test("05/25, 05/N8, 5.33, 5.41: holds the newest blocks, whose numbers differ by no more than Fabric's peers bear", () => {
    const { window, commit } = create({ maxBlockCountToStore: 100, maxBytes: 1_000_000 });
    for (let round = 0; round < 4; round++) {
      commit(75);
      const numbers = window.numbers;
      expect(numbers.length).toBeLessThanOrEqual(101);
      expect((numbers.at(-1) ?? 0n) - (numbers[0] ?? 0n)).toBeLessThanOrEqual(100n);
    }
    expect(window.numbers).toEqual(range(199, 299));
    expect([...window.digests(anybody)].map(parseBlockDigest)).toEqual(range(199, 299));
  });

  test("5.33: keeps out what comes late and is too old", () => {
    const { window, commit } = create();
    commit(30);
    window.add(18n, new Uint8Array(1));
    expect(window.numbers).toEqual(range(19, 29));
    window.add(3n, new Uint8Array(1));
    expect(window.numbers).toEqual(range(19, 29));
  });

  test("5.33: is bounded in bytes, the lowest making room, and holds no block that is larger than that", () => {
    const { window, commit } = create({ maxBytes: 100 });
    commit(5, 30);
    expect([window.numbers, window.bytes]).toEqual([range(2, 4), 90]);
    commit(1, 101);
    expect(window.numbers).toEqual(range(2, 4));
    commit(1, 95);
    expect([window.numbers, window.bytes]).toEqual([[6n], 95]);
    window.add(5n, new Uint8Array(20));
    expect(window.numbers, "nor an older one in place of a newer").toEqual([6n]);
  });

  test("05/27, 5.34: lets go of a block when it has been offered for long enough", () => {
    const { window, commit, clock } = create();
    commit(2);
    clock.runFor(ttlMs / 2);
    commit(1);
    clock.runFor(ttlMs / 2 - 1);
    expect(window.numbers).toEqual(range(0, 2));
    clock.runFor(1);
    expect([window.numbers, window.bytes]).toEqual([[2n], 10]);
    expect(window.items(anybody)(blockDigest(0n))).toBeUndefined();
    clock.runFor(ttlMs / 2);
    expect([window.numbers, window.expiresAt]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  test("5.33: shares the bytes with the ledger, unless much else would be held with them", () => {
    const { window } = create({ maxBytes: 1_000_000 });
    const [large, received] = [new Uint8Array(10_000), new Uint8Array(100_000)];
    window.add(0n, large);
    window.add(1n, received.subarray(10, 1_010).fill(7));
    const find = window.items(anybody);
    expect(find(blockDigest(0n))?.data).toBe(large);
    const copy = find(blockDigest(1n))?.data;
    expect(copy).toEqual(new Uint8Array(1_000).fill(7));
    expect(copy?.buffer.byteLength).toBe(1_000);
  });

  test("05/23, 5.35: says that it has what is committed, and what would not be taken", () => {
    const { window, commit } = create();
    commit(11);
    expect([9n, 10n, 11n, 30n, 31n].map((number) => window.has(blockDigest(number)))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test.each(["", "x1", "1x", "-1", "1.0", " 1", "01", "00", "18446744073709551616", "99999999999999999999999"])(
    "5.35: takes %j for no digest of a block",
    (text) => {
      const { window } = create();
      expect([window.isDigest(utf8(text)), window.has(utf8(text))]).toEqual([false, true]);
    },
  );

  test.each(["0", "1", "10", "18446744073709551615"])("5.35: takes %j for a digest of a block", (text) => {
    expect(create().window.isDigest(utf8(text))).toBe(true);
  });
});

describe("BlockWindow as PullItems", () => {
  const createSubject = () => {
    const { window, commit, height } = create();
    return {
      items: window,
      friend: anybody,
      hold() {
        commit(1);
        return blockDigest(height() - 1n);
      },
      lacking: () => blockDigest(height() + 3n),
    };
  };
  for (const { name, run } of pullItemsCases) test(name, () => run(createSubject));
});
