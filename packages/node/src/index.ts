export type {
  Channel,
  ChannelMemberView,
  GossipNode,
  JoinOptions,
  MemberView,
  NodeEvents,
  NodeOptions,
  Refusal,
} from "./api.js";
export { type GossipConfig, type GossipOptions, gossipDefaults, resolveGossipConfig } from "./config.js";
export { createNode } from "./node.js";
