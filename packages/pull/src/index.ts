export { type PullConfig, pullDefaults, resolvePullConfig } from "./config.js";
export type {
  Accept,
  DigestReceived,
  HelloReceived,
  PullDropped,
  PullDropReason,
  PulledItem,
  PullInput,
  PullItems,
  PullNow,
  PullOutput,
  PullPeer,
  RequestReceived,
  SendDigest,
  SendHello,
  SendRequest,
  SendUpdate,
  UpdateReceived,
} from "./io.js";
export { ItemStore, type ItemStoreOptions } from "./item-store.js";
export { Pull, type PullOptions } from "./pull.js";
