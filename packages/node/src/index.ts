export type {
  Channel,
  ChannelMemberView,
  ChannelUpdate,
  GossipNode,
  JoinOptions,
  LeaderView,
  MemberView,
  NodeEvents,
  NodeOptions,
  PrivateDataHandler,
  PrivateDataPeer,
  Refusal,
  SharedChange,
  SharedMapView,
  SharedValue,
  SharedWriter,
} from "./api.js";
export {
  type GossipConfig,
  type GossipOptions,
  gossipDefaults,
  resolveGossipConfig,
  stockProfile,
} from "./config.js";
export { createNode } from "./node.js";
export {
  type AcceptOptions,
  type ApplicationContent,
  type ChannelService,
  type DirectMessage,
  type GossipContent,
  type GossipedMessage,
  type GossipService,
  isApplication,
  type ReceivedMessage,
  type SendCriteria,
  type SendOutcome,
} from "./service.js";
export { noLedger } from "./told-ledger.js";
