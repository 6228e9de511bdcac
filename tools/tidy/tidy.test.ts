/**
 * The rules of the house that a compiler does not know: who may import whom, what a machine may not touch, what every
 * package and every README looks like, which names are public, and what tests may not do.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { code, exportsOf, type Import, importsOf, read, valueClosure } from "./code.js";
import { entriesOf, packages, sources, testSources } from "./packages.js";

/** Lower layers first; packages on one line are siblings, which do not import each other. */
const layers: readonly (readonly string[])[] = [
  ["runtime"],
  ["proto"],
  ["crypto"],
  ["comm"],
  ["discovery", "pull", "election", "state"],
  ["shared-map"],
  ["node"],
  ["fabric", "ledger", "privdata", "deliver"],
  ["sim", "peer", "orderer", "dashboard"],
  ["cli"],
];

/** Machines and their leaves know neither time nor chance nor the world; what to use instead. */
const bannedInMachines: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\b/, "take `now` as an argument"],
  [/\bperformance\b/, "take `now` as an argument"],
  [/\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/, "take a `Random` in the constructor"],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "show a `deadline`"],
  [/\b(await|async)\b|\bPromise\b/, "make the work an output, and its result an input"],
  [/\bprocess\b/, "take it in the config"],
  [/\bconsole\b|\bLogger\b/, "make it an output; the shell logs"],
  [/\bglobalThis\b/, "pass it in"],
  [/\b(WeakRef|FinalizationRegistry)\b/, "what is collected when is not deterministic"],
  [/\b(localeCompare|toLocale\w+|Intl)\b/, "compare with `<`; a locale is ambient"],
];

describe("layers", () => {
  test.each(packages)(
    "$name imports only from layers below it, and says so in its manifest",
    ({ name, dir, manifest }) => {
      const layer = layers.findIndex((names) => names.includes(name));
      expect(layer, `${name} has a layer`).toBeGreaterThanOrEqual(0);
      const below = new Set(layers.slice(0, layer).flat());
      for (const file of sources(join(dir, "src"), { tests: false })) {
        for (const { specifier } of importsOf(file)) {
          const [scope, other] = specifier.split("/");
          if (scope !== "@gossip" || other === undefined || other === name) continue;
          expect(below.has(other), `${file} imports ${specifier}, which is not below ${name}`).toBe(true);
          expect(manifest.dependencies, `${file} imports ${specifier}`).toHaveProperty([`@gossip/${other}`]);
        }
      }
    },
  );

  test.each(packages)("$name never imports testing code from production code", ({ dir, name }) => {
    // The simulator is made for tests, and takes the fakes of the packages it simulates.
    if (name === "sim") return;
    for (const file of sources(join(dir, "src"), { tests: false })) {
      if (file.includes("/src/testing/")) continue;
      for (const { specifier } of importsOf(file)) expect(specifier, file).not.toMatch(/\/testing(\/|$)/);
    }
  });
});

describe("machines", () => {
  const machines = packages.flatMap(({ dir }) =>
    sources(join(dir, "src"), { tests: false }).filter((file) => /\bimplements\s+Machine</.test(read(file))),
  );

  test("there are machines to look at", () => {
    expect(machines.length).toBeGreaterThan(5);
  });

  test.each(machines)("%s and its leaves touch nothing ambient", (machine) => {
    for (const file of valueClosure(machine)) {
      const text = code(file);
      for (const [pattern, instead] of bannedInMachines) {
        expect(pattern.exec(text)?.[0], `${file}: ${instead}`).toBeUndefined();
      }
      for (const { specifier } of importsOf(file).filter(isForeign)) {
        expect(specifier, `${file}: leave it to the shell`).toBeUndefined();
      }
    }
  });

  test.each(machines)("%s opens with its theory of operation", (machine) => {
    const [beforeCode = ""] = read(machine).split(/^(?:export|const|function|class|type|interface)\b/m);
    const longest = Math.max(0, ...(beforeCode.match(/\/\*\*[\s\S]*?\*\//g) ?? []).map(({ length }) => length));
    expect(longest, "a machine explains itself before its first line of code").toBeGreaterThan(400);
  });
});

describe("packages", () => {
  test.each(packages)("$name has the manifest of the house", ({ manifest }) => {
    expect(manifest).toMatchObject({
      license: "Apache-2.0",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      version: packages[0]?.manifest.version,
    });
    for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
      if (dependency.startsWith("@gossip/")) expect(range, dependency).toBe(manifest.version);
    }
  });

  test.each(packages)("$name has a README with the headings of the house", ({ name, dir }) => {
    const readme = join(dir, "README.md");
    expect(existsSync(readme), `packages/${name}/README.md exists`).toBe(true);
    const text = withoutFences(readFileSync(readme, "utf8"));
    const headings = [...text.matchAll(/^(#{1,2}) (.+)$/gm)].map(([, , heading]) => heading);
    expect(headings).toEqual([
      `@gossip/${name}`,
      "Install",
      "Example",
      "Concepts",
      "Configuration",
      "Guarantees and limits",
      "For implementors",
    ]);
  });

  const entries = packages.flatMap((one) => entriesOf(one));

  test.each(entries)("$specifier names each export, and does nothing else", ({ source }) => {
    const rest = code(source).replace(/^export (type )?\{[^{}]*\}( from "")?;$/gm, "");
    expect(rest.trim(), `${source} has only lines like export { name } from "./file.js"`).toBe("");
  });

  test.each(entries)("$specifier exports what it is known to export", ({ source }) => {
    expect(exportsOf(source)).toMatchSnapshot();
  });
});

describe("tests", () => {
  const files = testSources();

  test("there are tests to look at", () => {
    expect(files.length).toBeGreaterThan(50);
  });

  test("there are no mocks and no fake timers; use small real fakes, and a VirtualClock", () => {
    const found = files.map((file) => [
      file,
      /\bvi\.(mock|doMock|fn|spyOn|stub\w+|useFakeTimers)\b/.exec(code(file))?.[0],
    ]);
    expect(found.filter(([, mock]) => mock !== undefined)).toEqual([]);
  });

  test('what may be skipped says why in its name, like "… (skipped when …)"', () => {
    const skips = /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|fails)\b[\s\S]*?(?:=>|;$)/gm;
    const found = files.flatMap((file) => (read(file).match(skips) ?? []).map((skip) => [file, skip]));
    expect(found.filter(([, skip]) => !/\(skipped when .+\)/.test(skip ?? ""))).toEqual([]);
  });
});

test("long files, for a second look (never a failure; the linter shows long functions)", () => {
  const long = packages
    .flatMap(({ dir }) => sources(join(dir, "src"), { tests: false }))
    .map((file) => [file, read(file).split("\n").length] as const)
    .filter(([, lines]) => lines > 400);
  process.stdout.write(long.map(([file, lines]) => `${file}: ${lines} lines; what does it hide?\n`).join(""));
});

function isForeign({ specifier, isType }: Import): boolean {
  return !isType && !specifier.startsWith(".") && !specifier.startsWith("@gossip/");
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, "");
}
