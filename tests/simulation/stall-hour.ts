/**
 * `npm run stalls -- [--seed 42] [--minutes 60] [--nodes 100] [--stalled 20] [--machines] [--without-self-health]`: the
 * hour of which
 * stall.test.ts plays the first minutes. Says every minute as it ends, and fails when somebody was declared dead who ran.
 */

import { inspect, parseArgs } from "node:util";
import { playStalls } from "./stalls.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "42" },
    minutes: { type: "string", default: "60" },
    nodes: { type: "string", default: "100" },
    stalled: { type: "string", default: "20" },
    machines: { type: "boolean", default: false },
    "without-self-health": { type: "boolean", default: false },
  },
});
const result = await playStalls({
  of: values.machines ? "machines" : "nodes",
  seed: Number(values.seed),
  nodes: Number(values.nodes),
  stalled: Number(values.stalled),
  durationMs: Number(values.minutes) * 60_000,
  selfHealth: !values["without-self-health"],
  onMinute: (minute, { afterStall, byOthers }) => say(`minute ${minute}: ${afterStall + byOthers} false deaths`),
});
say(inspect(result));
process.exitCode = result.falseDeaths.afterStall + result.falseDeaths.byOthers > 0 ? 1 : 0;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
