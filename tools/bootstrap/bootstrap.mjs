// Everything that `npm start`, `npm test` and `npm run gossip` need before anything of this repository can run:
// installs with pnpm (fetched through npm, so with the user's registry), builds, then hands over.
// Plain JavaScript with no dependency, since it runs before there is any.
// @ts-check

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const bin = join(root, "node_modules", ".bin");
const installStamp = join(root, "node_modules", ".gossip-installed");
const buildStamp = join(root, "node_modules", ".gossip-built");
const environment = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
  TURBO_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
};

const [job, ...rest] = process.argv.slice(2);
switch (job) {
  case "start":
    prepare();
    await handOver(["packages/cli/dist/main.js", "network", "up", "--demo-traffic", ...rest]);
    break;
  case "gossip":
    prepare();
    await handOver(["packages/cli/dist/main.js", ...rest]);
    break;
  case "test":
    install();
    build();
    await handOver(["--import", "tsx", "tools/check/check.ts", ...rest]);
    break;
  default:
    fail(`expected start, test or gossip, got ${job ?? "nothing"}`);
}

/** Installs and builds only what is out of date, and says nothing when nothing is. */
function prepare() {
  if (!isFresh(installStamp, ["pnpm-lock.yaml", "package.json"])) install();
  const sources = readdirSync(join(root, "packages")).flatMap((name) =>
    ["src", "proto", "package.json"].map((part) => join("packages", name, part)),
  );
  if (!isFresh(buildStamp, [...sources, "tsconfig.base.json", "tools/build"])) build();
}

function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const args = ["exec", "--yes", `--package=${packageManager}`, "--", "pnpm", "install", "--frozen-lockfile"];
  // Standard output belongs to the command that follows; progress goes to standard error.
  run(process.platform === "win32" ? "npm.cmd" : "npm", args, "installing the dependencies");
  stamp(installStamp);
}

function build() {
  run(join(bin, "turbo"), ["run", "build", "--output-logs=errors-only"], "building the packages");
  stamp(buildStamp);
}

/** @param {string} command @param {string[]} args @param {string} what */
function run(command, args, what) {
  process.stderr.write(`${what} …\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, env: environment, stdio: ["ignore", 2, 2] });
  if (status !== 0) fail(`${what} failed: ${error?.message ?? `${command} ended with ${status}`}`);
}

/**
 * Runs Node in place of this process, as far as Node can: same streams, same exit code, signals handed on.
 * @param {string[]} args
 */
async function handOver([script, ...args]) {
  const isOption = script?.startsWith("-");
  const argv = isOption ? [script, ...args] : [join(root, script ?? ""), ...args];
  const child = spawn(process.execPath, argv, {
    cwd: isOption ? root : (process.env["INIT_CWD"] ?? process.cwd()),
    env: environment,
    stdio: "inherit",
  });
  // A terminal sends its interrupt to the child too; this process only has to outlive it.
  process.on("SIGINT", () => {});
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) process.on(signal, () => child.kill(signal));
  /** @type {[number | null, NodeJS.Signals | null]} */
  const [code, signal] = await new Promise((resolve) => child.on("exit", (c, s) => resolve([c, s])));
  process.exitCode = signal === null ? (code ?? 1) : 1;
}

/** @param {string} stampFile @param {string[]} inputs */
function isFresh(stampFile, inputs) {
  if (!existsSync(stampFile)) return false;
  const made = statSync(stampFile).mtimeMs;
  return inputs.every((input) => newest(join(root, input)) <= made);
}

/** @param {string} path @returns {number} */
function newest(path) {
  if (!existsSync(path)) return 0;
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return readdirSync(path)
    .filter((name) => name !== "generated")
    .reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}

/** @param {string} file */
function stamp(file) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "");
  const now = new Date();
  utimesSync(file, now, now);
}

/** @param {string} message @returns {never} */
function fail(message) {
  process.stderr.write(`gossip: ${message}\n`);
  process.exit(1);
}
