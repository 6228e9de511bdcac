export { type BlockLedger, createLedger, type LedgerBlock, type LedgerOptions } from "./ledger.js";
export type { Healing } from "./recovery.js";
