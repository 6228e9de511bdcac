import { readFile } from "node:fs/promises";

/**
 * A process, in a way that survives the reuse of its number: `started` differs between two processes that had the same
 * `pid`. Whoever sends a signal compares it first, or it could end a stranger.
 */
export interface ProcessMark {
  readonly pid: number;
  readonly started: string;
}

/** The mark of a process that runs now; `undefined` when none with this number does. */
export async function markOf(pid: number): Promise<ProcessMark | undefined> {
  if (!Number.isInteger(pid) || pid < 1) return undefined;
  const started = process.platform === "linux" ? await startedOnLinux(pid) : await startedElsewhere(pid);
  return started === undefined ? undefined : { pid, started };
}

/** The mark of this process. */
export async function ownMark(): Promise<ProcessMark> {
  return (await markOf(process.pid)) ?? { pid: process.pid, started: "unknown" };
}

/** Whether the marked process still runs. */
export async function isRunning(mark: ProcessMark): Promise<boolean> {
  return (await markOf(mark.pid))?.started === mark.started;
}

/** Sends a signal to the marked process and to no other; false when it does not run any more. */
export async function signalProcess(mark: ProcessMark, signal: NodeJS.Signals): Promise<boolean> {
  if (!(await isRunning(mark))) return false;
  try {
    return process.kill(mark.pid, signal);
  } catch {
    return false;
  }
}

/** Clock ticks between boot and start, with the id of that boot. A zombie counts as ended: it holds no port and no file. */
async function startedOnLinux(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ticks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || ticks === undefined) return undefined;
  return `${await bootId()}/${ticks}`;
}

let knownBootId: Promise<string> | undefined;

function bootId(): Promise<string> {
  knownBootId ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (id) => id.trim(),
    () => "boot",
  );
  return knownBootId;
}

/** What `ps` knows: state and start, to the second. */
async function startedElsewhere(pid: number): Promise<string | undefined> {
  const { execa } = await import("execa");
  const { exitCode, stdout } = await execa("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    reject: false,
    env: { LC_ALL: "C" },
  });
  const [, state, started] = /^\s*(\S+)\s+(.+?)\s*$/m.exec(stdout) ?? [];
  return exitCode === 0 && state !== undefined && !state.startsWith("Z") ? started : undefined;
}
