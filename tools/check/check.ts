/**
 * The gate behind `npm test`: every check, one after the other, a line for each, all of them even when one fails.
 * `npm test -- unit packs` runs only those named.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../tidy/packages.js";

interface Check {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
}

const report = join(root, "node_modules", ".gossip-tests.json");

const checks: readonly Check[] = [
  {
    name: "types",
    what: "the compiler, over code, tests, tools, examples and benches",
    command: ["tsc", "--noEmit", "-p", "tsconfig.json"],
  },
  { name: "lint", what: "linter and formatter", command: ["biome", "ci", "--error-on-warnings", "."] },
  {
    name: "unit",
    what: "unit, property, conformance, simulation, interoperability and tidy tests",
    command: ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
  },
  { name: "unused", what: "unused code and dependencies", command: ["knip"] },
  {
    name: "packs",
    what: "each package packed, installed alone, imported, linted, its README example type-checked and run",
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
      stdio: ["ignore", "inherit", "inherit"],
    });
    return { name, ok: status === 0, seconds: (performance.now() - started) / 1000 };
  });

process.stdout.write("\n");
for (const { name, ok, seconds } of results) {
  process.stdout.write(`${ok ? "ok    " : "FAILED"} ${name.padEnd(8)} ${seconds.toFixed(1)} s\n`);
}
const tests = readTests();
const others = results.filter(({ name }) => name !== "unit");
const passed = tests.passed + others.filter(({ ok }) => ok).length;
const failed = tests.failed + others.filter(({ ok }) => !ok).length;
process.stdout.write(`\n${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ""}\n`);
process.exit(results.every(({ ok }) => ok) ? 0 : 1);

function readTests(): { readonly passed: number; readonly failed: number; readonly skipped: number } {
  if (!results.some(({ name }) => name === "unit")) return { passed: 0, failed: 0, skipped: 0 };
  try {
    const counts = JSON.parse(readFileSync(report, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numTodoTests: number;
    };
    return {
      passed: counts.numPassedTests,
      failed: counts.numFailedTests,
      skipped: counts.numPendingTests + counts.numTodoTests,
    };
  } catch {
    // The runner itself did not come to an end.
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
