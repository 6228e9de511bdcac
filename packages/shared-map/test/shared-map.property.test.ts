import { seededRandom } from "@gossip/runtime";
import { checkMachineLaws } from "@gossip/runtime/testing";
import { compareVersions, encodeDigest, type MapEntry, SharedMap, type SharedMapInput } from "@gossip/shared-map";
import { authorOf, entryOf, SharedMapNetwork } from "@gossip/shared-map/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const start = 1_704_067_200_000;
const keys = ["k0", "k1", "k2"];
const names = ["a", "b", "c", "d"];
const peers = names.map((name) => ({ pkiId: authorOf(name), endpoint: "" }));

const entry = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(...keys), fc.option(fc.constantFrom("x", "y")), fc.nat(5_000))
  .map(([name, key, text, after]) => entryOf(name, key, text ?? undefined, start + after));
const from = fc.constantFrom(...names, "stranger").map(authorOf);
const nonce = fc.bigInt(0n, 2n);
const digests = fc.array(
  fc.oneof(
    entry.map((one) => encodeDigest({ ...one, isDeleted: one.value === undefined })),
    fc.uint8Array({ maxLength: 40 }),
  ),
  { maxLength: 6 },
);

const input = fc
  .oneof(
    fc.record({ type: fc.constant("entry" as const), entry, from }),
    fc.record({
      type: fc.constant("write" as const),
      id: fc.nat(),
      key: fc.constantFrom(...keys),
      value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
    }),
    fc.record({ type: fc.constant("signed" as const), id: fc.nat(3), entry }),
    fc.record({ type: fc.constant("sign-failed" as const), id: fc.nat(3) }),
    fc.record({ type: fc.constant("hello" as const), from, nonce, summary: fc.uint8Array({ maxLength: 16 }) }),
    fc.record({ type: fc.constant("digest" as const), from, nonce, digests }),
    fc.record({ type: fc.constant("request" as const), from, nonce, digests }),
    fc.record({
      type: fc.constant("update" as const),
      from,
      nonce,
      items: fc
        .array(entry, { maxLength: 3 })
        .map((all) =>
          all.map((item) => ({ digest: encodeDigest({ ...item, isDeleted: item.value === undefined }), item })),
        ),
    }),
    fc.record({ type: fc.constant("peer-up" as const), peer: fc.constantFrom(...peers) }),
    fc.record({ type: fc.constant("author-removed" as const), author: from }),
  )
  .chain((one) => fc.nat(6_000).map((after): SharedMapInput => ({ ...one, wallMs: start + after })));
const script = fc.array(fc.record({ afterMs: fc.constantFrom(0, 5, 60, 600, 3_000), input }), { maxLength: 40 });

const small = {
  maxEntries: 4,
  maxEntriesPerAuthor: 2,
  tombstoneTtlMs: 2_000,
  maxBuried: 2,
  maxGiven: 3,
  maxClockAheadMs: 3_000,
};

function create(): SharedMap {
  const options = { self: authorOf("a"), startCounter: BigInt(start), peers: () => peers.slice(1) };
  return new SharedMap({ ...options, config: small, random: seededRandom(3) });
}

describe("SharedMap", () => {
  test("keeps the laws of a machine, whatever happens", () => {
    fc.assert(fc.property(script, (played) => checkMachineLaws({ create, script: played, maxOutputs: 20 })));
  });

  test("14.8, 14.20, 14.21: keeps within its bounds, and lets no version fall", () => {
    fc.assert(
      fc.property(script, (played) => {
        const map = create();
        let now = 0;
        for (const { afterMs, input: next } of played) {
          now += afterMs;
          const before = new Map(map.entries.map((one) => [one.key, one]));
          const outputs = map.step(next, now);
          expect(map.held.entries).toBeLessThanOrEqual(small.maxEntries);
          for (const { pkiId } of peers) {
            const its = map.entries.filter(({ author }) => author === pkiId);
            expect(its.length).toBeLessThanOrEqual(small.maxEntriesPerAuthor);
          }
          for (const one of map.entries) {
            const old = before.get(one.key);
            if (old !== undefined) expect(compareVersions(one, old)).toBeGreaterThanOrEqual(0);
          }
          // What is told is what changed.
          const told = new Map<string, MapEntry | undefined>(before);
          for (const output of outputs) if (output.type === "change") told.set(output.key, output.entry);
          expect([...told].flatMap(([, one]) => one ?? []).length).toBe(map.entries.length);
          for (const one of map.entries) expect(told.get(one.key)).toBe(one);
        }
      }),
      { numRuns: 300 },
    );
  });

  const act = fc.oneof(
    { weight: 5, arbitrary: fc.record({ act: fc.constant("set" as const), who: fc.nat(4), key: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant("delete" as const), who: fc.nat(4), key: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("restart" as const), who: fc.nat(4), key: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("split" as const), who: fc.nat(4), key: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("lose" as const), who: fc.nat(4), key: fc.nat(90) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant("heal" as const), who: fc.nat(4), key: fc.constant(0) }) },
  );
  const story = fc.array(fc.record({ act, afterMs: fc.constantFrom(0, 3, 40, 700, 6_000) }), { maxLength: 40 });

  test("14.8, 14.16: all come to see the same, under loss, partition and restarts; nobody an older write after a newer one", () => {
    const all = ["n0", "n1", "n2", "n3", "n4"];
    fc.assert(
      fc.property(story, fc.nat(), (steps, seed) => {
        const network = new SharedMapNetwork({ seed });
        for (const name of all) network.start(name);
        steps.forEach(({ act: { act: kind, who, key }, afterMs }, at) => {
          const name = all[who] ?? "n0";
          if (kind === "set") network.set(name, `k${key}`, `${name} ${at}`);
          else if (kind === "delete") network.delete(name, `k${key}`);
          else if (kind === "split") network.partition(all.slice(0, who), all.slice(who));
          else if (kind === "lose") network.lose(key);
          else if (kind === "heal") network.heal();
          else {
            network.stop(name);
            network.start(name);
          }
          network.runFor(afterMs);
        });
        network.heal();
        network.runFor(120_000);
        const [first = "", ...others] = all;
        for (const other of others) expect(network.view(other)).toEqual(network.view(first));
        for (const name of all) {
          for (const { previous, entry: next } of network.changes(name)) {
            if (previous !== undefined && next !== undefined) expect(compareVersions(next, previous)).toBe(1);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
