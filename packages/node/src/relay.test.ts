import { pkiId } from "@gossip/proto";
import { stateInfo } from "@gossip/proto/testing";
import { describe, expect, test } from "vitest";
import { Relay } from "./relay.js";

const [author, other] = [pkiId("01"), pkiId("02")];

function info(sequence: bigint, mac = 1, from = author) {
  return stateInfo({ pkiId: from, channelMac: Uint8Array.of(mac), time: { incarnation: 1n, sequence } });
}

describe("Relay", () => {
  test("6.1: passes on what is newer, once", () => {
    const relay = new Relay({ ttlMs: 100, maxAuthors: 10 });
    expect([1n, 1n, 3n, 2n].map((sequence) => relay.add(info(sequence), 0))).toEqual([true, false, true, false]);
    expect([relay.wants(info(3n), 0), relay.wants(info(4n), 0)]).toEqual([false, true]);
  });

  test("07/V4, 7.13: counts channels and authors apart", () => {
    const relay = new Relay({ ttlMs: 100, maxAuthors: 10 });
    relay.add(info(200n, 1), 0);
    expect([relay.add(info(100n, 2), 0), relay.add(info(100n, 1, other), 0)]).toEqual([true, true]);
    expect(relay.add(info(101n, 2), 0)).toBe(true);
  });

  test("6.2: forgets after its time, and not before", () => {
    const relay = new Relay({ ttlMs: 100, maxAuthors: 10 });
    relay.add(info(5n), 0);
    expect([relay.wants(info(1n), 99), relay.wants(info(1n), 100)]).toEqual([false, true]);
  });

  test("an author with more channels than there can be crowds out only itself", () => {
    const relay = new Relay({ ttlMs: 100, maxAuthors: 10 });
    relay.add(info(5n, 1, other), 0);
    for (let mac = 0; mac < 200; mac++) relay.add(info(5n, mac), 0);
    expect(relay.wants(info(5n, 1, other), 0)).toBe(false);
    expect([relay.wants(info(5n, 0), 0), relay.wants(info(5n, 199), 0)]).toEqual([true, false]);
  });

  test("remembers no more authors than it may", () => {
    const relay = new Relay({ ttlMs: 100, maxAuthors: 1 });
    relay.add(info(5n), 0);
    relay.add(info(5n, 1, other), 0);
    expect([relay.wants(info(5n), 0), relay.wants(info(5n, 1, other), 0)]).toEqual([true, false]);
  });
});
