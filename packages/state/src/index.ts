export { resolveStateConfig, type StateConfig, stateDefaults } from "./config.js";
export type { Ledger } from "./ledger.js";
export { type ReadBlocksResult, readBlocks } from "./read-blocks.js";
export {
  type AttemptFailure,
  type BlockSource,
  type StateDropReason,
  type StateInput,
  type StateOutput,
  type StatePeer,
  StateTransfer,
  type StateTransferOptions,
} from "./state-transfer.js";
