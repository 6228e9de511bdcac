export type { Ledger } from "./ledger.js";
