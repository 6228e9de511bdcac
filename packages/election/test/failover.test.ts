import { electionDefaults, fastElection, resolveElectionConfig } from "@gossip/election";
import { ElectionNetwork } from "@gossip/election/testing";
import { expect, test } from "vitest";

/** How long an organization is without a leader after its leader is killed. */
function failovers(config: Parameters<typeof resolveElectionConfig>[0], noticeMs: number): readonly number[] {
  const names = ["p0", "p1", "p2"];
  const network = new ElectionNetwork({ seed: noticeMs, ...(config && { config }), noticeMs });
  for (const name of names) network.start(name);
  network.runFor(40_000);
  return Array.from({ length: 20 }, () => {
    const [leader = ""] = network.leaders;
    network.stop(leader);
    const killed = network.clock.now();
    while (network.leaders.length === 0) network.clock.runNext();
    const ms = network.clock.now() - killed;
    network.start(leader);
    network.runFor(60_000 + 7_000 * Math.sin(killed));
    expect(network.leaders).toHaveLength(1);
    return ms;
  });
}

test.each([
  ["the defaults", electionDefaults],
  ["the fast profile", fastElection],
])(
  "8.12, 8.7: with %s a leader that dies is replaced after a threshold, a round and two margins at most",
  (_, given) => {
    const config = resolveElectionConfig(given);
    const { leaderAliveThresholdMs: T, leaderElectionDurationMs: D, settleMarginMs: M } = config;
    // Nobody tells that it is gone.
    expect(Math.max(...failovers(config, 40_000))).toBeLessThanOrEqual(T + D + 2 * M + 10);
    // A connection that ends tells.
    expect(Math.max(...failovers(config, 100))).toBeLessThanOrEqual(100 + D + 2 * M + 10);
  },
);
