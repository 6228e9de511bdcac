import type { NetworkStatus, PeerStatus, ProcessState } from "../network/status.js";
import type { Paint } from "./paint.js";
import { type Cell, type Column, cut, renderTable } from "./table.js";

const columns: readonly Column[] = [
  { title: "PEER" },
  { title: "ORG" },
  { title: "ENDPOINT" },
  { title: "MEMBERS", align: "right" },
  { title: "LEADER" },
  { title: "HEIGHT", align: "right" },
  { title: "LAST BLOCK" },
  { title: "STATE" },
];

/** The table of a network, one line per peer, and what there is to say about it. */
export function renderNetwork(
  status: NetworkStatus,
  options: { readonly paint: Paint; readonly width?: number | undefined },
): readonly string[] {
  const { paint, width = Number.POSITIVE_INFINITY } = options;
  const orderers = status.orderers.map(({ name, endpoint, state }) => `${name} ${endpoint} ${state}`).join(", ");
  const rows = status.peers.map((peer) => peerRow(peer, paint));
  const troubles = status.peers
    .filter(({ detail }) => detail !== "")
    .map(({ name, detail }) => cut(`${name}: ${detail}`, width));
  return [
    cut(`channel ${status.channels.join(", ")}, orderer ${orderers}`, width),
    "",
    ...renderTable(columns, rows, { width, heading: paint.bold }),
    ...(troubles.length === 0 ? [] : ["", ...troubles.map(paint.bad)]),
  ];
}

/** A peer in one line, for logs and pipes. */
export function peerLine(peer: PeerStatus): string {
  const parts = [
    `${peer.name} ${peer.endpoint} ${peer.state}`,
    ...(peer.members === null ? [] : [`members ${membersText(peer)}`]),
    ...(peer.leader === true ? ["leader"] : []),
    ...(peer.height === null ? [] : [`height ${peer.height}`]),
    ...(peer.lastBlock === null ? [] : [`last block ${blockText(peer)}`]),
    ...(peer.detail === "" ? [] : [peer.detail]),
  ];
  return parts.join(", ");
}

function peerRow(peer: PeerStatus, paint: Paint): readonly Cell[] {
  const statePaint: Readonly<Record<ProcessState, (text: string) => string>> = {
    running: paint.good,
    unhealthy: paint.bad,
    silent: paint.dim,
    stopped: paint.bad,
  };
  return [
    { text: peer.name },
    { text: peer.org },
    { text: peer.endpoint },
    { text: membersText(peer) },
    { text: peer.leader === null ? "-" : peer.leader ? "yes" : "no" },
    { text: peer.height === null ? "-" : String(peer.height) },
    { text: blockText(peer), paint: paint.dim },
    { text: peer.state, paint: statePaint[peer.state] },
  ];
}

function membersText({ members, dead }: PeerStatus): string {
  if (members === null) return "-";
  return dead === null || dead === 0 ? String(members) : `${members} (${dead} dead)`;
}

/** Number and the beginning of the hash: enough to see at a glance that peers agree. */
function blockText({ lastBlock }: PeerStatus): string {
  return lastBlock === null ? "-" : `${lastBlock.number} ${lastBlock.hash.slice(0, 12)}`;
}
