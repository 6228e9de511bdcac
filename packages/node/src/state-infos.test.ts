import { markVerified } from "@gossip/crypto";
import { orgId, pkiId } from "@gossip/proto";
import { stateInfo } from "@gossip/proto/testing";
import { describe, expect, test } from "vitest";
import { StateInfos } from "./state-infos.js";

const [org1, org2] = [orgId("org1"), orgId("org2")];
const member = (number: number) => pkiId(number.toString(16).padStart(2, "0"));
const info = (bytes: number) =>
  markVerified(stateInfo(), { payload: new Uint8Array(bytes - 1), signature: new Uint8Array(1) });

describe("7.38: StateInfos", () => {
  test("7.38: of one organization fill half of the room, and those of others find theirs", () => {
    const infos = new StateInfos({ maxEntries: 100, maxBytes: 1_000 });
    const taken = Array.from({ length: 20 }, (_, index) => infos.set(member(index), org1, info(50)));
    expect(taken.filter((one) => one)).toHaveLength(10);
    expect(infos.set(member(50), org2, info(500))).toBe(true);
    expect(infos.set(member(51), org2, info(1))).toBe(false);
  });

  test("7.38: that are held give way to newer ones of no more bytes, and make room when they go", () => {
    const infos = new StateInfos({ maxEntries: 100, maxBytes: 200 });
    expect(infos.set(member(1), org1, info(100))).toBe(true);
    const newer = info(100);
    expect([infos.set(member(1), org1, newer), infos.set(member(1), org1, info(101))]).toEqual([true, false]);
    expect(infos.get(member(1))).toBe(newer);
    expect(infos.set(member(2), org1, info(10))).toBe(false);
    expect(infos.set(member(1), org1, info(90))).toBe(true);
    expect(infos.set(member(2), org1, info(10))).toBe(true);
    infos.delete(member(1));
    infos.delete(member(1));
    expect(infos.set(member(3), org1, info(90))).toBe(true);
    expect([...infos.keys()]).toEqual([member(2), member(3)]);
    expect(infos.all).toHaveLength(2);
  });

  test("are no more than there may be members", () => {
    const infos = new StateInfos({ maxEntries: 1, maxBytes: 1_000 });
    expect([infos.set(member(1), org1, info(1)), infos.set(member(2), org2, info(1))]).toEqual([true, false]);
    infos.delete(member(1));
    expect(infos.set(member(2), org2, info(500))).toBe(true);
  });
});
