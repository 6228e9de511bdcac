import type { LeadershipEntry } from "@gossip/peer";
import { errorText, GossipError } from "@gossip/runtime";
import { markOfEntry, type NetworkFile, type PeerEntry } from "./network-file.js";
import { fetchChannel, fetchMembers } from "./operations.js";
import { isRunning } from "./process-mark.js";

/** Who leads an organization in a channel, as one of its peers says. */
export interface PeerLeadership {
  readonly name: string;
  readonly org: string;
  /** `null` when the peer does not answer, or is not in the channel; `detail` says which. */
  readonly leadership: LeadershipEntry | null;
  readonly leads: boolean;
  readonly detail: string;
}

/** What all peers of a network say of a channel's leaders, and which PKI-IDs they have now. */
export interface NetworkLeadership {
  readonly channel: string;
  readonly peers: readonly PeerLeadership[];
  /** Names of running peers, by PKI-ID. */
  readonly names: Readonly<Record<string, string>>;
}

/** @throws GossipError `not-found` for a channel that the network does not have */
export async function networkLeadership(file: NetworkFile, wanted: string | undefined): Promise<NetworkLeadership> {
  const channel = wanted ?? file.channels[0] ?? "";
  if (!file.channels.includes(channel)) {
    throw new GossipError(
      "not-found",
      `expected a channel of the network (${file.channels.join(", ")}), got ${channel}`,
    );
  }
  const names: Record<string, string> = {};
  const peers = await Promise.all(
    file.peers.map(async (entry): Promise<PeerLeadership> => {
      const { name, org } = entry;
      try {
        const { pkiId, leads, leadership } = await ask(entry, channel);
        names[pkiId] = name;
        return { name, org, leadership, leads, detail: "" };
      } catch (error) {
        return { name, org, leadership: null, leads: false, detail: errorText(error) };
      }
    }),
  );
  return { channel, peers, names };
}

async function ask(entry: PeerEntry, channel: string) {
  const mark = markOfEntry(entry);
  if (mark === undefined || !(await isRunning(mark))) throw new GossipError("unavailable", "the peer does not run");
  const [members, view] = await Promise.all([fetchMembers(entry.operations), fetchChannel(entry.operations, channel)]);
  if (view === undefined) throw new GossipError("not-found", `the peer is not in channel ${channel}`);
  return { pkiId: members.self.pkiId, leads: view.leader, leadership: view.leadership };
}
