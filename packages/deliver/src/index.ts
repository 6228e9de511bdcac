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
  type BroadcastDropReason,
  type BroadcastInput,
  BroadcastMachine,
  type BroadcastMachineOptions,
  type BroadcastOutput,
} from "./broadcast-machine.js";
export { createBroadcaster } from "./broadcaster.js";
export {
  type BroadcastConfig,
  broadcastDefaults,
  type DeliverConfig,
  deliverDefaults,
  resolveBroadcastConfig,
  resolveDeliverConfig,
} from "./config.js";
export { createDeliver } from "./deliver.js";
export {
  type BlockRefusal,
  type BlockRefusalReason,
  type ChainPosition,
  type DeliverDropReason,
  type DeliverInput,
  DeliverMachine,
  type DeliverMachineOptions,
  type DeliverOutput,
  type DeliverState,
  type ReceivedBlock,
} from "./deliver-machine.js";
export type {
  ConnectOrderer,
  OrdererConnection,
  OrdererConnectionHandlers,
  OrdererMethod,
} from "./orderer-connection.js";
