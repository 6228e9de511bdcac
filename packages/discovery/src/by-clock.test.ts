import type { PkiId } from "@gossip/proto";
import { seededRandom, wake } from "@gossip/runtime";
import { expect, test } from "vitest";
import { Discovery } from "./discovery.js";
import type { DiscoveryInput, DiscoveryOutput } from "./io.js";
import { aliveOf, pkiIdOf } from "./testing/index.js";

function setup() {
  const discovery = new Discovery({
    self: { pkiId: pkiIdOf("self"), endpoint: "self.external:7051", internalEndpoint: "self:7051" },
    incarnation: 1n,
    config: { newsIntervalMs: Number.POSITIVE_INFINITY },
    disclosure: () => "all",
    random: seededRandom(1),
  });
  const seen: { readonly type: DiscoveryOutput["type"]; readonly at: number }[] = [];
  let now = 0;
  const note = (outputs: readonly DiscoveryOutput[]) => {
    for (const { type } of outputs) seen.push({ type, at: now });
  };
  note(discovery.step({ type: "connect", endpoint: "self:7051", role: "bootstrap" }, now));
  return {
    at(time: number, input: DiscoveryInput) {
      while (discovery.deadline <= time) {
        now = Math.max(now, discovery.deadline);
        note(discovery.step(wake, now));
      }
      now = time;
      note(discovery.step(input, now));
    },
    times: (type: DiscoveryOutput["type"]) => seen.filter((one) => one.type === type).map(({ at }) => at),
  };
}

const alive = (name: string, sequence: bigint): DiscoveryInput => ({
  type: "alive",
  from: pkiIdOf("bob") as PkiId,
  alive: aliveOf(name, { incarnation: 1n, sequence, internalEndpoint: `${name}:7051` }),
});

test("7.36: Discovery by the clock tells and asks in periods counted from the start, whoever comes up meanwhile", () => {
  const { at, times } = setup();
  at(1_500, alive("alice", 1n));
  at(2_000, { type: "update-self", metadata: Uint8Array.of(1) });
  at(2_500, { type: "sync-soon" });
  at(6_000, alive("carol", 1n));
  at(12_500, { type: "sync-soon" });
  expect(times("send-alive")).toEqual([5_000, 10_000]);
  expect(times("request-membership")).toEqual([4_000, 8_000, 12_000]);
});
