export { type CheckedBlock, checkNextBlock } from "./check-block.js";
export { resolveStateConfig, type StateConfig, stateDefaults } from "./config.js";
export type { Ledger } from "./ledger.js";
export type { BlockSource } from "./payload-buffer.js";
export type { TransferProgress } from "./progress.js";
export { type ReadBlocksRange, type ReadBlocksResult, readBlocks } from "./read-blocks.js";
export type { AttemptFailure, StateDropReason, StateInput, StateOutput, StatePeer } from "./state-messages.js";
export { StateTransfer, type StateTransferOptions } from "./state-transfer.js";
