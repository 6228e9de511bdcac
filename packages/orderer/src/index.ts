export type { OrderedChannel, Orderer, OrdererOptions, OrdererTls } from "./api.js";
export { BlockCutter, type Cut, type CutReason, type CutterInput } from "./block-cutter.js";
export {
  type BatchConfig,
  batchDefaults,
  type LimitsConfig,
  limitsDefaults,
} from "./config.js";
export { readOrdererFiles } from "./files.js";
export { createOrderer } from "./orderer.js";
export { type OrdererConfig, resolveOrdererConfig } from "./orderer-config.js";
