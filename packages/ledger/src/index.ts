export { type BlockLedger, createLedger, type Healing, type LedgerBlock, type LedgerOptions } from "./ledger.js";
