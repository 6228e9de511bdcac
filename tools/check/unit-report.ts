import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";
import { root } from "../tidy/packages.js";

export interface UnitReport {
  readonly passed: number;
  /** Tests that failed, and whatever else went wrong: a file that cannot be loaded, an error outside any test. */
  readonly failed: number;
  readonly skipped: readonly SkippedTest[];
}

export interface SkippedTest {
  readonly file: string;
  readonly name: string;
  /** From `(skipped when …)` in its own or a group's name, or from `skip("…")` inside it. */
  readonly reason?: string;
}

/** Where `npm test` asks the report to be written. */
export const reportFile = "GOSSIP_UNIT_REPORT";

/** A reporter for vitest that writes a `UnitReport`; vitest's own JSON report does not tell why a test was skipped. */
export default class UnitReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const report: UnitReport = {
      passed: count("passed"),
      // A test without a result was never reached.
      failed: count("failed") + count("pending") + groups.flatMap((group) => group.errors()).length + errors.length,
      skipped: tests.filter((test) => test.result().state === "skipped").map(describeSkipped),
    };
    writeFileSync(process.env[reportFile] ?? "unit-report.json", JSON.stringify(report));
  }
}

function describeSkipped(test: TestCase): SkippedTest {
  const result = test.result();
  const [, named] = /\(skipped when ([^)]+)\)/.exec(test.fullName) ?? [];
  const reason = (result.state === "skipped" ? result.note : undefined) ?? named;
  return {
    file: relative(root, test.module.moduleId),
    name: test.fullName,
    ...(reason === undefined ? {} : { reason }),
  };
}
