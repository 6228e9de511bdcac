import { resolve } from "node:path";
import { GossipError } from "@gossip/runtime";
import { type Child, launch } from "./children.js";
import { type NetworkFile, type ProcessEntry, readNetworkFile, updateNetworkFile } from "./network-file.js";
import { openNetwork, portsOf, type WantedNetwork } from "./open.js";
import { networkPaths } from "./paths.js";
import { requireFreePorts } from "./ports.js";
import { isRunning, markOf, ownMark } from "./process-mark.js";
import { runningProcesses, type StopTarget, stopProcesses, withoutEnded } from "./stop.js";

/** Which network to start and where it is kept; used by `startNetwork`. */
export interface StartNetworkOptions extends WantedNetwork {
  /** The network's folder; keys are made in it the first time. */
  readonly dir: string;
  /** Told when a process ended without being asked to. */
  readonly onEnded?: (ended: EndedProcess) => void;
  /** Gives up and stops what was started. */
  readonly signal?: AbortSignal | undefined;
}

/** A process that ended, and what would start it again. */
export interface EndedProcess {
  readonly name: string;
  readonly kind: "orderer" | "peer";
  readonly config: string;
  /** In words. */
  readonly how: string;
}

/** A network whose processes this process started, and looks after. */
export interface RunningNetwork extends AsyncDisposable {
  readonly dir: string;
  /** What `network.json` says now. */
  file(): Promise<NetworkFile>;
  /** Stops everything that `network.json` lists, and whatever else was started. Idempotent. */
  close(): Promise<void>;
}

/** Generous: a small machine may start dozens of processes at once. */
const startPatienceMs = 120_000;

/**
 * Starts a network of one orderer and its peers, each a process, and waits until all of them serve.
 *
 * @throws GossipError `conflict` (settings, a network that runs already, a taken port), or what a process said that
 * could not start; nothing is left running then.
 */
export async function startNetwork(options: StartNetworkOptions): Promise<RunningNetwork> {
  const dir = resolve(options.dir);
  const file = await openNetwork(dir, options);
  await claim(dir, file);
  const children: Child[] = [];
  let isClosing = false;
  const close = onceOnly(async () => {
    isClosing = true;
    // Also what was started again by hand; but a folder that was removed meanwhile must not keep our own alive.
    const listed = await readNetworkFile(dir).then(runningProcesses, () => []);
    await stopProcesses([...(await targetsOf(children)), ...listed]);
    await Promise.all(children.map(({ ended }) => ended));
    await updateNetworkFile(dir, release).catch((error: unknown) => {
      if (!(error instanceof GossipError) || error.code !== "not-found") throw error;
    });
  });
  const start = (entries: readonly ProcessEntry[], kind: "orderer" | "peer") =>
    startAll(entries, kind, { ...options, dir }, (child, { config }) => {
      children.push(child);
      child.ended.then((how) => {
        if (!isClosing) options.onEnded?.({ name: child.name, kind, config, how });
      });
    });
  try {
    await requireFreePorts(portsOf(file), "stop what uses it, or make another network with --dir and --base-port");
    await start(file.orderers, "orderer");
    await start(file.peers, "peer");
  } catch (error) {
    await close();
    throw error;
  }
  return { dir, file: () => readNetworkFile(dir), close, [Symbol.asyncDispose]: close };
}

async function startAll(
  entries: readonly ProcessEntry[],
  kind: "orderer" | "peer",
  options: StartNetworkOptions,
  onLaunched: (child: Child, entry: ProcessEntry) => void,
): Promise<void> {
  const { dir, signal } = options;
  const tooLate = new AbortController();
  const launched = entries.map((entry) => {
    signal?.throwIfAborted();
    const log = networkPaths(dir).log(entry.name);
    const args = [kind, "start", "--config", entry.config, "--supervised", "--log-file", log];
    const child = launch({ name: entry.name, args, log });
    onLaunched(child, entry);
    return child;
  });
  const late = setTimeout(() => tooLate.abort(notReady(kind)), startPatienceMs);
  try {
    await orAborted(orAborted(Promise.all(launched.map(({ ready }) => ready)), signal), tooLate.signal);
  } finally {
    clearTimeout(late);
  }
}

function notReady(kind: string): GossipError {
  return new GossipError("timeout", `expected every ${kind} to serve within ${startPatienceMs / 1000} s, not all did`);
}

/** One `network up` per folder: two would stop each other's processes. */
async function claim(dir: string, file: NetworkFile): Promise<void> {
  const [running] = await runningProcesses(file);
  if (running !== undefined) throw alreadyRuns(dir, `${running.name} is process ${running.mark.pid}`);
  const own = await ownMark();
  await updateNetworkFile(dir, async (current) => {
    if (current.up !== null && (await isRunning(current.up))) {
      throw alreadyRuns(dir, `gossip network up is process ${current.up.pid}`);
    }
    return { ...current, up: own };
  });
}

function alreadyRuns(dir: string, who: string): GossipError {
  return new GossipError(
    "conflict",
    `expected the network in ${dir} to be down, ${who}: stop it with gossip network down --dir ${dir}`,
  );
}

async function release(file: NetworkFile): Promise<NetworkFile> {
  const left = await withoutEnded(file);
  return left.up?.pid === process.pid ? { ...left, up: null } : left;
}

/** Children that have not entered themselves into `network.json` yet are known by their pid alone. */
async function targetsOf(children: readonly Child[]): Promise<readonly StopTarget[]> {
  const marks = await Promise.all(children.map(({ pid }) => markOf(pid)));
  return children.flatMap(({ name }, index) => {
    const mark = marks[index];
    return mark === undefined ? [] : [{ name, mark }];
  });
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function onceOnly(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}
