export {
  type DeliveryClientConfig,
  type Ed25519Trust,
  type Environment,
  type LoggingConfig,
  type PeerChannelConfig,
  type PeerConfig,
  type PeerTls,
  readPeerConfig,
} from "./config.js";
export { createLogger, type LeveledLogger, type LoggerOptions } from "./logger.js";
export { type PrometheusMetrics, prometheusMetrics } from "./metrics.js";
export { createPeer, type Peer, type PeerEnd, type PeerPorts } from "./peer.js";
export type {
  ChannelEntry,
  ChannelMemberEntry,
  ChannelsView,
  ConnectionEntry,
  DeliverEntry,
  MemberEntry,
  MembersView,
  RefusalEntry,
  SelfView,
} from "./views.js";
