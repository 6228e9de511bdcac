/**
 * The rules of the house that a compiler does not know: who may import whom, what a machine may not touch, what every
 * package and every README looks like, and which names are public.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { packages, root, sources } from "./packages.js";

/** Lower layers first; packages on one line are siblings, which do not import each other. */
const layers: readonly (readonly string[])[] = [
  ["runtime"],
  ["proto"],
  ["crypto"],
  ["comm"],
  ["discovery", "pull", "election", "state"],
  ["node"],
  ["fabric", "ledger", "privdata", "deliver"],
  ["sim", "peer", "orderer", "dashboard"],
  ["cli"],
];

/** Machines and their leaves know neither time nor chance nor the world; what to use instead. */
const bannedInMachines: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\b/, "take `now` as an argument"],
  [/\bperformance\b/, "take `now` as an argument"],
  [/\bMath\.random\b/, "take a `Random` in the constructor"],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "show a `deadline`"],
  [/\b(await|async)\b|\bPromise\b/, "make the work an output, and its result an input"],
  [/from "node:/, "leave it to the shell"],
  [/\bprocess\b/, "take it in the config"],
  [/\bconsole\b|\bLogger\b/, "make it an output; the shell logs"],
  [/\bglobalThis\b/, "pass it in"],
];

const importPattern = /^\s*(?:import|export)\b[^"';]*?\bfrom "([^"]+)"|^import "([^"]+)"/gm;

describe("layers", () => {
  test.each(packages)(
    "$name imports only from layers below it, and says so in its manifest",
    ({ name, dir, manifest }) => {
      const layer = layers.findIndex((names) => names.includes(name));
      expect(layer, `${name} has a layer`).toBeGreaterThanOrEqual(0);
      const below = new Set(layers.slice(0, layer).flat());
      for (const file of sources(join(dir, "src"), { tests: false })) {
        for (const imported of importsOf(file)) {
          const [scope, other] = imported.split("/");
          if (scope !== "@gossip" || other === undefined || other === name) continue;
          expect(below.has(other), `${file} imports ${imported}, which is not below ${name}`).toBe(true);
          expect(manifest.dependencies, `${file} imports ${imported}`).toHaveProperty([`@gossip/${other}`]);
        }
      }
    },
  );

  test.each(packages)("$name never imports testing code from production code", ({ dir, name }) => {
    // The simulator is made for tests, and takes the fakes of the packages it simulates.
    if (name === "sim") return;
    for (const file of sources(join(dir, "src"), { tests: false })) {
      if (file.includes("/src/testing/")) continue;
      for (const imported of importsOf(file)) expect(imported, file).not.toMatch(/\/testing(\/|$)/);
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
    for (const file of closure(machine)) {
      const code = withoutComments(read(file));
      for (const [pattern, instead] of bannedInMachines) {
        expect(pattern.exec(code)?.[0], `${file}: ${instead}`).toBeUndefined();
      }
    }
  });

  test.each(machines)("%s opens with its theory of operation", (machine) => {
    const opening = /\/\*\*[\s\S]*?\*\//.exec(read(machine))?.[0] ?? "";
    expect(opening.length, "a machine explains itself before its first line of code").toBeGreaterThan(400);
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

  test.each(packages)("$name exports what it is known to export", async ({ name, manifest }) => {
    const names: Record<string, readonly string[]> = {};
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target === "string") continue;
      const source = target.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts");
      const entry = (await import(join(root, "packages", name, source))) as Record<string, unknown>;
      names[subpath] = Object.keys(entry).sort();
    }
    expect(names).toMatchSnapshot();
  });
});

test("long files and functions, for a second look (never a failure)", () => {
  const long = packages
    .flatMap(({ dir }) => sources(join(dir, "src"), { tests: false }))
    .map((file) => [file, read(file).split("\n").length] as const)
    .filter(([, lines]) => lines > 400);
  for (const [file, lines] of long) process.stdout.write(`${file}: ${lines} lines; what does it hide?\n`);
});

function importsOf(file: string): readonly string[] {
  return [...read(file).matchAll(importPattern)].map(([, from, bare]) => (from ?? bare) as string);
}

/** A machine file and everything it imports from its own package. */
function closure(file: string, seen = new Set<string>()): ReadonlySet<string> {
  seen.add(file);
  for (const imported of importsOf(file)) {
    if (!imported.startsWith(".")) continue;
    const target = normalize(join(dirname(file), imported.replace(/\.js$/, ".ts")));
    if (!seen.has(target) && existsSync(join(root, target))) closure(target, seen);
  }
  return seen;
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Comments and texts may speak of anything. */
function withoutComments(code: string): string {
  return code
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, (text) => (text.startsWith('"node:') ? text : '""'))
    .replace(/`(?:[^`\\]|\\.)*`/g, "``");
}

function withoutFences(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, "");
}
