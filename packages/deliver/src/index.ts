export type {
  Broadcaster,
  BroadcasterOptions,
  ClientTls,
  Deliver,
  DeliverOptions,
  DeliverStatus,
  OrdererEndpoint,
} from "./api.js";
export {
  type BroadcastConfig,
  broadcastDefaults,
  type DeliverConfig,
  deliverDefaults,
  resolveBroadcastConfig,
  resolveDeliverConfig,
} from "./config.js";
export type {
  BlockRefusal,
  BlockRefusalReason,
  ChainPosition,
  DeliverDropReason,
  DeliverInput,
  DeliverOutput,
  ReceivedBlock,
} from "./deliver-machine.js";
export type {
  ConnectOrderer,
  OrdererConnection,
  OrdererConnectionHandlers,
  OrdererMethod,
} from "./orderer-connection.js";

// CONTRACT, implemented below in the next commits:
import type { Broadcaster, BroadcasterOptions, Deliver, DeliverOptions } from "./api.js";

export declare function createDeliver(options: DeliverOptions): Deliver;
export declare function createBroadcaster(options: BroadcasterOptions): Broadcaster;
