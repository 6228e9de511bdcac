import { setTimeout as delay } from "node:timers/promises";
import { GossipError } from "@gossip/runtime";
import { entriesOf, markOfEntry, type NetworkFile, updateNetworkFile, withProcess } from "./network-file.js";
import { isRunning, type ProcessMark, signalProcess } from "./process-mark.js";

/** How long processes get to close their ledgers in order before they are killed. */
const stopGraceMs = 10_000;

const pauseMs = 25;

/** A process to stop, with its name for people. */
export interface StopTarget {
  readonly name: string;
  readonly mark: ProcessMark;
}

/** The processes of a network file that run now. */
export async function runningProcesses(file: NetworkFile): Promise<readonly StopTarget[]> {
  const targets = entriesOf(file).flatMap((entry) => {
    const mark = markOfEntry(entry);
    return mark === undefined ? [] : [{ name: entry.name, mark }];
  });
  const running = await Promise.all(targets.map(({ mark }) => isRunning(mark)));
  return targets.filter((_, index) => running[index]);
}

/**
 * Ends processes: asks all of them, and kills those that still run after `graceMs`. Resolves when none runs any more.
 *
 * @returns the names of those that had to be killed
 * @throws GossipError `timeout` when a process outlives even that
 */
export async function stopProcesses(targets: readonly StopTarget[], graceMs = stopGraceMs): Promise<readonly string[]> {
  await Promise.all(targets.map(({ mark }) => signalProcess(mark, "SIGTERM")));
  const stubborn = await stillRunningAfter(targets, graceMs);
  await Promise.all(stubborn.map(({ mark }) => signalProcess(mark, "SIGKILL")));
  const [immortal] = await stillRunningAfter(stubborn, stopGraceMs);
  if (immortal !== undefined) {
    throw new GossipError(
      "timeout",
      `expected ${immortal.name} (pid ${immortal.mark.pid}) to end when killed, it still runs`,
    );
  }
  return stubborn.map(({ name }) => name);
}

/**
 * Stops a network that this process did not start: first the `gossip network up` that looks after it, which stops its
 * own, then whatever else the file lists, such as peers that were started again by hand.
 *
 * @returns the names of all processes that were stopped
 */
export async function stopNetwork(dir: string, file: NetworkFile): Promise<readonly string[]> {
  const stopped = (await runningProcesses(file)).map(({ name }) => name);
  if (file.up !== null && file.up.pid !== process.pid) {
    // It needs its own grace, and then some, before it would be wrong to wait any longer.
    await stopProcesses([{ name: "gossip network up", mark: file.up }], stopGraceMs * 2);
  }
  await stopProcesses(await runningProcesses(file));
  await updateNetworkFile(dir, withoutEnded);
  return stopped;
}

/** The file without the processes that do not run any more. */
export async function withoutEnded(file: NetworkFile): Promise<NetworkFile> {
  const running = new Set((await runningProcesses(file)).map(({ mark }) => mark.pid));
  let left = file;
  for (const { pid, config } of entriesOf(file)) {
    if (pid !== null && !running.has(pid)) left = withProcess(left, config, undefined);
  }
  return left.up !== null && !(await isRunning(left.up)) ? { ...left, up: null } : left;
}

async function stillRunningAfter(targets: readonly StopTarget[], patienceMs: number): Promise<readonly StopTarget[]> {
  let left = targets;
  for (let waited = 0; ; waited += pauseMs) {
    const running = await Promise.all(left.map(({ mark }) => isRunning(mark)));
    left = left.filter((_, index) => running[index]);
    if (left.length === 0 || waited >= patienceMs) return left;
    await delay(pauseMs);
  }
}
