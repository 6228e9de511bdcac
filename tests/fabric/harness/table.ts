import type { Seat } from "./peer.js";

export interface Result {
  readonly scenario: string;
  readonly seat: Seat;
  readonly outcome: "passed" | "failed";
  readonly seconds: number;
}

/** The results of a run as a table for the guide. */
export function table(version: string, results: readonly Result[]): string {
  const cell = (scenario: string, seat: Seat) => {
    const found = results.find((result) => result.scenario === scenario && result.seat === seat);
    return found === undefined ? "–" : `${found.outcome}, ${found.seconds.toFixed(0)} s`;
  };
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  return [
    `| Scenario, against Fabric v${version} | a Go peer in the seat | our node in the seat |`,
    "| --- | --- | --- |",
    ...scenarios.map((scenario) => `| ${scenario} | ${cell(scenario, "go")} | ${cell(scenario, "ours")} |`),
    "",
  ].join("\n");
}
