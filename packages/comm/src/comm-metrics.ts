import type { Counter, Gauge, Metrics } from "@gossip/runtime";

/** What the communication layer counts: Fabric's three (protocol page 03 §12), then ours. Every label is from a closed set. */
export interface CommMetrics {
  readonly sent: Counter;
  readonly received: Counter;
  readonly overflow: Counter;
  /** Label `reason`: CommDropReason. */
  readonly dropped: Counter;
  /** Labels `reason`: HandshakeFailure, `direction`. */
  readonly handshakesRefused: Counter;
  readonly dialsFailed: Counter;
  readonly connections: Gauge;
  readonly queueBytes: Gauge;
}

export function commMetrics(metrics: Metrics): CommMetrics {
  return {
    sent: metrics.counter({ name: "gossip_comm_messages_sent", help: "Number of messages sent" }),
    received: metrics.counter({ name: "gossip_comm_messages_received", help: "Number of messages received" }),
    overflow: metrics.counter({
      name: "gossip_comm_overflow_count",
      help: "Number of messages dropped because a send queue was full",
    }),
    dropped: metrics.counter({
      name: "gossip_comm_messages_dropped",
      help: "Number of messages that were not sent, by reason",
      labels: ["reason"],
    }),
    handshakesRefused: metrics.counter({
      name: "gossip_comm_handshakes_refused",
      help: "Number of handshakes that did not succeed, by reason and direction",
      labels: ["reason", "direction"],
    }),
    dialsFailed: metrics.counter({
      name: "gossip_comm_dials_failed",
      help: "Number of dials that did not lead to an open stream",
    }),
    connections: metrics.gauge({ name: "gossip_comm_connections", help: "Number of connected peers" }),
    queueBytes: metrics.gauge({
      name: "gossip_comm_queue_bytes",
      help: "Bytes waiting in the send queues of all peers",
    }),
  };
}
