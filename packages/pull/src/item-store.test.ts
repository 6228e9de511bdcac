import { describe, expect, test } from "vitest";
import { ItemStore } from "./item-store.js";
import { anybody, digestOf, pkiIdOf, pullItemsCases, textOf } from "./testing/index.js";

const alice = pkiIdOf("alice");

function create(options = {}) {
  return new ItemStore<string>({ bytesOf: (item) => item.length, ...options });
}

describe("ItemStore", () => {
  test("05/1: ItemStore holds a digest once, and deletes it once", () => {
    const store = create();
    expect(store.add(digestOf("1"), "one")).toBe(true);
    expect(store.add(digestOf("1"), "other")).toBe(true);
    expect([store.size, store.bytes]).toEqual([1, 5]);
    expect(store.items(alice)(digestOf("1"))).toBe("other");
    expect(store.delete(digestOf("1"))).toBe(true);
    expect(store.delete(digestOf("1"))).toBe(false);
    expect([store.size, store.bytes, store.has(digestOf("1"))]).toEqual([0, 0, false]);
  });

  test("ItemStore refuses what does not fit, in number or in bytes, and keeps what it holds", () => {
    const store = create({ maxItems: 2, maxBytes: 10 });
    expect(store.add(digestOf("1"), "four")).toBe(true);
    expect(store.add(digestOf("2"), "sevenn!")).toBe(false);
    expect(store.add(digestOf("2"), "six___")).toBe(true);
    expect(store.add(digestOf("3"), "")).toBe(false);
    expect(store.add(digestOf("2"), "sevenn!")).toBe(false);
    expect(store.items(alice)(digestOf("2"))).toBe("six___");
    expect([store.size, store.bytes]).toEqual([2, 10]);
  });

  test("ItemStore asks about a requester once per message", () => {
    let asked = 0;
    const egress = () => {
      asked++;
      return (item: string) => item !== "secret";
    };
    const store = create({ egress });
    for (const item of ["1", "2", "secret"]) store.add(digestOf(item), item);
    expect(store.digests(alice).map(textOf)).toEqual(["1", "2"]);
    expect(asked).toBe(1);
    const find = store.items(alice);
    expect([find(digestOf("1")), find(digestOf("secret")), find(digestOf("9"))]).toEqual(["1", undefined, undefined]);
    expect(asked).toBe(2);
  });

  test("ItemStore keeps a copy of the digest", () => {
    const store = create();
    const digest = digestOf("1");
    store.add(digest, "one");
    digest.fill(0);
    expect(store.digests(alice).map(textOf)).toEqual(["1"]);
  });
});

describe("ItemStore as PullItems", () => {
  const createSubject = () => {
    const stranger = pkiIdOf("stranger");
    const items = create({ egress: (requester: typeof stranger) => () => requester !== stranger });
    let next = 0;
    return {
      items,
      friend: anybody,
      stranger,
      hold() {
        const text = `item ${next++}`;
        items.add(digestOf(text), text);
        return digestOf(text);
      },
      forget: (digest: Uint8Array) => void items.delete(digest),
      lacking: () => digestOf("lacking"),
    };
  };
  for (const { name, run } of pullItemsCases) test(name, () => run(createSubject));
});
