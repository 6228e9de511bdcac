/**
 * The gate behind `npm test`: every check, one after the other, a line for each, all of them even when one fails.
 * `npm test -- unit packs` runs only those named.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../tidy/packages.js";
import { reportFile, type UnitReport } from "./unit-report.js";

interface Check {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
}

const report = join(root, "node_modules", ".gossip-unit-report.json");

const checks: readonly Check[] = [
  {
    name: "types",
    what: "the compiler, over code, tests, tools, examples and benches",
    command: ["tsc", "--noEmit", "-p", "tsconfig.json"],
  },
  {
    name: "lint",
    what: "linter and formatter",
    command: ["biome", "ci", "--error-on-warnings", "--max-diagnostics=200", "."],
  },
  {
    name: "unit",
    what: "unit, property, conformance, simulation, interoperability and tidy tests",
    // A missing snapshot and a forgotten `.only` are failures here, as in CI.
    command: [
      "vitest",
      "run",
      "--update=none",
      "--allowOnly=false",
      "--reporter=default",
      "--reporter=./tools/check/unit-report.ts",
    ],
  },
  { name: "unused", what: "unused code and dependencies", command: ["knip", "--no-progress"] },
  {
    name: "packs",
    what: "each package packed, installed alone, imported, linted; the examples of all READMEs type-checked and run",
    command: ["tsx", "tools/check/packs.ts"],
  },
  { name: "size", what: "sizes of what is published", command: ["size-limit"] },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  process.stderr.write(`expected one of ${checks.map((check) => check.name).join(", ")}, got ${unknown.join(", ")}\n`);
  process.exit(2);
}

rmSync(report, { force: true });
const results = checks
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .map(({ name, what, command: [program = "", ...args] }) => {
    process.stdout.write(`\n── ${name}: ${what}\n`);
    const started = performance.now();
    const { status } = spawnSync(join(root, "node_modules", ".bin", program), args, {
      cwd: root,
      env: { ...process.env, [reportFile]: report },
      stdio: ["ignore", "inherit", "inherit"],
    });
    return { name, ok: status === 0, seconds: (performance.now() - started) / 1000 };
  });

const unit = results.find(({ name }) => name === "unit");
const tests = unit === undefined ? undefined : readReport(unit.ok);
const skipped = tests?.skipped ?? [];
const unexplained = skipped.filter(({ reason }) => reason === undefined);

process.stdout.write("\n");
for (const { file, name, reason } of skipped) {
  const why = reason === undefined || name.includes(reason) ? "" : `: ${reason}`;
  process.stdout.write(`skipped: ${file}: ${name}${why}\n`);
}
if (unexplained.length > 0) {
  process.stdout.write(`expected every skipped test to carry a reason, got ${unexplained.length} without\n`);
}
for (const { name, ok, seconds } of results) {
  process.stdout.write(`${ok ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds.toFixed(1)} s\n`);
}

// The last line counts tests, and each other check as one.
const others = results.filter((result) => result !== unit);
const passed = (tests?.passed ?? 0) + others.filter(({ ok }) => ok).length;
const failed = (tests?.failed ?? 0) + unexplained.length + others.filter(({ ok }) => !ok).length;
process.stdout.write(
  `\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;

/** What the tests left behind, which is nothing if their runner did not come to its end. */
function readReport(ok: boolean): UnitReport {
  let read: UnitReport = { passed: 0, failed: 1, skipped: [] };
  try {
    read = JSON.parse(readFileSync(report, "utf8")) as UnitReport;
  } catch {
    // Counted as the one failure above.
  }
  return ok || read.failed > 0 ? read : { ...read, failed: 1 };
}
