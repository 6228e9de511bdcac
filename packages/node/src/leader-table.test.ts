import { type PkiId, pkiId } from "@gossip/proto";
import { leadershipMessage } from "@gossip/proto/testing";
import { beforeEach, expect, test } from "vitest";
import { LeaderTable } from "./leader-table.js";

const [a, b, c] = ["0a", "0b", "0c"].map((hex) => pkiId(hex)) as [PkiId, PkiId, PkiId];
const said = (author: PkiId, sequence: bigint, isDeclaration = true, incarnation = 1n) =>
  leadershipMessage({ pkiId: author, time: { incarnation, sequence }, isDeclaration });

let table: LeaderTable;
beforeEach(() => {
  table = new LeaderTable({ aliveThresholdMs: 10_000, maxAuthors: 2 });
});
const leaders = (now: number) => table.leaders(now).map(({ pkiId: author }) => author);

test("8.5: LeaderTable names who declared itself, until the threshold is over", () => {
  table.add(said(a, 1n), 0);
  table.add(said(b, 1n, false), 0);
  expect(table.leaders(4_000)).toEqual([{ pkiId: a, lastSeenMs: 4_000 }]);
  expect([leaders(9_999), leaders(10_000)]).toEqual([[a], []]);
});

test("8.5: LeaderTable takes a proposal for the end of what its author declared before", () => {
  table.add(said(a, 1n), 0);
  table.add(said(a, 2n, false), 5_000);
  expect(leaders(5_000)).toEqual([]);
});

test("08/E26, 6.1, 6.2, 8.3: LeaderTable refuses what is not newer by incarnation, then sequence, and forgets after twenty thresholds", () => {
  table.add(said(a, 5n), 0);
  expect([said(a, 5n), said(a, 4n), said(a, 9n, true, 0n)].map((one) => table.add(one, 1))).toEqual([
    false,
    false,
    false,
  ]);
  expect(table.wants(said(a, 1n, true, 2n), 1)).toBe(true);
  expect([table.wants(said(a, 1n), 199_999), table.wants(said(a, 1n), 200_000)]).toEqual([false, true]);
});

test("LeaderTable remembers as many as it may; who was heard of longest ago makes room", () => {
  for (const author of [a, b, a, c]) table.add(said(author, BigInt(table.leaders(0).length + 1)), 0);
  expect([...leaders(0)].sort()).toEqual([a, c]);
});
