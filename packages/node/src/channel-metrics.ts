import type { Metrics } from "@gossip/runtime";

/** What is measured of each channel; Fabric's names. */
export function channelMetrics(metrics: Metrics) {
  const labels = ["channel"];
  return {
    members: metrics.gauge({
      name: "gossip_membership_total_peers_known",
      help: "Live peers of the channel, self excluded",
      labels,
    }),
    height: metrics.gauge({ name: "gossip_state_height", help: "Number of blocks in the ledger", labels }),
    buffered: metrics.gauge({
      name: "gossip_payload_buffer_size",
      help: "Blocks waiting for their turn to be committed",
      labels,
    }),
    sharedEntries: metrics.gauge({
      name: "gossip_shared_map_entries",
      help: "Keys in the shared map of the channel, tombstones included",
      labels,
    }),
    sharedBytes: metrics.gauge({
      name: "gossip_shared_map_bytes",
      help: "Bytes of the entries in the shared map of the channel",
      labels,
    }),
    commitSeconds: metrics.histogram({
      name: "gossip_state_commit_duration",
      help: "Seconds that the commit of one block took",
      labels,
    }),
  };
}
