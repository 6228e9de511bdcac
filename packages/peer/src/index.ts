export type {
  DeliveryClientConfig,
  Ed25519Trust,
  FabricTrust,
  LoggingConfig,
  OperationsConfig,
  OperationsTls,
  PeerChannelConfig,
  PeerConfig,
  PeerKeepalive,
  PeerTls,
  PrivateDataConfig,
} from "./config.js";
export { type Environment, findPeerConfig, readPeerConfig } from "./config-file.js";
export type { ReadPeerConfigOptions } from "./config-reader.js";
export { createLogger, type LeveledLogger, type LoggerOptions } from "./logger.js";
export { type PrometheusMetrics, prometheusMetrics } from "./metrics.js";
export { createPeer, type Peer, type PeerEnd, type PeerPorts } from "./peer.js";
export { showBlock } from "./show-block.js";
export type {
  BlockEntry,
  ChannelEntry,
  ChannelMemberEntry,
  ChannelsView,
  ConnectionEntry,
  DeliverEntry,
  HealthCheck,
  HealthView,
  LeaderEntry,
  LeadershipChangeEntry,
  LeadershipEntry,
  MemberEntry,
  MembersView,
  RefusalEntry,
  SelfView,
  TransactionEntry,
} from "./views.js";
