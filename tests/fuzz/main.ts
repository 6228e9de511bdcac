/**
 * `npm run fuzz -- [--envelopes 1000000] [--seed 1] [--world 0]`: says every world as it ends, and fails when anything was
 * found. A finding names its world: `--world` begins with that one.
 */

import { inspect, parseArgs } from "node:util";
import { fuzz, machineTypes } from "./fuzz.js";
import { heapBytes } from "./heap.js";

const option = { type: "string" } as const;
const { values } = parseArgs({ options: { envelopes: option, seed: option, world: option } });
const envelopes = Number(values.envelopes ?? 1_000_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
say(`seed ${seed}, ${envelopes} envelopes`);

const report = await fuzz({
  seed,
  envelopes,
  firstWorld: Number(values.world ?? 0),
  heapBytes,
  onWorld({ sent, findings, heaps }) {
    const { middle = 0, end = 0, closed = 0 } = heaps.at(-1) ?? {};
    const mebibytes = [middle, end, closed].map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(", ");
    say(`${sent} envelopes, ${findings.length} findings; MiB at half, at the end, after it: ${mebibytes}`);
  },
});
say(`most work of one envelope: ${inspect(report.most)}`);
say(`came as far as a machine: ${inspect(report.reached)}`);
say(`dropped: ${inspect(new Map([...report.drops].sort(([, one], [, other]) => other - one)))}`);
for (const finding of report.findings) say(inspect(finding));
say(`seed ${seed}: ${report.findings.length} findings in ${report.sent} envelopes`);
const rare = machineTypes.filter((type) => (report.reached.get(type) ?? 0) < report.sent / 100);
if (envelopes >= 1_000_000 && rare.length > 0)
  say(`less than one in a hundred came as far as a machine: ${rare.join(", ")}`);
process.exitCode = report.findings.length > 0 || (envelopes >= 1_000_000 && rare.length > 0) ? 1 : 0;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
