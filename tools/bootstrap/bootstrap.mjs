// Everything that `npm start`, `npm test` and `npm run gossip` need before anything of this repository can run:
// installs with pnpm (fetched through npm, so with the user's registry), builds, then hands over.
// Plain JavaScript with no dependency, since it runs before there is any.
// @ts-check

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const bin = join(root, "node_modules", ".bin");
const command = join(root, "packages", "cli", "dist", "main.js");
const installStamp = join(root, "node_modules", ".gossip-installed");
const buildStamp = join(root, "node_modules", ".gossip-built");
const lock = join(root, ".turbo", "bootstrap.lock");

/** Where the user called npm, which itself changes to the root. */
const userDirectory = process.env["INIT_CWD"] ?? process.cwd();
const environment = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
  TURBO_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
};

checkNode();
const [job, ...rest] = process.argv.slice(2);
switch (job) {
  case "start": {
    await withLock(prepare);
    const dir = relative(userDirectory, join(root, ".gossip"));
    await handOver(userDirectory, [command, "network", "up", "--demo-traffic", "--dir", dir, ...rest]);
    break;
  }
  case "gossip":
    await withLock(prepare);
    await handOver(userDirectory, [command, ...rest]);
    break;
  case "test": {
    const sum = () => process.stdout.write("\n0 passed, 1 failed\n");
    process.on("exit", sum);
    // Always both, since a gate takes nothing on trust; they are quick when there is nothing to do.
    await withLock(async () => {
      await install();
      await build();
    });
    process.off("exit", sum);
    await handOver(root, ["--import", "tsx", "tools/check/check.ts", ...rest]);
    break;
  }
  default:
    fail(`expected start, test or gossip, got ${job ?? "nothing"}`, 2);
}

function checkNode() {
  const { engines } = readManifest();
  const [wanted = [], have = []] = [engines.node, process.versions.node].map((version) =>
    version.replace(">=", "").split(".").map(Number),
  );
  const [major = 0, minor = 0] = wanted;
  const [haveMajor = 0, haveMinor = 0] = have;
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  fail(`expected Node ${engines.node}, got ${process.versions.node}`);
}

/** Installs and builds only what is out of date, and says nothing when nothing is. */
async function prepare() {
  if (readStamp(installStamp) !== installInputs()) await install();
  if (readStamp(buildStamp) !== buildInputs() || !existsSync(command)) await build();
}

async function install() {
  // Taken before the work, so that what changes meanwhile is seen next time.
  const inputs = installInputs();
  const { packageManager } = readManifest();
  const pnpm = ["exec", "--yes", `--package=${packageManager}`, "--", "pnpm", "install", "--frozen-lockfile"];
  await run("npm", pnpm, "installing the dependencies");
  writeFileSync(installStamp, inputs);
}

async function build() {
  const inputs = buildInputs();
  await run(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only"], "building the packages");
  writeFileSync(buildStamp, inputs);
}

function installInputs() {
  const manifests = readdirSync(join(root, "packages")).map((name) => join("packages", name, "package.json"));
  return fingerprint(["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "benches/package.json", ...manifests]);
}

function buildInputs() {
  const parts = ["src", "proto", "scripts", "package.json", "tsconfig.json", "tsup.config.ts"];
  const sources = readdirSync(join(root, "packages")).flatMap((name) =>
    parts.map((part) => join("packages", name, part)),
  );
  return fingerprint([...sources, "tsconfig.base.json", "tools/build", "turbo.json", "pnpm-lock.yaml"]);
}

/**
 * Changes when a file is changed, added or removed. Tests and generated code are no inputs of a build.
 * @param {string[]} paths relative to the root
 */
function fingerprint(paths) {
  const hash = createHash("sha256");
  /** @param {string} path */
  const visit = (path) => {
    const entry = statSync(join(root, path), { throwIfNoEntry: false });
    if (entry === undefined || path.endsWith(".test.ts") || path.endsWith("generated")) return;
    if (entry.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name));
    else hash.update(`${path} ${entry.size} ${entry.mtimeMs}\n`);
  };
  for (const path of paths) visit(path);
  return hash.digest("hex");
}

/** @param {string} file */
function readStamp(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** @returns {{ packageManager: string, engines: { node: string } }} */
function readManifest() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

/**
 * Two builds at once would take each other's files away; the second waits for the first, and then finds nothing to do.
 * @param {() => Promise<void>} work
 */
async function withLock(work) {
  mkdirSync(dirname(lock), { recursive: true });
  for (let isTold = false; !takeLock(); isTold = true) {
    if (!isTold) process.stderr.write(`waiting for another install or build (see ${relative(root, lock)}) …\n`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const release = () => rmSync(lock, { force: true });
  process.on("exit", release);
  await work();
  process.off("exit", release);
  release();
}

function takeLock() {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
  } catch (error) {
    // Its holder was killed. (A number that is not written yet reads as 0, which is alive.)
    if (isCode(error, "ESRCH")) rmSync(lock, { force: true });
  }
  return false;
}

/** @param {unknown} error @param {string} code */
function isCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}

/** @param {string} program @param {string[]} args @param {string} what */
async function run(program, args, what) {
  process.stderr.write(`${what} …\n`);
  // With `npm run --silent` the command is to be silent, not the reason why it cannot start.
  const loglevel = process.env["npm_config_loglevel"] === "silent" ? { npm_config_loglevel: "error" } : {};
  const code = await exitCodeOf(program, args, {
    cwd: root,
    env: { ...environment, ...loglevel },
    // Standard output belongs to the command that follows; progress goes to standard error.
    stdio: ["ignore", 2, 2],
  });
  if (code !== 0) fail(`${what} failed: ${relative(root, program)} ended with ${code}`, code);
}

/**
 * Runs Node in place of this process, as far as Node can: same streams, same exit code, signals handed on.
 * @param {string} cwd
 * @param {string[]} args
 */
async function handOver(cwd, args) {
  process.exitCode = await exitCodeOf(process.execPath, args, { cwd, env: environment, stdio: "inherit" });
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<number>}
 */
async function exitCodeOf(program, args, options) {
  const child = spawn(program, args, options);
  // A terminal interrupts its whole group, so the child may see one interrupt twice; this process outlives it.
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  // npm hands on only some signals, and none when it is killed: what it started ends with it.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid === parent || forward("SIGTERM"), 500);
  if (process.env["npm_lifecycle_event"] === undefined) clearInterval(watch);
  /** @type {number} */
  const code = await new Promise((resolve) => {
    child.on("error", ({ message }) => fail(`${program} cannot be run: ${message}`));
    child.on("exit", (ended, signal) => resolve(ended ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
  for (const signal of signals) process.off(signal, forward);
  clearInterval(watch);
  return code;
}

/** @param {string} message @param {number} [code] @returns {never} */
function fail(message, code = 1) {
  process.stderr.write(`gossip: ${message}\n`);
  process.exit(code);
}
