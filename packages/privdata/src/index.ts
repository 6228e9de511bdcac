export type { LeftOutReason } from "./answering.js";
export { type PrivateDataLimits, privateDataDefaults, resolvePrivateDataLimits } from "./limits.js";
export { createPrivateData, type PrivateData, type PrivateDataOptions } from "./private-data.js";
export type { RefusalReason } from "./usage.js";
