import { seededRandom, type Wake, wake } from "@gossip/runtime";
import { expect, test } from "vitest";
import type { PullConfig } from "./config.js";
import type { PullInput, PullOutput } from "./io.js";
import { ItemStore } from "./item-store.js";
import { Pull } from "./pull.js";
import { digestOf, pkiIdOf } from "./testing/index.js";

function setup(config: Partial<PullConfig>) {
  const pull = new Pull<string>({
    items: new ItemStore<string>({ bytesOf: (item) => item.length }),
    peers: () => [{ pkiId: pkiIdOf("alice"), endpoint: "alice:7051" }],
    config,
    random: seededRandom(3),
  });
  let now = 0;
  return {
    step: (input: PullInput<string> | Wake) => pull.step(input, now),
    /** The outputs of one type until then, each with its time. */
    until<T extends PullOutput<string>["type"]>(end: number, type: T) {
      const found: (Extract<PullOutput<string>, { type: T }> & { readonly at: number })[] = [];
      for (; pull.deadline <= end; ) {
        now = Math.max(now, pull.deadline);
        for (const output of pull.step(wake, now)) {
          if (output.type === type) found.push({ ...(output as Extract<PullOutput<string>, { type: T }>), at: now });
        }
      }
      now = end;
      return found;
    },
  };
}

test("7.36: Pull by the clock begins with the first interval, and no news makes it begin earlier", () => {
  const { step, until } = setup({ minRoundIntervalMs: Number.POSITIVE_INFINITY });
  expect(step({ type: "pull-now", peer: { pkiId: pkiIdOf("bob"), endpoint: "bob:7051" } })).toEqual([]);
  const hellos = until(12_000, "send-hello");
  expect(hellos.map(({ at }) => at)).toEqual([4_000, 8_000, 12_000]);
  // Nor does it remember whom there was news of.
  expect(new Set(hellos.map(({ to }) => to.pkiId))).toEqual(new Set([pkiIdOf("alice")]));
});

test("7.36: Pull by the clock waits for digests as long as it may, though all have answered", () => {
  const { step, until } = setup({ digestQuietMs: Number.POSITIVE_INFINITY });
  const [hello] = until(250, "send-hello");
  const { at = 0, nonce = 0n } = hello ?? {};
  expect(step({ type: "digest", from: pkiIdOf("alice"), nonce, digests: [digestOf("item")] })).toEqual([]);
  expect(until(4_000, "send-request").map((request) => request.at - at)).toEqual([1_000]);
});
