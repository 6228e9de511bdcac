import type { ChannelEntry, MembersView, RefusalEntry } from "@gossip/peer";
import { errorText } from "@gossip/runtime";
import { markOfEntry, type NetworkFile, type PeerEntry, type ProcessEntry } from "./network-file.js";
import { fetchChannel, fetchMembers } from "./operations.js";
import { isRunning } from "./process-mark.js";

/**
 * What can be said of a process from outside. `stopped`: none runs. `silent`: one runs and does not answer, as while it
 * starts. `unhealthy`: it answers that a channel has stopped. `running`: all is well, as far as it knows.
 */
export type ProcessState = "running" | "unhealthy" | "silent" | "stopped";

/** An orderer in `gossip network status`. */
export interface OrdererStatus {
  readonly name: string;
  readonly endpoint: string;
  /** `null` when it does not run. */
  readonly pid: number | null;
  readonly state: ProcessState;
}

/** A peer in `gossip network status`, with what its operations service answered. */
export interface PeerStatus extends OrdererStatus {
  readonly org: string;
  readonly operations: string;
  /** What is wrong; empty when nothing is. */
  readonly detail: string;
  /** Members it sees alive, itself not counted; `null` while it does not answer, as with what follows. */
  readonly members: number | null;
  /** Members it knows and holds for dead. */
  readonly dead: number | null;
  /** Whether it takes the blocks of its organization from the orderer. */
  readonly leader: boolean | null;
  readonly height: number | null;
  readonly lastBlock: { readonly number: number; readonly hash: string } | null;
  /** Who and what it refused, newest last. */
  readonly refusals: readonly RefusalEntry[];
}

/** A network as its processes and their operations services show it. */
export interface NetworkStatus {
  readonly channels: readonly string[];
  readonly orderers: readonly OrdererStatus[];
  readonly peers: readonly PeerStatus[];
}

/** Asks every process of a network how it is. Never throws because of one that does not answer. */
export async function networkStatus(file: NetworkFile): Promise<NetworkStatus> {
  const [channel = ""] = file.channels;
  const [orderers, peers] = await Promise.all([
    Promise.all(file.orderers.map(ordererStatus)),
    Promise.all(file.peers.map((entry) => peerStatus(entry, channel))),
  ]);
  return { channels: file.channels, orderers, peers };
}

async function ordererStatus(entry: ProcessEntry): Promise<OrdererStatus> {
  const pid = await runningPid(entry);
  return { name: entry.name, endpoint: entry.endpoint, pid, state: pid === null ? "stopped" : "running" };
}

async function peerStatus(entry: PeerEntry, channel: string): Promise<PeerStatus> {
  const pid = await runningPid(entry);
  const { name, org, endpoint, operations } = entry;
  const known = { name, org, endpoint, operations, pid };
  if (pid === null) {
    const detail = entry.pid === null ? "" : `process ${entry.pid} ended without closing`;
    return { ...known, ...nothingKnown, state: "stopped", detail };
  }
  try {
    const [members, view] = await Promise.all([fetchMembers(operations), fetchChannel(operations, channel)]);
    return { ...known, ...answered(members, view) };
  } catch (error) {
    return { ...known, ...nothingKnown, state: "silent", detail: errorText(error) };
  }
}

const nothingKnown = Object.freeze({
  members: null,
  dead: null,
  leader: null,
  height: null,
  lastBlock: null,
  refusals: [],
});

function answered(view: MembersView, channel: ChannelEntry | undefined) {
  const alive = view.members.filter(({ state }) => state === "alive").length;
  const state: ProcessState = channel?.health.ok === false ? "unhealthy" : "running";
  return {
    state,
    detail: channel?.health.ok === false ? channel.health.detail : "",
    members: alive,
    dead: view.members.length - alive,
    leader: channel?.leader ?? null,
    height: channel === undefined ? null : Number(channel.height),
    lastBlock: channel?.lastBlock ? { number: Number(channel.lastBlock.number), hash: channel.lastBlock.hash } : null,
    refusals: view.refusals,
  };
}

async function runningPid(entry: ProcessEntry): Promise<number | null> {
  const mark = markOfEntry(entry);
  return mark !== undefined && (await isRunning(mark)) ? mark.pid : null;
}
