import { pkiId } from "@gossip/proto";
import { expect, test } from "vitest";
import { Claims } from "./claims.js";

const yieldMs = 1_000;
const [honest, liar] = [pkiId("a0"), pkiId("f0")];

function create() {
  const claims = new Claims({ maxLagBlocks: 10, yieldMs });
  const see = (now: number, height?: bigint) => {
    const others = height === undefined ? [] : [{ pkiId: liar, height }];
    return claims.replaceView([{ pkiId: honest, height: 0n }, ...others], now);
  };
  return { claims, see };
}

test("8.22: a claim that proves empty again is set aside for twice as long", () => {
  const { claims, see } = create();
  let now = 0;
  for (const times of [1, 2, 4, 8]) {
    see(now, 100n);
    claims.settle(0n, honest, now, now);
    // Our ledger has reached that claim, so that time alone counts.
    see(now, 1_000n);
    now += times * yieldMs;
    expect(claims.isLagging(100n, now - 1)).toBe(false);
    expect(claims.isLagging(100n, now)).toBe(true);
    expect(claims.isLagging(99n, now)).toBe(false);
  }
});

test("8.22: coming and going makes nobody a newcomer, who had no turn", () => {
  const { claims, see } = create();
  see(0, 100n);
  expect(see(500)).toEqual({ added: [], removed: [liar] });
  expect(see(1_499, 100n)).toEqual({ added: [liar], removed: [] });
  claims.settle(0n, honest, 100, 1_500);
  expect(claims.isLagging(0n, 1_500)).toBe(false);
});

test("8.22: one that was away for long is a newcomer", () => {
  const { claims, see } = create();
  see(0, 100n);
  see(500);
  see(1_500, 100n);
  claims.settle(0n, honest, 1_000, 1_600);
  expect(claims.isLagging(0n, 1_600)).toBe(true);
});

test("8.22: a claim that a leader stepped down for is proved by its author leading, or by another who is as high", () => {
  for (const [leader, height, isProved] of [
    [liar, 0n, true],
    [honest, 95n, true],
    [honest, 0n, false],
  ] as const) {
    const { claims, see } = create();
    see(0, 100n);
    claims.stake(0n, 0);
    expect(claims.isLagging(0n, 1)).toBe(false);
    claims.settle(height, leader, 1, 2);
    expect(claims.isLagging(0n, 3)).toBe(isProved);
  }
});
