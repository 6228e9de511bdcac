export { type ChainOptions, makeChain } from "./chain.js";
export { type LedgerCase, ledgerCases } from "./ledger-cases.js";
export { createMemoryLedger, type MemoryLedger } from "./memory-ledger.js";
