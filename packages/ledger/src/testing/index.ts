export { createTemporaryLedger } from "./temporary-ledger.js";
