/**
 * Every package as a user gets it: packed by npm, linted as a package, installed alone into an empty project together
 * with nothing but its own dependencies, each entry imported, the example of its README type-checked and run.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { type Package, packages, root, withDependencies } from "../tidy/packages.js";

const bin = join(root, "node_modules", ".bin");
const work = mkdtempSync(join(tmpdir(), "gossip-packs-"));
const wanted = process.argv.slice(2);
const chosen = packages.filter(({ name }) => wanted.length === 0 || wanted.includes(name));

try {
  const tarballs = new Map(packages.map((one) => [one.name, pack(one)]));
  let failures = 0;
  for (const one of chosen) {
    const complaints = await complaintsAbout(one, tarballs);
    process.stdout.write(`${complaints.length === 0 ? "ok    " : "FAILED"} ${one.manifest.name}\n`);
    for (const complaint of complaints) process.stdout.write(`${complaint.replace(/^/gm, "       ")}\n`);
    failures += complaints.length === 0 ? 0 : 1;
  }
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function pack({ dir }: Package): string {
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", work], {
    cwd: dir,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const listed = JSON.parse(packed) as
    | readonly { readonly filename: string }[]
    | Record<string, { readonly filename: string }>;
  const [first] = Object.values(listed);
  return join(work, first?.filename ?? "");
}

async function complaintsAbout(one: Package, tarballs: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const tarball = tarballs.get(one.name) as string;
  const complaints = [...(await lint(one, tarball))];
  const project = join(work, one.name);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  const needed = withDependencies(one.name).map(({ name }) => tarballs.get(name) as string);
  const installed = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", ...needed],
    { cwd: project, encoding: "utf8" },
  );
  if (installed.status !== 0) return [...complaints, `npm install: ${installed.stderr}`];

  for (const [subpath, target] of Object.entries(one.manifest.exports)) {
    if (typeof target === "string") continue;
    const specifier = one.manifest.name + subpath.slice(1);
    const imported = node(project, ["--input-type=module", "-e", `await import(${JSON.stringify(specifier)})`]);
    if (imported !== undefined) complaints.push(`import of ${specifier}: ${imported}`);
  }
  return [...complaints, ...runExample(one, project)];
}

async function lint({ dir }: Package, tarball: string): Promise<readonly string[]> {
  const { messages, pkg } = await publint({ pkgDir: dir, strict: true });
  const types = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))));
  // The packages are ESM only, so what a CommonJS resolver says about them is no news.
  const wrong =
    types.types === false ? [{ kind: "NoTypes" }] : types.problems.filter((problem) => !isCommonJs(problem));
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg)}`),
    ...wrong.map((problem) => `types: ${JSON.stringify(problem)}`),
  ];
}

function isCommonJs(problem: { readonly kind: string; readonly resolutionKind?: string }): boolean {
  return (
    problem.kind === "CJSResolvesToESM" ||
    problem.resolutionKind === "node10" ||
    problem.resolutionKind === "node16-cjs"
  );
}

function runExample({ dir }: Package, project: string): readonly string[] {
  const [, example] =
    /^## Example$[\s\S]*?^```ts$\n([\s\S]*?)^```$/m.exec(readFileSync(join(dir, "README.md"), "utf8")) ?? [];
  if (example === undefined) return ["README: expected a ```ts block under Example, got none"];
  writeFileSync(join(project, "example.ts"), example);
  mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
  try {
    symlinkSync(join(root, "node_modules", "@types", "node"), join(project, "node_modules", "@types", "node"));
  } catch {
    // A dependency brought its own.
  }
  const flags = [
    "--noEmit",
    "--strict",
    "--target",
    "es2023",
    "--module",
    "nodenext",
    "--types",
    "node",
    "--skipLibCheck",
    "example.ts",
  ];
  const compiled = spawnSync(join(bin, "tsc"), flags, { cwd: project, encoding: "utf8" });
  if (compiled.status !== 0) return [`README example does not compile:\n${compiled.stdout}`];
  const ran = spawnSync(join(bin, "tsx"), ["example.ts"], { cwd: project, encoding: "utf8", timeout: 60_000 });
  if (ran.status !== 0) return [`README example ended with ${ran.status ?? ran.signal}:\n${ran.stderr}`];
  return ran.stdout.trim() === "" ? ["README example: expected it to print something, got nothing"] : [];
}

function node(project: string, args: readonly string[]): string | undefined {
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8", timeout: 60_000 });
  return status === 0 ? undefined : stderr;
}
