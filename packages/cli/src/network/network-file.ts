import { readFile, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { errorText, GossipError } from "@gossip/runtime";
import { withFileLock } from "./file-lock.js";
import type { ProcessMark } from "./process-mark.js";
import { save } from "./save.js";

/** `DIR/network.json`: which processes make up a network and where they are. */
export interface NetworkFile {
  readonly orderers: readonly ProcessEntry[];
  readonly peers: readonly PeerEntry[];
  readonly channels: readonly string[];
  /** Whether leaders are elected; `static` in files that do not say. */
  readonly election: "dynamic" | "static";
  /** The `gossip network up` that looks after them; `null` when none does. */
  readonly up: ProcessMark | null;
}

/** One process of a network. */
export interface ProcessEntry {
  readonly name: string;
  /** `null` when it ended in order; after a crash it is that of the process that was. See `started`. */
  readonly pid: number | null;
  /** Distinguishes the process from a later one with the same pid; `null` together with `pid`. */
  readonly started: string | null;
  /** `host:port` it listens on. */
  readonly endpoint: string;
  /** Absolute path of its configuration file. */
  readonly config: string;
}

/** A peer of the network; its operations service is where other commands ask how it does. */
export interface PeerEntry extends ProcessEntry {
  readonly org: string;
  /** `host:port` of its operations service. */
  readonly operations: string;
}

/** Where the file of a network folder is. */
export function networkFilePath(dir: string): string {
  return join(dir, "network.json");
}

/** The lock of whoever changes that file, or makes the network; claims to it begin with the same name. */
export function networkLockPath(dir: string): string {
  return `${networkFilePath(dir)}.lock`;
}

/** @throws GossipError `not-found` when the folder holds no network, `invalid-config` when its file is not understood */
export async function readNetworkFile(dir: string): Promise<NetworkFile> {
  const path = networkFilePath(dir);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new GossipError("not-found", `expected a network in ${dir}, found no ${path}; gossip network up makes one`);
  }
  return parseNetworkFile(text, path);
}

/**
 * Changes the file while no other process does, in one step: a reader sees the old or the new one.
 * Nothing is written when `change` returns what it was given.
 */
export async function updateNetworkFile(
  dir: string,
  change: (file: NetworkFile) => NetworkFile | Promise<NetworkFile>,
): Promise<NetworkFile> {
  return withFileLock(networkLockPath(dir), async () => {
    const before = await readNetworkFile(dir);
    const after = await change(before);
    if (after !== before) await writeNetworkFile(dir, after);
    return after;
  });
}

/** Writes the file whole. Only for a folder nobody else knows yet; others use {@link updateNetworkFile}. */
export async function writeNetworkFile(dir: string, file: NetworkFile): Promise<void> {
  const path = networkFilePath(dir);
  const fresh = `${path}.new`;
  await save(fresh, `${JSON.stringify(file, undefined, 2)}\n`);
  await rename(fresh, path);
}

/** Orderers, then peers. */
export function entriesOf(file: NetworkFile): readonly ProcessEntry[] {
  return [...file.orderers, ...file.peers];
}

/** The process an entry names, running or not; `undefined` when it ended in order. */
export function markOfEntry(entry: ProcessEntry): ProcessMark | undefined {
  return entry.pid === null || entry.started === null ? undefined : { pid: entry.pid, started: entry.started };
}

/** The file with another process under the entry that `config` belongs to; the same file when there is none. */
export function withProcess(file: NetworkFile, config: string, mark: ProcessMark | undefined): NetworkFile {
  const path = resolve(config);
  if (!entriesOf(file).some((entry) => entry.config === path)) return file;
  const change = <E extends ProcessEntry>(entry: E): E =>
    entry.config === path ? { ...entry, pid: mark?.pid ?? null, started: mark?.started ?? null } : entry;
  return { ...file, orderers: file.orderers.map(change), peers: file.peers.map(change) };
}

function parseNetworkFile(text: string, path: string): NetworkFile {
  const bad = (what: string) => new GossipError("invalid-config", `expected ${path} to be as gossip wrote it: ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(errorText(error));
  }
  if (!isRecord(value)) throw bad("it is no object");
  const { orderers, peers, channels, election, up } = value;
  if (!Array.isArray(orderers) || !orderers.every((entry) => isEntry(entry, ["name", "endpoint", "config"]))) {
    throw bad("a field of orderers is missing");
  }
  if (
    !Array.isArray(peers) ||
    !peers.every((entry) => isEntry(entry, ["name", "org", "endpoint", "operations", "config"]))
  ) {
    throw bad("a field of peers is missing");
  }
  if (!Array.isArray(channels) || !channels.every((name) => typeof name === "string"))
    throw bad("channels are no names");
  // The checks above are those of the type, except for processes, where anything else means "none".
  return {
    orderers: orderers.map(withMark) as unknown as readonly ProcessEntry[],
    peers: peers.map(withMark) as unknown as readonly PeerEntry[],
    channels,
    election: election === "dynamic" ? "dynamic" : "static",
    up: isMark(up) ? up : null,
  };
}

function isEntry(value: unknown, fields: readonly string[]): value is Record<string, unknown> {
  return isRecord(value) && fields.every((field) => typeof value[field] === "string");
}

function withMark(entry: Record<string, unknown>): Record<string, unknown> {
  return isMark(entry) ? entry : { ...entry, pid: null, started: null };
}

function isMark(value: unknown): value is ProcessMark {
  return isRecord(value) && Number.isInteger(value["pid"]) && typeof value["started"] === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
