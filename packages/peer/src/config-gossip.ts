import { type GossipOptions, gossipDefaults, resolveGossipConfig } from "@gossip/node";
import { type PeerSection, present, type Reading } from "./config-reading.js";
import { relate } from "./config-relations.js";

type GossipSection = NonNullable<PeerSection["gossip"]>;

/** `peer.gossip.*`, in the options of a node; what holds between them is checked here, in the words of the file. */
export function readGossip(reading: Reading): GossipOptions {
  const { refusals, isFabric, warnings } = reading;
  const { options, broken } = relate(gossipOptions(reading));
  for (const { key, expected, got } of broken) {
    if (!isFabric) throw refusals.refuse(key, expected, got);
    warnings.push(`${refusals.describe(key, expected, got)}: a longer one is used`);
  }
  const { sendBufferBytes, maxMessageBytes, maxQueuedBytes } = { ...gossipDefaults, ...options };
  if (sendBufferBytes < maxMessageBytes) {
    const expected = `to be at least peer.maxRecvMsgSize (${maxMessageBytes})`;
    throw refusals.refuse("peer.gossip.sendBuffBytes", expected, String(sendBufferBytes));
  }
  if (maxQueuedBytes < sendBufferBytes) {
    const expected = `to be at least peer.gossip.sendBuffBytes (${sendBufferBytes})`;
    throw refusals.refuse("peer.gossip.maxQueuedBytes", expected, String(maxQueuedBytes));
  }
  reading.checked("peer.gossip", () => resolveGossipConfig(options));
  return options;
}

function gossipOptions({ peer, isFabric }: Reading): GossipOptions {
  const { gossip = {}, maxRecvMsgSize } = peer;
  // A message has to fit; whoever says nothing of the buffer gets one that is large enough.
  const leastBuffer = Math.max(maxRecvMsgSize ?? 0, gossipDefaults.sendBufferBytes);
  const sendBuffBytes =
    gossip.sendBuffBytes ?? (leastBuffer > gossipDefaults.sendBufferBytes ? leastBuffer : undefined);
  const largest = Math.max(sendBuffBytes ?? 0, gossipDefaults.maxQueuedBytes);
  const maxQueuedBytes = gossip.maxQueuedBytes ?? (largest > gossipDefaults.maxQueuedBytes ? largest : undefined);
  return {
    ...present("membershipTrackerIntervalMs", gossip.membershipTrackerInterval),
    ...present("publishCertPeriodMs", gossip.publishCertPeriod),
    ...present("aliveTimeIntervalMs", gossip.aliveTimeInterval),
    ...present("aliveExpirationTimeoutMs", gossip.aliveExpirationTimeout),
    ...present("reconnectIntervalMs", gossip.reconnectInterval),
    ...present("maxConnectionAttempts", gossip.maxConnectionAttempts),
    ...present("msgExpirationFactor", gossip.msgExpirationFactor),
    ...present("propagateIterations", gossip.propagateIterations),
    ...present("propagatePeerNum", gossip.propagatePeerNum),
    ...present("maxPropagationBurstSize", gossip.maxPropagationBurstSize),
    ...present("maxPropagationBurstLatencyMs", gossip.maxPropagationBurstLatency),
    ...present("pullIntervalMs", gossip.pullInterval),
    ...present("pullPeerNum", gossip.pullPeerNum),
    ...present("maxBlockCountToStore", gossip.maxBlockCountToStore),
    ...present("digestWaitTimeMs", gossip.digestWaitTime),
    ...present("requestWaitTimeMs", gossip.requestWaitTime),
    ...present("responseWaitTimeMs", gossip.responseWaitTime),
    ...present("requestStateInfoIntervalMs", gossip.requestStateInfoInterval),
    ...present("publishStateInfoIntervalMs", gossip.publishStateInfoInterval),
    ...present("dialTimeoutMs", gossip.dialTimeout),
    ...present("connTimeoutMs", gossip.connTimeout),
    ...present("recvBufferSize", gossip.recvBuffSize),
    ...present("recvBufferBytes", gossip.recvBuffBytes),
    // The default of Fabric's code differs from that of its shipped file, which is ours (page 12 §7 no. 3).
    ...present("sendBufferSize", gossip.sendBuffSize ?? (isFabric ? 20 : undefined)),
    ...present("sendBufferBytes", sendBuffBytes),
    ...present("maxQueuedBytes", maxQueuedBytes),
    ...present("maxMessageBytes", maxRecvMsgSize),
    ...present("maxConnections", gossip.maxConnections),
    ...present("maxPendingHandshakes", gossip.maxPendingHandshakes),
    ...present("maxHandshakesPerSecond", gossip.maxHandshakesPerSecond),
    ...present("election", gossip.election && electionOptions(gossip.election)),
    ...present("applicationMessages", gossip.applicationMessages?.enabled),
    ...present(
      "sharedMap",
      gossip.sharedMap && {
        ...present("enabled", gossip.sharedMap.enabled),
        ...present("tombstoneTtlMs", gossip.sharedMap.tombstoneTtl),
      },
    ),
    state: stateOptions(gossip.state ?? {}, isFabric),
  };
}

function electionOptions(election: NonNullable<GossipSection["election"]>): NonNullable<GossipOptions["election"]> {
  return {
    ...present("startupGracePeriodMs", election.startupGracePeriod),
    ...present("membershipSampleIntervalMs", election.membershipSampleInterval),
    ...present("leaderAliveThresholdMs", election.leaderAliveThreshold),
    ...present("leaderElectionDurationMs", election.leaderElectionDuration),
    ...present("maxLagBlocks", election.maxLagBlocks),
  };
}

function stateOptions(
  state: NonNullable<GossipSection["state"]>,
  isFabric: boolean,
): NonNullable<GossipOptions["state"]> {
  const perPeer = gossipDefaults.state.maxRequestsPerPeer;
  const isNarrow = isFabric && state.channelSize !== undefined && state.channelSize < perPeer;
  return {
    ...present("enabled", state.enabled ?? (isFabric ? false : undefined)),
    ...present("checkIntervalMs", state.checkInterval),
    ...present("responseTimeoutMs", state.responseTimeout),
    ...present("minResponseTimeoutMs", state.minResponseTimeout),
    ...present("maxRequests", state.maxRequests),
    ...present("windowBlocks", state.windowBlocks),
    ...present("batchSize", state.batchSize),
    ...present("maxRetries", state.maxRetries),
    ...present("blockBufferSize", state.blockBufferSize),
    ...present("blockBufferBytes", state.blockBufferBytes),
    ...present("channelSize", state.channelSize),
    ...present("maxRequestsPerPeer", isNarrow ? state.channelSize : undefined),
  };
}
