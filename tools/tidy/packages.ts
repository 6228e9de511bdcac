import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Package {
  /** Folder name, e.g. `comm`. */
  readonly name: string;
  readonly dir: string;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly type?: string;
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The packages of the workspace, by name. */
export const packages: readonly Package[] = readdirSync(join(root, "packages"))
  .sort()
  .map((name) => {
    const dir = join(root, "packages", name);
    return { name, dir, manifest: JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as Manifest };
  });

/** The `@gossip/*` packages that a package needs, itself included, each after those it needs. */
export function withDependencies(name: string): readonly Package[] {
  const found = new Map<string, Package>();
  const visit = (visited: string) => {
    const one = packages.find((candidate) => candidate.name === visited);
    if (one === undefined || found.has(visited)) return;
    for (const dependency of Object.keys(one.manifest.dependencies ?? {})) {
      if (dependency.startsWith("@gossip/")) visit(dependency.slice("@gossip/".length));
    }
    found.set(visited, one);
  };
  visit(name);
  return [...found.values()];
}

/** What a package lets others import. */
export interface Entry {
  /** As it is imported, e.g. `@gossip/comm/grpc`. */
  readonly specifier: string;
  /** The source file, relative to the root. */
  readonly source: string;
}

export function entriesOf({ name, manifest }: Package): readonly Entry[] {
  return Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    if (typeof target === "string") return [];
    const source = target.default.replace("./dist/", `packages/${name}/src/`).replace(/\.js$/, ".ts");
    return [{ specifier: manifest.name + subpath.slice(1), source }];
  });
}

/** Every test file of the repository, and what lies beside tests, relative to the root. */
export function testSources(): readonly string[] {
  const folders = packages.flatMap(({ dir }) => [join(dir, "src"), join(dir, "test")]);
  return [...folders, join(root, "tests")]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => sources(folder, { tests: true }))
    .filter((file) => !file.includes("/src/") || file.endsWith(".test.ts"));
}

/** The TypeScript files below a folder, relative to the root; tests and generated code only when asked for. */
export function sources(dir: string, options: { readonly tests: boolean }): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.parentPath.includes("generated"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => options.tests || !file.endsWith(".test.ts"))
    .sort();
}
