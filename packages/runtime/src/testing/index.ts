export { checkMachineLaws, type MachineLawsOptions } from "./machine-laws.js";
export { VirtualClock, type VirtualClockOptions } from "./virtual-clock.js";
export { VirtualProcess } from "./virtual-process.js";
