import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { PkiId } from "@gossip/proto";
import type { PullItems } from "../io.js";
import { pkiIdOf } from "./texts.js";

/** A set of items under test, and how a case makes it change; what it may not do is everybody's to see. */
export interface PullItemsSubject<Item> {
  readonly items: PullItems<Item>;
  /** Makes it hold one more item, and gives its digest. At least five at the same time MUST be possible. */
  hold(): Uint8Array;
  /** Makes it hold this item no longer; absent where nothing leaves before its time. */
  forget?(digest: Uint8Array): void;
  /** The digest of an item that is wanted and not held. */
  lacking(): Uint8Array;
  /** Somebody who may have everything. */
  readonly friend: PkiId;
  /** Somebody who may have nothing; absent where everybody may have everything. */
  readonly stranger?: PkiId;
}

/** One duty of the `PullItems` port. `run` throws when it is not met; any test runner will do. */
export interface PullItemsCase {
  /** A sentence. */
  readonly name: string;
  /** `create` MUST give a new subject each time, which holds nothing. */
  run<Item>(create: () => PullItemsSubject<Item>): void;
}

/** What every `PullItems` must do. */
export const pullItemsCases: readonly PullItemsCase[] = [
  {
    name: "offers nothing, and has nothing, while it holds nothing",
    run: (create) => {
      const { items, friend, lacking } = create();
      deepStrictEqual(offered(items, friend), []);
      strictEqual(items.has(lacking()), false);
      strictEqual(items.items(friend)(lacking()), undefined);
    },
  },
  {
    name: "has what it holds, and offers each of it once",
    run: (create) => {
      const { items, friend, hold } = create();
      const held = times(5, hold);
      for (const digest of held) strictEqual(items.has(digest), true, `expected to have ${keyOf(digest)}`);
      deepStrictEqual(offered(items, friend), held.map(keyOf).sort());
    },
  },
  {
    name: "gives what it offers, each item under its own digest",
    run: (create) => {
      const { items, friend, hold } = create();
      const held = times(5, hold);
      const find = items.items(friend);
      const found = held.map((digest) => find(digest));
      for (const item of found) notStrictEqual(item, undefined);
      strictEqual(new Set(found).size, held.length, "expected another item for each digest");
    },
  },
  {
    name: "knows a digest by its octets, whoever holds them",
    run: (create) => {
      const { items, friend, hold } = create();
      const digest = Uint8Array.from(hold());
      const inLarger = new Uint8Array(digest.length + 2);
      inLarger.set(digest, 1);
      for (const same of [digest, inLarger.subarray(1, -1)]) {
        strictEqual(items.has(same), true);
        notStrictEqual(items.items(friend)(same), undefined);
      }
    },
  },
  {
    name: "calls well-formed whatever it offers or wants",
    run: (create) => {
      const { items, hold, lacking } = create();
      for (const digest of [hold(), lacking()]) strictEqual(items.isDigest?.(digest) ?? true, true);
    },
  },
  {
    name: "bears any octets as a digest, and gives nothing for those that it does not offer",
    run: (create) => {
      const { items, friend, hold, lacking } = create();
      const held = hold();
      const longer = Uint8Array.from([...held, 0]);
      const garbage = [new Uint8Array(0), Uint8Array.of(0xff), new Uint8Array(256).fill(0xff), longer, lacking()];
      const find = items.items(friend);
      for (const digest of garbage) {
        strictEqual(typeof items.has(digest), "boolean");
        strictEqual(typeof (items.isDigest?.(digest) ?? true), "boolean");
        strictEqual(find(digest), undefined, `expected nothing for ${keyOf(digest)}`);
      }
    },
  },
  {
    name: "tells the size of each item, a whole number of bytes",
    run: (create) => {
      const { items, friend, hold } = create();
      const find = items.items(friend);
      for (const digest of times(3, hold)) {
        const item = items.items(friend)(digest) ?? find(digest);
        ok(item !== undefined, "expected to be given what is held");
        const bytes = items.bytesOf(item);
        ok(Number.isInteger(bytes) && bytes >= 0, `expected a size in bytes, got ${bytes}`);
      }
    },
  },
  {
    name: "changes nothing when it is asked",
    run: (create) => {
      const { items, friend, hold, lacking } = create();
      const held = times(3, hold);
      const look = () => [
        offered(items, friend),
        [...held, lacking()].map((digest) => [items.has(digest), items.items(friend)(digest)]),
      ];
      const first = look();
      for (let again = 0; again < 3; again++) deepStrictEqual(look(), first);
    },
  },
  {
    name: "neither offers nor gives what it holds no longer",
    run: (create) => {
      const { items, friend, hold, forget } = create();
      if (forget === undefined) return;
      const [gone, kept] = [hold(), hold()];
      forget(gone);
      deepStrictEqual(offered(items, friend), [keyOf(kept)]);
      strictEqual(items.items(friend)(gone), undefined);
      notStrictEqual(items.items(friend)(kept), undefined);
    },
  },
  {
    name: "gives a peer only what it offers to it",
    run: (create) => {
      const { items, friend, stranger, hold } = create();
      const held = times(4, hold);
      for (const requester of stranger === undefined ? [friend] : [friend, stranger]) {
        const find = items.items(requester);
        const given = held.filter((digest) => find(digest) !== undefined);
        deepStrictEqual(given.map(keyOf).sort(), offered(items, requester));
      }
      if (stranger !== undefined) deepStrictEqual(offered(items, stranger), []);
    },
  },
];

/** A requester of whom nothing is known. */
export const anybody: PkiId = pkiIdOf("anybody");

function offered<Item>(items: PullItems<Item>, requester: PkiId): readonly string[] {
  return [...items.digests(requester)].map(keyOf).sort();
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString("hex");
}

function times<T>(count: number, make: () => T): readonly T[] {
  return Array.from({ length: count }, make);
}
