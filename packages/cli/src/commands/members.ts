import type { MembersView } from "@gossip/peer";
import { GossipError } from "@gossip/runtime";
import { readNetworkFile } from "../network/network-file.js";
import { fetchMembers } from "../network/operations.js";
import { printLine, type Terminal } from "../terminal.js";
import { renderTable } from "../view/table.js";

export interface MembersOptions {
  readonly dir: string;
  readonly peer?: string;
  readonly json?: boolean;
}

/** `gossip members`: whom a running peer of a network sees, alive and dead. */
export async function showMembers({ dir, peer, json = false }: MembersOptions, terminal: Terminal): Promise<number> {
  const { peers } = await readNetworkFile(dir);
  const entry = peer === undefined ? peers.find(({ pid }) => pid !== null) : peers.find(({ name }) => name === peer);
  if (entry === undefined) {
    const names = peers.map(({ name }) => name).join(", ");
    throw new GossipError("not-found", `expected a running peer of the network (${names}), got ${peer ?? "none"}`);
  }
  const view = await fetchMembers(entry.operations);
  if (json) printLine(terminal, JSON.stringify(view, undefined, 2));
  else for (const line of table(view)) printLine(terminal, line);
  return 0;
}

function table({ members }: MembersView): readonly string[] {
  const columns = [
    ...["PKI-ID", "ORG", "ENDPOINT", "STATE"].map((title) => ({ title })),
    { title: "SEEN MS AGO", align: "right" as const },
  ];
  const rows = members.map(({ pkiId, org, endpoint, internalEndpoint, state, lastSeenMs }) =>
    [pkiId, org ?? "-", internalEndpoint || endpoint || "-", state, String(lastSeenMs)].map((text) => ({ text })),
  );
  return renderTable(columns, rows);
}
