/** What can be said about source text without a compiler. The formatter makes it regular enough for that. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "./packages.js";

export interface Import {
  readonly specifier: string;
  /** Gone after compilation. */
  readonly isType: boolean;
}

const fromPattern = /^(?:import|export)\b(?<type> type\b)?[^"';]*?\bfrom "(?<from>[^"]+)"/gm;
const barePattern = /^import "([^"]+)"/gm;
const dynamicPattern = /\bimport\(\s*"([^"]+)"/g;

/** Comments, texts and templates, in the order in which one hides another. */
const hiddenPattern = /\/\*[\s\S]*?\*\/|\/\/.*$|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/gm;

/** A file, relative to the root. */
export function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** What is left of a file without comments and texts, which may speak of anything; what a template computes stays. */
export function code(file: string): string {
  return read(file).replace(hiddenPattern, (hidden) => {
    if (hidden.startsWith("/")) return "";
    if (!hidden.startsWith("`")) return '""';
    return `[${[...hidden.matchAll(/\$\{([^}]*)\}/g)].map(([, computed]) => computed).join(", ")}]`;
  });
}

export function importsOf(file: string): readonly Import[] {
  const text = read(file);
  return [
    ...[...text.matchAll(fromPattern)].map(({ groups }) => ({
      specifier: groups?.["from"] ?? "",
      isType: groups?.["type"] !== undefined,
    })),
    ...[...text.matchAll(barePattern), ...text.matchAll(dynamicPattern)].map(([, specifier = ""]) => ({
      specifier,
      isType: false,
    })),
  ];
}

/** A file and everything of its own package that it brings along when it runs. */
export function valueClosure(file: string, seen = new Set<string>()): ReadonlySet<string> {
  seen.add(file);
  for (const { specifier, isType } of importsOf(file)) {
    if (isType || !specifier.startsWith(".")) continue;
    const target = normalize(join(dirname(file), specifier.replace(/\.js$/, ".ts")));
    if (!seen.has(target) && existsSync(join(root, target))) valueClosure(target, seen);
  }
  return seen;
}

/** The names that an entry exports, types marked as such. */
export function exportsOf(file: string): readonly string[] {
  return [...code(file).matchAll(/^export (type )?\{([^{}]*)\}/gm)]
    .flatMap(([, allTypes = "", names = ""]) =>
      names
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "")
        .map((name) => `${allTypes}${name}`.replace(/^(type )?.* as /, "$1")),
    )
    .sort();
}
