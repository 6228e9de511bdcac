/**
 * Every package as a user gets it: packed by npm, linted as a package, installed into an empty project together with
 * nothing but its own dependencies, each entry imported, each command asked for help, the example of its README
 * type-checked and run. Then the same for the README of the repository, over all packages at once.
 *
 * `tsx tools/check/packs.ts comm README` checks only those named.
 */

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { type Package, packages, root, withDependencies } from "../tidy/packages.js";

/** What a README shows, and what is installed for it. */
interface Subject {
  readonly name: string;
  readonly readme: string;
  readonly section: string;
  readonly installed: readonly Package[];
  /** The package that the README is of; none for the repository's own. */
  readonly of?: Package;
}

/** Half of what it does waits for npm and for disks, so two at a time keep two cores busy. */
const parallel = 2;
/** The compiler's complaints about the example and our declarations; what others' declarations contain is for others. */
const ours = /^(?!node_modules\/(?!@gossip\/)).*\berror TS\d+/;
const stepTimeoutMs = 120_000;
const exampleTimeoutMs = 60_000;

const wanted = process.argv.slice(2);
const subjects: readonly Subject[] = [
  ...packages.map((one) => ({
    name: one.name,
    readme: join(one.dir, "README.md"),
    section: "Example",
    installed: withDependencies(one.name),
    of: one,
  })),
  { name: "README", readme: join(root, "README.md"), section: "Embed a node", installed: packages },
];
const chosen = subjects.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const needed = new Set(chosen.flatMap(({ installed }) => installed));
const work = await mkdtemp(join(tmpdir(), "gossip-packs-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    rmSync(work, { recursive: true, force: true });
    process.exit(1);
  });
}

try {
  const packed = await forEach([...needed], async (one) => [one.name, await pack(one)] as const);
  const tarballs = new Map(packed);
  const complaints = await forEach(chosen, async (subject) => {
    const found = await complaintsAbout(subject, tarballs).catch((error: unknown) => [String(error)]);
    process.stdout.write(`${found.length === 0 ? "ok    " : "FAILED"} ${subject.name}\n`);
    for (const complaint of found) process.stdout.write(`${complaint.trimEnd().replace(/^/gm, "       ")}\n`);
    return found;
  });
  process.exitCode = complaints.flat().length === 0 ? 0 : 1;
} finally {
  await rm(work, { recursive: true, force: true });
}

async function pack({ dir }: Package): Promise<string> {
  const { stdout } = await promisify(execFile)("npm", ["pack", "--json", "--pack-destination", work], { cwd: dir });
  // npm 10 gives a list, npm 11 an object by name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { readonly filename: string }>);
  return join(work, packed?.filename ?? "");
}

async function complaintsAbout(subject: Subject, tarballs: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const { name, of, installed } = subject;
  const complaints: string[] = of === undefined ? [] : [...(await lint(tarballs.get(of.name) ?? ""))];
  const project = join(work, name);
  await mkdir(project);
  try {
    await writeFile(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
    // Without scripts, since nothing here may need a build step at install.
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline"];
    const files = installed.map((one) => tarballs.get(one.name) ?? "");
    const failed = await attempt(project, "npm", ["install", "--loglevel=error", ...flags, ...files]);
    if (failed !== undefined) return [...complaints, `npm install: ${failed}`];
    if (of !== undefined) complaints.push(...(await importEntries(of, project)), ...(await askForHelp(of, project)));
    complaints.push(...(await runExample(subject, project)));
  } finally {
    await rm(project, { recursive: true, force: true });
  }
  return complaints;
}

/** What tools that look at a package as published say about it. */
async function lint(tarball: string): Promise<readonly string[]> {
  const bytes = new Uint8Array(await readFile(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  const types = await checkPackage(createPackageFromTarballData(bytes));
  // The packages are ESM only, so what a CommonJS resolver says about them is no news.
  const wrong =
    types.types === false ? [{ kind: "NoTypes" }] : types.problems.filter((problem) => !isCommonJs(problem));
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`),
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

/** Each in its own process, which has to end by itself: an import does nothing but define. */
async function importEntries({ manifest }: Package, project: string): Promise<readonly string[]> {
  const complaints: string[] = [];
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;
    const specifier = manifest.name + subpath.slice(1);
    const failed = await attempt(project, process.execPath, [
      "--input-type=module",
      "--eval",
      `await import(${JSON.stringify(specifier)})`,
    ]);
    if (failed !== undefined) complaints.push(`import of ${specifier}: ${failed}`);
  }
  return complaints;
}

async function askForHelp({ manifest }: Package, project: string): Promise<readonly string[]> {
  const complaints: string[] = [];
  for (const command of Object.keys(manifest.bin ?? {})) {
    const failed = await attempt(project, join(project, "node_modules", ".bin", command), ["--help"], { prints: true });
    if (failed !== undefined) complaints.push(`${command} --help: ${failed}`);
  }
  return complaints;
}

/** The example, compiled as a user's strict compiler would, then run by plain Node. */
async function runExample({ readme, section, of }: Subject, project: string): Promise<readonly string[]> {
  const text = await readFile(readme, "utf8").catch(() => "");
  const [, after = ""] = text.split(`\n## ${section}\n`);
  const [, example] = /^```ts\n([\s\S]*?)^```$/m.exec(after.split(/^## /m)[0] ?? "") ?? [];
  if (example === undefined) return [`README: expected a \`\`\`ts block under ${section}, got none`];
  if (of !== undefined && !new RegExp(`^npm install .*${of.manifest.name}\\b`, "m").test(text)) {
    return [`README: expected Install to say \`npm install ${of.manifest.name}\``];
  }
  await writeFile(join(project, "example.ts"), example);
  await mkdir(join(project, "node_modules", "@types"), { recursive: true });
  // npm brings it where a dependency asks for it.
  await symlink(join(root, "node_modules/@types/node"), join(project, "node_modules/@types/node")).catch(() => {});
  const flags = ["--strict", "--exactOptionalPropertyTypes", "--target", "es2023", "--module", "nodenext"];
  const compiled = await attempt(project, join(root, "node_modules/.bin/tsc"), [
    ...flags,
    "--types",
    "node",
    "--pretty",
    "false",
    "example.ts",
  ]);
  const wrong = (compiled ?? "").split("\n").filter((line) => ours.test(line));
  if (wrong.length > 0) return [`README example does not compile:\n${wrong.join("\n")}`];
  const failed = await attempt(project, process.execPath, ["example.js"], {
    prints: true,
    timeoutMs: exampleTimeoutMs,
  });
  return failed === undefined ? [] : [`README example: ${failed}`];
}

/** What went wrong with a program, `undefined` if it ended well. */
async function attempt(
  cwd: string,
  program: string,
  args: readonly string[],
  options: { readonly prints?: boolean; readonly timeoutMs?: number } = {},
): Promise<string | undefined> {
  const { prints = false, timeoutMs = stepTimeoutMs } = options;
  return await new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { cwd, timeout: timeoutMs, killSignal: "SIGKILL" },
      (error, out, err) => {
        if (error?.killed === true)
          resolve(`expected it to end within ${timeoutMs / 1000} s, got no end\n${out}${err}`);
        else if (error !== null) resolve(`ended with ${error.code ?? error.signal}\n${out}${err}`);
        else resolve(prints && out.trim() === "" ? "expected it to print something, got nothing" : undefined);
      },
    );
    child.stdin?.end();
  });
}

/** The results of `work` over `items`, in order, a few at a time. */
async function forEach<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const worker = async () => {
    for (const [at, item] of rest) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return results;
}
