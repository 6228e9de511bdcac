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
