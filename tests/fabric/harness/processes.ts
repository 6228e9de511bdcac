import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

/** How long a process may take to end after it was asked to, before it is killed. */
const graceMs = 10_000;
/** How long a command-line tool may run. */
const toolTimeoutMs = 60_000;
const maxToolOutputBytes = 16 * 1024 * 1024;

export type Environment = Readonly<Record<string, string>>;

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly isRunning: boolean;
  /** Asks it to end, and makes it end when it does not. Resolves once it is gone. */
  stop(): Promise<void>;
  /** SIGKILL: what a power cut looks like to the others. Resolves once it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: a machine that hangs. */
  freeze(): void;
  thaw(): void;
}

/** Every process this one has started and that still runs, for the case that nobody closes them. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** The processes of one network: each logs to a file of its own, and none outlives `close`. */
export class Processes {
  readonly #logs: string;
  readonly #running = new Set<Running>();

  constructor(logs: string) {
    this.#logs = logs;
  }

  /** Starts a process that runs until it is told to end. Its output is appended to `name.log`. */
  start(
    name: string,
    command: readonly string[],
    options: { readonly cwd: string; readonly env: Environment },
  ): Running {
    const logFile = join(this.#logs, `${name}.log`);
    const log = openSync(logFile, "a");
    const [program = "", ...args] = command;
    const child = spawn(program, args, { ...options, env: { ...base(), ...options.env }, stdio: ["ignore", log, log] });
    closeSync(log);
    alive.add(child);
    let isRunning = true;
    const gone = new Promise<void>((resolve) => {
      const end = () => {
        isRunning = false;
        alive.delete(child);
        this.#running.delete(running);
        resolve();
      };
      child.once("exit", end);
      child.once("error", end);
    });
    const running: Running = {
      name,
      pid: child.pid ?? 0,
      logFile,
      get isRunning() {
        return isRunning;
      },
      async stop() {
        if (!isRunning) return;
        child.kill("SIGCONT");
        child.kill("SIGTERM");
        const force = setTimeout(() => child.kill("SIGKILL"), graceMs);
        await gone;
        clearTimeout(force);
      },
      async kill() {
        if (!isRunning) return;
        child.kill("SIGKILL");
        await gone;
      },
      freeze: () => void child.kill("SIGSTOP"),
      thaw: () => void child.kill("SIGCONT"),
    };
    this.#running.add(running);
    return running;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.stop()));
  }
}

/**
 * Runs a command-line tool to its end.
 *
 * @returns what it wrote to its standard output
 * @throws Error with all that it said, when it fails or takes too long
 */
export async function runTool(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Environment; readonly input?: Uint8Array },
): Promise<Buffer> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...base(), ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: toolTimeoutMs,
    killSignal: "SIGKILL",
  });
  alive.add(child);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  let bytes = 0;
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxToolOutputBytes) child.kill("SIGKILL");
    else into.push(chunk);
  };
  child.stdout.on("data", collect(output));
  child.stderr.on("data", collect(errors));
  // A tool that ends without reading all of its input is judged by its exit code.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input);
  const ended = await new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  }).finally(() => alive.delete(child));
  if (ended !== 0) {
    const said = Buffer.concat([...errors, ...output]).toString("utf8");
    throw new Error(`expected ${command.join(" ")} to succeed, got ${ended}: ${said.slice(0, 4_000)}`);
  }
  return Buffer.concat(output);
}

/** What every process gets: nothing of this one's own Fabric or vitest settings. */
function base(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}
