/**
 * What the protocol pages state is tested, and the test says so: its name begins with the number of the statement, or of
 * the scenario, as in `4.7: refreshes a member that is newer` or `04/N3, 4.35: forgets whoever is known only from others`.
 */

import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { read } from "./code.js";
import { root } from "./packages.js";

const pages = readdirSync(join(root, "docs/protocol")).filter((file) => /^\d\d-.*\.md$/.test(file));

/** Pages whose every statement has a test; the others may only name tests that exist. */
const complete: readonly string[] = [
  "01-wire.md",
  "02-identity-and-crypto.md",
  "03-comm.md",
  "04-discovery.md",
  "05-pull.md",
  "06-emitter.md",
  "07-node-and-channels.md",
  "08-election.md",
  "09-deliver.md",
  "10-state-transfer.md",
  "11-private-data.md",
  "12-config-and-metrics.md",
  "13-blocks.md",
  "13-fabric.md",
  "14-shared-map.md",
];

/** `4.7`, `12.1a`; or a scenario of a page, `04/7`, `05/N3`. */
const reference = String.raw`(?:\d{1,2}\.\d+[a-z]?|\d\d\/[A-Za-z0-9.]+)`;
const leading = new RegExp(String.raw`["'\`](${reference}(?:, ${reference})*): `, "g");

const testFiles = ["packages", "tests", "tools", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.parentPath.includes("node_modules"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => file.endsWith(".test.ts") || /\/testing\/|^tests\//.test(file)),
);

/** Reference → files in which a test or conformance case begins with it. */
const tested = new Map<string, Set<string>>();
for (const file of testFiles) {
  for (const [, list = ""] of read(file).matchAll(leading)) {
    for (const one of list.split(", ")) tested.set(one, (tested.get(one) ?? new Set()).add(file));
  }
}

test("there are tests that name what they prove", () => {
  expect(tested.size).toBeGreaterThan(0);
});

describe.each(pages)("%s", (page) => {
  const text = read(`docs/protocol/${page}`);
  const scenarios = [...text.matchAll(/^\| (\d\d\/[A-Za-z0-9.]+) \| (.+) \| (.+) \|$/gm)];

  test("has, for every scenario, a test in the file it names, or the reason why not", () => {
    const wrong = scenarios.filter(([, id = "", , where = ""]) => {
      if (/^(deviates|does not apply): ./.test(where)) return false;
      const files = [...where.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file);
      return files.length === 0 || files.some((file) => !existsSync(join(root, file)) || !tested.get(id)?.has(file));
    });
    expect(wrong.map(([row]) => row)).toEqual([]);
  });

  test("has every scenario once", () => {
    const ids = scenarios.map(([, id]) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });
});

test("every statement has a number of its own", () => {
  const numbers = pages.flatMap(statementsOf);
  expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
});

test.each(complete)("every numbered statement of %s has a test", (page) => {
  expect(statementsOf(page).filter((number) => !tested.has(number))).toEqual([]);
});

test("no test names a statement that no page has", () => {
  const known = new Set(pages.flatMap(statementsOf));
  const unknown = [...tested].filter(([one]) => !one.includes("/") && !known.has(one));
  expect(unknown.map(([one, where]) => `${one} in ${[...where].join(", ")}`)).toEqual([]);
});

test("SECURITY.md claims what a page states, and a test proves", () => {
  const claimed = [...read("SECURITY.md").matchAll(/\(([^()]*\d+\.\d+[^()]*)\)/g)].flatMap(([, list = ""]) =>
    [...list.matchAll(/(?<![\d.§])(\d{1,2}\.\d+)(?![\d.])/g)].map(([, number = ""]) => number),
  );
  expect(claimed.length).toBeGreaterThan(30);
  expect(claimed.filter((number) => !tested.has(number))).toEqual([]);
});

function statementsOf(page: string): readonly string[] {
  return [...read(`docs/protocol/${page}`).matchAll(/^- \*\*(\d+\.\d+[a-z]?)\*\*/gm)].map(([, number = ""]) => number);
}
