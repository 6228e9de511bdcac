import { type NetworkLeadership, networkLeadership } from "../network/leadership.js";
import { readNetworkFile } from "../network/network-file.js";
import { printLine, type Terminal } from "../terminal.js";
import { renderTable } from "../view/table.js";

export interface LeaderOptions {
  readonly dir: string;
  readonly channel?: string;
  readonly history?: boolean;
  readonly json?: boolean;
}

/** `gossip leader`: who leads each organization in a channel, and how that came about. */
export async function showLeader(
  { dir, channel, history = false, json = false }: LeaderOptions,
  terminal: Terminal,
): Promise<number> {
  const said = await networkLeadership(await readNetworkFile(dir), channel);
  if (json) printLine(terminal, JSON.stringify(said, undefined, 2));
  else for (const line of history ? changes(said) : leaders(said)) printLine(terminal, line);
  return 0;
}

function leaders({ peers, names }: NetworkLeadership): readonly string[] {
  const columns = ["PEER", "ORG", "LEADS", "FOLLOWS", "SINCE", "WHY"].map((title) => ({ title }));
  const rows = peers.map(({ name, org, leads, leadership, detail }) => {
    const last = leadership?.history.at(-1);
    const leader = leadership?.leader ?? null;
    const follows = leads ? "itself" : leader === null ? "-" : (names[leader] ?? leader);
    const cells = [name, org, leads ? "yes" : "no", follows, last?.at ?? "-", last?.reason ?? (detail || "-")];
    return cells.map((text) => ({ text }));
  });
  return renderTable(columns, rows);
}

function changes({ peers, names }: NetworkLeadership): readonly string[] {
  const columns = ["AT", "SEEN BY", "LEADER", "BEFORE", "REASON"].map((title) => ({ title }));
  const nameOf = (pkiId: string | null) => (pkiId === null ? "nobody" : (names[pkiId] ?? pkiId));
  const rows = peers.flatMap(({ name, leadership }) =>
    (leadership?.history ?? []).map(({ at, leader, previous, reason }) => [
      at,
      name,
      nameOf(leader),
      nameOf(previous),
      reason,
    ]),
  );
  rows.sort(([one = ""], [other = ""]) => (one < other ? -1 : 1));
  return renderTable(
    columns,
    rows.map((cells) => cells.map((text) => ({ text }))),
  );
}
